"""The sealed log as an export reads it: in steps by leaf index, so that no transaction stays open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from ledger.binary_array import uuids
from ledger.leaf import leaf_bytes, leaf_hash
from ledger.sql_files import sql

_A_STEP = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799_999
"""Milliseconds to the end of the year 9999; an id that is none of ours can tell a later time."""
_PLAN = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off"
"""By other plans a step of a few thousand rows reads whole tables."""


class DamagedLogError(Exception):
    """What is stored is not what was sealed; one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """What of a sealed event is still stored."""

    type_name: str
    recorded_at: datetime
    occurred_at: datetime
    actor: str | None
    client_id: str | None
    correlation_id: UUID | None
    payload: str
    leaf: str
    salt: bytes | None
    """None where there is no personal data, or it was erased."""
    data: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """A leaf."""

    leaf_index: int
    stream_id: UUID
    version: int
    leaf_hash: bytes
    stored: StoredEvent | None
    """None: removed by retention."""


def began_at(stream_id: UUID) -> datetime:
    """When a stream began, to the millisecond: its id tells (RFC 9562 section 5.7)."""
    return _EPOCH + timedelta(milliseconds=min(stream_id.int >> 80, _LATEST))


async def read_sealed(
    connection: AsyncConnection[Any], first: int, until: int
) -> AsyncIterator[list[SealedEvent]]:
    """The leaves from `first` up to `until`, exclusive, in steps; a round trip each.

    Raises:
        DamagedLogError: a leaf is missing, an event is not the one that was sealed, or it was deleted by
            another hand than retention's.
    """
    await connection.execute(_PLAN)
    while first < until:
        end = min(first + _A_STEP, until)
        cursor = await connection.execute(
            sql("ledger", "sealed_events"), {"first": first, "until": end}, binary=True
        )
        rows = [_sealed_event(row) for row in await cursor.fetchall()]
        for index, row in enumerate(rows, start=first):
            if row.leaf_index != index:
                raise DamagedLogError(f"the log has no leaf {index}: run token-ledger verify")
        if len(rows) != end - first:
            raise DamagedLogError(f"the log has no leaf {first + len(rows)}: run token-ledger verify")
        await _check_removed(connection, rows)
        yield rows
        first = end


async def read_sealed_stream(connection: AsyncConnection[Any], stream_id: UUID) -> list[SealedEvent]:
    """What of a stream is sealed, oldest first; empty where nothing is. A round trip for each 5,000 events.

    Raises:
        DamagedLogError: an event is not the one that was sealed.
    """
    events: list[SealedEvent] = []
    while True:
        after = events[-1].version if events else 0
        cursor = await connection.execute(
            sql("ledger", "sealed_stream"),
            {"stream_id": stream_id, "after": after, "maximum": _A_STEP},
            binary=True,
        )
        page = [_sealed_event(row) for row in await cursor.fetchall()]
        events += page
        if len(page) < _A_STEP:
            return events


async def read_subjects(connection: AsyncConnection[Any], streams: Iterable[UUID]) -> dict[UUID, str | None]:
    """Whom the streams are about; a stream that is about nobody, or unknown, is left out. One round trip."""
    wanted = sorted(set(streams))
    cursor = await connection.execute(sql("ledger", "first_payloads"), {"stream_ids": uuids(wanted)})
    return {stream_id: orjson.loads(payload).get("subject") for stream_id, payload in await cursor.fetchall()}


async def _check_removed(connection: AsyncConnection[Any], events: Iterable[SealedEvent]) -> None:
    """See that only retention removed events, which takes months as a whole. A round trip if any are gone."""
    gone = [one for one in events if one.stored is None]
    if not gone:
        return
    cursor = await connection.execute(sql("ledger", "months_kept"))
    kept = {month for (month,) in await cursor.fetchall()}
    for one in gone:
        if f"{began_at(one.stream_id):%Y_%m}" in kept:
            raise DamagedLogError(
                f"event {one.stream_id}:{one.version}, leaf {one.leaf_index}, was deleted, and not by "
                "retention: run token-ledger verify"
            )


def _sealed_event(row: tuple[Any, ...]) -> SealedEvent:
    index, stream_id, version, sealed_hash, type_name, schema_version, occurred_at, recorded_at = row[:8]
    actor, client_id, correlation_id, causation, payload, personal_data, previous, salt, data = row[8:]
    stored = None
    if type_name is not None:
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
            personal_data=personal_data,
            previous=previous,
        )
        if leaf_hash(leaf) != sealed_hash:
            raise DamagedLogError(
                f"event {stream_id}:{version}, leaf {index}, is not the one that was sealed: run "
                "token-ledger verify"
            )
        stored = StoredEvent(
            type_name=type_name,
            recorded_at=recorded_at,
            occurred_at=occurred_at,
            actor=actor,
            client_id=client_id,
            correlation_id=correlation_id,
            payload=payload,
            leaf=leaf.decode(),
            salt=salt,
            data=data,
        )
    return SealedEvent(
        leaf_index=index, stream_id=stream_id, version=version, leaf_hash=sealed_hash, stored=stored
    )
