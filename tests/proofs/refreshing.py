"""Clients that refresh as fast as they are answered, and what they were told."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httpx

from tests.api.server import REFRESH
from tests.served import Client


@dataclass(slots=True)
class Told:
    """What the honest clients were told."""

    generations: set[tuple[str, int]] = field(default_factory=set)
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """When each answer came, and how long it took."""
    sent_again: int = 0

    def between(self, began: float, ended: float) -> str:
        rate = len(self._took(began, ended)) / (ended - began)
        p50, p99 = self.quantile_ms(0.5, began, ended), self.quantile_ms(0.99, began, ended)
        return f"{rate:.0f} refreshes/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    def quantile_ms(self, share: float, began: float, ended: float) -> float:
        """What this share of the answers between two moments did not exceed."""
        took = self._took(began, ended)
        return took[int(len(took) * share)] * 1000

    def _took(self, began: float, ended: float) -> list[float]:
        return sorted(seconds for at, seconds in self.seconds if began <= at < ended)


async def keep_refreshing(client: Client, name: str, told: Told, ending: asyncio.Event) -> None:
    """A request that was not answered, or with 503, is sent again with the same token."""
    pair = await client.login(name)
    while not ending.is_set():
        variables = {"input": {"refreshToken": pair["refreshToken"]}}
        began = time.monotonic()
        try:
            answer = await client.http.post("/graphql", json={"query": REFRESH, "variables": variables})
        except httpx.TransportError:
            answer = None
        if answer is None or answer.status_code == 503:
            told.sent_again += 1
            await asyncio.sleep(0.05)
            continue
        assert answer.status_code == 200, answer.text
        pair = answer.json()["data"]["refresh"]
        assert pair["__typename"] == "TokenPair", pair
        told.seconds.append((time.monotonic(), time.monotonic() - began))
        told.generations.add((pair["session"]["id"], pair["session"]["generation"]))
