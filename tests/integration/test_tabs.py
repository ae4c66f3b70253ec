"""Browsers whose tabs wake together, in cookie mode: answers are late and out of order, nobody is signed out.

A simulation in its own time: each request reaches the real application at a moment, and its answer the
browser at a later one. `make prove` runs a thousand bursts of each.
"""

from __future__ import annotations

import heapq
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.api.server import LOGIN, REFRESH, Server, running_server

BURSTS = int(os.environ.get("TAB_BURSTS", "60"))
SEED = int(os.environ.get("TAB_SEED", "20261125"))
STALLED = 0.01
"""Of all trips: these take up to eight seconds, the others up to half of one."""
TRIES = 3


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    async with running_server(database_url) as running:
        yield running


@dataclass(order=True, slots=True)
class Step:
    """Something that happens in the simulated time, in seconds."""

    at: float
    number: int
    what: str = field(compare=False)
    tab: int = field(compare=False)
    cookie: str | None = field(compare=False, default=None)
    tried: int = field(compare=False, default=1)


@dataclass(slots=True)
class Browser:
    """One cookie jar: an answer that arrives later overwrites it, whatever it holds."""

    server: Server
    dice: random.Random
    jar: str
    now: float = 0.0
    codes: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    count: int = 0

    def plan(self, delay: float, what: str, tab: int, cookie: str | None = None, tried: int = 1) -> None:
        self.count += 1
        heapq.heappush(self.steps, Step(self.now + delay, self.count, what, tab, cookie, tried))

    def trip(self) -> float:
        """How long a request or an answer is under way."""
        return self.dice.uniform(0, 8) if self.dice.random() < STALLED else self.dice.uniform(0.005, 0.5)

    async def burst(self, tabs: int) -> None:
        """All tabs notice within a moment that the access token is over, and refresh."""
        for tab in range(tabs):
            self.plan(self.dice.uniform(0, 0.3), "wakes", tab)
        while self.steps:
            step = heapq.heappop(self.steps)
            self.now = step.at
            await self.happens(step)

    async def happens(self, step: Step) -> None:
        match step.what:
            case "wakes":  # the jar is read when the request leaves
                self.plan(self.trip(), "reaches the server", step.tab, self.jar, step.tried)
            case "reaches the server":
                self.server.elapsed = timedelta(seconds=self.now)
                answer = await self.server.http.graphql(REFRESH, cookie=step.cookie)
                told = answer.of("refresh")
                if told["__typename"] == "TokenPair":
                    (cookie,) = answer.cookies
                    self.plan(self.trip(), "gets its answer", step.tab, cookie.partition(";")[0])
                elif told["retryable"] and step.tried < TRIES:
                    self.plan(told["retryAfterMs"] / 1000, "wakes", step.tab, tried=step.tried + 1)
                else:
                    self.codes.append(told["code"])
            case "gets its answer":
                assert step.cookie is not None
                self.jar = step.cookie


async def browser_of(server: Server, seed: int) -> Browser:
    given = {"input": {"assertion": server.assertion(f"subject-{seed}"), "transport": "COOKIE"}}
    answer = await server.http.graphql(LOGIN, given)
    (cookie,) = answer.cookies
    return Browser(server, random.Random(seed), cookie.partition(";")[0])  # noqa: S311 - to be repeated


@pytest.mark.parametrize("tabs", [3, 5, 10])
async def test_tabs_that_wake_together_sign_nobody_out(server: Server, tabs: int) -> None:
    """Each burst is followed by the next access token's quarter of an hour."""
    signed_out: list[tuple[int, str]] = []
    server.elapsed = timedelta(0)
    browsers = [await browser_of(server, SEED + number) for number in range(max(1, BURSTS // 20))]
    for number in range(BURSTS):
        browser = browsers[number % len(browsers)]
        browser.now = max(one.now for one in browsers) + 900
        await browser.burst(tabs)
        signed_out += [(number, code) for code in browser.codes]
        browser.codes.clear()
    assert signed_out == [], f"seed {SEED}"
    ended = server.execute("SELECT count(*) FROM active_tokens WHERE status <> 'active'")
    assert ended == [(0,)]


async def test_the_simulation_would_notice(server: Server) -> None:
    """With a grace window of nothing the same tabs are signed out: the test above can fail."""
    server.set_policy(grace=0)
    browser = await browser_of(server, SEED)
    for _ in range(5):
        browser.now += 900
        await browser.burst(5)
    assert {"REUSE_DETECTED", "SESSION_REVOKED"} & set(browser.codes)
