"""Whoever reads what is not their own by `audit:read` is recorded, once a minute, before anything is told."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from ledger.administration import Act
from ledger.audit_reading import AuditReading
from tests.api.callers import Callers
from tests.api.http import Answer, Http
from tests.api.server import Server

SUBJECT = '{ subject(id: "bob") { id } }'
SESSION = "query ($id: ID!) { session(id: $id) { id } }"
BOTH = 'query ($id: ID!) { session(id: $id) { id } subject(id: "bob") { id } a: subject(id: "eve") { id } }'


async def ask(callers: Callers, query: str, headers: dict[str, str], **variables: Any) -> Answer:
    return await callers.server.http.graphql(query, variables, headers=headers)


def reads(server: Server) -> list[tuple[str, str, list[str], dict[str, str]]]:
    """Actor, client, fields and personal data of each recorded read."""
    rows = server.execute(
        "SELECT actor, client_id, payload, data FROM events JOIN personal_data USING (stream_id, version) "
        "WHERE type = 'AuditRead' ORDER BY position"
    )
    return [
        (actor, client, orjson.loads(one)["fields"], orjson.loads(data)) for actor, client, one, data in rows
    ]


def at_the_beginning_of_a_minute(server: Server) -> None:
    """So that a test does not go over its end."""
    now = server.now()
    server.elapsed += timedelta(minutes=1) - timedelta(seconds=now.second, microseconds=now.microsecond)


async def test_the_first_read_of_a_minute_is_an_event_that_says_who_read_what(callers: Callers) -> None:
    at_the_beginning_of_a_minute(callers.server)
    bob = (await callers.session("bob"))["session"]["id"]
    auditor = await callers.person("ada", "audit:read")
    assert (await ask(callers, BOTH, auditor, id=bob)).status == 200
    (read,) = reads(callers.server)
    assert read[:3] == ("subject:ada", "web", ["subject"])
    assert read[3].keys() == {"address", "user_agent"}
    await ask(callers, SESSION, auditor, id=bob)
    await ask(callers, SUBJECT, auditor)
    assert len(reads(callers.server)) == 1
    callers.server.elapsed += timedelta(minutes=1)
    await ask(callers, SESSION, auditor, id=bob)
    assert [fields for _, _, fields, _ in reads(callers.server)] == [["subject"], ["session"]]


async def test_each_reader_has_an_event_of_their_own(callers: Callers) -> None:
    at_the_beginning_of_a_minute(callers.server)
    for headers in (
        await callers.person("ada", "audit:read"),
        await callers.person("ada", "audit:read"),
        await callers.person("eve", "audit:read"),
        await callers.client("audit:read"),
    ):
        assert (await ask(callers, SUBJECT, headers)).status == 200
    assert [actor for actor, *_ in reads(callers.server)] == ["subject:ada", "subject:eve", "client:shop"]


async def test_what_is_ones_own_refused_or_not_there_is_not_recorded(callers: Callers) -> None:
    pair = await callers.session("ada", "audit:read")
    own = pair["session"]["id"]
    auditor = {"authorization": f"Bearer {pair['accessToken']}"}
    unknown = "01a211b7-633c-7fa0-9a85-f1a0d26e26a1"
    assert (await ask(callers, SESSION, auditor, id=own)).of("session") == {"id": own}
    assert (await ask(callers, SESSION, auditor, id=unknown)).of("session") is None
    assert (await ask(callers, "{ me { id } }", auditor)).status == 200
    eve = await callers.person("eve")
    assert (await ask(callers, SUBJECT, eve)).status == 403
    assert (await ask(callers, SESSION, eve, id=own)).of("session") is None
    refused = '{ subject(id: "bob") { sessions(first: 0) { edges { cursor } } } }'
    assert (await ask(callers, refused, auditor)).status == 294
    assert reads(callers.server) == []


async def test_all_workers_together_record_a_reader_once_a_minute(callers: Callers) -> None:
    server = callers.server
    at_the_beginning_of_a_minute(server)
    known = server.application._graphql._services.audit_reading
    act = Act(actor="subject:ada", client_id="web", correlation_id=uuid4())
    for _ in range(5):
        workers = [
            AuditReading(pool=known._pool, now=server.now, clock=known._clock, random=os.urandom)
            for _ in range(3)
        ]
        before = len(events_of(server))
        await asyncio.gather(*(one.record(["subject"], act) for one in workers * 4))
        assert len(events_of(server)) == before + 1
        server.elapsed += timedelta(minutes=1)


async def test_a_worker_whose_clock_is_behind_records_no_second_event(callers: Callers) -> None:
    server = callers.server
    at_the_beginning_of_a_minute(server)
    known = server.application._graphql._services.audit_reading
    act = Act(actor="subject:ada", client_id="web", correlation_id=uuid4())
    for late in (timedelta(0), timedelta(seconds=1)):
        one = AuditReading(
            pool=known._pool, now=partial(_behind, server, late), clock=known._clock, random=os.urandom
        )
        await one.record(["subject"], act)
    assert len(events_of(server)) == 1


def _behind(server: Server, late: timedelta) -> datetime:
    return server.now().replace(second=0, microsecond=0) - late


def events_of(server: Server) -> list[Any]:
    return server.execute("SELECT stream_id FROM events WHERE type = 'AuditRead'")


@pytest.mark.parametrize("query", [SUBJECT, SESSION])
async def test_what_cannot_be_recorded_is_not_told(callers: Callers, query: str) -> None:
    auditor = await callers.person("ada", "audit:read")
    bob = (await callers.session("bob"))["session"]["id"]
    variables = {"id": bob} if query == SESSION else {}
    with psycopg.connect(callers.server.database_url) as other:
        other.execute(
            "INSERT INTO audit_readers (reader, minute) VALUES ('subject:ada', now() + interval '1 h')"
        )
        answer = await ask(callers, query, auditor, **variables)
        assert (answer.status, set(answer.json)) == (503, {"errors"})
        other.rollback()
    assert reads(callers.server) == []
    assert (await ask(callers, query, auditor, **variables)).status == 200
    assert len(reads(callers.server)) == 1


async def test_a_reader_reads_of_the_reads(callers: Callers) -> None:
    auditor = await callers.person("ada", "audit:read")
    await ask(callers, SUBJECT, auditor)
    ((stream,),) = callers.server.execute("SELECT stream_id FROM events WHERE type = 'AuditRead'")
    node = "query ($id: ID!) { node(id: $id) { ... on Event { type actor data sessionId } } }"
    answer = await Http(callers.server.application).graphql(node, {"id": f"{stream}:1"}, headers=auditor)
    assert answer.of("node") == {
        "type": "AUDIT_READ",
        "actor": "subject:ada",
        "data": {"fields": ["subject"]},
        "sessionId": None,
    }
