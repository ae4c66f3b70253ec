"""Which sealed events are meant: the filter of callers, checked, as the one of the projection."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from api.graphql.description import described_enum, described_input
from api.graphql.errors import BadUserInputError, checked_text
from api.graphql.event_types import EventType
from api.graphql.networks import checked_network
from api.graphql.scalars import SafeInt
from projections.audit_events import event_filter

_LONGEST = 255
_LONGEST_ACTOR = 300


@described_enum
class EventOrder(Enum):
    """By log index."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


@described_input
class EventFilter:
    """Fields given together must all hold. `since` and `fromIndex` inclusive, `until` and `toIndex` exclusive; times are `occurredAt`."""  # noqa: E501 - the contract's line

    types: list[EventType] | None = strawberry.UNSET
    session_id: strawberry.ID | None = strawberry.UNSET
    subject: strawberry.ID | None = strawberry.UNSET
    client_id: strawberry.ID | None = strawberry.UNSET
    actor: str | None = strawberry.UNSET
    ip_address: str | None = strawberry.field(
        default=strawberry.UNSET, description="An address, or a network such as 203.0.113.0/24."
    )
    since: datetime | None = strawberry.UNSET
    until: datetime | None = strawberry.UNSET
    from_index: SafeInt | None = strawberry.UNSET
    to_index: SafeInt | None = strawberry.UNSET


def events_meant(given: EventFilter | None) -> event_filter.EventFilter:
    """The events that the filter means; null, and a field that is null, is as not given.

    Raises:
        BadUserInputError: it contradicts itself, or a field of it cannot be used.
    """
    if not given:
        return event_filter.EventFilter()
    wanted = event_filter.EventFilter(
        types=_types(given.types),
        session_id=_session_id(given.session_id),
        subject=_text(given.subject, "filter.subject"),
        client_id=_text(given.client_id, "filter.clientId"),
        actor=_text(given.actor, "filter.actor", longest=_LONGEST_ACTOR),
        network=checked_network(given.ip_address, name="filter.ipAddress"),
        since=given.since or None,
        until=given.until or None,
        from_index=None if given.from_index is strawberry.UNSET else given.from_index,
        to_index=None if given.to_index is strawberry.UNSET else given.to_index,
    )
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise BadUserInputError("`filter.until` must be later than `filter.since`.")
    first, end = wanted.from_index, wanted.to_index
    if first is not None and end is not None and first >= end:
        raise BadUserInputError("`filter.toIndex` must be greater than `filter.fromIndex`.")
    return wanted


def _types(given: list[EventType] | None) -> frozenset[str] | None:
    if given is None or given is strawberry.UNSET:
        return None
    if not given:
        raise BadUserInputError("`filter.types` must hold one type at least; leave it out for all.")
    return frozenset(one.value for one in given)


def _session_id(given: strawberry.ID | None) -> UUID | None:
    if given is None or given is strawberry.UNSET:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise BadUserInputError("`filter.sessionId` must be the id of a session.") from None


def _text(value: str | None, name: str, *, longest: int = _LONGEST) -> str | None:
    if value is None or value is strawberry.UNSET:
        return None
    return checked_text(value, name=name, longest=longest)
