"""Projections that catch up with the sealed log, and one step of that.

A step changes a projection's rows and keeps how far it is in one transaction: each leaf counts exactly once,
whoever dies and whoever else does the same meanwhile. It reads what is personal after it has locked the slot,
as an erasure does: nothing that was erased comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from psycopg import AsyncConnection

from ledger.events import FamilyEvent
from ledger.sql_files import sql

_SESSION_TYPES = [one.__name__ for one in get_args(FamilyEvent)]
LEAVES_A_STEP = 2_000
"""About 0.1 s."""
# A step goes along the log and looks up each event: always, whatever the statistics of a young table say.
SETTINGS = (
    "SET statement_timeout = '10min'; SET idle_in_transaction_session_timeout = '1min'; "
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET jit = off"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """One that catches up."""

    name: str
    """Of its table, and of its package below `projections`."""
    statements: Sequence[str]
    """That fold some leaves into it, in this order."""
    comparisons: Mapping[str, str]
    """By table, the statement that compares its slots."""

    @property
    def package(self) -> str:
        """Of its statements."""
        return f"projections.{self.name}"


PROJECTIONS = (
    Projection(name="audit_events", statements=("apply",), comparisons={"audit_events": "compare"}),
    Projection(
        name="audit_sessions",
        statements=("apply", "apply_changes", "apply_clocks"),
        comparisons={"audit_sessions": "compare"},
    ),
    Projection(
        name="security_hours",
        statements=("apply_hours", "apply_minutes"),
        comparisons={"security_hours": "compare", "security_minutes": "compare_minutes"},
    ),
)


async def catch_up(
    connection: AsyncConnection[Any],
    projection: Projection,
    *,
    live: bool = True,
    maximum: int = LEAVES_A_STEP,
    until: int | None = None,
) -> int:
    """Fold the next leaves into one slot; gives how many: `maximum` where more may be left.

    The connection has had `SETTINGS`, and its statements see what was committed before each of them. `until`
    is exclusive; None: the end of the log.

    Raises:
        psycopg.Error: the connection is gone, the slot stays locked, or a statement failed.
    """
    async with connection.transaction():
        cursor = await connection.execute(
            sql("projections", "lock_slot"), {"projection": projection.name, "live": live}
        )
        row = await cursor.fetchone()
        if row is None:
            return 0
        slot, _, first, size = row
        end = min(first + maximum, size if until is None else until)
        if end <= first:
            return 0
        for statement in projection.statements:
            await connection.execute(
                sql(projection.package, statement),
                {"slot": slot, "first": first, "until": end, "session_types": _SESSION_TYPES},
            )
        await connection.execute(
            sql("projections", "save_slot"),
            {"projection": projection.name, "slot": slot, "next_index": end},
        )
        return int(end - first)
