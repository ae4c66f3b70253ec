"""100,000 families past their deadline: each ends once while refreshes go on and the leader is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.policy import Policy
from tests.api.server import differences
from tests.ledger_harness import harness
from tests.proofs.refreshing import Told, keep_refreshing
from tests.proofs.test_crashes import workers_of
from tests.served import NO_LIMITS, client_of, served

pytestmark = pytest.mark.proof

FAMILIES = int(os.environ.get("SWEPT_FAMILIES", "100000"))
CLIENTS = 16
CALM_SECONDS = 8
SWEPT_WITHIN_SECONDS = 900
ISSUED_AT_ONCE = 1000


async def open_families_that_are_over(database_url: str) -> None:
    policy = replace(Policy(), idle_lifetime=timedelta(milliseconds=1))
    async with harness(database_url, policy) as ledger:
        for start in range(0, FAMILIES, ISSUED_AT_ONCE):
            some = range(start, min(start + ISSUED_AT_ONCE, FAMILIES))
            await asyncio.gather(*(ledger.issue(f"gone-{number}") for number in some))


class Observer:
    """Looks at the database from outside."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, statement: str) -> list[Any]:
        return self._connection.execute(statement.encode()).fetchall()

    def ended(self) -> int:
        ended: int = self.rows("SELECT count(*) FROM events WHERE type = 'TokenExpired'")[0][0]
        return ended

    def leader(self) -> int:
        """Process that leads."""
        leader: str = self.rows("SELECT leader FROM sweeper_run")[0][0]
        return int(leader.rpartition(":")[2])

    async def until_ended(self, at_least: int) -> float:
        """Wait; gives when it was so."""
        async with asyncio.timeout(SWEPT_WITHIN_SECONDS):
            while self.ended() < at_least:  # noqa: ASYNC110 - it is the database that is asked
                await asyncio.sleep(0.25)
        return time.monotonic()

    async def until_finished(self) -> None:
        async with asyncio.timeout(SWEPT_WITHIN_SECONDS):
            while self.rows("SELECT finished_at FROM sweeper_run")[0][0] is None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)


async def test_each_family_ends_once_while_refreshes_go_on_and_the_leader_is_killed(
    database_url: str,
) -> None:
    await open_families_that_are_over(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        await sweep_and_kill(database_url, Observer(connection))
    assert await differences(database_url) == []


async def sweep_and_kill(database_url: str, observer: Observer) -> None:
    told, ending = Told(), asyncio.Event()
    began = time.monotonic()
    with served(database_url, {**NO_LIMITS, "TOKEN_LEDGER_GRACE_PERIOD": "60"}, workers=2) as server:
        async with client_of(server) as client:
            clients = [
                asyncio.create_task(keep_refreshing(client, f"client-{number}", told, ending))
                for number in range(CLIENTS)
            ]
            await observer.until_ended(FAMILIES // 3)
            killed = observer.leader()
            assert killed in workers_of(server)
            os.kill(killed, signal.SIGKILL)
            died = time.monotonic()
            left = FAMILIES - observer.ended()
            assert left > 0
            goes_on = await observer.until_ended(FAMILIES - left + 1)
            done = await observer.until_ended(FAMILIES)
            await observer.until_finished()
            assert observer.leader() != killed
            await asyncio.sleep(CALM_SECONDS)
            ended = time.monotonic()
            ending.set()
            await asyncio.gather(*clients)
    print(
        f"{FAMILIES} families swept in {done - began:.1f} s; the leader died with {left} left, another"
        f" went on after {goes_on - died:.1f} s; requests sent again: {told.sent_again}"
    )
    print(f"meanwhile {told.between(goes_on, done)}; at rest {told.between(ended - CALM_SECONDS, ended)}")
    check(observer, told)


def check(observer: Observer, told: Told) -> None:
    kinds = dict(observer.rows("SELECT type, count(*) FROM events GROUP BY type"))
    print(f"events {kinds}")
    assert kinds["TokenIssued"] == FAMILIES + CLIENTS
    assert set(kinds) <= {"TokenIssued", "TokenExpired", "TokenRotated", "TokenReplayed"}
    once = observer.rows(
        "SELECT count(*), count(DISTINCT stream_id) FROM events JOIN active_tokens ON family_id = stream_id"
        " WHERE type = 'TokenExpired' AND subject LIKE 'gone-%' AND status = 'expired'"
    )
    assert once == [(FAMILIES, FAMILIES)]
    assert observer.rows("SELECT count(*) FROM active_tokens WHERE status = 'active'") == [(CLIENTS,)]
    recorded = observer.rows(
        "SELECT stream_id::text, (payload::json ->> 'generation')::int FROM events"
        " WHERE type = 'TokenRotated'"
    )
    assert told.generations - set(recorded) == set()
    assert told.generations
