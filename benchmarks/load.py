"""Clients that refresh: each connection carries a token chain of its own, one request after the other.

`python -m benchmarks.load` reads a plan as JSON on standard input and writes what it saw as JSON on standard
output. It runs in a process of its own, so that it does not share the server's interpreter.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import uvloop

REFRESH = (
    "mutation Refresh($token: String) { refresh(input: {refreshToken: $token}) { __typename "
    "... on TokenPair { accessToken accessTokenExpiresAt refreshToken outcome } "
    "... on AuthProblem { code terminal retryable retryAfterMs } } }"
)
_OUTCOME = b'"outcome":"'
_REFRESH_TOKEN = b'"refreshToken":"'
_TOKEN_LENGTH = 97


@dataclass(slots=True)
class Seen:
    """What the clients of one run saw."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, of measured requests."""
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection: sends the next request when the answer to the one before is complete."""

    def __init__(self, plan: Plan, token: str, seen: Seen, done: asyncio.Future[None]) -> None:
        self._plan = plan
        self._seen = seen
        self._done = done
        self.token = token.encode()
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._plan.head + self.token + self._plan.tail)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        start = received.find(b"content-length: ", 0, end) + 16
        length = int(received[start : received.find(b"\r", start)])
        if len(received) < end + 4 + length:
            return
        self._received = b""
        now = time.perf_counter()
        self._answered(received, now)
        if now >= self._plan.ends_at or self._seen.failures:
            self._transport.close()
        else:
            self._send()

    def _answered(self, answer: bytes, now: float) -> None:
        place = answer.find(_OUTCOME)
        if place < 0:
            self._seen.failures.append(answer.decode(errors="replace")[:600])
            return
        start = place + len(_OUTCOME)
        self._seen.outcomes[answer[start : answer.find(b'"', start)].decode()] += 1
        start = answer.find(_REFRESH_TOKEN) + len(_REFRESH_TOKEN)
        self.token = answer[start : start + _TOKEN_LENGTH]
        if now >= self._plan.measured_from:
            self._seen.latencies.append(now - self._sent_at)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._seen.failures.append(f"connection lost: {error}")
        if not self._done.done():
            self._done.set_result(None)


@dataclass(slots=True)
class Plan:
    """Where to send what, and for how long."""

    host: str
    port: int
    head: bytes
    tail: bytes
    measured_from: float
    ends_at: float


def plan_of(host: str, port: int, warm_up_seconds: float, seconds: float) -> Plan:
    """A plan that starts now."""
    body = json.dumps({"query": REFRESH, "variables": {"token": "@" * _TOKEN_LENGTH}}).encode()
    before, _, after = body.partition(b"@" * _TOKEN_LENGTH)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/graphql-response+json\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) "
        f"Gecko/20100101 Firefox/140.0\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    start = time.perf_counter()
    return Plan(host, port, head + before, after, start + warm_up_seconds, start + warm_up_seconds + seconds)


async def drive(
    host: str, port: int, tokens: list[str], *, warm_up_seconds: float, seconds: float
) -> tuple[Seen, list[str]]:
    """Refresh each token over a connection of its own; gives what was seen and the newest tokens."""
    loop = asyncio.get_running_loop()
    plan, seen = plan_of(host, port, warm_up_seconds, seconds), Seen()
    clients = [Client(plan, token, seen, loop.create_future()) for token in tokens]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*(one._done for one in clients)), warm_up_seconds + seconds + 30)
    return seen, [one.token.decode() for one in clients]


def main() -> None:
    """See the module."""
    plan = json.load(sys.stdin)
    started = time.process_time()
    seen, tokens = uvloop.run(
        drive(
            plan["host"],
            plan["port"],
            plan["tokens"],
            warm_up_seconds=plan["warm_up_seconds"],
            seconds=plan["seconds"],
        )
    )
    json.dump(
        {
            "latencies": seen.latencies,
            "outcomes": seen.outcomes,
            "failures": seen.failures[:3],
            "tokens": tokens,
            "cpu_seconds": time.process_time() - started,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
