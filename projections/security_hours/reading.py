"""How many events of each kind occurred in some time, in all or by hours or days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


class Interval(StrEnum):
    """In UTC."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """Of every one: UTC has no summer time."""
        return _HOUR if self is Interval.HOUR else timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Sealed events by kind."""

    issued: int = 0
    rotated: int = 0
    replayed: int = 0
    reuse_detected: int = 0
    revoked: int = 0
    expired: int = 0


async def read_counts(connection: AsyncConnection[Any], *, since: datetime, until: datetime) -> Counts:
    """Of the events that occurred from `since` on and before `until`, which is later. One round trip."""
    rows = await _read(connection, since, until, None)
    return next(iter(rows.values()), Counts())


async def read_series(
    connection: AsyncConnection[Any], *, since: datetime, until: datetime, interval: Interval
) -> list[tuple[datetime, Counts]]:
    """The same by intervals, each with its start, oldest first, empty ones included. One round trip.

    The first interval may begin before `since`, and counts from there on.
    """
    rows = await _read(connection, since, until, interval)
    return [(start, rows.get(start, Counts())) for start in _starts(since, until, interval)]


def number_of_intervals(*, since: datetime, until: datetime, interval: Interval) -> int:
    """How many `read_series` gives."""
    return -(-(until - _floor(since, interval.length)) // interval.length)


def _starts(since: datetime, until: datetime, interval: Interval) -> list[datetime]:
    first = _floor(since, interval.length)
    count = number_of_intervals(since=since, until=until, interval=interval)
    return [first + number * interval.length for number in range(count)]


async def _read(
    connection: AsyncConnection[Any], since: datetime, until: datetime, interval: Interval | None
) -> dict[datetime | None, Counts]:
    cursor = await connection.execute(
        sql("projections.security_hours", "counts"),
        {**_edges(since, until), "unit": None if interval is None else interval.value},
    )
    return {
        start: Counts(
            issued=issued,
            rotated=rotated,
            replayed=replayed,
            reuse_detected=reuse_detected,
            revoked=revoked,
            expired=expired,
        )
        for start, issued, rotated, replayed, reuse_detected, revoked, expired in await cursor.fetchall()
        if issued is not None
    }


def _edges(since: datetime, until: datetime) -> Mapping[str, datetime]:
    """The whole minutes in a time, and the whole hours in those; an empty time where there are none."""
    first_minute, end_minute = _whole(since, until, _MINUTE)
    first_hour, end_hour = _whole(first_minute, end_minute, _HOUR)
    return {
        "since": since,
        "first_minute": first_minute,
        "first_hour": first_hour,
        "end_hour": end_hour,
        "end_minute": end_minute,
        "until": until,
    }


def _whole(since: datetime, until: datetime, unit: timedelta) -> tuple[datetime, datetime]:
    first, end = _floor(since, unit), _floor(until, unit)
    if first < since and first < end:
        first += unit
    return (first, end) if first < end else (until, until)


def _floor(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % unit
