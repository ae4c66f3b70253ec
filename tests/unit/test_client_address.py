"""Client addresses behind proxies, and the networks they belong to."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from api.client_address import Network, address_prefix, client_address, limited_network

TRUSTED: tuple[Network, ...] = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_an_untrusted_peer_is_the_client_whatever_it_claims() -> None:
    assert client_address("203.0.113.9", ["198.51.100.1"], TRUSTED) == "203.0.113.9"
    assert client_address("203.0.113.9", ["198.51.100.1"], ()) == "203.0.113.9"


def test_a_trusted_peer_without_the_header_is_the_client() -> None:
    assert client_address("10.0.0.1", [], TRUSTED) == "10.0.0.1"


def test_the_address_that_the_outermost_trusted_proxy_saw_is_the_client() -> None:
    assert client_address("10.0.0.1", ["203.0.113.9, 10.0.0.3, 10.0.0.2"], TRUSTED) == "203.0.113.9"


def test_what_the_client_wrote_itself_is_not_believed() -> None:
    assert (
        client_address("10.0.0.1", ["127.0.0.1, 10.9.9.9, 203.0.113.9, 10.0.0.2"], TRUSTED) == "203.0.113.9"
    )


def test_several_headers_are_read_as_one_list_in_their_order() -> None:
    assert client_address("10.0.0.1", ["198.51.100.1", "203.0.113.9", "10.0.0.2"], TRUSTED) == "203.0.113.9"


def test_when_every_hop_is_trusted_the_leftmost_is_the_client() -> None:
    assert client_address("10.0.0.1", ["10.0.0.3, 10.0.0.2"], TRUSTED) == "10.0.0.3"


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("203.0.113.9:51234", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("\t203.0.113.9 ", "203.0.113.9"),
    ],
)
def test_ports_brackets_and_spellings_are_tolerated(hop: str, address: str) -> None:
    assert client_address("10.0.0.1", [hop], TRUSTED) == address


@pytest.mark.parametrize(
    "hop",
    [
        "",
        ",",
        "unknown",
        "_hidden",
        "203.0.113.999",
        "203.0.113.9:",
        "203.0.113.9:http",
        "203.0.113.9:1234567",
        "203.0.113.9:٣",
        "0203.0.113.9",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]443",
        "fe80::1%eth0",
        "'; DROP TABLE events; --",
        "203.0.113.9\x00",
        "\ud800",
        "9" * 100_000,
    ],
)
def test_garbage_falls_back_to_the_peer(hop: str) -> None:
    assert client_address("10.0.0.1", [hop], TRUSTED) == "10.0.0.1"
    assert client_address("10.0.0.1", [f"{hop}, 10.0.0.2"], TRUSTED) == "10.0.0.1"


def test_garbage_left_of_the_client_does_no_harm() -> None:
    assert client_address("10.0.0.1", ["nonsense, 203.0.113.9"], TRUSTED) == "203.0.113.9"


def test_a_peer_is_matched_by_its_ipv4_address_when_the_socket_speaks_ipv6() -> None:
    assert client_address("::ffff:10.0.0.1", ["203.0.113.9"], TRUSTED) == "203.0.113.9"
    assert client_address("::ffff:203.0.113.7", ["203.0.113.9"], TRUSTED) == "203.0.113.7"


def test_an_ipv6_proxy_is_trusted_by_its_network() -> None:
    assert client_address("fd00::1", ["2001:db8::1"], TRUSTED) == "2001:db8::1"


@pytest.mark.parametrize("peer", [None, "", "testclient", "/run/server.sock"])
def test_a_peer_without_an_address_is_unknown_and_not_trusted(peer: str | None) -> None:
    assert client_address(peer, ["203.0.113.9"], TRUSTED) == "unknown"


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("unknown", "unknown"),
    ],
)
def test_the_prefix_is_24_bits_of_ipv4_and_48_of_ipv6(address: str, prefix: str) -> None:
    assert address_prefix(address) == prefix


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_limits_are_shared_by_an_ipv4_address_or_a_64_of_ipv6(address: str, network: str) -> None:
    assert limited_network(address) == network
