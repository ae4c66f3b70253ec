"""`logout`: by refresh token and by access token, in its three scopes, and idempotent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.server import LOGOUT, REFRESH, Server
from tests.api.test_tokens import claims_of, damaged, forged, granted, refused


async def alive(server: Server, *pairs: Any) -> list[bool]:
    """Whether each session still refreshes."""
    answers = [await server.refresh(pair["refreshToken"]) for pair in pairs]
    return [one["__typename"] == "TokenPair" for one in answers]


async def three(server: Server) -> tuple[Any, Any, Any]:
    """Two sessions of ada and one of bob."""
    return await server.login("ada"), await server.login("ada"), await server.login("bob")


SCOPES = [
    ("THIS", 1, [False, True, True]),
    ("OTHERS", 1, [True, False, True]),
    ("ALL", 2, [False, False, True]),
]


@pytest.mark.parametrize(("scope", "ended", "left"), SCOPES)
@pytest.mark.parametrize("by", ["current token", "token in its window", "access token"])
async def test_each_scope_by_each_proof(
    server: Server, by: str, scope: str, ended: int, left: list[bool]
) -> None:
    own, other, bobs = await three(server)
    presented = own["refreshToken"]
    if by == "token in its window":
        own = granted(await server.refresh(own["refreshToken"]), "ROTATED")
    if by == "access token":
        told = await server.logout(access_token=own["accessToken"], scope=scope)
    else:
        told = await server.logout(presented, scope=scope)
    assert told == {"__typename": "LogoutPayload", "revokedSessions": ended}
    assert await alive(server, own, other, bobs) == left
    reasons = server.execute("SELECT payload::json ->> 'reason' FROM events WHERE type = 'TokenRevoked'")
    expected = {"THIS": {"logout"}, "OTHERS": {"subject"}, "ALL": {"logout", "subject"}}[scope]
    assert {reason for (reason,) in reasons} == expected


async def test_an_old_token_ends_its_own_session_as_reuse_and_nothing_else(server: Server) -> None:
    for scope in ("ALL", "OTHERS", "THIS"):
        server.elapsed = timedelta(0)
        own, other, bobs = await three(server)
        second = await server.refresh(own["refreshToken"])
        server.elapsed = timedelta(seconds=11)
        assert (await server.logout(own["refreshToken"], scope=scope))["revokedSessions"] == 1
        assert await alive(server, second, other, bobs) == [False, True, True]
        assert server.recorded(own["session"]["id"])[-2:] == ["ReuseDetected", "TokenRevoked"]


async def test_unknown_ended_and_forged_tokens_are_a_success_that_ends_nothing(server: Server) -> None:
    pair = await server.login()
    ended = await server.login("bob")
    await server.logout(ended["refreshToken"])
    ahead = await forged(server, pair["refreshToken"], generation=5)
    for token in (
        "nonsense",
        damaged(pair["refreshToken"]),
        ended["refreshToken"],
        ahead,
        pair["accessToken"],
    ):
        for scope in ("THIS", "OTHERS", "ALL"):
            assert (await server.logout(token, scope=scope))["revokedSessions"] == 0
    assert await alive(server, pair) == [True]


async def test_a_token_of_a_confidential_client_that_did_not_authenticate_is_refused(server: Server) -> None:
    pair = await server.login()
    server.execute("UPDATE clients SET confidential = true WHERE client_id = 'web'")
    problem = await server.logout(pair["refreshToken"])
    assert (problem["code"], problem["terminal"], problem["retryable"]) == ("CLIENT_MISMATCH", False, False)


async def test_without_any_token_an_access_token_is_asked_for(server: Server) -> None:
    for query, variables in (
        (LOGOUT, None),
        (LOGOUT, {"input": {}}),
        ("mutation { logout { __typename } }", None),
    ):
        answer = await server.http.graphql(query, variables)
        assert answer.status == 401
        assert answer.json["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "data" not in answer.json


async def test_an_access_token_of_an_ended_session_logs_out_again_without_effect(server: Server) -> None:
    own, other, _ = await three(server)
    await server.logout(own["refreshToken"])
    told = await server.logout(access_token=own["accessToken"], scope="ALL")
    assert told["revokedSessions"] == 0
    assert await alive(server, other) == [True]


async def test_a_refresh_token_goes_before_an_access_token_that_is_bad(server: Server) -> None:
    pair = await server.login()
    told = await server.logout(pair["refreshToken"], access_token="bad")
    assert told["revokedSessions"] == 1


async def test_logging_out_is_never_graced(server: Server) -> None:
    pair = await server.login()
    second = await server.refresh(pair["refreshToken"])
    await server.logout(pair["refreshToken"])
    for token in (pair["refreshToken"], second["refreshToken"]):
        refused(await server.refresh(token), "SESSION_REVOKED")


async def test_a_suspended_subject_can_log_out(server: Server) -> None:
    pair = await server.login()
    server.set_subject(status="suspended")
    assert (await server.logout(pair["refreshToken"]))["revokedSessions"] == 1


async def test_a_hundred_and_fifty_other_sessions_end_each_with_its_event(server: Server) -> None:
    own = await server.login()
    for _ in range(150):
        await server.login()
    assert (await server.logout(own["refreshToken"], scope="OTHERS"))["revokedSessions"] == 150
    counts = server.execute("SELECT count(*) FROM events WHERE type = 'TokenRevoked'")
    assert counts == [(150,)]
    assert await alive(server, own) == [True]


async def test_an_access_token_is_not_valid_after_its_session_ended(server: Server) -> None:
    pair = await server.login()
    await server.logout(pair["refreshToken"])
    answer = await server.http.graphql("{ me { id } }", access_token=pair["accessToken"])
    assert answer.status == 401
    assert claims_of(pair["accessToken"])["sid"] == pair["session"]["id"]


async def test_only_one_token_mutation_runs_in_an_operation(server: Server) -> None:
    pair = await server.login()
    query = (
        "mutation ($t: String) { a: refresh(input: {refreshToken: $t}) { __typename } logout { __typename } }"
    )
    answer = await server.http.graphql(query, {"t": pair["refreshToken"]})
    assert answer.status == 422
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued"]
    granted(
        (await server.http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}})).of("refresh"),
        "ROTATED",
    )
