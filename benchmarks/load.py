"""Clients that refresh: each connection carries a token chain of its own, one request after the other.

`python -m benchmarks.load` reads a plan as JSON on standard input and writes what it saw as JSON on standard
output. It runs in a process of its own, so that it does not share the server's interpreter. Moments are
those of `time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import uvloop

REFRESH = (
    "mutation Refresh($token: String) { refresh(input: {refreshToken: $token}) { __typename "
    "... on TokenPair { accessToken accessTokenExpiresAt refreshToken outcome } "
    "... on AuthProblem { code terminal retryable retryAfterMs } } }"
)
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_OUTCOME = b'"outcome":"'
_REFRESH_TOKEN = b'"refreshToken":"'
_TOKEN_LENGTH = 97
_FAILURES_TOLD = 3
_LATE_BY_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where to send what, and for how long: until a moment, or until so many answers a connection."""

    host: str
    port: int
    tokens: Sequence[str]
    """The newest of each chain; there are as many connections."""
    measured_from: float = 0.0
    ends_at: float | None = None
    """Exclusive: what is answered later was not measured, though it happened."""
    answers: int | None = None


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the clients of one plan saw."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, of the requests answered between `measured_from` and `ends_at`."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """Of every answer, measured or not."""
    failures: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """The newest of each chain afterwards."""


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the answer to the one before is complete."""

    def __init__(self, plan: Plan, token: str, seen: Seen, done: asyncio.Future[None]) -> None:
        self._plan = plan
        self._ends_at = math.inf if plan.ends_at is None else plan.ends_at
        self._left = math.inf if plan.answers is None else plan.answers
        self._before, self._after = _request(plan.host, plan.port)
        self._seen = seen
        self._done = done
        self._received = b""
        self._sent_at: float | None = None
        self.token = token.encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def _send(self) -> None:
        self._sent_at = time.monotonic()
        self._transport.write(self._before + self.token + self._after)

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
        now = time.monotonic()
        self._answered(received, now)
        if now >= self._ends_at or self._left == 0 or self._seen.failures:
            self._transport.close()
        else:
            self._send()

    def _answered(self, answer: bytes, now: float) -> None:
        sent_at, self._sent_at = self._sent_at, None
        place = answer.find(_OUTCOME)
        if place < 0 or sent_at is None:
            self._seen.failures.append(answer.decode(errors="replace")[:600])
            return
        start = place + len(_OUTCOME)
        outcome = answer[start : answer.find(b'"', start)].decode()
        self._seen.outcomes[outcome] = self._seen.outcomes.get(outcome, 0) + 1
        start = answer.find(_REFRESH_TOKEN) + len(_REFRESH_TOKEN)
        self.token = answer[start : start + _TOKEN_LENGTH]
        self._left -= 1
        if self._plan.measured_from <= now < self._ends_at:
            self._seen.latencies.append(now - sent_at)

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent_at is not None:
            self._seen.failures.append(f"connection lost before the answer: {error}")
        if not self._done.done():
            self._done.set_result(None)


def _request(host: str, port: int) -> tuple[bytes, bytes]:
    """What comes before the token and what after it."""
    body = json.dumps({"query": REFRESH, "variables": {"token": "@" * _TOKEN_LENGTH}}).encode()
    before, _, after = body.partition(b"@" * _TOKEN_LENGTH)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/graphql-response+json\r\nUser-Agent: {USER_AGENT}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    return head + before, after


async def drive(plan: Plan) -> Seen:
    """Refresh each token over a connection of its own; ends early at the first failure.

    Raises:
        TimeoutError: an answer is half a minute late.
    """
    loop = asyncio.get_running_loop()
    seen = Seen()
    finished = [loop.create_future() for _ in plan.tokens]
    clients = [_Client(plan, token, seen, done) for token, done in zip(plan.tokens, finished, strict=True)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, plan.host, plan.port)  # type: ignore[misc]
    patience = None if plan.ends_at is None else plan.ends_at - time.monotonic() + _LATE_BY_SECONDS
    await asyncio.wait_for(asyncio.gather(*finished), patience)
    seen.tokens = [client.token.decode() for client in clients]
    del seen.failures[_FAILURES_TOLD:]
    return seen


def main() -> None:
    """See the module."""
    seen = uvloop.run(drive(Plan(**json.load(sys.stdin))))
    json.dump(asdict(seen), sys.stdout)


if __name__ == "__main__":
    main()
