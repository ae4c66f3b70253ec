"""Whose request it is: the client's address behind trusted proxies, and the network it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: tuple[Network, ...]) -> str:
    """The address of whoever first spoke to a proxy that is trusted.

    `forwarded_for` holds the values of all X-Forwarded-For headers in order. They are read from the right, as
    each proxy appends the address that it saw, and only as far as trusted proxies wrote them: what stands
    further left a client can make up. When every hop is trusted the leftmost one is the client. Anything
    that is no address, among those that are read, makes the whole header worthless: then the peer is taken.

    Returns:
        The address in its usual spelling, an IPv4 address never as IPv6; `unknown` for a peer without one
        (a Unix socket).
    """
    nearest = _parse(peer or "")
    if nearest is None:
        return UNKNOWN
    if not forwarded_for or not _is_trusted(nearest, trusted):
        return str(nearest)
    client = nearest
    for hop in reversed(",".join(forwarded_for).split(",")):
        address = _parse(hop.strip(" \t"))
        if address is None:
            return str(nearest)
        client = address
        if not _is_trusted(address, trusted):
            break
    return str(client)


@lru_cache(maxsize=8192)
def address_prefix(address: str) -> str:
    """The network by which two addresses are taken for one place: /24 of IPv4, /48 of IPv6.

    What is no address is its own prefix.
    """
    return _network(address, ipv4_bits=24, ipv6_bits=48)


@lru_cache(maxsize=8192)
def limited_network(address: str) -> str:
    """What shares one rate limit: an IPv4 address, or the /64 of which an IPv6 host picks addresses at will.

    What is no address is limited as itself.
    """
    return _network(address, ipv4_bits=32, ipv6_bits=64)


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether it is an address of one of the networks; an IPv4 address that is spelled as IPv6 is IPv4."""
    parsed = _parse(address)
    return parsed is not None and _is_trusted(parsed, networks)


def _network(address: str, *, ipv4_bits: int, ipv6_bits: int) -> str:
    parsed = _parse(address)
    if parsed is None:
        return address
    bits = ipv4_bits if parsed.version == 4 else ipv6_bits
    return str(ip_network((parsed, bits), strict=False))


@lru_cache(maxsize=8192)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address with or without a port and brackets; None: it is none."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not _is_port(port)):
            return None
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return None
    else:
        host = text
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def _is_port(text: str) -> bool:
    return text[0] == ":" and len(text) <= 6 and text[1:].isascii() and text[1:].isdigit()


@lru_cache(maxsize=8192)
def _is_trusted(address: IPv4Address | IPv6Address, trusted: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted)
