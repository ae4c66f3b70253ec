"""Months whose events were archived and removed, and what of their rows can be believed.

A row of `archived_months` holds the event `PartitionArchived` as it was hashed. The log has its hash for
ever, also once the event's own month is archived: so a row that nobody recorded excuses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from ledger.event_codec import UnknownEventError, decode_payload
from ledger.events import PartitionArchived
from ledger.leaf import leaf_hash
from ledger.sql_files import sql

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfStreams:
    """The streams that began in a month."""

    first_day: date
    lower: UUID
    upper: UUID
    """Exclusive."""

    @property
    def name(self) -> str:
        """As 2026-11."""
        return f"{self.first_day:%Y-%m}"

    @property
    def ends_at(self) -> datetime:
        """Exclusive."""
        return _time_of(self.upper)

    @property
    def bounds(self) -> dict[str, UUID]:
        """As parameters of a statement."""
        return {"lower": self.lower, "upper": self.upper}

    @classmethod
    def of(cls, first_day: date) -> MonthOfStreams:
        """The month that begins with a day."""
        return cls(first_day=first_day, lower=_floor(first_day), upper=_floor(_next(first_day)))

    @classmethod
    def between(cls, lower: UUID, upper: UUID) -> MonthOfStreams:
        """The month with the bounds of a partition."""
        return cls(first_day=_time_of(lower).date(), lower=lower, upper=upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedMonth:
    """A row that is proved, of a month whose partition is gone."""

    month: MonthOfStreams
    event: PartitionArchived


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a row excuses no missing event."""

    month: MonthOfStreams
    what: str


async def read_archived_months(
    connection: AsyncConnection[Any],
) -> tuple[Sequence[ArchivedMonth], Sequence[Doubt]]:
    """The months that were archived, oldest first, and the rows that are not believed. One round trip."""
    cursor = await connection.execute(sql("ledger", "archived_months"))
    believed: list[ArchivedMonth] = []
    doubts: list[Doubt] = []
    for (
        first_day,
        lower,
        upper,
        stream_id,
        leaf,
        sealed_hash,
        stored_hash,
        is_there,
    ) in await cursor.fetchall():
        month = MonthOfStreams(first_day=first_day, lower=lower, upper=upper)
        event = _proved(month, stream_id, leaf, sealed_hash or stored_hash)
        if is_there:
            doubts.append(Doubt(month=month, what="its partition is still there"))
        elif event is None:
            doubts.append(Doubt(month=month, what="no event PartitionArchived of the log says so"))
        else:
            believed.append(ArchivedMonth(month=month, event=event))
    return believed, doubts


async def leaves_of(
    connection: AsyncConnection[Any], month: MonthOfStreams
) -> tuple[int, int | None, int | None]:
    """How many leaves the log has of a month, the first and the last of them. One round trip."""
    cursor = await connection.execute(sql("ledger", "log_of_month"), month.bounds)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    return row[0], row[1], row[2]


def _proved(
    month: MonthOfStreams, stream_id: UUID, leaf: str, recorded_hash: bytes | None
) -> PartitionArchived | None:
    """The event of the row, if it is the recorded one, and of this month."""
    if month != MonthOfStreams.of(month.first_day) or leaf_hash(leaf.encode()) != recorded_hash:
        return None
    facts = orjson.loads(leaf)  # what has the hash of an event is one
    if (facts["stream"], facts["type"]) != (str(stream_id), PartitionArchived.__name__):
        return None
    payload = orjson.dumps(facts["payload"]).decode()
    try:
        event = decode_payload(facts["type"], facts["schema_version"], payload)
    except UnknownEventError:
        return None
    return event if isinstance(event, PartitionArchived) and event.month == month.name else None


def _time_of(stream_id: UUID) -> datetime:
    return _EPOCH + timedelta(milliseconds=stream_id.int >> 80)


def _floor(day: date) -> UUID:
    """The lowest UUIDv7 of a day, as the partitions have it: without the version."""
    return UUID(int=(day - _EPOCH.date()) // timedelta(milliseconds=1) << 80)


def _next(first_day: date) -> date:
    return (first_day + timedelta(days=31)).replace(day=1)
