"""The one row that says how far the sweeper is, and what its last run did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.sql_files import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the walk over living families is: the last one that was looked at."""

    deadline: datetime
    """Its absolute one."""
    family_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One walk over all living families. What a leader did in the step in which it died is not counted."""

    leader: str | None
    """Who swept last in it; None: it has not begun."""
    started_at: datetime | None
    """By the database's clock."""
    finished_at: datetime | None = None
    """None while it is under way."""
    place: Place | None = None
    """None: at the beginning."""
    walked: int = 0
    """Families looked at."""
    ended: int = 0
    tidied: int = 0
    failed: int = 0
    """Families that could not be decided."""


async def read_run(connection: AsyncConnection[Any]) -> Run | None:
    """The last run, or the one that is under way; None before the first. One round trip."""
    cursor = await connection.execute(sql("ledger", "sweeper_run_read"))
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return None
    leader, started_at, finished_at, deadline, family_id, walked, ended, tidied, failed = row
    return Run(
        leader=leader,
        started_at=started_at,
        finished_at=finished_at,
        place=None if deadline is None else Place(deadline=deadline, family_id=family_id),
        walked=walked,
        ended=ended,
        tidied=tidied,
        failed=failed,
    )


async def save_run(connection: AsyncConnection[Any], run: Run) -> None:
    """Keep it. One round trip."""
    await connection.execute(
        sql("ledger", "sweeper_run_save"),
        {
            "leader": run.leader,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "deadline": None if run.place is None else run.place.deadline,
            "family_id": None if run.place is None else run.place.family_id,
            "walked": run.walked,
            "ended": run.ended,
            "tidied": run.tidied,
            "failed": run.failed,
        },
    )
