"""Refreshes race with an administrator and with time, between two worker processes: an end is an end.

Rounds as in `ROUNDS`; `make prove` runs a hundred of each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.api.server import LOGIN
from tests.racing import ended_while_tabs_refresh
from tests.served import NO_LIMITS, Client, Served, client_of, gather_all, served

ROUNDS = int(os.environ.get("RACE_ROUNDS", "4"))
LIFETIME = timedelta(seconds=3)
SWEPT_WITHIN_SECONDS = 90

REVOKE = """mutation ($id: ID!) {
  revokeSession(id: $id, reason: "lost") { __typename ... on Session { status } }
}"""
REVOKE_ALL = """mutation ($subject: ID!) {
  revokeSessions(filter: {subject: $subject}, reason: "left", dryRun: false) {
    __typename ... on BulkRevocation { revoked remaining }
  }
}"""
SUSPEND = """mutation ($subject: ID!) {
  suspendSubject(subject: $subject, reason: "asked") { __typename ... on Subject { status } }
}"""
REACTIVATE = "mutation ($subject: ID!) { reactivateSubject(subject: $subject) { __typename } }"
NOT_BEFORE = """mutation ($time: DateTime!, $subject: ID, $client: ID) {
  setNotBefore(time: $time, subject: $subject, clientId: $client, reason: "leak") {
    __typename ... on NotBefore { time }
  }
}"""


@pytest.fixture
def server(database_url: str) -> Iterator[Served]:
    with served(database_url, NO_LIMITS, workers=2) as running:
        yield running


@dataclass(slots=True)
class Administrator:
    """Acts with an access token that has the scope."""

    client: Client
    token: str

    async def do(self, mutation: str, **variables: Any) -> Any:
        """The answer of the one root field."""
        headers = {"authorization": f"Bearer {self.token}"}
        (answer,) = (await self.client.ask(mutation, variables, **headers)).values()
        assert answer["__typename"] != "RequestProblem", answer
        return answer


@pytest.fixture
async def client(server: Served) -> AsyncIterator[Client]:
    async with client_of(server) as one:
        yield one


async def administrator(client: Client) -> Administrator:
    assertion = client.server.assertion("root", scope="sessions:admin")
    pair = (await client.ask(LOGIN, {"input": {"assertion": assertion, "transport": "BODY"}}))["login"]
    return Administrator(client, pair["accessToken"])


def rows(database_url: str, statement: str) -> list[Any]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement.encode()).fetchall()


def last_events(database_url: str) -> list[Any]:
    """Type and reason of the last event of the sessions that race, with the number of such sessions."""
    return rows(
        database_url,
        """
        SELECT type, payload::jsonb ->> 'reason', count(*)
        FROM (
          SELECT DISTINCT ON (stream_id) stream_id, type, payload
          FROM events
          ORDER BY stream_id, version DESC
        ) AS last
        JOIN active_tokens ON family_id = stream_id
        WHERE subject LIKE 'racer-%'
        GROUP BY 1, 2
        """,
    )


def ends(database_url: str) -> int:
    """How many ends are recorded in all."""
    ((count,),) = rows(
        database_url, "SELECT count(*) FROM events WHERE type IN ('TokenRevoked', 'TokenExpired')"
    )
    return int(count)


async def test_after_a_revocation_no_refresh_succeeds(client: Client, database_url: str) -> None:
    root = await administrator(client)
    for number in range(ROUNDS):
        pair = await client.login(f"racer-{number}")
        told, late = await ended_while_tabs_refresh(
            client, pair["refreshToken"], root.do(REVOKE, id=pair["session"]["id"])
        )
        assert told["status"] == "REVOKED"
        assert [one.get("code") for one in late] == ["SESSION_REVOKED"] * len(late)
    assert last_events(database_url) == [("TokenRevoked", "admin", ROUNDS)]
    assert ends(database_url) == ROUNDS


async def test_of_many_revocations_at_once_one_is_recorded(client: Client, database_url: str) -> None:
    root = await administrator(client)
    for number in range(ROUNDS):
        pair = await client.login(f"racer-{number}")
        session_id, token = pair["session"]["id"], pair["refreshToken"]
        await asyncio.gather(
            *(root.do(REVOKE, id=session_id) for _ in range(6)),
            *(root.do(REVOKE_ALL, subject=f"racer-{number}") for _ in range(2)),
            *(client.refresh(token) for _ in range(6)),
        )
    assert last_events(database_url) == [("TokenRevoked", "admin", ROUNDS)]
    assert ends(database_url) == ROUNDS


async def test_after_a_bulk_revocation_no_refresh_succeeds(client: Client, database_url: str) -> None:
    root = await administrator(client)
    for number in range(ROUNDS):
        subject = f"racer-{number}"
        pair, other = await client.login(subject), await client.login(subject)
        told, late = await ended_while_tabs_refresh(
            client, pair["refreshToken"], root.do(REVOKE_ALL, subject=subject)
        )
        assert (told["revoked"], told["remaining"]) == (2, 0)
        late.append(await client.refresh(other["refreshToken"]))
        assert [one.get("code") for one in late] == ["SESSION_REVOKED"] * len(late)
    assert last_events(database_url) == [("TokenRevoked", "admin", 2 * ROUNDS)]
    assert ends(database_url) == 2 * ROUNDS


async def test_of_bulk_revocations_at_once_each_session_is_counted_by_one(
    client: Client, database_url: str
) -> None:
    root = await administrator(client)
    for number in range(ROUNDS):
        subject = f"racer-{number}"
        pairs = await gather_all(3, lambda _, subject=subject: client.login(subject))
        token = pairs[0]["refreshToken"]
        runs, late = await ended_while_tabs_refresh(
            client, token, asyncio.gather(*(root.do(REVOKE_ALL, subject=subject) for _ in range(2)))
        )
        assert sum(one["revoked"] for one in runs) == len(pairs)
        assert [one.get("code") for one in late] == ["SESSION_REVOKED"] * len(late)
    assert ends(database_url) == 3 * ROUNDS


async def test_while_a_subject_is_suspended_no_refresh_succeeds(client: Client, database_url: str) -> None:
    root = await administrator(client)
    for number in range(ROUNDS):
        subject = f"racer-{number}"
        pair, other = await client.login(subject), await client.login(subject)
        told, late = await ended_while_tabs_refresh(
            client, pair["refreshToken"], root.do(SUSPEND, subject=subject)
        )
        assert told["status"] == "SUSPENDED"
        assert [one.get("code") for one in late] == ["SUBJECT_INACTIVE"] * len(late)
        await root.do(REACTIVATE, subject=subject)
        assert (await client.refresh(other["refreshToken"]))["outcome"] == "ROTATED"
    assert ends(database_url) == 0


@pytest.mark.parametrize("whose", ["subject", "client", "everyone"])
async def test_after_a_not_before_no_refresh_succeeds(client: Client, database_url: str, whose: str) -> None:
    for number in range(ROUNDS):
        root = await administrator(client)  # a boundary that is not for one subject ends its own session, too
        subject = f"racer-{number}"
        pair = await client.login(subject)
        given = {"subject": {"subject": subject}, "client": {"client": "web"}}.get(whose, {})
        told, late = await ended_while_tabs_refresh(
            client,
            pair["refreshToken"],
            root.do(NOT_BEFORE, time=(datetime.now(UTC) + timedelta(hours=1)).isoformat(), **given),
        )
        assert datetime.fromisoformat(told["time"]) <= datetime.now(UTC)
        assert [one.get("code") for one in late] == ["SESSION_REVOKED"] * len(late)
        assert {one["endedReason"] for one in late} == {"NOT_BEFORE"}
        again = await client.login(subject)
        assert (await client.refresh(again["refreshToken"]))["outcome"] == "ROTATED"
    recorded = {(kind, reason) for kind, reason, _ in last_events(database_url)}
    assert recorded <= {("TokenRevoked", "not_before"), ("TokenRotated", None)}


async def test_after_its_deadline_no_refresh_succeeds_and_the_end_is_recorded_once(database_url: str) -> None:
    """All sessions at once; each is refreshed until it is over, and the sweepers of two processes look on."""
    lifetime = f"{LIFETIME.seconds}s"
    short = {
        f"TOKEN_LEDGER_{name}_TTL": lifetime for name in ("ACCESS_TOKEN", "REFRESH_IDLE", "REFRESH_ABSOLUTE")
    }
    with served(database_url, {**NO_LIMITS, **short}, workers=2) as server:
        async with client_of(server) as client:

            async def refresh_until_over(number: int) -> Any:
                answer = await client.login(f"racer-{number}")
                while answer["__typename"] == "TokenPair":
                    answer = await client.refresh(answer["refreshToken"])
                return answer["code"], answer["endedReason"]

            over = await gather_all(ROUNDS, refresh_until_over)
            assert over == [("SESSION_EXPIRED", "ABSOLUTE")] * ROUNDS
            async with asyncio.timeout(SWEPT_WITHIN_SECONDS):
                while ends(database_url) < ROUNDS:  # noqa: ASYNC110 - it is the database that is asked
                    await asyncio.sleep(0.2)
    assert [(kind, count) for kind, _, count in last_events(database_url)] == [("TokenExpired", ROUNDS)]
    assert ends(database_url) == ROUNDS
    late = rows(
        database_url,
        "SELECT stream_id FROM events JOIN active_tokens ON family_id = stream_id"
        " WHERE type = 'TokenRotated' AND occurred_at >= absolute_expires_at",
    )
    assert late == []
