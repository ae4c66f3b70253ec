"""Session limits on a real database: never more than the limit, whatever arrives together.

Rounds of the race over HTTP as in `ROUNDS`; `make prove` runs a hundred.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest

from ledger.answers import Granted, RefusalCode, Refused
from ledger.batch import Assertion
from ledger.refresh_token import RefreshToken
from tests.ledger_harness import Harness, harness
from tests.racing import ended_while_tabs_refresh
from tests.served import NO_LIMITS, client_of, served

ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))

LIVING = "SELECT family_id FROM active_tokens WHERE subject = %s AND status = 'active' ORDER BY opened_at"


def limit(database_url: str, **policy: object) -> None:
    """The policy of the client `web` from now on."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE clients SET policy = %s::jsonb WHERE client_id = 'web'", (orjson.dumps(policy).decode(),)
        )


async def opened(ledger: Harness, subject: str = "ada", client_id: str = "web") -> RefreshToken:
    answer = (await ledger.issue(subject, client_id)).answer
    assert isinstance(answer, Granted)
    return answer.token


async def living(ledger: Harness, subject: str = "ada") -> list[Any]:
    return [row[0] for row in await ledger.rows(LIVING, subject)]


@pytest.mark.parametrize("policy", ["revoke_oldest", "revoke_least_recently_used"])
async def test_a_login_at_the_limit_ends_another_session_with_an_event(
    database_url: str, policy: str
) -> None:
    limit(database_url, max_sessions=2, when_full=policy)
    async with harness(database_url) as ledger:
        first, second = await opened(ledger), await opened(ledger)
        rotated = (await ledger.refresh(first)).answer
        assert isinstance(rotated, Granted)
        third = await opened(ledger)
        ended, kept = (first, second) if policy == "revoke_oldest" else (second, first)
        assert await living(ledger) == [kept.family_id, third.family_id]
        recorded = await ledger.rows(
            "SELECT payload, actor, causation FROM events WHERE stream_id = %s AND type = 'TokenRevoked'",
            ended.family_id,
        )
        assert [(orjson.loads(row[0])["reason"], *row[1:]) for row in recorded] == [
            ("limit", "system", f"{third.family_id}:1")
        ]
        told = (await ledger.refresh(rotated.token if ended is first else second)).answer
        assert isinstance(told, Refused)
        assert (told.code, told.ended and told.ended.value) == (RefusalCode.SESSION_REVOKED, "limit")


async def test_a_rejected_login_gives_its_assertion_back(database_url: str) -> None:
    limit(database_url, max_sessions=1)
    assertion = Assertion(issuer="idp", jwt_id="one", expires_at=datetime(2999, 1, 1, tzinfo=UTC))
    async with harness(database_url) as ledger:
        first = await opened(ledger)
        refused = (await ledger.issue(assertion=assertion)).answer
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.SESSION_LIMIT_REACHED
        await ledger.logout(first)
        assert isinstance((await ledger.issue(assertion=assertion)).answer, Granted)


async def test_each_subject_and_each_client_is_counted_by_itself(database_url: str) -> None:
    limit(database_url, max_sessions=1)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO clients (client_id) VALUES ('mobile')")
    async with harness(database_url) as ledger:
        await asyncio.gather(
            opened(ledger), opened(ledger, "eve"), opened(ledger, client_id="mobile"), opened(ledger, "bob")
        )
        await opened(ledger, client_id="mobile")
        assert len(await living(ledger)) == 3
        assert isinstance((await ledger.issue()).answer, Refused)


@pytest.mark.parametrize("policy", ["reject_new", "revoke_oldest"])
async def test_logins_of_one_subject_at_once_never_exceed_the_limit(database_url: str, policy: str) -> None:
    """From two processes, as far as the database can tell, in small batches that interleave."""
    limit(database_url, max_sessions=3, when_full=policy)
    async with (
        harness(database_url, maximum_batch=3) as one,
        harness(database_url, maximum_batch=3) as other,
    ):
        answers = [
            committed.answer
            for committed in await asyncio.gather(
                *(
                    ledger.issue(subject)
                    for subject in ("ada", "bob")
                    for _ in range(15)
                    for ledger in (one, other)
                )
            )
        ]
        for subject in ("ada", "bob"):
            assert len(await living(one, subject)) == 3
        granted = sum(isinstance(answer, Granted) for answer in answers)
        assert granted == (6 if policy == "reject_new" else 60)
        revoked = await one.rows("SELECT count(*) FROM events WHERE type = 'TokenRevoked'")
        assert revoked[0][0] == granted - 6


async def test_refreshes_and_logins_that_end_them_do_not_deadlock(database_url: str) -> None:
    limit(database_url, max_sessions=2, when_full="revoke_oldest")
    async with (
        harness(database_url, maximum_batch=4) as one,
        harness(database_url, maximum_batch=4) as other,
    ):
        for _ in range(10):
            tokens = [await opened(one) for _ in range(2)]
            answers = await asyncio.gather(
                one.issue(), *(other.refresh(token) for token in reversed(tokens)), other.issue()
            )
            for committed in answers:
                answer = committed.answer
                assert isinstance(answer, Granted) or answer.code is RefusalCode.SESSION_REVOKED  # type: ignore[union-attr]
            assert len(await living(one)) == 2


async def test_a_limit_set_later_ends_what_is_too_many_at_the_next_login(database_url: str) -> None:
    async with harness(database_url) as ledger:
        for _ in range(5):
            await opened(ledger)
        limit(database_url, max_sessions=2, when_full="revoke_oldest")
        last = await opened(ledger)
        assert len(await living(ledger)) == 2
        assert (await living(ledger))[-1] == last.family_id


async def test_a_subject_without_limits_gets_no_row(database_url: str) -> None:
    async with harness(database_url) as ledger:
        await opened(ledger)
        assert await ledger.rows("SELECT subject FROM subjects") == []
        limit(database_url, max_sessions=5)
        await opened(ledger)
        assert await ledger.rows("SELECT subject, status FROM subjects") == [("ada", "active")]


async def test_after_a_login_that_ended_a_session_no_refresh_of_it_succeeds(database_url: str) -> None:
    """Between two worker processes, while four tabs of the session go on refreshing."""
    limit(database_url, max_sessions=1, when_full="revoke_oldest")
    with served(database_url, NO_LIMITS, workers=2) as server:
        async with client_of(server) as client:
            for number in range(ROUNDS):
                pair = await client.login(f"subject-{number}")
                successor, late = await ended_while_tabs_refresh(
                    client, pair["refreshToken"], client.login(f"subject-{number}")
                )
                assert [one.get("code") for one in late] == ["SESSION_REVOKED"] * len(late)
                assert {one.get("endedReason", "LIMIT") for one in late} == {"LIMIT"}
                assert (await client.refresh(successor["refreshToken"]))["outcome"] == "ROTATED"
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT status, ended_reason, count(*) FROM active_tokens GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        revoked = connection.execute("SELECT count(*) FROM events WHERE type = 'TokenRevoked'").fetchall()
    assert rows == [("active", None, ROUNDS), ("revoked", "limit", ROUNDS)]
    assert revoked == [(ROUNDS,)]
