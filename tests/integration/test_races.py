"""Races over HTTP, between two worker processes on one database: exactly one rotation, and an end is an end.

Rounds as in `ROUNDS`; `make prove` runs a hundred of each.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.api.server import LOGIN
from tests.racing import ended_while_tabs_refresh
from tests.served import NO_LIMITS, Client, Served, client_of, gather_all, served

ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))
TABS = 50


@pytest.fixture
def server(database_url: str) -> Iterator[Served]:
    with served(database_url, NO_LIMITS, workers=2) as running:
        yield running


def count(database_url: str, statement: str, *parameters: object) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(statement.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])


async def race_of_fifty(client: Client, number: int) -> Any:
    """One round: fifty refreshes of one token at once. Gives the session."""
    pair = await client.login(f"subject-{number}")
    answers = await gather_all(TABS, lambda _: client.refresh(pair["refreshToken"]))
    assert Counter(one.get("outcome", one) for one in answers) == {"ROTATED": 1, "REPLAYED": TABS - 1}
    assert len({one["refreshToken"] for one in answers}) == 1
    assert len({one["accessToken"] for one in answers}) == TABS
    return pair["session"]["id"]


async def test_fifty_refreshes_at_once_rotate_once(server: Served, database_url: str) -> None:
    async with client_of(server) as client:
        for number in range(ROUNDS):
            await race_of_fifty(client, number)
    assert count(database_url, "SELECT count(*) FROM events WHERE type = 'TokenRotated'") == ROUNDS
    assert count(database_url, "SELECT count(*) FROM active_tokens WHERE generation <> 1") == 0
    assert count(database_url, "SELECT count(*) FROM active_tokens WHERE status <> 'active'") == 0


async def test_the_familys_default_limit_stops_nobody_who_races(database_url: str) -> None:
    limits = {key: value for key, value in NO_LIMITS.items() if "PER_FAMILY" not in key}
    with served(database_url, limits, workers=2) as server:
        async with client_of(server) as client:
            await race_of_fifty(client, 0)


@pytest.mark.parametrize("scope", ["THIS", "ALL"])
async def test_after_an_acknowledged_logout_no_refresh_succeeds(server: Served, scope: str) -> None:
    async with client_of(server) as client:
        for number in range(ROUNDS):
            pair = await client.login(f"subject-{number}")
            told, late = await ended_while_tabs_refresh(
                client, pair["refreshToken"], client.logout(pair["refreshToken"], scope)
            )
            assert told["revokedSessions"] == 1
            assert [one.get("code") for one in late] == ["SESSION_REVOKED"] * len(late)


async def test_of_many_logouts_at_once_one_ends_the_session(server: Served, database_url: str) -> None:
    async with client_of(server) as client:
        for number in range(ROUNDS):
            pair = await client.login(f"subject-{number}")
            answers = await gather_all(
                20,
                lambda turn, pair=pair: (
                    client.logout(pair["refreshToken"]) if turn % 2 else client.refresh(pair["refreshToken"])
                ),
            )
            assert sum(one.get("revokedSessions", 0) for one in answers) == 1
            refused = [one["code"] for one in answers if one["__typename"] == "AuthProblem"]
            assert set(refused) <= {"SESSION_REVOKED"}
    assert count(database_url, "SELECT count(*) FROM events WHERE type = 'TokenRevoked'") == ROUNDS


async def test_everything_of_a_subject_ends_while_its_sessions_refresh(
    server: Served, database_url: str
) -> None:
    async with client_of(server) as client:
        for number in range(max(1, ROUNDS // 5)):
            pairs = await gather_all(10, lambda _, number=number: client.login(f"subject-{number}"))
            tokens = [pair["refreshToken"] for pair in pairs]
            answers = await asyncio.gather(
                client.logout(tokens[0], "ALL"), *(client.refresh(token) for token in tokens * 3)
            )
            assert answers[0]["revokedSessions"] == 10
            after = await asyncio.gather(*(client.refresh(token) for token in tokens))
            assert {one.get("code") for one in after} == {"SESSION_REVOKED"}
    assert count(database_url, "SELECT count(*) FROM active_tokens WHERE status = 'active'") == 0


async def test_one_assertion_shown_at_once_many_times_opens_one_session(
    server: Served, database_url: str
) -> None:
    async with client_of(server) as client:
        for number in range(ROUNDS):
            given = {"input": {"assertion": server.assertion(f"subject-{number}"), "transport": "BODY"}}
            answers = await gather_all(20, lambda _, given=given: client.ask(LOGIN, given))
            told = Counter(one["login"].get("code", "ISSUED") for one in answers)
            assert told == {"ISSUED": 1, "ASSERTION_INVALID": 19}
    assert count(database_url, "SELECT count(*) FROM active_tokens") == ROUNDS
