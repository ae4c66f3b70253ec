"""Along which index the events of a filter are looked for: the one that leaves the fewest to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from psycopg import AsyncConnection

from projections.addresses import addresses_in
from projections.audit_events.event_filter import EventFilter

PACKAGE = "projections.audit_events"
_NOT_INDEXED = "TokenRotated"
_BY_PLACE = frozenset({"from_index", "to_index"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where candidates come from, in the order of the log."""

    name: str
    """Of the statement."""
    parameters: Mapping[str, Any]
    legs: int = 1
    """Ordered lists that are merged."""
    exact: bool = False
    """Whether whatever comes from it matches."""


async def source_of(connection: AsyncConnection[Any], wanted: EventFilter, *, slot: int) -> Source:
    """The most selective index. One round trip where the filter has a network of several addresses."""
    given = frozenset(one.name for one in fields(wanted) if getattr(wanted, one.name) is not None) - _BY_PLACE
    if wanted.session_id is not None:
        return Source(name="of_session", parameters={"family_id": wanted.session_id})
    if wanted.subject is not None:
        return Source(
            name="of_subject", parameters={"of_subject": wanted.subject}, exact=given == {"subject"}
        )
    if wanted.network is not None:
        addresses = await addresses_in(connection, PACKAGE, wanted.network, slot=slot)
        if addresses is not None:
            return Source(
                name="of_addresses",
                parameters={"addresses": addresses},
                legs=max(1, len(addresses)),
                exact=given == {"network"},
            )
    if wanted.actor is not None:
        return _of_actor(wanted.actor, exact=given == {"actor"})
    if wanted.types is not None and _NOT_INDEXED not in wanted.types:
        return Source(
            name="of_types",
            parameters={"of_types": sorted(wanted.types)},
            legs=len(wanted.types),
            exact=given == {"types"},
        )
    if wanted.client_id is not None:
        return Source(
            name="of_client", parameters={"of_client": wanted.client_id}, exact=given == {"client_id"}
        )
    return Source(name="all", parameters={}, exact=not given)


def _of_actor(actor: str, *, exact: bool) -> Source:
    """What subjects do in their own sessions is found by the subject: it is most of what happens."""
    kind, _, subject = actor.partition(":")
    if kind != "subject":
        return Source(name="of_actor", parameters={"of_actor": actor}, exact=exact)
    parameters = {"of_actor": actor, "of_subject": subject}
    return Source(name="of_acting_subject", parameters=parameters, legs=2)
