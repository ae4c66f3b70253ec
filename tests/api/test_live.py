"""Subscriptions and queries over a WebSocket: who may, what is told, and why it is closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from websockets.exceptions import InvalidStatus

from api import live_connections, sealed_feed
from api.graphql import event_subscription
from api.live_connections import LiveLimits
from tests.api.callers import Callers
from tests.api.http import ORIGIN
from tests.api.live import EVENTS, Listening, Live, listening
from tests.api.server import LOGIN, Server

PAGE = """
query ($filter: EventFilter, $after: Cursor, $first: Int = 500) {
  events(filter: $filter, after: $after, order: OLDEST_FIRST, first: $first) {
    edges { cursor node { id logIndex } }
  }
}
"""
ISSUED = {"types": ["TOKEN_ISSUED"]}


@pytest.fixture
async def live(callers: Callers) -> AsyncIterator[Listening]:
    async with listening(callers.server) as one:
        yield one


@pytest.fixture
async def auditor(callers: Callers) -> str:
    """An access token with `audit:read`."""
    return str((await callers.session("ada", "audit:read"))["accessToken"])


def log(server: Server, *types: str) -> list[str]:
    """Ids of sealed events in the order of the log."""
    return [
        f"{stream}:{version}"
        for stream, version in server.execute(
            "SELECT l.stream_id, l.version FROM log AS l JOIN events USING (stream_id, version) "
            "WHERE type = ANY(%s) ORDER BY leaf_index",
            list(types),
        )
    ]


async def test_a_subscription_gives_sealed_events_in_the_order_of_the_log_as_they_come(
    live: Listening, callers: Callers, auditor: str
) -> None:
    await callers.server.sealed()
    async with live.opened(auditor) as one:
        await one.subscribe("1", filter=ISSUED)
        await one.is_in_step()
        await asyncio.sleep(0.3)  # what is sealed from now on
        expected = [(await callers.session("bob"))["session"]["id"] for _ in range(3)]
        await callers.server.sealed()
        edges = [await one.edge() for _ in expected]
        assert [edge["node"]["sessionId"] for edge in edges] == expected
        indexes = [edge["node"]["logIndex"] for edge in edges]
        assert indexes == sorted(indexes)
        await one.send("complete", id="1")
        await callers.session("bob")
        await callers.server.sealed()
        await one.is_in_step()
        assert one.kept.get("1", []) == []


async def test_a_cursor_goes_on_in_the_subscription_and_in_pages_alike(
    live: Listening, callers: Callers, auditor: str
) -> None:
    for _ in range(5):
        await callers.session("bob")
    await callers.server.sealed()
    headers = {"authorization": f"Bearer {auditor}"}

    async def page(**variables: Any) -> list[Any]:
        answer = await callers.server.http.graphql(PAGE, {"filter": ISSUED, **variables}, headers=headers)
        return list(answer.of("events")["edges"])

    of_page = await page()
    assert len(of_page) == 6
    async with live.opened(auditor) as one:
        await one.subscribe("1", filter=ISSUED, after=of_page[1]["cursor"])
        of_subscription = [await one.edge() for _ in of_page[2:]]
    assert [edge["cursor"] for edge in of_subscription] == [edge["cursor"] for edge in of_page[2:]]
    assert await page(after=of_subscription[1]["cursor"]) == of_page[4:]


async def test_what_a_subscription_is_of_may_be_asked_in_many_ways_and_ends_with_its_own_id(
    live: Listening, callers: Callers, auditor: str
) -> None:
    async with live.opened(auditor) as one:
        await one.subscribe("a", "{ me { id } }")
        assert (await one.receive("a"))["payload"] == {"data": {"me": {"id": "ada"}}}
        assert await one.receive("a") == {"id": "a", "type": "complete"}
        await one.subscribe(
            "a", "query ($first: Int) { me { sessions(first: $first) { edges { cursor } } } }"
        )
        assert len((await one.receive("a"))["payload"]["data"]["me"]["sessions"]["edges"]) == 1
        await one.receive("a")
        await one.subscribe("a", PAGE, filter={"subject": ""})
        result = (await one.receive("a"))["payload"]
        assert result["data"] is None
        assert [error["extensions"]["code"] for error in result["errors"]] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        (LOGIN, {"input": {"assertion": "x"}}, "BAD_REQUEST"),
        ("subscription { events(", {}, "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing { cursor } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a: events { cursor } b: events { cursor } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
        (EVENTS, {"after": "x"}, "BAD_USER_INPUT"),
        (EVENTS, {"filter": {"ipAddress": "x"}}, "BAD_USER_INPUT"),
        (EVENTS, {"filter": {"since": 1}}, "BAD_USER_INPUT"),
        ("{ me { sessions(first: 0) { edges { cursor } } } }", {}, "BAD_USER_INPUT"),
        ("", {}, "BAD_REQUEST"),
    ],
)
async def test_an_operation_that_is_refused_is_told_so_and_the_connection_goes_on(
    live: Listening, auditor: str, query: str, variables: dict[str, Any], code: str
) -> None:
    async with live.opened(auditor) as one:
        await one.subscribe("1", query, **variables)
        assert (await one.error())[0] == code
        await one.is_in_step()


async def test_who_lacks_the_scope_gets_no_event_and_the_read_is_not_recorded(
    live: Listening, callers: Callers
) -> None:
    pair = await callers.session("eve")
    await callers.server.sealed()
    async with live.opened(pair["accessToken"]) as one:
        for query in (EVENTS, PAGE):
            await one.subscribe("1", query)
            assert (await one.error())[0] == "FORBIDDEN"
    assert callers.server.execute("SELECT count(*) FROM events WHERE type = 'AuditRead'") == [(0,)]


async def test_subscribing_is_a_read_that_is_recorded_before_anything_is_told(
    live: Listening, callers: Callers, auditor: str
) -> None:
    async with live.opened(auditor) as one:
        with psycopg.connect(callers.server.database_url) as other:
            other.execute("INSERT INTO audit_readers VALUES ('subject:ada', now() + interval '1 h')")
            await one.subscribe("1")
            assert (await one.error())[0] == "TEMPORARILY_UNAVAILABLE"
            other.rollback()
        await one.subscribe("1")
        await one.is_in_step()
        await asyncio.sleep(0.3)
    rows = callers.server.execute("SELECT actor, payload FROM events WHERE type = 'AuditRead'")
    assert rows == [("subject:ada", '{"fields":["subscription events"]}')]


async def test_a_subscription_by_http_is_refused(callers: Callers, auditor: str) -> None:
    answer = await callers.server.http.graphql(EVENTS, headers={"authorization": f"Bearer {auditor}"})
    assert answer.status == 400
    assert "WebSocket" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("init", [{}, {"accessToken": None}, {"accessToken": 7}, {"accessToken": "garbage"}])
async def test_who_does_not_say_who_asks_is_closed(live: Listening, init: dict[str, object]) -> None:
    async with live.open(init) as one:
        assert await one.closed() == 4401


async def test_a_token_that_is_no_access_token_or_whose_session_ended_is_closed(
    live: Listening, callers: Callers
) -> None:
    pair = await callers.session("ada")
    async with live.open({"accessToken": pair["refreshToken"]}) as one:
        assert await one.closed() == 4401
    await callers.server.logout(pair["refreshToken"])
    async with live.open({"accessToken": pair["accessToken"]}) as one:
        assert await one.closed() == 4401


async def test_an_operation_before_the_initialisation_closes(live: Listening) -> None:
    async with live.open() as one:
        await one.subscribe("1")
        assert await one.closed() == 4401


async def test_a_second_initialisation_closes(live: Listening, auditor: str) -> None:
    async with live.opened(auditor) as one:
        await one.send("connection_init", payload={"accessToken": auditor})
        assert await one.closed() == 4429


async def test_an_id_that_is_in_use_closes(live: Listening, auditor: str) -> None:
    async with live.opened(auditor) as one:
        await one.subscribe("1")
        await one.subscribe("1")
        assert await one.closed() == 4409


async def test_another_subprotocol_or_none_closes(live: Listening) -> None:
    for subprotocols in (None, ["graphql-ws"]):
        async with live.open(subprotocols=subprotocols) as one:
            assert await one.closed() == 4406


async def test_a_page_of_a_stranger_does_not_get_in_and_one_of_ours_does(
    live: Listening, auditor: str
) -> None:
    for origin in ("https://evil.example.com", "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with live.open(origin=origin):
                pass
        assert refused.value.response.status_code == 403
    async with live.opened(auditor, origin=ORIGIN) as one:
        await one.is_in_step()


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"type": "hello"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ me { id } }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ me { id } }"}}',
        '{"type": "complete"}',
        '{"type": "ping", "payload": 1}',
        '{"type": "ping", "type": "ping"}',
        '{"type": "connection_init", "payload": []}',
        b"\x00",
    ],
)
async def test_what_is_no_message_closes(live: Listening, auditor: str, frame: str | bytes) -> None:
    async with live.opened(auditor) as one:
        await one.websocket.send(frame)
        assert await one.closed() == 4400


async def test_a_message_that_is_too_long_closes(live: Listening, auditor: str) -> None:
    async with live.opened(auditor) as one:
        await one.send("ping", payload={"x": "a" * 65_000})
        await one.receive()
        await one.send("ping", payload={"x": "a" * 66_000})
        assert await one.closed() == 1009
    async with live.opened(auditor) as one:
        await one.websocket.send([""] * 200)  # fragments
        assert await one.closed() == 1009


async def test_who_is_silent_is_closed(callers: Callers) -> None:
    connections = callers.server.application._live_connections
    connections.limits = replace(connections.limits, initialised_within_seconds=0.2)
    async with listening(callers.server) as live, live.open() as one:
        assert await one.closed() == 4408


async def test_a_session_that_ends_closes_its_connections_within_about_a_second(
    live: Listening, callers: Callers
) -> None:
    pair, other = await callers.session("ada", "audit:read"), await callers.session("bob", "audit:read")
    async with live.opened(pair["accessToken"]) as one, live.opened(other["accessToken"]) as another:
        await one.subscribe("1")
        await another.subscribe("1")
        await callers.server.logout(pair["refreshToken"])
        began = asyncio.get_running_loop().time()
        assert await one.closed() == 4401
        assert asyncio.get_running_loop().time() - began < 2
        await another.is_in_step()


async def test_a_token_that_expires_closes_with_another_code_and_no_event_comes_after(
    live: Listening, callers: Callers, auditor: str
) -> None:
    client = (await callers.client("audit:read"))["authorization"].removeprefix("Bearer ")
    async with live.opened(auditor) as one, live.opened(client) as another:
        await one.is_in_step()
        callers.server.elapsed = timedelta(minutes=15)
        assert await one.closed() == 4403
        assert await another.closed() == 4403
    async with live.open({"accessToken": auditor}) as late:
        assert await late.closed() == 4403


async def test_a_token_of_a_key_that_is_revoked_closes_its_connection(
    live: Listening, callers: Callers, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_connections, "KEYS_CHECKED_EVERY", 1)
    async with live.opened(auditor) as one:
        await asyncio.sleep(1.2)
        await one.is_in_step()
        await callers._revoke_key_of(auditor)
        assert await one.closed() == 4403


async def test_too_many_connections_or_operations_are_closed(callers: Callers, auditor: str) -> None:
    connections = callers.server.application._live_connections
    connections.limits = LiveLimits(connections=5, connections_of_a_caller=3, operations_of_a_connection=2)
    bob = str((await callers.session("bob", "audit:read"))["accessToken"])
    async with listening(callers.server) as live, AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(live.opened(auditor))
        async with live.open({"accessToken": auditor}) as one:
            assert await one.closed() == 4429
        second = await stack.enter_async_context(live.opened(bob))
        await stack.enter_async_context(live.opened(bob))
        async with live.open() as one:
            assert await one.closed() == 4429
        await second.subscribe("1")
        await second.subscribe("2")
        await second.subscribe("3")
        assert await second.closed() == 4429
        await stack.enter_async_context(live.opened(bob))  # there is room again
    await asyncio.sleep(0.1)
    assert not connections._open
    assert not connections._of_callers


async def test_who_does_not_read_is_not_read_for(
    callers: Callers, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = 0
    read = event_subscription.read_events

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal pages
        pages += 1
        return await read(*arguments, **options)

    monkeypatch.setattr(event_subscription, "read_events", counted)
    monkeypatch.setattr(event_subscription, "_AT_ONCE", 5)
    for _ in range(60):
        await callers.session("bob")
    await callers.server.sealed()
    leaves = " ".join(f"l{number}: leaf" for number in range(25))
    wide = EVENTS.replace("cursor node { id", f"cursor node {{ {leaves} id")
    async with listening(callers.server, send_buffer=4096) as live:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", live.port))
        async with live.opened(auditor, max_queue=1, sock=client) as one:
            one.websocket.transport.pause_reading()
            page = await callers.server.http.graphql(
                PAGE, {"filter": ISSUED, "first": 1}, headers={"authorization": f"Bearer {auditor}"}
            )
            await one.subscribe("1", wide, filter=ISSUED, after=page.of("events")["edges"][0]["cursor"])
            before = -1
            while pages != before:
                before = pages
                await asyncio.sleep(0.5)
            assert 1 <= pages <= 6  # of 12
            one.websocket.transport.resume_reading()
            for _ in range(60):
                assert (await one.receive("1"))["type"] == "next"
            assert pages >= 12


@pytest.mark.parametrize("besides", [b"", b"\x81\x8f" + bytes(4) + b'{"type":"pong"}'])
async def test_who_sends_pings_and_does_not_read_fills_no_memory(
    callers: Callers, auditor: str, besides: bytes
) -> None:
    pings = (b"\x89\xfd" + bytes(4) + b"a" * 125) * 500 + besides  # masked by zeros
    async with listening(callers.server, send_buffer=4096) as live:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        client.connect(("127.0.0.1", live.port))
        async with live.opened(auditor, sock=client, close_timeout=0.1) as one:
            transport = one.websocket.transport
            transport.pause_reading()
            taken = 0
            while transport.get_write_buffer_size() == 0 and taken < 20_000_000:
                transport.write(pings)
                taken += len(pings)
                for _ in range(200):
                    if transport.get_write_buffer_size() == 0:
                        break
                    await asyncio.sleep(0.005)
            assert taken < 10_000_000
            transport.abort()


async def test_a_listening_connection_that_is_killed_is_replaced_and_nothing_is_lost(
    live: Listening, callers: Callers, auditor: str
) -> None:
    await callers.server.sealed()
    async with live.opened(auditor) as one:
        await one.subscribe("1", filter=ISSUED)
        await one.is_in_step()
        await asyncio.sleep(0.3)
        expected = []
        for _ in range(3):
            await _until_listening(callers.server)
            assert callers.server.execute(KILL) == [(True,)]
            expected.append((await callers.session("bob"))["session"]["id"])
            await callers.server.sealed()
            assert (await one.edge())["node"]["sessionId"] == expected[-1]


async def test_a_notification_is_not_waited_for_until_the_next_look(
    live: Listening, callers: Callers, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await callers.server.sealed()
    async with live.opened(auditor) as one:
        await one.subscribe("1", filter=ISSUED)
        await _until_listening(callers.server)
        monkeypatch.setattr(sealed_feed, "_LOOKED_EVERY_SECONDS", 60)
        await asyncio.sleep(1.2)  # the look before
        for _ in range(3):
            session = (await callers.session("bob"))["session"]["id"]
            await callers.server.sealed()
            assert (await one.edge())["node"]["sessionId"] == session


async def test_a_filter_that_ends_before_the_log_does_is_not_read_for_again_and_again(
    live: Listening, callers: Callers, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = 0
    read = event_subscription.read_events

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal pages
        pages += 1
        return await read(*arguments, **options)

    monkeypatch.setattr(event_subscription, "read_events", counted)
    for _ in range(3):
        await callers.session("bob")
    await callers.server.sealed()
    async with live.opened(auditor) as one:
        for number, wanted in enumerate(
            ({"toIndex": 1}, {"until": "2020-01-01T00:00:00Z"}, {"fromIndex": 99})
        ):
            headers = {"authorization": f"Bearer {auditor}"}
            answer = await callers.server.http.graphql(PAGE, {"filter": wanted}, headers=headers)
            edges = answer.of("events")["edges"]
            await one.subscribe(str(number), filter=wanted, after=edges[0]["cursor"] if edges else None)
        await one.is_in_step()
        await callers.session("bob")
        await callers.server.sealed()
        await asyncio.sleep(1)
    assert 1 <= pages <= 6


async def test_without_any_notification_events_come_all_the_same(callers: Callers, auditor: str) -> None:
    @asynccontextmanager
    async def refused() -> AsyncIterator[Any]:
        raise OSError("no connection that could listen")
        yield

    callers.server.application._feed._connect = refused
    await callers.server.sealed()
    async with listening(callers.server) as live, live.opened(auditor) as one:
        await one.subscribe("1", filter=ISSUED)
        await one.is_in_step()
        await asyncio.sleep(0.3)
        for _ in range(3):
            session = (await callers.session("bob"))["session"]["id"]
            await callers.server.sealed()
            assert (await one.edge())["node"]["sessionId"] == session


LISTENERS = (
    "FROM pg_stat_activity WHERE query = 'LISTEN token_ledger_sealed' AND datname = current_database()"
)
KILL = f"SELECT pg_terminate_backend(pid) {LISTENERS}"


async def _until_listening(server: Server) -> None:
    async with asyncio.timeout(5):
        while not server.execute(f"SELECT pid {LISTENERS}"):  # noqa: ASYNC110 - no event comes for it
            await asyncio.sleep(0.05)


async def test_subscriptions_of_one_connection_do_not_mix(
    live: Listening, callers: Callers, auditor: str
) -> None:
    async def seen(one: Live, operation: str, kind: str, expected: list[str]) -> None:
        assert [(await one.edge(operation))["node"]["id"] for _ in expected] == expected, kind

    await callers.server.sealed()
    async with live.opened(auditor) as one:
        await one.subscribe("i", filter=ISSUED)
        await one.subscribe("r", filter={"types": ["TOKEN_ROTATED", "TOKEN_REVOKED"]})
        await one.is_in_step()
        await asyncio.sleep(0.3)
        for _ in range(5):
            pair = await callers.session("bob")
            await callers.server.refresh(pair["refreshToken"])
        await callers.server.sealed()
        await seen(one, "i", "issued", log(callers.server, "TokenIssued")[-5:])
        await seen(one, "r", "rotated", log(callers.server, "TokenRotated"))
