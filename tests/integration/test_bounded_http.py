"""Heads of requests over real sockets: bounded in bytes and in time, one after another on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from uvicorn import Config, Server

from api.bounded_http import LARGEST_HEAD, BoundedHttpProtocol

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"


async def application(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = str(len(body)).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr("api.bounded_http.HEAD_WITHIN_SECONDS", 0.3)
    config = Config(application, port=0, http=BoundedHttpProtocol, lifespan="off", log_config=None, ws="none")
    server = Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def talk(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """Everything that is answered until the server closes, or has nothing more to say for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(1):
            while data := await reader.read(65536):
                received += data
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return received


async def test_requests_one_after_the_other_and_in_pieces(port: int) -> None:
    answer = await talk(port, REQUEST, REQUEST[:20], REQUEST[20:], REQUEST + REQUEST, pause=0.05)
    assert answer.count(b"200 OK") == 4
    assert answer.count(b"\r\n\r\n5") == 4


async def test_a_large_body_is_not_taken_for_a_head(port: int) -> None:
    body = b"x" * (4 * LARGEST_HEAD)
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n"
    answer = await talk(port, head + body[:1000], body[1000:], REQUEST, pause=0.05)
    assert answer.count(b"200 OK") == 2


@pytest.mark.parametrize("head", [b"a: " + b"x" * 500_000, b"a: b\r\n" * 100_000, b"/" * 500_000])
async def test_a_head_without_end_is_refused(port: int, head: bytes) -> None:
    answer = await talk(port, b"GET / HTTP/1.1\r\nhost: x\r\n", head)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert (await talk(port, REQUEST)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("pieces", [[], [b"GET / HT"], [b"GET / HTTP/1.1\r\nhost: x\r\n"], [REQUEST, b"GET"]])
async def test_a_head_that_does_not_arrive_is_given_up(port: int, pieces: list[bytes]) -> None:
    answer = await talk(port, *pieces, pause=0.05)
    assert answer.endswith(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


async def test_a_connection_between_requests_is_left_open(port: int) -> None:
    answer = await talk(port, REQUEST, b"", REQUEST, pause=0.4)
    assert answer.count(b"200 OK") == 2
