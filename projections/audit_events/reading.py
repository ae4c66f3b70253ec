"""Sealed events that a filter means, page by page in the order of the log.

The work of a page is bounded: it looks at some thousand candidates at the most, and is then shorter than it
might be. How far it got is told, so that the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, LiteralString

from psycopg import AsyncConnection

from ledger.personal_data import PersonalData
from ledger.recorded_event import RecordedEvent
from ledger.sql_files import sql
from projections.audit_events.candidates import PACKAGE, Source, source_of
from projections.audit_events.event_filter import EventFilter, EventOrder
from projections.slots import SwitchedError, in_slot

MOST_EXAMINED = 4_000
"""Candidates of a page."""
_SPARE = 100
_GROWTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """An event of the log."""

    recorded: RecordedEvent
    leaf_index: int
    subject: str | None
    """Of its session, or the one that an administrative act is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """What was found, and how far was looked."""

    events: tuple[SealedEvent, ...]
    more: bool
    """Whether there may be more after `position`."""
    position: int | None
    """All up to this leaf, in the order asked for, was looked at: to be given as `after` for what follows.

    None: there is nothing to look at.
    """


async def next_index(connection: AsyncConnection[Any]) -> int:
    """How many leaves of the log can be found. One round trip."""
    cursor = await connection.execute(sql(PACKAGE, "next_index"))
    row = await cursor.fetchone()
    return 0 if row is None else row[0]


async def read_events(
    connection: AsyncConnection[Any],
    wanted: EventFilter,
    *,
    order: EventOrder,
    after: int | None = None,
    maximum: int,
) -> EventPage:
    """At most `maximum` events that match and come after the leaf `after`; None: from the beginning.

    Two to six round trips. Events that retention has removed are left out. The connection has had
    `projections.slots.READING`.
    """
    while True:
        try:
            return await _read(connection, wanted, order, after, maximum)
        except SwitchedError:
            continue


async def _read(
    connection: AsyncConnection[Any],
    wanted: EventFilter,
    order: EventOrder,
    after: int | None,
    maximum: int,
) -> EventPage:
    ascending = order is EventOrder.OLDEST_FIRST
    low, high, slot = await _bounds(connection, wanted)
    if after is not None:
        low, high = (max(low, after + 1), high) if ascending else (low, min(high, after))
    if low >= high:
        return EventPage(events=(), more=False, position=after)
    source = await source_of(connection, wanted, slot=slot)
    found: list[_Found] = []
    examined = 0
    at_once = maximum + 1 if source.exact else 2 * maximum + _SPARE
    while examined < MOST_EXAMINED:
        a_leg = max(-(-at_once // source.legs), min(maximum + 1, MOST_EXAMINED // source.legs))
        horizon, matching = await _look(
            connection,
            wanted,
            source,
            slot=slot,
            ascending=ascending,
            bounds={"low": low, "high": high, "a_leg": a_leg, "maximum": maximum + 1 - len(found)},
        )
        found += matching
        examined += a_leg * source.legs
        if len(found) > maximum:
            return _page(found[:maximum], more=True, position=found[maximum - 1].leaf_index)
        if horizon is None:
            return _page(found, more=False, position=high - 1 if ascending else low)
        low, high = (horizon + 1, high) if ascending else (low, horizon)
        at_once = min(at_once * _GROWTH, MOST_EXAMINED - examined)
    return _page(found, more=True, position=low - 1 if ascending else high)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    leaf_index: int
    subject: str | None
    recorded: RecordedEvent | None
    """None: retention removed it."""


def _page(found: Sequence[_Found], *, more: bool, position: int) -> EventPage:
    events = tuple(
        SealedEvent(recorded=one.recorded, leaf_index=one.leaf_index, subject=one.subject)
        for one in found
        if one.recorded is not None
    )
    return EventPage(events=events, more=more, position=position)


async def _bounds(connection: AsyncConnection[Any], wanted: EventFilter) -> tuple[int, int, int]:
    """Between which leaves, the second exclusive, all that matches is; and the slot that is live."""
    cursor = await connection.execute(
        sql(PACKAGE, "bounds"),
        {
            "since": wanted.since,
            "until": wanted.until,
            "from_index": wanted.from_index,
            "to_index": wanted.to_index,
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - one slot is live
    return row[0], row[1], row[2]


async def _look(
    connection: AsyncConnection[Any],
    wanted: EventFilter,
    source: Source,
    *,
    slot: int,
    ascending: bool,
    bounds: Mapping[str, int],
) -> tuple[int | None, list[_Found]]:
    """Up to which leaf the candidates reached, None: there are no others; and those that match.

    Raises:
        SwitchedError: the slot is not live any more.
    """
    cursor = await connection.execute(
        _statement(source.name, slot=slot, ascending=ascending),
        {
            **source.parameters,
            **bounds,
            "types": None if wanted.types is None else sorted(wanted.types),
            "session_id": wanted.session_id,
            "subject": wanted.subject,
            "client_id": wanted.client_id,
            "actor": wanted.actor,
            "network": wanted.network,
            "since": wanted.since,
            "until": wanted.until,
        },
    )
    rows = await cursor.fetchall()
    if rows[0][0] != slot:
        raise SwitchedError
    return rows[0][1], [_found(row[2:]) for row in rows if row[2] is not None]


@cache
def _statement(source: str, *, slot: int, ascending: bool) -> LiteralString:
    """The statement of a page, with candidates of one source in one slot, in one direction."""
    template = sql(PACKAGE, "page").replace("{candidates}", sql(PACKAGE, f"candidates/{source}"))
    template = in_slot(template, slot)
    words: tuple[LiteralString, ...] = ("ASC", "min", "max", "least")
    if not ascending:
        words = ("DESC", "max", "min", "greatest")
    direction, first, last, nearest = words
    return (
        template.replace("{direction}", direction)
        .replace("{first}", first)
        .replace("{last}", last)
        .replace("{nearest}", nearest)
    )


def _found(row: Sequence[Any]) -> _Found:
    leaf_index, subject, stream_id, version, type_name, schema_version, occurred_at, recorded_at = row[:8]
    if type_name is None:
        return _Found(leaf_index=leaf_index, subject=subject, recorded=None)
    actor, client_id, correlation_id, causation, payload, commitment, previous, leaf_hash, data = row[8:]
    recorded = RecordedEvent(
        stream_id=stream_id,
        version=version,
        type_name=type_name,
        schema_version=schema_version,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        actor=actor,
        client_id=client_id,
        correlation_id=correlation_id,
        causation=causation,
        payload=payload,
        commitment=commitment,
        previous=previous,
        leaf_hash=leaf_hash,
        personal_data=None if data is None else PersonalData.decode(data),
        leaf_index=leaf_index,
    )
    return _Found(leaf_index=leaf_index, subject=subject, recorded=recorded)
