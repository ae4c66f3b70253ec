"""Along which index the events of a filter are looked for: the one that leaves the fewest to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql
from projections.audit_events.event_filter import EventFilter, Network

PACKAGE = "projections.audit_events"
_MOST_ADDRESSES = 200
"""Of a network, that are each looked up; one with more of them is common enough to be met along the log."""
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


async def source_of(connection: AsyncConnection[Any], wanted: EventFilter) -> Source:
    """The most selective index. One round trip where the filter has a network of several addresses."""
    given = frozenset(one.name for one in fields(wanted) if getattr(wanted, one.name) is not None) - _BY_PLACE
    if wanted.session_id is not None:
        return Source(name="of_session", parameters={"family_id": wanted.session_id})
    if wanted.subject is not None:
        return Source(
            name="of_subject", parameters={"of_subject": wanted.subject}, exact=given == {"subject"}
        )
    if wanted.network is not None:
        addresses = await _addresses(connection, wanted.network)
        if len(addresses) <= _MOST_ADDRESSES:
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


async def _addresses(connection: AsyncConnection[Any], network: Network) -> list[IPv4Address | IPv6Address]:
    """The addresses of a network from which anything was done; where there are too many, one too many."""
    if network.num_addresses == 1:
        return [network.network_address]
    cursor = await connection.execute(
        sql(PACKAGE, "addresses_in"),
        {
            "lowest": network.network_address,
            "highest": network.broadcast_address,
            "maximum": _MOST_ADDRESSES + 1,
        },
    )
    return [row[0] for row in await cursor.fetchall()]
