"""`login` and `refresh`: each row of the decision table as its caller sees it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from ledger import refresh_token
from ledger.answers import RefusalCode
from tests.api.http import BROWSER, Answer, Http
from tests.api.server import LOGIN, REFRESH, Server, running_server

FIXED = {
    "TOKEN_MISSING": (True, False),
    "TOKEN_UNKNOWN": (True, False),
    "CLIENT_MISMATCH": (False, False),
    "CSRF_FAILED": (False, False),
    "RATE_LIMITED": (False, True),
    "SESSION_REVOKED": (True, False),
    "SESSION_EXPIRED": (True, False),
    "SUBJECT_INACTIVE": (False, True),
    "REUSE_DETECTED": (True, False),
    "ASSERTION_INVALID": (False, False),
    "SESSION_LIMIT_REACHED": (False, False),
}
"""Terminal and retryable of every code that can be answered, as the contract fixes them."""


def refused(problem: Any, code: str) -> Any:
    """The problem, its code and what is fixed for that checked."""
    assert problem["__typename"] == "AuthProblem", problem
    assert problem["code"] == code, problem
    assert (problem["terminal"], problem["retryable"]) == FIXED[code]
    assert (problem["retryAfterMs"] is not None) == (code == "RATE_LIMITED")
    assert problem["message"]
    assert problem["requestId"]
    return problem


def granted(pair: Any, outcome: str) -> Any:
    assert pair["__typename"] == "TokenPair", pair
    assert pair["outcome"] == outcome, pair
    return pair


def claims_of(access_token: str) -> Any:
    payload = access_token.split(".")[1]
    return orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def damaged(token: str) -> str:
    """The same token with another last character of its secret part."""
    return token[:60] + ("A" if token[60] != "A" else "B") + token[61:]


async def forged(server: Server, token: str, *, generation: int) -> str:
    """A token with a right mac and a secret that was never issued."""
    keys = server.application._keys.loaded.rings.refresh
    known = refresh_token.decode(token, key=keys.key)
    assert known is not None
    made = refresh_token.RefreshToken(family_id=known.family_id, generation=generation, secret=b"x" * 32)
    return refresh_token.encode(made, key_number=keys.current_number, key=keys.current)


def test_every_code_that_is_answered_has_its_fixed_values() -> None:
    assert set(FIXED) == {one.value.upper() for one in RefusalCode} - {"BINDING_FAILED"}


async def test_a_login_opens_a_session_with_deadlines_and_claims(server: Server) -> None:
    before = datetime.now(UTC)
    answer = await server.http.graphql(
        LOGIN,
        {
            "input": {
                "assertion": server.assertion("ada", email="ada@example.org", role={"of": ["x", 1]}),
                "transport": "BODY",
                "deviceLabel": "laptop ☂",
            }
        },
    )
    pair = granted(answer.of("login"), "ISSUED")
    assert answer.header("cache-control") == "no-store"
    assert answer.cookies == []
    assert pair["tokenType"] == "Bearer"
    assert (len(pair["refreshToken"]), pair["refreshToken"][:5]) == (97, "tlrt_")
    idle, absolute, access = (
        datetime.fromisoformat(pair[name])
        for name in ("refreshTokenExpiresAt", "sessionExpiresAt", "accessTokenExpiresAt")
    )
    assert timedelta(0) <= idle - before - timedelta(days=7) < timedelta(minutes=1)
    assert timedelta(0) <= absolute - before - timedelta(days=30) < timedelta(minutes=1)
    assert timedelta(minutes=14) < access - before < timedelta(minutes=15, seconds=1)
    assert pair["session"] | {"id": ""} == {"id": "", "generation": 0, "status": "ACTIVE", "isCurrent": True}
    claims = claims_of(pair["accessToken"])
    assert (claims["sub"], claims["client_id"], claims["sid"]) == ("ada", "web", pair["session"]["id"])
    assert (claims["email"], claims["role"]) == ("ada@example.org", {"of": ["x", 1]})
    assert "scope" not in claims


async def test_row_1_no_token_and_no_token_of_ours(server: Server) -> None:
    pair = await server.login()
    token = pair["refreshToken"]
    refused((await server.http.graphql(REFRESH)).of("refresh"), "TOKEN_MISSING")
    refused(
        (await server.http.graphql(REFRESH, {"input": {"refreshToken": ""}})).of("refresh"), "TOKEN_MISSING"
    )
    for other in (
        "nonsense",
        token[:-1],
        token + "A",
        damaged(token),
        token.replace("tlrt_", "tlrx_"),
        pair["accessToken"],
        server.assertion(),
        "tlrt_" + "\u0661" * 92,
        "tlrt_" + "=" * 92,
        " " + token[1:],
    ):
        refused(await server.refresh(other), "TOKEN_UNKNOWN")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued"]
    granted(await server.refresh(token), "ROTATED")


async def test_row_3_a_family_that_is_not_there(server: Server) -> None:
    pair = await server.login()
    server.execute("DELETE FROM active_tokens")
    refused(await server.refresh(pair["refreshToken"]), "TOKEN_UNKNOWN")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued"]
    server.execute("ALTER TABLE events DISABLE TRIGGER append_only")
    server.execute("DELETE FROM events")


async def test_row_4_another_client_and_a_client_that_does_not_authenticate(server: Server) -> None:
    pair = await server.login()
    token = pair["refreshToken"]
    for _ in range(3):
        refused(await server.refresh(token, clientId="other"), "CLIENT_MISMATCH")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "RefreshRefused"]
    server.elapsed = timedelta(seconds=61)
    refused(await server.refresh(token, clientId="other"), "CLIENT_MISMATCH")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "RefreshRefused", "RefreshRefused"]
    server.execute("UPDATE clients SET confidential = true WHERE client_id = 'web'")
    refused(await server.refresh(token), "CLIENT_MISMATCH")
    server.execute("UPDATE clients SET confidential = false WHERE client_id = 'web'")
    granted(await server.refresh(token, clientId="web"), "ROTATED")


async def test_row_4_comes_after_the_end_of_a_session_without_an_event(server: Server) -> None:
    pair = await server.login()
    await server.logout(pair["refreshToken"])
    refused(await server.refresh(pair["refreshToken"], clientId="other"), "CLIENT_MISMATCH")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "TokenRevoked"]


async def test_row_5_a_revoked_session_and_the_first_late_replay_after_it(server: Server) -> None:
    pair = await server.login()
    second = await server.refresh(pair["refreshToken"])
    await server.logout(second["refreshToken"])
    problem = refused(await server.refresh(second["refreshToken"]), "SESSION_REVOKED")
    assert problem["endedReason"] == "LOGOUT"
    refused(await server.refresh(pair["refreshToken"]), "SESSION_REVOKED")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "TokenRotated", "TokenRevoked"]
    server.elapsed = timedelta(seconds=11)
    for _ in range(2):
        refused(await server.refresh(pair["refreshToken"]), "SESSION_REVOKED")
    assert server.recorded(pair["session"]["id"])[3:] == ["ReplayedAfterRevocation"]


@pytest.mark.parametrize(
    ("days", "steps", "reason"), [(7, 1, "IDLE"), (30, 5, "ABSOLUTE")], ids=["idle", "absolute"]
)
async def test_row_6_a_deadline_that_passed(server: Server, days: int, steps: int, reason: str) -> None:
    pair = await server.login()
    token = pair["refreshToken"]
    for step in range(1, steps):
        server.elapsed = timedelta(days=days / steps * step)
        token = granted(await server.refresh(token), "ROTATED")["refreshToken"]
    server.elapsed = timedelta(days=days, seconds=1)
    for _ in range(2):
        assert refused(await server.refresh(token), "SESSION_EXPIRED")["endedReason"] == reason
    assert server.recorded(pair["session"]["id"]) == [
        "TokenIssued",
        *["TokenRotated"] * (steps - 1),
        "TokenExpired",
    ]


async def test_row_7_a_suspended_subject_keeps_its_sessions(server: Server) -> None:
    pair = await server.login()
    server.set_subject(status="suspended")
    refused(await server.refresh(pair["refreshToken"]), "SUBJECT_INACTIVE")
    refused((await server.login_answer()).of("login"), "SUBJECT_INACTIVE")
    server.set_subject(status="active")
    granted(await server.refresh(pair["refreshToken"]), "ROTATED")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "RefreshRefused", "TokenRotated"]


async def test_an_assertion_of_a_suspended_subject_can_be_used_after_reactivation(server: Server) -> None:
    server.set_subject(status="suspended")
    given = {"input": {"assertion": server.assertion(), "transport": "BODY"}}
    refused((await server.http.graphql(LOGIN, given)).of("login"), "SUBJECT_INACTIVE")
    server.set_subject(status="active")
    granted((await server.http.graphql(LOGIN, given)).of("login"), "ISSUED")


@pytest.mark.parametrize("table", ["subjects", "clients", "everyone"])
async def test_row_7_a_session_opened_before_a_not_before(server: Server, table: str) -> None:
    pair = await server.login()
    boundary = datetime.now(UTC)
    match table:
        case "subjects":
            server.set_subject(not_before=boundary)
        case "clients":
            server.execute("UPDATE clients SET not_before = %s", boundary)
        case _:
            server.execute("UPDATE everyone SET not_before = %s", boundary)
    problem = refused(await server.refresh(pair["refreshToken"]), "SESSION_REVOKED")
    assert problem["endedReason"] == "NOT_BEFORE"
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "TokenRevoked"]
    later = await server.login()
    granted(await server.refresh(later["refreshToken"]), "ROTATED")


async def test_row_8_rotates_and_extends_the_idle_deadline_only(server: Server) -> None:
    pair = await server.login()
    server.elapsed = timedelta(days=1)
    second = granted(await server.refresh(pair["refreshToken"]), "ROTATED")
    assert second["refreshToken"] != pair["refreshToken"]
    assert second["session"]["generation"] == 1
    assert second["sessionExpiresAt"] == pair["sessionExpiresAt"]
    extended = datetime.fromisoformat(second["refreshTokenExpiresAt"]) - datetime.fromisoformat(
        pair["refreshTokenExpiresAt"]
    )
    assert timedelta(days=1) <= extended < timedelta(days=1, minutes=1)
    assert claims_of(pair["accessToken"])["exp"] < claims_of(second["accessToken"])["exp"]


async def test_row_8_over_the_familys_limit_the_token_is_not_consumed(server: Server) -> None:
    pair = await server.login()
    token = pair["refreshToken"]
    for _ in range(20):
        token = granted(await server.refresh(token), "ROTATED")["refreshToken"]
    problem = refused(await server.refresh(token), "RATE_LIMITED")
    assert 0 < problem["retryAfterMs"] <= 3000
    server.elapsed = timedelta(milliseconds=problem["retryAfterMs"])
    granted(await server.refresh(token), "ROTATED")


async def test_row_9_a_replay_in_its_window_gets_the_current_token(server: Server) -> None:
    first = await server.login()
    second = await server.refresh(first["refreshToken"])
    server.elapsed = timedelta(seconds=5)
    third = await server.refresh(second["refreshToken"])
    replay = granted(await server.refresh(first["refreshToken"]), "REPLAYED")
    assert replay["refreshToken"] == third["refreshToken"]
    assert replay["refreshTokenExpiresAt"] == third["refreshTokenExpiresAt"]
    assert replay["accessToken"] != third["accessToken"]
    server.elapsed = timedelta(seconds=11)
    assert (await server.refresh(second["refreshToken"]))["refreshToken"] == third["refreshToken"]
    granted(await server.refresh(third["refreshToken"]), "ROTATED")


async def test_row_9_over_a_hundred_replays_and_pushed_out_by_a_burst(server: Server) -> None:
    server.set_policy(rate_per_family=None)
    first = await server.login()
    second = await server.refresh(first["refreshToken"])
    for _ in range(100):
        granted(await server.refresh(first["refreshToken"]), "REPLAYED")
    refused(await server.refresh(first["refreshToken"]), "RATE_LIMITED")
    token = second["refreshToken"]
    for _ in range(9):
        token = (await server.refresh(token))["refreshToken"]
    refused(await server.refresh(second["refreshToken"]), "RATE_LIMITED")
    granted(await server.refresh(token), "ROTATED")


async def test_row_10_a_lost_response_is_recovered_three_times(server: Server) -> None:
    server.set_policy(lost_response_window=3600)
    pair = await server.login()
    second = await server.refresh(pair["refreshToken"])
    server.elapsed = timedelta(minutes=30)
    for _ in range(3):
        again = granted(await server.refresh(pair["refreshToken"]), "REPLAYED")
        assert again["refreshToken"] == second["refreshToken"]
    refused(await server.refresh(pair["refreshToken"]), "REUSE_DETECTED")


async def test_row_10_not_for_another_kind_of_program(server: Server) -> None:
    server.set_policy(lost_response_window=3600)
    pair = await server.login()
    await server.refresh(pair["refreshToken"])
    server.elapsed = timedelta(minutes=30)
    thief = Http(server.application, user_agent="curl/8.16.0")
    refused(await server.refresh(pair["refreshToken"], thief), "REUSE_DETECTED")


async def test_row_11_reuse_ends_the_family_and_is_committed_before_it_is_told(server: Server) -> None:
    first = await server.login()
    second = await server.refresh(first["refreshToken"])
    server.elapsed = timedelta(seconds=11)
    problem = refused(await server.refresh(first["refreshToken"]), "REUSE_DETECTED")
    assert problem["endedReason"] is None
    assert server.recorded(first["session"]["id"]) == [
        "TokenIssued",
        "TokenRotated",
        "ReuseDetected",
        "TokenRevoked",
    ]
    assert refused(await server.refresh(second["refreshToken"]), "SESSION_REVOKED")["endedReason"] == "REUSE"
    again = await server.login()
    detected = (await server.events(first["session"]["id"], again["accessToken"]))[2]
    assert detected["actor"] == "system"
    assert detected["data"] == {
        "subtype": "late_replay",
        "presented_generation": 0,
        "generation": 1,
        "seconds_since_rotation": 11,
        "enforced": True,
    }


async def test_row_11_a_thief_who_follows_each_rotation_from_elsewhere_is_caught(server: Server) -> None:
    server.set_policy(rate_per_family=None)
    token = (await server.login())["refreshToken"]
    thief = Http(server.application, address="203.0.113.9")
    for _ in range(5):
        successor = granted(await server.refresh(token), "ROTATED")["refreshToken"]
        granted(await server.refresh(token, thief), "REPLAYED")
        token = successor
    await server.refresh(token)
    refused(await server.refresh(token, thief), "REUSE_DETECTED")


async def test_shadow_mode_refuses_the_token_and_lets_the_family_live(server: Server) -> None:
    server.set_policy(shadow=True)
    first = await server.login()
    second = await server.refresh(first["refreshToken"])
    server.elapsed = timedelta(seconds=11)
    for _ in range(2):
        refused(await server.refresh(first["refreshToken"]), "REUSE_DETECTED")
    granted(await server.refresh(second["refreshToken"]), "ROTATED")
    assert server.recorded(first["session"]["id"]) == [
        "TokenIssued",
        "TokenRotated",
        "ReuseDetected",
        "TokenRotated",
    ]


async def test_row_12_a_forged_secret_and_a_generation_ahead_end_nothing(server: Server) -> None:
    pair = await server.login()
    for generation in (0, 0, 7):
        made = await forged(server, pair["refreshToken"], generation=generation)
        refused(await server.refresh(made), "TOKEN_UNKNOWN")
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "ForgeryDetected"]
    granted(await server.refresh(pair["refreshToken"]), "ROTATED")


async def test_hidden_reuse_looks_like_any_revoked_session(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_HIDE_REUSE": "on"}) as server:
        first = await server.login()
        await server.refresh(first["refreshToken"])
        server.elapsed = timedelta(seconds=11)
        reuse = refused(await server.refresh(first["refreshToken"]), "SESSION_REVOKED")
        other = await server.login()
        await server.logout(other["refreshToken"])
        logged_out = refused(await server.refresh(other["refreshToken"]), "SESSION_REVOKED")
        assert reuse | {"requestId": ""} == logged_out | {"requestId": ""}


async def test_an_assertion_is_accepted_once(server: Server) -> None:
    given = {"input": {"assertion": server.assertion(), "transport": "BODY"}}
    granted((await server.http.graphql(LOGIN, given)).of("login"), "ISSUED")
    problem = refused((await server.http.graphql(LOGIN, given)).of("login"), "ASSERTION_INVALID")
    assert "once" in problem["message"]


async def test_a_used_assertion_stays_used_whatever_it_is_shown_with(server: Server) -> None:
    given = {"assertion": server.assertion(), "transport": "BODY"}
    granted((await server.http.graphql(LOGIN, {"input": given})).of("login"), "ISSUED")
    server.set_subject(status="suspended")
    for more in ({"clientId": "nobody"}, {}, {"clientId": "nobody"}):
        answer = await server.http.graphql(LOGIN, {"input": given | more})
        refused(answer.of("login"), "ASSERTION_INVALID")
    server.set_subject(status="active")
    refused((await server.http.graphql(LOGIN, {"input": given})).of("login"), "ASSERTION_INVALID")
    assert server.execute("SELECT count(*) FROM active_tokens") == [(1,)]


async def test_an_assertion_shown_at_once_with_different_clients_opens_one_session(server: Server) -> None:
    for _ in range(5):
        given = {"assertion": server.assertion(), "transport": "BODY"}
        answers = await asyncio.gather(
            *(
                server.http.graphql(LOGIN, {"input": given | {"clientId": client}})
                for client in ("nobody", "web", "nobody", "web", "web")
            )
        )
        again = await server.http.graphql(LOGIN, {"input": given})
        told = [one.of("login").get("outcome") for one in (*answers, again)]
        assert told.count("ISSUED") == 1


async def test_what_is_no_assertion_is_refused_with_the_reason(server: Server) -> None:
    pair = await server.login()
    good = server.assertion()
    _, payload, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    for bad in (
        "",
        "x",
        "a.b.c",
        good[:-4] + "AAAA",
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        pair["accessToken"],
        pair["refreshToken"],
        good + "=",
        "x" * 20_000,
        "☂",
    ):
        answer = await server.http.graphql(LOGIN, {"input": {"assertion": bad, "transport": "BODY"}})
        refused(answer.of("login"), "ASSERTION_INVALID")
    expired = server.assertion()
    server.elapsed = timedelta(minutes=6)
    answer = await server.http.graphql(LOGIN, {"input": {"assertion": expired, "transport": "BODY"}})
    assert "expired" in refused(answer.of("login"), "ASSERTION_INVALID")["message"]


async def test_an_unknown_client_cannot_open_a_session_and_the_assertion_stays_good(server: Server) -> None:
    given = {"assertion": server.assertion(), "transport": "BODY"}
    answer = await server.http.graphql(LOGIN, {"input": given | {"clientId": "nobody"}})
    refused(answer.of("login"), "CLIENT_MISMATCH")
    granted((await server.http.graphql(LOGIN, {"input": given})).of("login"), "ISSUED")


async def test_the_successor_is_what_the_ratchet_says_and_the_row_holds_hashes_only(server: Server) -> None:
    pair = await server.login()
    second = await server.refresh(pair["refreshToken"])
    keys = server.application._keys.loaded.rings.refresh
    token = refresh_token.decode(second["refreshToken"], key=keys.key)
    assert token is not None
    rows = server.execute("SELECT secret_hash FROM active_tokens")
    assert rows == [(hashlib.sha256(token.secret).digest(),)]


async def test_every_answer_with_a_token_is_never_stored(server: Server) -> None:
    pair = await server.login()
    answers: list[Answer] = [
        await server.login_answer(),
        await server.http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}}),
        await server.http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}}),
    ]
    assert {one.header("cache-control") for one in answers} == {"no-store"}
    assert len({one.header("x-request-id") for one in answers}) == 3


async def test_the_request_id_is_the_correlation_id_of_the_event(server: Server) -> None:
    answer = await server.login_answer()
    rows = server.execute("SELECT correlation_id::text FROM events")
    assert rows == [(answer.header("x-request-id"),)]


async def test_the_user_agent_and_the_address_are_kept_beside_the_event(server: Server) -> None:
    pair = await server.login()
    phone = Http(server.application, address="2001:db8::7", user_agent="Phone/1")
    await server.refresh(pair["refreshToken"], phone)
    rows = server.execute("SELECT data FROM personal_data ORDER BY version")
    assert [orjson.loads(data) for (data,) in rows] == [
        {"address": "192.0.2.7", "user_agent": BROWSER},
        {"address": "2001:db8::7", "user_agent": "Phone/1"},
    ]
