"""The metrics of one worker, made of their parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

from api.client_address import Network
from api.metrics.database_families import DatabaseFamilies
from api.metrics.endpoint import MetricsEndpoint
from api.metrics.instruments import Instruments
from api.metrics.process_gauges import ProcessGauges
from api.pool import Pool

_LOOKED_EVERY_SECONDS = 1.0


class ProcessMetrics:
    """Counts from the start; `serve` comes once there is something to look at."""

    def __init__(self, directory: Path | None) -> None:
        """`directory` is shared by several workers; None: this process is the only one."""
        disable_created_metrics()  # each series would have a second one that tells when it was made
        self._directory = directory
        self._own = CollectorRegistry()
        self.instruments = Instruments(self._own)
        self._gauges: ProcessGauges | None = None

    def serve(
        self,
        *,
        pools: Mapping[str, Pool],
        read_by: Pool,
        queued: Callable[[], int],
        live_connections: Callable[[], int],
        leads: Mapping[str, Callable[[], bool]],
        now: Callable[[], datetime],
        allowed: tuple[Network, ...],
        trusted_proxies: tuple[Network, ...],
    ) -> MetricsEndpoint:
        """The endpoint that tells it all.

        `leads` says whether this process does the work that one process does at a time, by its name.
        """
        gauges = self._gauges = ProcessGauges(
            self._own, pools=pools, queued=queued, live_connections=live_connections, leads=leads
        )
        told = self._own
        if self._directory is not None:
            told = CollectorRegistry()
            MultiProcessCollector(told, path=str(self._directory))
        database = DatabaseFamilies(read_by, now=now)
        told.register(database)
        return MetricsEndpoint(
            registry=told,
            database=database,
            look=gauges.look,
            allowed=allowed,
            trusted_proxies=trusted_proxies,
        )

    async def run(self) -> NoReturn:
        """Keep the gauges of this worker up to date for scrapes that another worker answers; for ever."""
        while True:
            if self._gauges is not None and self._directory is not None:
                self._gauges.look()
            await asyncio.sleep(_LOOKED_EVERY_SECONDS)
