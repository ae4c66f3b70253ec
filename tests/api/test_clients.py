"""The rules of a client of its own, set as an operator sets them and seen as its users see them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.api.clients import changed, new_client, opened
from tests.api.http import Http
from tests.api.server import Server

CLIENT = "mobile"


async def session(server: Server, *rules: str, subject: str = "ada") -> Any:
    """The pair of a new session of a new public client with these rules."""
    await new_client(server, CLIENT, *rules, public=True)
    return await server.login(subject, clientId=CLIENT)


async def login(server: Server, subject: str = "ada", client_id: str = CLIENT) -> Any:
    """What another login of the client answers."""
    return (await server.login_answer(subject, clientId=client_id)).of("login")


async def rotated(server: Server, token: str, http: Http | None = None) -> str:
    """The successor of a token."""
    pair = opened(await server.refresh(token, http))
    assert pair["outcome"] == "ROTATED"
    return str(pair["refreshToken"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ends(server: Server) -> list[tuple[str, str]]:
    """Sessions that were ended by decision, with their reason, in the order of their opening."""
    rows: list[tuple[str, str]] = server.execute(
        "SELECT family_id::text, ended_reason FROM active_tokens WHERE status = 'revoked' ORDER BY opened_at"
    )
    return rows


# ----------------------------------------------------------------------------------------------- lifetimes


async def test_each_lifetime_of_a_client_is_its_own(server: Server) -> None:
    before = server.now()
    pair = await session(server, "access_ttl=60s", "idle_ttl=2h", "absolute_ttl=3h")
    for name, lifetime in (("refreshTokenExpiresAt", 2 * 3600), ("sessionExpiresAt", 3 * 3600)):
        assert 0 <= (moment(pair[name]) - before).total_seconds() - lifetime < 10
    assert 56 <= (moment(pair["accessTokenExpiresAt"]) - before).total_seconds() < 70
    other = await server.login()
    assert moment(other["sessionExpiresAt"]) - before > timedelta(days=29)


async def test_a_client_with_a_short_session_is_cut_by_it_and_not_refused(server: Server) -> None:
    before = server.now()
    pair = await session(server, "absolute_ttl=30s")
    for name in ("accessTokenExpiresAt", "refreshTokenExpiresAt", "sessionExpiresAt"):
        assert moment(pair[name]) - before < timedelta(seconds=40)
    server.elapsed += timedelta(seconds=31)
    told = await server.refresh(pair["refreshToken"])
    assert (told["code"], told["endedReason"]) == ("SESSION_EXPIRED", "ABSOLUTE")


async def test_without_extension_a_session_ends_at_its_first_idle_deadline(server: Server) -> None:
    pair = await session(server, "extend_idle=off", "idle_ttl=2h")
    server.elapsed += timedelta(hours=1)
    second = opened(await server.refresh(pair["refreshToken"]))
    assert second["refreshTokenExpiresAt"] == pair["refreshTokenExpiresAt"]
    server.elapsed += timedelta(hours=1)
    told = await server.refresh(second["refreshToken"])
    assert (told["code"], told["endedReason"]) == ("SESSION_EXPIRED", "IDLE")


async def test_with_extension_each_rotation_moves_the_idle_deadline(server: Server) -> None:
    pair = await session(server, "idle_ttl=2h")
    token = pair["refreshToken"]
    for _ in range(3):
        server.elapsed += timedelta(minutes=90)
        token = await rotated(server, token)


async def test_a_changed_rule_holds_from_the_next_request_on(server: Server) -> None:
    pair = await session(server)
    await changed(server, CLIENT, "grace=0s", "idle_ttl=1h")
    second = opened(await server.refresh(pair["refreshToken"]))
    assert moment(second["refreshTokenExpiresAt"]) - server.now() <= timedelta(hours=1)
    assert (await server.refresh(pair["refreshToken"]))["code"] == "REUSE_DETECTED"


async def test_a_changed_grace_moves_no_window_that_is_open(server: Server) -> None:
    pair = await session(server, "grace=30s")
    await rotated(server, pair["refreshToken"])
    await changed(server, CLIENT, "grace=0s")
    server.elapsed += timedelta(seconds=25)
    assert (await server.refresh(pair["refreshToken"]))["outcome"] == "REPLAYED"


# ------------------------------------------------------------------------------------------------- replays


async def test_in_shadow_mode_reuse_is_reported_and_the_session_lives(server: Server) -> None:
    pair = await session(server, "shadow=on")
    second = await rotated(server, pair["refreshToken"])
    server.elapsed += timedelta(seconds=11)
    told = await server.refresh(pair["refreshToken"])
    assert (told["code"], told["terminal"]) == ("REUSE_DETECTED", True)
    third = opened(await server.refresh(second))
    events = await server.events(pair["session"]["id"], third["accessToken"])
    assert [event["type"] for event in events] == [
        "TOKEN_ISSUED",
        "TOKEN_ROTATED",
        "REUSE_DETECTED",
        "TOKEN_ROTATED",
    ]
    assert events[2]["data"]["enforced"] is False
    await changed(server, CLIENT, unset=["shadow"])
    server.elapsed += timedelta(seconds=11)
    assert (await server.refresh(pair["refreshToken"]))["code"] == "REUSE_DETECTED"
    assert (await server.refresh(third["refreshToken"]))["code"] == "SESSION_REVOKED"


async def test_a_lost_response_is_recovered_from_another_network_within_its_window(server: Server) -> None:
    pair = await session(server, "lost_response_window=1h")
    second = await rotated(server, pair["refreshToken"])
    elsewhere = Http(server.application, address="203.0.113.9")
    server.elapsed += timedelta(minutes=59)
    again = opened(await server.refresh(pair["refreshToken"], elsewhere))
    assert (again["outcome"], again["refreshToken"]) == ("REPLAYED", second)
    events = await server.events(pair["session"]["id"], again["accessToken"])
    assert events[-1]["data"]["cause"] == "lost_response"
    server.elapsed += timedelta(minutes=1)
    assert (await server.refresh(pair["refreshToken"]))["code"] == "REUSE_DETECTED"


async def test_another_program_recovers_nothing(server: Server) -> None:
    pair = await session(server, "lost_response_window=1h")
    await rotated(server, pair["refreshToken"])
    server.elapsed += timedelta(minutes=1)
    thief = Http(server.application, user_agent="curl/8.16.0")
    assert (await server.refresh(pair["refreshToken"], thief))["code"] == "REUSE_DETECTED"
    assert ends(server) == [(pair["session"]["id"], "reuse")]


async def test_a_fourth_recovery_in_ten_generations_is_reuse(server: Server) -> None:
    pair = await session(server, "lost_response_window=1h", "rate_per_family=off")
    token = pair["refreshToken"]
    for _ in range(3):
        lost, token = token, await rotated(server, token)
        server.elapsed += timedelta(minutes=1)
        assert (await server.refresh(lost))["outcome"] == "REPLAYED"
    lost = token
    await rotated(server, lost)
    server.elapsed += timedelta(minutes=1)
    assert (await server.refresh(lost))["code"] == "REUSE_DETECTED"


@pytest.mark.parametrize("borne", [0, 2])
async def test_more_foreign_replays_than_the_client_bears_are_reuse(server: Server, borne: int) -> None:
    token = (await session(server, f"foreign_replays={borne}", "rate_per_family=off"))["refreshToken"]
    follower = Http(server.application, address="203.0.113.9")
    for _ in range(borne):
        before, token = token, await rotated(server, token)
        assert (await server.refresh(before, follower))["outcome"] == "REPLAYED"
    before, token = token, await rotated(server, token)
    assert (await server.refresh(before))["outcome"] == "REPLAYED"  # from home it costs nothing
    assert (await server.refresh(before, follower))["code"] == "REUSE_DETECTED"
    assert (await server.refresh(token))["code"] == "SESSION_REVOKED"


async def test_a_client_may_bear_any_number_of_foreign_replays(server: Server) -> None:
    token = (await session(server, "foreign_replays=off", "rate_per_family=off"))["refreshToken"]
    follower = Http(server.application, address="203.0.113.9")
    for _ in range(12):
        before, token = token, await rotated(server, token)
        assert (await server.refresh(before, follower))["outcome"] == "REPLAYED"


# -------------------------------------------------------------------------------------------------- limits


async def test_a_clients_own_rate_limits_rotations_and_consumes_nothing(server: Server) -> None:
    pair = await session(server, "rate_per_family=2/minute")
    second = await rotated(server, pair["refreshToken"])
    third = await rotated(server, second)
    told = await server.refresh(third)
    assert (told["code"], told["terminal"], told["retryable"]) == ("RATE_LIMITED", False, True)
    assert (await server.refresh(second))["outcome"] == "REPLAYED"
    server.elapsed += timedelta(milliseconds=told["retryAfterMs"])
    await rotated(server, third)


async def test_a_full_subject_is_refused_until_a_session_ends(server: Server) -> None:
    first = await session(server, "max_sessions=2")
    await server.login(clientId=CLIENT)
    given = {"assertion": server.assertion(), "transport": "BODY", "clientId": CLIENT}
    told = (await server.login_answer(**given)).of("login")
    assert (told["code"], told["terminal"], told["retryable"]) == ("SESSION_LIMIT_REACHED", False, False)
    assert opened(await login(server, "eve"))
    assert opened(await login(server, client_id="web"))
    assert (await server.logout(first["refreshToken"]))["revokedSessions"] == 1
    assert opened((await server.login_answer(**given)).of("login"))
    assert (await login(server))["code"] == "SESSION_LIMIT_REACHED"
    assert ends(server) == [(first["session"]["id"], "logout")]


async def test_a_full_subjects_oldest_session_ends_for_a_new_one(server: Server) -> None:
    first = await session(server, "max_sessions=2", "when_full=revoke_oldest")
    second = await server.login(clientId=CLIENT)
    first_token = await rotated(server, first["refreshToken"])
    third = await server.login(clientId=CLIENT)
    told = await server.refresh(first_token)
    assert (told["code"], told["endedReason"]) == ("SESSION_REVOKED", "LIMIT")
    await rotated(server, second["refreshToken"])
    events = await server.events(first["session"]["id"], third["accessToken"])
    assert (events[-1]["type"], events[-1]["actor"]) == ("TOKEN_REVOKED", "system")
    assert events[-1]["data"]["reason"] == "limit"


async def test_a_full_subjects_least_recently_used_session_ends_for_a_new_one(server: Server) -> None:
    first = await session(server, "max_sessions=2", "when_full=revoke_least_recently_used")
    second = await server.login(clientId=CLIENT)
    first_token = await rotated(server, first["refreshToken"])
    await server.login(clientId=CLIENT)
    told = await server.refresh(second["refreshToken"])
    assert (told["code"], told["endedReason"]) == ("SESSION_REVOKED", "LIMIT")
    await rotated(server, first_token)


async def test_expired_sessions_take_no_room(server: Server) -> None:
    await session(server, "max_sessions=1", "idle_ttl=1h")
    assert (await login(server))["code"] == "SESSION_LIMIT_REACHED"
    server.elapsed += timedelta(hours=1)
    assert opened(await login(server))


async def test_many_logins_at_once_leave_as_many_sessions_as_are_allowed(server: Server) -> None:
    await new_client(server, CLIENT, "max_sessions=3", "when_full=revoke_oldest", public=True)
    answers = await asyncio.gather(*(login(server) for _ in range(20)))
    pairs = [opened(one) for one in answers]
    told = await asyncio.gather(*(server.refresh(one["refreshToken"]) for one in pairs))
    assert sum(one["__typename"] == "TokenPair" for one in told) == 3
    assert {reason for _, reason in ends(server)} == {"limit"}
    assert len(ends(server)) == 17


async def test_after_an_eviction_that_was_answered_no_refresh_of_it_succeeds(server: Server) -> None:
    pair = await session(server, "max_sessions=1", "when_full=revoke_oldest", "rate_per_family=off")
    for _ in range(10):
        refreshing = asyncio.create_task(server.refresh(pair["refreshToken"]))
        successor = opened(await login(server))
        raced = await refreshing
        newest = raced.get("refreshToken") or pair["refreshToken"]
        for token in (newest, pair["refreshToken"]):
            assert (await server.refresh(token))["code"] == "SESSION_REVOKED"
        pair = successor
