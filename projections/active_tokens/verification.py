"""Streams from their stored rows: leaves, chain, places in the log, personal data, and the view they make."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, IsolationLevel

from ledger.bookkeeping import Bookkeeping
from ledger.event_codec import UnknownEventError, decode_payload
from ledger.events import AdministrativeEvent
from ledger.evolve import BrokenStreamError, evolve
from ledger.leaf import leaf_bytes, leaf_hash
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.recorder import fold_personal_data
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily, StreamHead
from ledger.tree_verification import Problem
from projections.active_tokens.rebuild import Difference, differences, live_rows

_PACKAGE = "projections.active_tokens"
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """A range of streams, `after` exclusive and `until` inclusive; with `ids` only those of them."""

    after: UUID
    until: UUID
    ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was looked at, and what is wrong."""

    events: int
    unsealed: int
    families: int
    problems: tuple[Problem, ...]
    differences: tuple[Difference, ...]
    """Between the live view and the fold of the events."""


@dataclass(slots=True)
class _Stream:
    """One stream while it is read."""

    stream_id: UUID
    version: int = 0
    index: int = -1
    head: bytes | None = None
    stored: StoredFamily | None = None
    foldable: bool = True


@dataclass(slots=True)
class _Reading:
    size: int
    events: int = 0
    unsealed: int = 0
    problems: list[Problem] = field(default_factory=list)
    families: dict[UUID, StoredFamily] = field(default_factory=dict)
    broken: set[UUID] = field(default_factory=set)

    def found(
        self, index: int | None, stream: _Stream, version: int, what: str, *, since: int | None = None
    ) -> None:
        """An event without a place is one that would follow on the sealed ones.

        `since`: the first leaf that can be the reason, where `index` is only where it shows.
        """
        place = self.size if index is None else index
        what = f"event {stream.stream_id}:{version} {what}"
        if since is None:
            self.problems.append(Problem(index=place, what=what))
        else:
            self.problems.append(Problem(index=min(since, place), what=what, last=place))


async def verify_streams(connection: AsyncConnection[Any], streams: Streams, *, size: int) -> Verified:
    """Recompute every leaf, and fold the events into rows that are compared with the live ones.

    In one snapshot, as a batch writes events and view in one transaction. `size` is that of the log. Every
    problem names the leaf that cannot be vouched for: where a link of the chain is broken between two events
    that are what their hashes say, the earlier one.
    """
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    reading, stream = _Reading(size=size), None
    bounds = {"after": streams.after, "until": streams.until}
    async with connection.transaction():
        async with connection.cursor(name="streams", binary=True) as cursor:
            await cursor.execute(
                sql(_PACKAGE, "events_with_places"),
                {**bounds, "ids": None if streams.ids is None else list(streams.ids)},
            )
            while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                for row in rows:
                    if stream is None or stream.stream_id != row[0]:
                        _finish(reading, stream)
                        stream = _Stream(row[0])
                    _read(reading, stream, row)
            _finish(reading, stream)
        live = await live_rows(connection, bounds)
    if streams.ids is not None:
        wanted = set(streams.ids)
        live = {family_id: row for family_id, row in live.items() if family_id in wanted}
    live = {family_id: row for family_id, row in live.items() if family_id not in reading.broken}
    return Verified(
        events=reading.events,
        unsealed=reading.unsealed,
        families=len(reading.families),
        problems=tuple(reading.problems),
        differences=tuple(differences(live, reading.families)),
    )


def _finish(reading: _Reading, stream: _Stream | None) -> None:
    if stream is None:
        return
    if not stream.foldable:
        reading.broken.add(stream.stream_id)
    elif stream.stored is not None:
        reading.families[stream.stream_id] = stream.stored


def _read(reading: _Reading, stream: _Stream, row: Sequence[Any]) -> None:
    (
        stream_id, version, index, sealed_hash, stored_hash, type_name, schema_version, occurred_at, actor,
        client_id, correlation_id, causation, payload, commitment, previous, salt, data,
    ) = row  # fmt: skip
    if stored_hash is None:
        stream.foldable = False
        if index is None:
            reading.found(None, stream, version, "is gone, and its personal data is not")
        else:
            reading.found(index, stream, version, "is in the log, and not among the events")
            stream.version, stream.index, stream.head = version, index, sealed_hash
        return
    reading.events += 1
    leaf = leaf_bytes(
        stream_id=stream_id,
        version=version,
        type_name=type_name,
        schema_version=schema_version,
        occurred_at=occurred_at,
        actor=actor,
        client_id=client_id,
        correlation_id=correlation_id,
        causation=causation,
        payload=payload,
        personal_data=commitment,
        previous=previous,
    )
    intact = leaf_hash(leaf) == stored_hash
    if not intact:
        reading.found(index, stream, version, "is not what its hash says")
    if index is None:
        reading.unsealed += 1
    elif stored_hash != sealed_hash:
        reading.found(index, stream, version, "is not the one that was sealed")
    if version != stream.version + 1:
        what = f"follows on version {stream.version}" if stream.version else "has none before it"
        reading.found(index, stream, version, what, since=stream.index + 1)
    elif previous != stream.head and intact:
        reading.found(
            stream.index if stream.index >= 0 else index, stream, version, "does not follow on the one before"
        )
    if index is not None:
        if index <= stream.index:
            reading.found(index, stream, version, "was sealed before the one that it follows on")
        stream.index = max(stream.index, index)
    if salt is not None:
        _check_personal_data(reading, stream, index, version, commitment, salt, data)
    stream.version, stream.head = version, stored_hash
    if stream.foldable:
        _fold(reading, stream, type_name, schema_version, occurred_at, payload, data, index)


def _check_personal_data(
    reading: _Reading,
    stream: _Stream,
    index: int | None,
    version: int,
    commitment: bytes | None,
    salt: bytes,
    data: str,
) -> None:
    if commitment is None:
        reading.found(index, stream, version, "has personal data that it does not commit to")
    elif hashlib.sha256(salt + data.encode()).digest() != commitment:
        reading.found(index, stream, version, "has other personal data than it commits to")


def _fold(
    reading: _Reading,
    stream: _Stream,
    type_name: str,
    schema_version: int,
    occurred_at: datetime,
    payload: str,
    data: str | None,
    index: int | None,
) -> None:
    before = stream.stored
    try:
        event = decode_payload(type_name, schema_version, payload)
        if isinstance(event, AdministrativeEvent):
            return
        stream.stored = StoredFamily(
            family=evolve(
                None if before is None else before.family,
                event,
                family_id=stream.stream_id,
                occurred_at=occurred_at,
            ),
            head=StreamHead(version=stream.version, leaf_hash=stream.head or b"", occurred_at=occurred_at),
            personal=fold_personal_data(
                None if before is None else before.personal,
                event,
                NOTHING_PERSONAL if data is None else PersonalData.decode(data),
            ),
            bookkeeping=_NO_BOOKKEEPING,
        )
    except (BrokenStreamError, UnknownEventError) as error:
        stream.foldable = False
        reading.found(index, stream, stream.version, f"cannot be replayed: {error}")
    except ValueError:
        stream.foldable = False
        reading.found(index, stream, stream.version, "has personal data that cannot be read")


_NO_BOOKKEEPING = Bookkeeping()
