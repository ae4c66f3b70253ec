"""A subscription followed through restarts of the server that serves it, while another server writes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from api.live_protocol import SUBPROTOCOL
from tests.served import NO_LIMITS, Client, Served, client_of, free_port, served

TYPES = ["TOKEN_ISSUED", "TOKEN_ROTATED"]
_STORED = ["TokenIssued", "TokenRotated"]
_CHAINS = 10
_SUBSCRIPTION = """
subscription ($filter: EventFilter, $after: Cursor) {
  events(filter: $filter, after: $after) { cursor node { id logIndex } }
}
"""
_FIRST = """
query ($filter: EventFilter) {
  events(filter: $filter, order: OLDEST_FIRST, first: 1) { edges { cursor node { logIndex } } }
}
"""
_PATIENCE_SECONDS = 120


@dataclass(slots=True)
class Seen:
    """What a subscriber was told, and where it goes on."""

    cursor: str
    events: list[str] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    connections: int = 0


async def followed(database_url: str, *, events: int, restarts: int) -> tuple[Seen, list[str]]:
    """What was seen of so many events and more, and all there were in the order of the log.

    The server that tells is restarted so often, the second time by SIGKILL.
    """
    port = free_port()
    with served(database_url, NO_LIMITS) as writing, ExitStack() as stack:
        telling = stack.enter_context(served(database_url, NO_LIMITS, port=port))
        async with AsyncExitStack() as clients:
            writer = await clients.enter_async_context(client_of(writing))
            reader = await clients.enter_async_context(client_of(telling))
            given = {"assertion": telling.assertion("auditor", scope="audit:read"), "transport": "BODY"}
            login = "mutation ($i: LoginInput!) { login(input: $i) { ... on TokenPair { accessToken } } }"
            token = (await reader.ask(login, {"i": given}))["login"]["accessToken"]
            first = await _first(reader, token)
            seen = Seen(cursor=first["cursor"])
            following = asyncio.create_task(_follow(port, token, seen, events))
            tasks = [asyncio.create_task(_chain(writer, events // _CHAINS)) for _ in range(_CHAINS)]
            for number in range(restarts):
                await _until(seen, events * (number + 1) // (restarts + 2), following)
                await asyncio.to_thread(_end, telling, kill=number == 1)
                telling = await asyncio.to_thread(
                    stack.enter_context, served(database_url, NO_LIMITS, port=port)
                )
            await asyncio.gather(*tasks)
            await asyncio.wait_for(following, _PATIENCE_SECONDS)
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(
                "SELECT l.stream_id, l.version FROM log AS l JOIN events USING (stream_id, version) "
                "WHERE type = ANY(%s) AND leaf_index > %s ORDER BY leaf_index",
                [_STORED, first["node"]["logIndex"]],
            ).fetchall()
    return seen, [f"{stream}:{version}" for stream, version in rows]


async def _first(reader: Client, token: str) -> Any:
    """The first event of these types, once it can be found."""
    deadline = time.monotonic() + 15
    while True:
        given = {"filter": {"types": TYPES}}
        edges = (await reader.ask(_FIRST, given, authorization=f"Bearer {token}"))["events"]["edges"]
        if edges:
            return edges[0]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def _chain(writer: Client, length: int) -> None:
    """A session of so many events."""
    token = (await writer.login("ada"))["refreshToken"]
    for _ in range(length - 1):
        token = (await writer.refresh(token))["refreshToken"]


async def _follow(port: int, token: str, seen: Seen, events: int) -> None:
    """Come back with the last cursor until so many were seen."""
    while len(seen.events) < events:
        try:
            async for edge in _edges(port, token, seen):
                seen.cursor = edge["cursor"]
                seen.events.append(edge["node"]["id"])
                seen.indexes.append(edge["node"]["logIndex"])
                if len(seen.events) == events:
                    return
        except (ConnectionClosed, InvalidHandshake, OSError):
            await asyncio.sleep(0.05)


async def _edges(port: int, token: str, seen: Seen) -> AsyncIterator[Any]:
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(url, subprotocols=[SUBPROTOCOL], proxy=None, open_timeout=5) as websocket:  # type: ignore[list-item]
        await websocket.send(json.dumps({"type": "connection_init", "payload": {"accessToken": token}}))
        assert json.loads(await websocket.recv())["type"] == "connection_ack"
        seen.connections += 1
        variables = {"filter": {"types": TYPES}, "after": seen.cursor}
        payload = {"query": _SUBSCRIPTION, "variables": variables}
        await websocket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        async for message in websocket:
            told = json.loads(message)
            assert told["type"] == "next", told
            yield told["payload"]["data"]["events"]


async def _until(seen: Seen, events: int, following: asyncio.Task[None]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(seen.events) < events:
        assert time.monotonic() < deadline
        if following.done():
            following.result()
        await asyncio.sleep(0.01)


def _end(server: Served, *, kill: bool) -> None:
    if kill:
        server.kill()
    else:
        server.process.terminate()
    server.process.wait(timeout=15)
