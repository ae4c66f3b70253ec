"""Confidential clients over GraphQL: HTTP Basic for `login`, `refresh` and `logout` of their own sessions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from api.client_authentication import ClientAuthenticator
from ledger.clients import read_credentials
from tests.api.clients import basic, new_client, new_secret, opened
from tests.api.server import LOGIN, LOGOUT, REFRESH, Server, running_server

CLIENT = "back end: ü"


async def login(server: Server, headers: Mapping[str, str], client_id: str = CLIENT) -> Any:
    given = {"assertion": server.assertion(), "transport": "BODY", "clientId": client_id}
    return (await server.http.graphql(LOGIN, {"input": given}, headers=headers)).of("login")


async def refresh(server: Server, token: str, headers: Mapping[str, str]) -> Any:
    answer = await server.http.graphql(REFRESH, {"input": {"refreshToken": token}}, headers=headers)
    return answer.of("refresh")


async def logout(server: Server, token: str, headers: Mapping[str, str]) -> Any:
    answer = await server.http.graphql(LOGOUT, {"input": {"refreshToken": token}}, headers=headers)
    return answer.of("logout")


async def test_a_client_that_proves_itself_opens_redeems_and_ends_its_sessions(server: Server) -> None:
    headers = basic(CLIENT, await new_client(server, CLIENT))
    first = opened(await login(server, headers))
    second = opened(await refresh(server, first["refreshToken"], headers))
    assert second["outcome"] == "ROTATED"
    assert await logout(server, second["refreshToken"], headers) == {
        "__typename": "LogoutPayload",
        "revokedSessions": 1,
    }


async def test_what_proves_nothing_is_a_mismatch_and_leaves_the_session_as_it_was(server: Server) -> None:
    secret = await new_client(server, CLIENT)
    other = await new_client(server, "other")
    pair = opened(await login(server, basic(CLIENT, secret)))
    token = pair["refreshToken"]
    for headers in (
        {},
        basic(CLIENT, secret[:-1] + ("A" if secret[-1] != "A" else "B")),
        basic(CLIENT, ""),
        basic("nobody", secret),
        basic("", secret),
        basic("other", other),
        basic("web", ""),
        basic("no\x00body", secret),
        basic("n" * 300, secret),
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
        {"authorization": "Basic " + base64.b64encode(b"%ff:%ff").decode()},
        {"authorization": "Basic " + "A" * 5000},
        {"authorization": f"Bearer {pair['accessToken']}"},
    ):
        for told in (
            await login(server, headers),
            await refresh(server, token, headers),
            await logout(server, token, headers),
        ):
            assert told["__typename"] == "AuthProblem", (headers, told)
            assert (told["code"], told["terminal"], told["retryable"]) == ("CLIENT_MISMATCH", False, False)
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "RefreshRefused"]
    assert opened(await refresh(server, token, basic(CLIENT, secret)))["outcome"] == "ROTATED"


async def test_a_client_that_proves_itself_has_no_part_in_anothers_session(server: Server) -> None:
    headers = basic("other", await new_client(server, "other"))
    pair = await server.login()
    for told in (
        await refresh(server, pair["refreshToken"], headers),
        await logout(server, pair["refreshToken"], headers),
        await login(server, headers, "web"),
    ):
        assert told["code"] == "CLIENT_MISMATCH"
    assert (await server.refresh(pair["refreshToken"]))["outcome"] == "ROTATED"


async def test_an_operation_that_needs_an_access_token_is_not_for_basic(server: Server) -> None:
    headers = basic(CLIENT, await new_client(server, CLIENT))
    answer = await server.http.graphql("{ me { id } }", headers=headers)
    assert answer.status == 401
    assert (answer.header("www-authenticate") or "").startswith("Bearer")
    answer = await server.http.graphql(LOGOUT, headers=headers)
    assert answer.status == 401


async def test_a_new_secret_replaces_the_old_one_within_a_second(database_url: str) -> None:
    async with running_server(database_url) as server:
        first = await new_client(server, CLIENT)
        token = opened(await login(server, basic(CLIENT, first)))["refreshToken"]
        second = await new_secret(server, CLIENT)
        clock = [0.0]
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            credentials = await read_credentials(connection, CLIENT)
        assert credentials is not None
        assert credentials.proved_by(second)
        assert not credentials.proved_by(first)
        authenticator = ClientAuthenticator(server.application._reading, monotonic=lambda: clock[0])
        server.application._graphql._client_authenticator = authenticator
        assert opened(await refresh(server, token, basic(CLIENT, second)))
        third = await new_secret(server, CLIENT)
        clock[0] = 0.89
        assert (await refresh(server, token, basic(CLIENT, third)))["code"] == "CLIENT_MISMATCH"
        clock[0] = 1.0
        assert (await refresh(server, token, basic(CLIENT, second)))["code"] == "CLIENT_MISMATCH"
        assert opened(await refresh(server, token, basic(CLIENT, third)))


async def test_what_is_remembered_of_unknown_clients_is_bounded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.client_authentication._REMEMBERED", 3)
    authenticator = ClientAuthenticator(server.application._reading)
    for number in range(10):
        assert await authenticator.find(f"nobody {number}") is None
    assert len(authenticator._known) == 3


async def test_an_address_over_its_limit_has_nothing_looked_up(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "2/minute"}) as server:
        headers = basic("nobody", "x")
        told = [(await login(server, headers))["code"] for _ in range(2)]
        assert told == ["CLIENT_MISMATCH", "CLIENT_MISMATCH"]
        told = [(await login(server, basic(f"nobody {number}", "x")))["code"] for number in range(3)]
        assert told == ["RATE_LIMITED"] * 3
        assert list(server.application._graphql._client_authenticator._known) == ["nobody"]
