"""How far the sealer is behind what is committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql

MOST_COUNTED = 10_000
_STUCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """At one moment."""

    size: int
    """Events sealed."""
    signed_at: datetime | None
    """When the latest checkpoint was signed; None: there is none."""
    unsealed_seconds: float
    """For how long about the oldest event that waits has been recorded; 0: none waits."""
    unsealed: int
    """Events that wait, as far as they were counted."""


async def read_lag(connection: AsyncConnection[Any], *, counted: int = 1) -> Lag:
    """One round trip, which reads as many events as are to be counted at the most."""
    cursor = await connection.execute(sql("ledger", "oldest_unsealed"), {"maximum": counted})
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the migration made the one row
    size, signed_at, seconds, unsealed = row
    return Lag(size=size, signed_at=signed_at, unsealed_seconds=max(0.0, seconds or 0.0), unsealed=unsealed)


def stuck(lag: Lag) -> str | None:
    """The alarm where events have waited too long; None: they have not."""
    if lag.unsealed_seconds < _STUCK_SECONDS:
        return None
    return (
        f"events have waited for the sealer for {lag.unsealed_seconds:.0f} s: the log of the server that "
        "seals says why"
    )
