"""Sessions that a filter means, newest first, page by page.

The projection says which may be meant; what they are now, and whether they match, is read from the view of
active tokens. The work of a page is bounded, as that of events is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from ledger.sql_files import sql
from projections.active_tokens.sessions import Session, SessionFilter, SessionStatus, read_sessions
from projections.addresses import addresses_in
from projections.slots import SwitchedError, in_slot

_PACKAGE = "projections.audit_sessions"
MOST_EXAMINED = 2_000
"""Candidates of a page."""
_GROWTH = 4
_LIVING = (SessionStatus.ACTIVE, SessionStatus.SUSPENDED)
_LOWEST = UUID(int=0)
_HIGHEST = UUID(int=2**128 - 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """What was found, and how far was looked."""

    sessions: tuple[Session, ...]
    more: bool
    """Whether there may be more after `position`."""
    position: UUID | None
    """All down to this id were looked at: to be given as `before` for what follows; None: nothing follows."""


async def read_page(
    connection: AsyncConnection[Any],
    wanted: SessionFilter,
    *,
    now: datetime,
    maximum: int,
    before: UUID | None = None,
) -> SessionPage:
    """At most `maximum` sessions that match, opened before the session `before` where it is given.

    Three to nine round trips. The connection has had `projections.slots.READING`.
    """
    while True:
        try:
            return await _read(connection, wanted, now, maximum, before)
        except SwitchedError:
            continue


async def _read(
    connection: AsyncConnection[Any],
    wanted: SessionFilter,
    now: datetime,
    maximum: int,
    before: UUID | None,
) -> SessionPage:
    cursor = await connection.execute(sql(_PACKAGE, "live_slot"))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - one slot is live
    slot, ahead, behind = row
    low, high = _bounds(wanted, ahead=ahead, behind=behind)
    if before is not None:
        high = min(high, before)
    source, parameters, legs = await _source(connection, wanted, slot)
    found: list[Session] = []
    examined, at_once = 0, maximum + 1
    while examined < MOST_EXAMINED:
        a_leg = max(-(-at_once // legs), min(maximum + 1, MOST_EXAMINED // legs))
        bounds = {"low": low, "high": high, "a_leg": a_leg}
        horizon, candidates = await _look(connection, source, slot, {**parameters, **bounds})
        if candidates:
            found += await read_sessions(
                connection, replace(wanted, ids=candidates), now=now, maximum=maximum + 1 - len(found)
            )
        examined += a_leg * legs
        if len(found) > maximum:
            page = found[:maximum]
            return SessionPage(sessions=tuple(page), more=True, position=page[-1].family_id)
        if horizon is None:
            return SessionPage(sessions=tuple(found), more=False, position=None)
        high = horizon
        at_once = min(at_once * _GROWTH, MOST_EXAMINED - examined)
    return SessionPage(sessions=tuple(found), more=True, position=high)


def _bounds(wanted: SessionFilter, *, ahead: timedelta, behind: timedelta) -> tuple[UUID, UUID]:
    """Between which ids, the second exclusive, all that match are.

    Ids ascend with their times, which are at most by so much ahead of the opening or behind it.
    """
    low, high = _LOWEST, _HIGHEST
    if wanted.created_after is not None:
        low = _first_id((wanted.created_after - _EPOCH - behind) // _MILLISECOND)
    for moment in (wanted.created_before, wanted.last_used_before):
        if moment is not None:
            high = min(high, _first_id((moment - _EPOCH + ahead) // _MILLISECOND + 1))
    return low, high


def _first_id(milliseconds: int) -> UUID:
    return UUID(int=min(max(milliseconds, 0) << 80, _HIGHEST.int))


async def _source(
    connection: AsyncConnection[Any], wanted: SessionFilter, slot: int
) -> tuple[str, Mapping[str, Any], int]:
    """Where candidates come from: the statement, its parameters, and how many lists it merges."""
    if wanted.ids is not None:
        return "of_ids", {"ids": list(wanted.ids)}, 1
    if wanted.subject is not None:
        return "of_subject", {"of_subject": wanted.subject}, 1
    if wanted.network is not None:
        addresses = await addresses_in(connection, _PACKAGE, wanted.network, slot=slot)
        if addresses is not None:
            return "of_addresses", {"addresses": addresses}, max(1, len(addresses))
    if wanted.device_label is not None:
        return "of_label", {"of_label": wanted.device_label}, 1
    if wanted.client_id is not None:
        return "of_client", {"of_client": wanted.client_id}, 1
    if wanted.status in _LIVING:
        return "unended", {}, 1
    return "all", {}, 1


async def _look(
    connection: AsyncConnection[Any], source: str, slot: int, parameters: Mapping[str, Any]
) -> tuple[UUID | None, list[UUID]]:
    """Down to which session all were looked at, None: there are no others; and those.

    Raises:
        SwitchedError: the slot is not live any more.
    """
    cursor = await connection.execute(_statement(source, slot), parameters)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    live, horizon, candidates = row
    if live != slot:
        raise SwitchedError
    return horizon, candidates


@cache
def _statement(source: str, slot: int) -> LiteralString:
    template = sql(_PACKAGE, "candidates").replace("{candidates}", sql(_PACKAGE, f"candidates/{source}"))
    return in_slot(template, slot)
