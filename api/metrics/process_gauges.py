"""What is so in one worker at the moment, looked at now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Gauge
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

_Sum = Literal["livesum"]
_ALL_WORKERS: _Sum = "livesum"
"""The server's value is the sum of those of the workers that live."""


class ProcessGauges:
    """Gauges of this process; they show what was so when `look` was called last."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        pools: Mapping[str, AsyncConnectionPool[AsyncConnection[object]]],
        queued: Callable[[], int],
        live_connections: Callable[[], int],
        leads: Mapping[str, Callable[[], bool]],
    ) -> None:
        connections = Gauge(
            "token_ledger_pool_connections",
            "Connections to the database, of all workers: open ones, and those of them that are free.",
            ("pool", "state"),
            registry=registry,
            multiprocess_mode=_ALL_WORKERS,
        )
        waiting = Gauge(
            "token_ledger_pool_waiting_requests",
            "Work that waits for a connection.",
            ("pool",),
            registry=registry,
            multiprocess_mode=_ALL_WORKERS,
        )
        leading = Gauge(
            "token_ledger_leading",
            "1: this server does the work that one of all servers does at a time; 0: another does, or none.",
            ("work",),
            registry=registry,
            multiprocess_mode=_ALL_WORKERS,
        )
        queue = Gauge(
            "token_ledger_commit_queue_commands",
            "Commands that wait for a batch.",
            registry=registry,
            multiprocess_mode=_ALL_WORKERS,
        )
        live = Gauge(
            "token_ledger_live_connections",
            "Open WebSocket connections.",
            registry=registry,
            multiprocess_mode=_ALL_WORKERS,
        )
        workers = Gauge(
            "token_ledger_workers",
            "Processes that answer requests.",
            registry=registry,
            multiprocess_mode=_ALL_WORKERS,
        )
        workers.set(1)
        self._looks: Sequence[tuple[Gauge, Callable[[], float]]] = [
            (queue, queued),
            (live, live_connections),
            *((leading.labels(work), one) for work, one in leads.items()),
        ]
        self._pools = [
            (pool, connections.labels(name, "open"), connections.labels(name, "free"), waiting.labels(name))
            for name, pool in pools.items()
        ]

    def look(self) -> None:
        """Set them to what is so now."""
        for gauge, value in self._looks:
            gauge.set(value())
        for pool, size, free, waiting in self._pools:
            told = pool.get_stats()
            size.set(told["pool_size"])
            free.set(told["pool_available"])
            waiting.set(told.get("requests_waiting", 0))
