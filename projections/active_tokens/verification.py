"""Streams from their stored rows: leaves, chain, places in the log, personal data, and the view they make."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, IsolationLevel

from ledger.archived_months import read_archived_months
from ledger.event_codec import UnknownEventError
from ledger.evolve import BrokenStreamError
from ledger.leaf import leaf_bytes, leaf_hash
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily
from ledger.tree_verification import Problem
from projections.active_tokens.fold import FamilyFold
from projections.active_tokens.rebuild import Difference, differences, live_rows

_PACKAGE = "projections.active_tokens"
_ROWS_AT_ONCE = 5_000
_COLUMNS_OF_A_MISSING_ONE = 4
_UNREADABLE = "has personal data that cannot be read"


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
    archived: int
    """Leaves of months that were archived: of them the hash alone is here."""
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
    fold: FamilyFold | None = None
    """None: the stream cannot be folded."""


@dataclass(slots=True)
class _Reading:
    size: int
    events: int = 0
    unsealed: int = 0
    problems: list[Problem] = field(default_factory=list)
    families: dict[UUID, StoredFamily] = field(default_factory=dict)
    broken: set[UUID] = field(default_factory=set)

    def found(
        self,
        index: int | None,
        stream: _Stream,
        version: int,
        what: str,
        *,
        since: int | None = None,
        of_leaf: bool = True,
    ) -> None:
        """An event without a place is one that would follow on the sealed ones.

        `since`: the first leaf that can be the reason, where `index` is only where it shows. `of_leaf`: of
        what its leaf holds.
        """
        place = self.size if index is None else index
        what = f"event {stream.stream_id}:{version} {what}"
        if since is None:
            self.problems.append(Problem(index=place, what=what, of_leaves=of_leaf))
        else:
            self.problems.append(Problem(index=min(since, place), what=what, last=place))


async def verify_streams(
    connection: AsyncConnection[Any], streams: Streams, *, size: int, with_view: bool = True
) -> Verified:
    """Recompute every leaf, and fold the events into rows that are compared with the live ones.

    In one snapshot, as a batch writes events and view in one transaction. `size` is that of the log. Every
    problem names the leaf that cannot be vouched for: where a link of the chain is broken between two events
    that are what their hashes say, the earlier one. Without the view nothing is compared with it.

    Raises:
        psycopg.DataError, ValueError, TypeError, LookupError, AttributeError: a row is no such row at all.
    """
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    reading, stream = _Reading(size=size), None
    bounds = {"after": streams.after, "until": streams.until}
    parameters = {**bounds, "ids": None if streams.ids is None else list(streams.ids)}
    async with connection.transaction():
        await connection.execute(sql("ledger", "keep_months"))
        # All of it is read; and where statistics are young, a loop over two ranges takes seconds a part.
        await connection.execute("SET LOCAL cursor_tuple_fraction = 1; SET LOCAL enable_nestloop = off")
        gone = await connection.execute(sql(_PACKAGE, "places_without_events"), parameters, binary=True)
        places = await gone.fetchall()
        missing = deque(await _unexcused(connection, places) if places else ())
        gaps = len(missing)
        async with connection.cursor(name="streams", binary=True) as cursor:
            await cursor.execute(sql(_PACKAGE, "events_with_places"), parameters)
            while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                for row in _with(missing, rows) if missing else rows:
                    if stream is None or stream.stream_id != row[0]:
                        _finish(reading, stream)
                        stream = _Stream(row[0], fold=FamilyFold(row[0]))
                    _read(reading, stream, row)
        for row in missing:
            if stream is None or stream.stream_id != row[0]:
                _finish(reading, stream)
                stream = _Stream(row[0], fold=None)
            _missing(reading, stream, *row[1:])
        _finish(reading, stream)
        live = await live_rows(connection, bounds, streams.ids) if with_view else reading.families
    live = {family_id: row for family_id, row in live.items() if family_id not in reading.broken}
    return Verified(
        events=reading.events,
        unsealed=reading.unsealed,
        families=len(reading.families),
        archived=len(places) - gaps,
        problems=tuple(reading.problems),
        differences=tuple(differences(live, reading.families)),
    )


async def _unexcused(connection: AsyncConnection[Any], places: Sequence[Any]) -> list[Any]:
    """Those places whose event was not removed with its month."""
    archived, _ = await read_archived_months(connection)
    lowers = [one.month.lower for one in archived]

    def is_archived(stream_id: UUID) -> bool:
        place = bisect_right(lowers, stream_id)
        return place > 0 and stream_id < archived[place - 1].month.upper

    return [one for one in places if one[2] is None or not is_archived(one[0])]


def _finish(reading: _Reading, stream: _Stream | None) -> None:
    if stream is None:
        return
    if stream.fold is None:
        reading.broken.add(stream.stream_id)
        return
    try:
        stored = stream.fold.stored()
    except ValueError:
        reading.found(stream.index, stream, stream.version, _UNREADABLE)
        reading.broken.add(stream.stream_id)
        return
    if stored is not None:
        reading.families[stream.stream_id] = stored


def _with(missing: deque[Any], rows: Sequence[Any]) -> Iterator[Any]:
    """The rows, and among them those missing ones that come before one of them."""
    for row in rows:
        while missing and missing[0][:2] < row[:2]:
            yield missing.popleft()
        yield row


def _missing(
    reading: _Reading, stream: _Stream, version: int, index: int | None, sealed_hash: bytes | None
) -> None:
    stream.fold = None
    if index is None:
        reading.found(None, stream, version, "is gone, and its personal data is not")
    else:
        reading.found(index, stream, version, "is in the log, and not among the events")
        stream.version, stream.index, stream.head = version, index, sealed_hash


def _read(reading: _Reading, stream: _Stream, row: Sequence[Any]) -> None:
    if len(row) == _COLUMNS_OF_A_MISSING_ONE:
        _missing(reading, stream, *row[1:])
        return
    (
        stream_id, version, index, sealed_hash, stored_hash, type_name, schema_version, occurred_at, actor,
        client_id, correlation_id, causation, payload, commitment, previous, salt, data, passed_by,
        rerecorded,
    ) = row  # fmt: skip
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
        if passed_by:
            reading.found(None, stream, version, "was passed by when it was to be sealed")
    elif stored_hash != sealed_hash:
        reading.found(index, stream, version, "is not the one that was sealed")
    if rerecorded:
        what = "has not the position, transaction and time of recording that it was sealed with"
        reading.found(index, stream, version, what, of_leaf=False)
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
    if stream.fold is None:
        return
    try:
        stream.fold.add(
            version=version,
            type_name=type_name,
            schema_version=schema_version,
            occurred_at=occurred_at,
            payload=payload,
            leaf_hash=stored_hash,
            data=data,
        )
    except (BrokenStreamError, UnknownEventError) as error:
        stream.fold = None
        reading.found(index, stream, version, f"cannot be replayed: {error}")
    except ValueError:
        stream.fold = None
        reading.found(index, stream, version, _UNREADABLE)


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
