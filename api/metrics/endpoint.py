"""`/metrics`: all that is counted and measured, as Prometheus reads it, for networks that may read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.client_address import Network, client_address, is_within
from api.metrics.database_families import DatabaseFamilies

_NOT_YOURS = "This address may not read metrics: see TOKEN_LEDGER_METRICS_ALLOW.\n"
_OF_PROXIES = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


class MetricsEndpoint:
    """Answers scrapes."""

    def __init__(
        self,
        *,
        registry: CollectorRegistry,
        database: DatabaseFamilies,
        look: Callable[[], None],
        allowed: tuple[Network, ...],
        trusted_proxies: tuple[Network, ...],
    ) -> None:
        """`look` brings the gauges of this process up to date."""
        self._registry = registry
        self._database = database
        self._look = look
        self._allowed = allowed
        self._trusted_proxies = trusted_proxies

    async def metrics(self, request: Request) -> Response:
        """The text; 403 for whoever may not read it.

        That there is this path is no secret, and an operator whose scraper is refused is to see why.
        """
        if not self._may_read(request):
            return PlainTextResponse(_NOT_YOURS, 403)
        await self._database.read()
        self._look()
        text = await asyncio.to_thread(generate_latest, self._registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4, "cache-control": "no-store"})

    def _may_read(self, request: Request) -> bool:
        """By the address of whoever asks. What comes through a proxy that is not trusted has none."""
        peer = None if request.client is None else request.client.host
        by_proxy = any(name in request.headers for name in _OF_PROXIES)
        if by_proxy and not is_within(peer or "", self._trusted_proxies):
            return False
        forwarded_for = request.headers.getlist("x-forwarded-for")
        return is_within(client_address(peer, forwarded_for, self._trusted_proxies), self._allowed)
