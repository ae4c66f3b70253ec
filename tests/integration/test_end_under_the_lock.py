"""What was decided while a refresh waited for its family holds for it; and time ends a family once.

Two ledgers on one database, as two processes are.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from api.leader_connection import leader_connection
from ledger.administration import Act, Administration
from ledger.answers import Granted, RefusalCode, Refused
from ledger.policy import Policy
from ledger.refresh_token import RefreshToken
from ledger.sweeper import MARGIN
from tests.integration.test_sweeper import opened, sweeper_of
from tests.ledger_harness import Harness, harness, new_id
from tests.racing import TABS

ROUNDS = int(os.environ.get("RACE_ROUNDS", "6"))
LATER = datetime(2100, 1, 1, tzinfo=UTC)
LIFETIME = timedelta(milliseconds=60)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Decision = Callable[[Administration], Awaitable[object]]


def act() -> Act:
    return Act(actor="operator", client_id=None, correlation_id=new_id())


async def suspend(administration: Administration) -> None:
    assert await administration.suspend("ada", act())


async def bound_subject(administration: Administration) -> None:
    assert await administration.set_not_before(LATER, act(), subject="ada")


async def bound_client(administration: Administration) -> None:
    assert await administration.set_not_before(LATER, act(), client_id="web")


async def bound_everyone(administration: Administration) -> None:
    assert await administration.set_not_before(LATER, act())


@pytest.mark.parametrize(
    ("decide", "code"),
    [
        (suspend, RefusalCode.SUBJECT_INACTIVE),
        (bound_subject, RefusalCode.SESSION_REVOKED),
        (bound_client, RefusalCode.SESSION_REVOKED),
        (bound_everyone, RefusalCode.SESSION_REVOKED),
    ],
)
async def test_what_was_decided_while_a_refresh_waited_holds_for_it(
    database_url: str, decide: Decision, code: RefusalCode
) -> None:
    async with (
        harness(database_url) as ledger,
        harness(database_url) as other,
        await AsyncConnection.connect(database_url) as holder,
    ):
        administration = Administration(pool=other.pool, clock=lambda now: now, random=os.urandom)
        token = await opened(ledger)
        await holder.execute("SELECT FROM active_tokens FOR UPDATE")
        refreshing = asyncio.create_task(ledger.refresh(token))
        await somebody_waits(database_url)
        await decide(administration)
        await holder.rollback()
        answer = (await refreshing).answer
        assert isinstance(answer, Refused)
        assert answer.code is code


async def somebody_waits(database_url: str) -> None:
    """Until a backend of this database waits for a lock."""
    async with (
        asyncio.timeout(4),
        await AsyncConnection.connect(database_url, autocommit=True) as connection,
    ):
        while not await (await connection.execute(WAITING)).fetchall():  # noqa: ASYNC110 - asked of the database
            await asyncio.sleep(0.005)


async def test_time_ends_a_family_once_while_it_refreshes_and_is_swept(database_url: str) -> None:
    """The sweeper looks from the deadline on, without its margin; the decider has the last word."""
    policy = Policy(
        idle_lifetime=LIFETIME, absolute_lifetime=LIFETIME, rate_per_family=None, extend_idle=False
    )
    async with (
        harness(database_url, policy) as ledger,
        harness(database_url, policy) as other,
        leader_connection(database_url) as leader,
    ):
        sweeper = sweeper_of(other, database_url, policy=policy, clock=lambda now: now + MARGIN)

        async def sweep_until(refreshing: asyncio.Future[Any]) -> None:
            while not refreshing.done():
                await sweeper.sweep(leader)

        for _ in range(ROUNDS):
            token = await opened(ledger)
            refreshing = asyncio.gather(*(refresh_to_the_end(ledger, token) for _ in range(TABS)))
            await asyncio.gather(refreshing, sweep_until(refreshing))
        recorded: dict[Any, list[Any]] = {}
        for family_id, *event in await ledger.rows(
            "SELECT stream_id, type, actor, occurred_at < idle_expires_at"
            " FROM events JOIN active_tokens ON family_id = stream_id ORDER BY stream_id, events.version"
        ):
            recorded.setdefault(family_id, []).append(event)
    assert len(recorded) == ROUNDS
    for *lived, end in recorded.values():
        assert end == ["TokenExpired", "system", False]
        assert {(kind, in_time) for kind, _, in_time in lived} <= {
            ("TokenIssued", True),
            ("TokenRotated", True),
            ("TokenReplayed", True),
        }


async def refresh_to_the_end(ledger: Harness, token: RefreshToken) -> None:
    """Refresh until the session has ended, and once more: it is over for good."""
    answers = []
    while len(answers) < 2:
        answer = (await ledger.refresh(token)).answer
        if isinstance(answer, Granted):
            assert answers == []
            token = answer.token
        else:
            answers.append(answer)
    assert {one.code for one in answers if isinstance(one, Refused)} == {RefusalCode.SESSION_EXPIRED}
