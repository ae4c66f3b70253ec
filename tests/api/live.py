"""An application that listens on a port of its own, and a client of its WebSockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from uvicorn import Server as Uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.live_protocol import SUBPROTOCOL
from api.worker import server_config
from tests.api.server import Server

EVENTS = """
subscription ($filter: EventFilter, $after: Cursor) {
  events(filter: $filter, after: $after) { cursor node { id type logIndex sessionId } }
}
"""
_LONGEST_WAIT_SECONDS = 10


@dataclass(slots=True)
class Live:
    """One open WebSocket. What arrives is kept by the operation that it is of until it is asked for."""

    websocket: ClientConnection
    kept: dict[str | None, list[Any]] = field(default_factory=dict)

    async def send(self, kind: str, **members: Any) -> None:
        await self.websocket.send(json.dumps({"type": kind, **members}))

    async def receive(self, operation: str | None = None) -> Any:
        """The next message of an operation; None: one that is of none."""
        while not self.kept.get(operation):
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                message = json.loads(await self.websocket.recv())
            self.kept.setdefault(message.get("id"), []).append(message)
        return self.kept[operation].pop(0)

    async def subscribe(self, operation: str, query: str = EVENTS, **variables: Any) -> None:
        await self.send("subscribe", id=operation, payload={"query": query, "variables": variables})

    async def edge(self, operation: str = "1") -> Any:
        """The next event of a subscription, with its cursor."""
        message = await self.receive(operation)
        assert message["type"] == "next", message
        assert message["payload"].keys() == {"data"}, message
        return message["payload"]["data"]["events"]

    async def error(self, operation: str = "1") -> tuple[str, str]:
        """Code and message with which an operation was refused."""
        message = await self.receive(operation)
        assert message["type"] == "error", message
        (error,) = message["payload"]
        assert error["extensions"]["requestId"]
        return error["extensions"]["code"], error["message"]

    async def closed(self) -> int:
        """The code with which the server closes; what it says before is dropped."""
        async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    await self.websocket.recv()
        code = self.websocket.close_code
        assert code is not None
        return code

    async def is_in_step(self) -> None:
        """Everything sent so far was taken by the server."""
        await self.send("ping", payload={"step": 1})
        assert await self.receive() == {"type": "pong", "payload": {"step": 1}}


@dataclass(slots=True)
class Listening:
    """An application on a port."""

    server: Server
    port: int

    @asynccontextmanager
    async def open(self, init: Mapping[str, object] | None = None, **options: Any) -> AsyncIterator[Live]:
        """A connection; initialised where something is given to say."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        options = {"subprotocols": [SUBPROTOCOL], "ping_interval": None, "proxy": None, **options}
        async with connect(url, **options) as websocket:
            live = Live(websocket)
            if init is not None:
                await live.send("connection_init", payload=init)
            yield live

    @asynccontextmanager
    async def opened(self, access_token: str, **options: Any) -> AsyncIterator[Live]:
        """A connection of a caller who was acknowledged."""
        async with self.open({"accessToken": access_token}, **options) as live:
            assert await live.receive() == {"type": "connection_ack"}
            yield live


@asynccontextmanager
async def listening(
    server: Server, *, port: int = 0, send_buffer: int | None = None
) -> AsyncIterator[Listening]:
    """Serve a running application over real sockets, as a worker does; `send_buffer` is the kernel's."""
    listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    config = server_config(lambda: server.application, workers=1)
    config.lifespan = "off"
    config.timeout_graceful_shutdown = 1
    uvicorn = Uvicorn(config)
    task = asyncio.create_task(uvicorn.serve(sockets=[listener]))
    while not uvicorn.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield Listening(server, listener.getsockname()[1])
    finally:
        uvicorn.should_exit = True
        await task
        listener.close()
