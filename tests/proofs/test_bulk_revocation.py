"""Half of 200,000 sessions are ended by filter while 16 clients refresh sessions of the other half."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import psycopg
import pytest

from ledger.policy import Policy
from tests.api.server import LOGIN, differences
from tests.ledger_harness import harness
from tests.proofs.refreshing import Told, keep_refreshing
from tests.served import NO_LIMITS, Client, client_of, run, served

pytestmark = pytest.mark.proof

SESSIONS = int(os.environ.get("BULK_SESSIONS", "200000"))
CLIENTS = 16
IDLE_SECONDS = 10
ISSUED_AT_ONCE = 1000
MOST_OF_IDLE = 2.0
REVOKE = """
mutation ($filter: SessionFilter!, $dryRun: Boolean!, $expectAtMost: Int) {
  revokeSessions(filter: $filter, reason: "retired app", dryRun: $dryRun, expectAtMost: $expectAtMost) {
    __typename
    ... on BulkRevocation { matched revoked remaining }
    ... on RequestProblem { code message }
  }
}
"""


async def open_sessions(database_url: str) -> None:
    async with harness(database_url, Policy()) as ledger:
        for start in range(0, SESSIONS // 2, ISSUED_AT_ONCE):
            some = range(start, min(start + ISSUED_AT_ONCE, SESSIONS // 2))
            for client_id in ("web", "old-app"):
                await asyncio.gather(*(ledger.issue(f"user-{number}", client_id) for number in some))


async def administrator(client: Client) -> str:
    """An access token that may end sessions."""
    assertion = client.server.assertion("root", scope="sessions:admin")
    pair = (await client.ask(LOGIN, {"input": {"assertion": assertion, "transport": "BODY"}}))["login"]
    token: str = pair["accessToken"]
    return token


async def revoke(client: Client, token: str, **variables: Any) -> Any:
    answer = await client.ask(
        REVOKE,
        {"filter": {"clientId": "old-app", "status": "ACTIVE"}, "dryRun": False, **variables},
        authorization=f"Bearer {token}",
    )
    answered = answer["revokeSessions"]
    assert answered["__typename"] == "BulkRevocation", answered
    return answered


async def test_half_of_all_sessions_end_by_filter_while_the_others_are_refreshed(database_url: str) -> None:
    told, ending, revoked, steps = Told(), asyncio.Event(), 0, 0
    with served(database_url, {**NO_LIMITS, "TOKEN_LEDGER_GRACE_PERIOD": "60"}) as server:
        assert run("clients create old-app --public", server.environ).returncode == 0
        await open_sessions(database_url)
        async with client_of(server) as client:
            token = await administrator(client)
            clients = [
                asyncio.create_task(keep_refreshing(client, f"client-{number}", told, ending))
                for number in range(CLIENTS)
            ]
            await asyncio.sleep(2)
            idle = time.monotonic()
            await asyncio.sleep(IDLE_SECONDS)
            began = time.monotonic()
            counted = (await revoke(client, token, dryRun=True))["matched"]
            while True:
                step = await revoke(client, token, expectAtMost=counted - revoked)
                revoked, steps = revoked + step["revoked"], steps + 1
                if not step["remaining"]:
                    break
            done = time.monotonic()
            ending.set()
            await asyncio.gather(*clients)
    idle_p99, p99 = told.quantile_ms(0.99, idle, began), told.quantile_ms(0.99, began, done)
    print(f"{revoked} of {SESSIONS} sessions revoked in {done - began:.1f} s and {steps} steps")
    print(f"idle {told.between(idle, began)}; meanwhile {told.between(began, done)}")
    with psycopg.connect(database_url) as connection:
        check(connection, counted=counted, revoked=revoked, steps=steps)
    assert told.sent_again == 0
    assert await differences(database_url) == []
    assert p99 <= MOST_OF_IDLE * idle_p99, f"p99 {p99:.1f} ms, {p99 / idle_p99:.1f} times that of idle"


def check(connection: psycopg.Connection[Any], *, counted: int, revoked: int, steps: int) -> None:
    assert counted == revoked == SESSIONS // 2
    (each_once,) = connection.execute(
        "SELECT count(*), count(DISTINCT stream_id) FROM events JOIN active_tokens ON family_id = stream_id"
        " WHERE type = 'TokenRevoked' AND active_tokens.client_id = 'old-app' AND status = 'revoked'"
    )
    assert each_once == (SESSIONS // 2, SESSIONS // 2)
    (all_of_them,) = connection.execute("SELECT count(*) FROM events WHERE type = 'TokenRevoked'")
    assert all_of_them == (SESSIONS // 2,)
    (executed,) = connection.execute(
        "SELECT count(*), sum((payload::jsonb ->> 'revoked')::int) FROM events"
        " WHERE type = 'BulkRevocationExecuted'"
    )
    assert executed == (steps, SESSIONS // 2)
    (living,) = connection.execute("SELECT count(*) FROM active_tokens WHERE status = 'active'")
    assert living == (SESSIONS // 2 + CLIENTS + 1,)
