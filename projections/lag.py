"""How far the projections are behind the sealed log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql

_STUCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionLag:
    """Of one projection, at one moment."""

    name: str
    size: int
    """Leaves of the log that it holds."""
    behind_seconds: float
    """For how long the first event that it lacks has been recorded; 0: it lacks none that is sealed."""


async def read_lags(connection: AsyncConnection[Any]) -> list[ProjectionLag]:
    """Of every projection. One round trip."""
    cursor = await connection.execute(sql("projections", "lag"))
    return [
        ProjectionLag(name=name, size=size, behind_seconds=max(0.0, seconds or 0.0))
        for name, size, seconds in await cursor.fetchall()
    ]


def behind(lags: Sequence[ProjectionLag]) -> str | None:
    """The alarm where projections are long behind; None: none is."""
    late = [one for one in lags if one.behind_seconds >= _STUCK_SECONDS]
    if not late:
        return None
    told = ", ".join(f"{one.name} by {one.behind_seconds:.0f} s" for one in late)
    return f"projections are behind the log: {told}; the log of the server that keeps them says why"
