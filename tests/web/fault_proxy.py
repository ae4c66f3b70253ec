"""A proxy between browser and server that loses, holds and cuts what the test names, and counts the rest.

Each connection of the browser carries one request: a browser sends a request again by itself where a
connection that it had used before breaks, and none of these were.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse

_MAXIMUM_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came from the browser."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    operation: str
    """The first root field of a GraphQL request, such as `refresh`; else the path without its query."""


@dataclass(slots=True, eq=False)
class Fault:
    """What happens to the next request of an operation, once."""

    operation: str
    reaches_server: bool
    reaches_browser: bool
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server has answered, or, where the request does not get there, when it came."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    answer: bytes = b""
    """What the server answered, head and body."""

    async def met(self, *, seconds: float = 10) -> None:
        """Wait until it has happened to a request."""
        await asyncio.wait_for(self.arrived.wait(), seconds)

    def release(self) -> None:
        """Let a held answer go on to the browser."""
        self.released.set()


class FaultProxy:
    """Listens on a port of 127.0.0.1 and forwards to another."""

    def __init__(self, *, upstream_port: int) -> None:
        self.seen: list[Seen] = []
        """Every request since `reset`, in the order in which they came."""
        self.offline = False
        """While it is set, connections are cut, those of WebSockets too."""
        self.pages: dict[str, tuple[str, Mapping[str, str]]] = {}
        """Pages of a frontend that lives on the same origin, by path: HTML and headers."""
        self._upstream_port = upstream_port
        self._faults: list[Fault] = []
        self._met: list[Fault] = []
        self._running: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.StreamWriter] = set()
        self._came = asyncio.Condition()

    def count(self, operation: str) -> int:
        """How many requests of an operation came."""
        return sum(one.operation == operation for one in self.seen)

    async def until(self, operation: str, count: int, *, seconds: float = 10) -> None:
        """Wait until so many requests of an operation have come."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: self.count(operation) >= count)

    def lose(self, operation: str) -> Fault:
        """The next answer is lost after the server has given it."""
        return self._next(Fault(operation, reaches_server=True, reaches_browser=False))

    def cut(self, operation: str) -> Fault:
        """The next request does not reach the server."""
        return self._next(Fault(operation, reaches_server=False, reaches_browser=False))

    def hold(self, operation: str) -> Fault:
        """The next answer waits, after the server has given it, until it is released."""
        return self._next(Fault(operation, reaches_server=True, reaches_browser=True))

    def go_offline(self) -> None:
        """Cut what is connected, and whoever connects."""
        self.offline = True
        for writer in self._sockets:
            writer.transport.abort()

    def reset(self) -> None:
        """As at the start; what was held is let go."""
        for fault in self._met:
            fault.release()
        self._met.clear()
        self._faults.clear()
        self.seen.clear()
        self.pages.clear()
        self.offline = False

    def _next(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self._sockets.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
                await self._forward(reader, writer)
        finally:
            self._running.discard(task)
            self._sockets.discard(writer)
            writer.close()
            with suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()

    async def close(self) -> None:
        """End what is going on."""
        for writer in list(self._sockets):
            writer.transport.abort()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.offline:
            writer.transport.abort()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, headers = _parsed_head(head)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if self.offline:
            writer.transport.abort()
            return
        operation = _operation(path, body)
        async with self._came:
            self.seen.append(Seen(method=method, path=path, headers=headers, body=body, operation=operation))
            self._came.notify_all()
        if path.partition("?")[0] in self.pages:
            writer.write(_page(*self.pages[path.partition("?")[0]]))
            await writer.drain()
            return
        if headers.get("upgrade", "").lower() == "websocket":
            await self._pipe(head, reader, writer)
            return
        fault = next((one for one in self._faults if one.operation == operation), None)
        if fault is not None:
            self._faults.remove(fault)
            self._met.append(fault)
        if fault is not None and not fault.reaches_server:
            fault.arrived.set()
            writer.transport.abort()
            return
        answer = await self._ask(head, body)
        if fault is not None:
            fault.answer = answer
            fault.arrived.set()
            if not fault.reaches_browser:
                writer.transport.abort()
                return
            await fault.released.wait()
        if self.offline:
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        """What the server answers, to the end."""
        request_line, _, rest = head.partition(b"\r\n")
        kept = [line for line in rest.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            writer.write(b"\r\n".join([request_line, *kept, b"Connection: close", b"", b""]) + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _pipe(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A WebSocket, both ways, until either end closes."""
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        server_writer.write(head)
        ways = {
            asyncio.create_task(_copy(reader, server_writer)),
            asyncio.create_task(_copy(server_reader, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            server_writer.close()
            with suppress(ConnectionError):
                await server_writer.wait_closed()


@asynccontextmanager
async def fault_proxy(*, port: int, upstream_port: int) -> AsyncIterator[FaultProxy]:
    """A proxy that listens while the block runs."""
    proxy = FaultProxy(upstream_port=upstream_port)
    listener = await asyncio.start_server(proxy.connected, "127.0.0.1", port, limit=_MAXIMUM_HEAD)
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
        await listener.wait_closed()


@asynccontextmanager
async def other_site(port: int, pages: Mapping[str, tuple[str, Mapping[str, str]]]) -> AsyncIterator[None]:
    """Pages on an origin of their own, with no server behind them."""
    async with fault_proxy(port=port, upstream_port=port) as site:
        site.pages.update(pages)
        yield


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(64 * 1024):
        writer.write(piece)
        await writer.drain()


def _parsed_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    request_line, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = request_line.split(" ", 2)
    pairs = [line.partition(":") for line in lines if line]
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _operation(path: str, body: bytes) -> str:
    path = path.partition("?")[0]
    if path != "/graphql":
        return path
    try:
        message: Any = json.loads(body)
        definitions = parse(message["query"]).definitions
    except (ValueError, KeyError, TypeError, GraphQLError):
        return path
    for definition in definitions:
        if isinstance(definition, OperationDefinitionNode):
            for selection in definition.selection_set.selections:
                if isinstance(selection, FieldNode):
                    return selection.name.value
    return path


def _page(html: str, headers: Mapping[str, str]) -> bytes:
    content = html.encode()
    lines = [
        "HTTP/1.1 200 OK",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content
