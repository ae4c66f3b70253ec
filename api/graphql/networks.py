"""Addresses and networks that callers filter by."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

import strawberry

from api.graphql.errors import BadUserInputError


def checked_network(value: str | None, *, name: str) -> IPv4Network | IPv6Network | None:
    """The network, of one address where an address is given; None: not given.

    Raises:
        BadUserInputError: it is neither, or has bits set beyond its length.
    """
    if value is None or value is strawberry.UNSET:
        return None
    try:
        network = ip_network(value)
    except ValueError:
        network = None
    if network is None or "%" in value:
        raise BadUserInputError(f"`{name}` must be an address, or a network such as 203.0.113.0/24.")
    return network
