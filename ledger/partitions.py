"""Partitions by month: without one, no family of that month can be opened, so they are made ahead of time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql

FEWEST_MONTHS_AHEAD = 2
"""Fewer are worth an alarm."""


async def create_months_ahead(connection: AsyncConnection[Any]) -> None:
    """Make the partitions of the months ahead that are missing. One round trip.

    Raises:
        psycopg.errors.LockNotAvailable: somebody has been reading for longer than `lock_timeout`; to wait on
            would keep every append waiting behind.
    """
    await connection.execute(sql("ledger", "create_months_ahead"))


async def months_ahead(connection: AsyncConnection[Any]) -> int:
    """How many months after this one have their partitions, without a hole. One round trip."""
    cursor = await connection.execute(sql("ledger", "months_ahead"))
    row = await cursor.fetchone()
    return 0 if row is None else row[0]


def covered_until(months: int, now: datetime) -> datetime:
    """When the last partition ends, with so many months ahead of now that have theirs; exclusive."""
    years, month = divmod(now.month - 1 + months + 1, 12)
    return now.replace(
        year=now.year + years, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )


def running_out(months: int) -> str | None:
    """The alarm for so many months ahead; None: all is well."""
    if months >= FEWEST_MONTHS_AHEAD:
        return None
    return (
        f"there are partitions for only {months} of the coming months: without one no session can be opened. "
        "See that nobody keeps the events locked, or call create_months_ahead() as their owner."
    )
