"""Limits by address over the API: who is limited, by what, and whose address counts behind proxies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.api.http import Answer, Http
from tests.api.server import LOGIN, LOGOUT, REFRESH, Server, running_server
from tests.api.test_cookies import sign_in
from tests.api.test_tokens import damaged, forged, granted, refused

PROXY = "10.1.2.3"


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[Server]:
    """Three tries in five minutes for an address, two unknown tokens a minute."""
    environ = {
        "TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "3/5m",
        "TOKEN_LEDGER_UNKNOWN_TOKEN_RATE": "2/minute",
        "TOKEN_LEDGER_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8:ffff::/48",
    }
    async with running_server(database_url, environ) as server:
        yield server


def at(server: Server, address: str) -> Http:
    """A caller at an address of its own."""
    return Http(server.application, address=address)


async def pair_of(server: Server, http: Http, subject: str = "ada") -> Any:
    given = {"input": {"assertion": server.assertion(subject), "transport": "BODY"}}
    return granted((await http.graphql(LOGIN, given)).of("login"), "ISSUED")


async def refresh(http: Http, token: str) -> Any:
    return (await http.graphql(REFRESH, {"input": {"refreshToken": token}})).of("refresh")


async def behind(server: Server, *forwarded: str, peer: str = PROXY) -> str:
    """The address that the ledger keeps of a login that came with these headers."""
    given = {"assertion": server.assertion(), "transport": "BODY"}
    body = orjson.dumps({"query": LOGIN, "variables": {"input": given}})
    headers = [("content-type", "application/json"), *(("x-forwarded-for", one) for one in forwarded)]
    answer = await at(server, peer).send("POST", "/graphql", body=body, headers=headers)
    granted(answer.of("login"), "ISSUED")
    rows = server.execute("SELECT data FROM personal_data ORDER BY stream_id DESC LIMIT 1")
    address: str = orjson.loads(rows[0][0])["address"]
    return address


async def test_login_refresh_and_logout_share_the_limit_of_an_address(limited: Server) -> None:
    http = at(limited, "192.0.2.1")
    pair = await pair_of(limited, http)
    second = granted(await refresh(http, pair["refreshToken"]), "ROTATED")
    granted(await refresh(http, second["refreshToken"]), "ROTATED")
    given = {"input": {"refreshToken": second["refreshToken"]}}
    answers: list[tuple[Answer, str]] = [
        (await http.graphql(REFRESH, given), "refresh"),
        (await http.graphql(LOGOUT, given), "logout"),
        (await http.graphql(LOGIN, {"input": {"assertion": "x", "transport": "BODY"}}), "login"),
    ]
    for answer, name in answers:
        problem = answer.of(name)
        assert (problem["code"], problem["terminal"], problem["retryable"]) == ("RATE_LIMITED", False, True)
        assert answer.cookies == []
    wait = answers[0][0].of("refresh")["retryAfterMs"]
    assert 0 < wait <= 100_000
    assert len(limited.recorded(pair["session"]["id"])) == 3


async def test_after_the_time_that_was_told_the_same_request_succeeds(limited: Server) -> None:
    http = at(limited, "192.0.2.1")
    token = (await pair_of(limited, http))["refreshToken"]
    for _ in range(2):
        token = granted(await refresh(http, token), "ROTATED")["refreshToken"]
    problem = refused(await refresh(http, token), "RATE_LIMITED")
    limited.elapsed = timedelta(milliseconds=problem["retryAfterMs"])
    granted(await refresh(http, token), "ROTATED")


async def test_an_assertion_that_met_the_limit_is_still_good(limited: Server) -> None:
    http = at(limited, "192.0.2.1")
    for _ in range(3):
        await pair_of(limited, http)
    given = {"input": {"assertion": limited.assertion(), "transport": "BODY"}}
    refused((await http.graphql(LOGIN, given)).of("login"), "RATE_LIMITED")
    granted((await at(limited, "192.0.2.2").graphql(LOGIN, given)).of("login"), "ISSUED")


async def test_addresses_do_not_limit_each_other_but_a_network_of_one_host_is_one(limited: Server) -> None:
    token = (await pair_of(limited, at(limited, "192.0.2.1")))["refreshToken"]
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "198.51.100.1"):
        token = granted(await refresh(at(limited, address), token), "ROTATED")["refreshToken"]
    refused(await refresh(at(limited, "192.0.2.1"), token), "RATE_LIMITED")
    refused(await refresh(at(limited, "::ffff:192.0.2.1"), token), "RATE_LIMITED")
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"):
        token = granted(await refresh(at(limited, address), token), "ROTATED")["refreshToken"]
    refused(await refresh(at(limited, "2001:db8::4"), token), "RATE_LIMITED")
    granted(await refresh(at(limited, "2001:db8:0:1::4"), token), "ROTATED")


async def test_unknown_tokens_have_a_limit_of_their_own_and_known_ones_go_on(limited: Server) -> None:
    http = at(limited, "192.0.2.1")
    pair = await pair_of(limited, http)
    unknown = [damaged(pair["refreshToken"]), "nonsense"]
    for token in unknown:
        refused(await refresh(http, token), "TOKEN_UNKNOWN")
    problem = refused(await refresh(http, "more nonsense"), "RATE_LIMITED")
    assert 0 < problem["retryAfterMs"] <= 30_000
    granted(await refresh(http, pair["refreshToken"]), "ROTATED")
    refused(await refresh(at(limited, "192.0.2.2"), "nonsense"), "TOKEN_UNKNOWN")
    limited.elapsed = timedelta(milliseconds=problem["retryAfterMs"])
    refused(await refresh(http, "more nonsense"), "TOKEN_UNKNOWN")


async def test_forged_tokens_with_a_right_mac_count_as_unknown(limited: Server) -> None:
    pair = await pair_of(limited, at(limited, "192.0.2.1"))
    thief = at(limited, "192.0.2.9")
    for generation in (0, 5):
        made = await forged(limited, pair["refreshToken"], generation=generation)
        refused(await refresh(thief, made), "TOKEN_UNKNOWN")
    refused(await refresh(thief, await forged(limited, pair["refreshToken"], generation=0)), "RATE_LIMITED")
    granted(await refresh(at(limited, "192.0.2.1"), pair["refreshToken"]), "ROTATED")


async def test_a_missing_token_is_told_at_any_rate_and_takes_nothing(limited: Server) -> None:
    http = at(limited, "192.0.2.1")
    for _ in range(10):
        refused((await http.graphql(REFRESH)).of("refresh"), "TOKEN_MISSING")
    await pair_of(limited, http)


async def test_a_cross_site_request_takes_nothing_of_its_victims_limit(limited: Server) -> None:
    cookie = await sign_in(limited)
    for _ in range(5):
        answer = await limited.refresh_cookie(cookie, origin="https://evil.example")
        refused(answer.of("refresh"), "CSRF_FAILED")
    granted((await limited.refresh_cookie(cookie)).of("refresh"), "ROTATED")


async def test_reads_are_not_limited(limited: Server) -> None:
    http = at(limited, "192.0.2.1")
    pair = await pair_of(limited, http)
    for _ in range(6):
        assert (await http.graphql("{ me { id } }", access_token=pair["accessToken"])).status == 200


async def test_behind_trusted_proxies_the_client_is_whom_the_last_of_them_saw(limited: Server) -> None:
    assert await behind(limited, "203.0.113.7") == "203.0.113.7"
    assert await behind(limited, "1.2.3.4, 203.0.113.8") == "203.0.113.8"
    assert await behind(limited, "1.2.3.4", "203.0.113.9, 10.9.9.9") == "203.0.113.9"
    assert await behind(limited, "10.0.0.1, 10.0.0.2") == "10.0.0.1"
    assert await behind(limited, "[2001:db8::7]:443", peer="2001:db8:ffff::1") == "2001:db8::7"
    assert await behind(limited, "203.0.113.10:1234") == "203.0.113.10"


async def test_whoever_is_no_trusted_proxy_cannot_choose_an_address(limited: Server) -> None:
    assert await behind(limited, "203.0.113.7", peer="198.51.100.1") == "198.51.100.1"
    assert await behind(limited, "10.0.0.1", peer="198.51.100.2") == "198.51.100.2"


async def test_garbage_of_a_trusted_proxy_falls_back_to_it(limited: Server) -> None:
    for number, garbage in enumerate(
        ("", "unknown", "x" * 5000, "203.0.113.7\x00", "1.2.3.4, ,", "999.1.1.1", "'; DROP TABLE events")
    ):
        peer = f"10.1.3.{number}"
        assert await behind(limited, garbage, peer=peer) == peer


async def test_the_limit_is_of_the_client_and_not_of_the_proxy(limited: Server) -> None:
    for number in range(5):
        assert await behind(limited, f"203.0.113.{number}") == f"203.0.113.{number}"
    given = {"input": {"assertion": limited.assertion(), "transport": "BODY"}}
    limited_one = {"x-forwarded-for": "spoofed, 203.0.113.77"}
    http = at(limited, PROXY)
    for _ in range(3):
        given["input"]["assertion"] = limited.assertion()
        granted((await http.graphql(LOGIN, given, headers=limited_one)).of("login"), "ISSUED")
    given["input"]["assertion"] = limited.assertion()
    refused((await http.graphql(LOGIN, given, headers=limited_one)).of("login"), "RATE_LIMITED")
    other = {"x-forwarded-for": "203.0.113.77, 203.0.113.78"}
    granted((await http.graphql(LOGIN, given, headers=other)).of("login"), "ISSUED")
