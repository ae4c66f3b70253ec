"""What the database tells at a scrape: how far sealer, projections and sweeper are, partitions, keys.

A database that hangs keeps no scrape waiting for long, and is asked again only once the last question has
ended: then these families are absent and `token_ledger_database_up` is 0.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.upkeep import NO_ANSWER, Upkeep, read_upkeep, within
from ledger.key_ring import KeyState
from ledger.key_store import ROTATING, KeyRecord, list_keys
from ledger.partitions import covered_until
from ledger.sealer_lag import MOST_COUNTED

_WITHIN_SECONDS = 2.0
_READ_EVERY_SECONDS = 1.0
_STARTED = "SELECT pg_postmaster_start_time()"

_log = structlog.get_logger("token_ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    upkeep: Upkeep
    keys: list[KeyRecord]
    database_started_at: datetime


class DatabaseFamilies(Collector):
    """Shows what `read` found last."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        *,
        now: Callable[[], datetime],
        within_seconds: float = _WITHIN_SECONDS,
    ) -> None:
        self._pool = pool
        self._now = now
        self._within_seconds = within_seconds
        self._running: asyncio.Task[_Reading] | None = None
        self._turn = asyncio.Lock()
        self._read_at = float("-inf")
        self._found: _Reading | None = None

    async def read(self) -> None:
        """Ask the database, unless that was done within the last second; never raises for what it answers."""
        async with self._turn:
            if time.monotonic() - self._read_at < _READ_EVERY_SECONDS:
                return
            self._found = await self._ask()
            self._read_at = time.monotonic()

    async def _ask(self) -> _Reading | None:
        if self._running is not None and not self._running.done():
            return None  # it was given up, and waits for a server that stands still
        self._running = asyncio.create_task(self._read())
        try:
            return await within(self._within_seconds, self._running)
        except NO_ANSWER:
            return None
        except Exception:  # noqa: BLE001 - a row of a newer version, or that is none
            _log.exception("metrics of the database cannot be told")
            return None

    async def _read(self) -> _Reading:
        async with self._pool.connection(timeout=self._within_seconds) as connection:
            cursor = await connection.execute(_STARTED)
            row = await cursor.fetchone()
            assert row is not None  # noqa: S101 - a SELECT without FROM has a row
            return _Reading(
                upkeep=await read_upkeep(connection, counted=MOST_COUNTED),
                keys=await list_keys(connection),
                database_started_at=row[0],
            )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, from the last answer."""
        found = self._found
        yield GaugeMetricFamily(
            "token_ledger_database_up",
            "1: the database answered this scrape in time; 0: it did not, and what it tells is absent.",
            value=float(found is not None),
        )
        if found is not None:
            yield from _families(found, self._now())


def _families(found: _Reading, now: datetime) -> Iterator[GaugeMetricFamily]:
    upkeep, log = found.upkeep, found.upkeep.log
    yield GaugeMetricFamily(
        "token_ledger_database_start_time_seconds",
        "When the database server started, as Unix time; it changes when the server was restarted.",
        value=found.database_started_at.timestamp(),
    )
    yield GaugeMetricFamily("token_ledger_log_events", "Events in the sealed log.", value=log.size)
    yield GaugeMetricFamily(
        "token_ledger_unsealed_events",
        f"Committed events that the sealer has not numbered yet; at most {MOST_COUNTED} are counted.",
        value=log.unsealed,
    )
    yield GaugeMetricFamily(
        "token_ledger_unsealed_seconds",
        "For how long the oldest event that is not sealed has waited; 0: none waits.",
        value=log.unsealed_seconds,
    )
    if log.signed_at is not None:
        yield GaugeMetricFamily(
            "token_ledger_checkpoint_age_seconds",
            "Since the last checkpoint was signed; it grows where nothing happens, too.",
            value=_seconds_since(log.signed_at, now),
        )
    events = GaugeMetricFamily(
        "token_ledger_projection_lag_events",
        "Events of the sealed log that a projection lacks.",
        labels=("projection",),
    )
    seconds = GaugeMetricFamily(
        "token_ledger_projection_lag_seconds",
        "For how long the first event that a projection lacks has been recorded; 0: it lacks none.",
        labels=("projection",),
    )
    for one in upkeep.projections:
        events.add_metric((one.name,), max(0, log.size - one.size))
        seconds.add_metric((one.name,), one.behind_seconds)
    yield from (events, seconds)
    run = upkeep.run
    if run is not None and run.started_at is not None:
        yield GaugeMetricFamily(
            "token_ledger_sweeper_age_seconds",
            "Since the last walk over all sessions ended, or the one under way began.",
            value=_seconds_since(run.finished_at or run.started_at, now),
        )
        yield GaugeMetricFamily(
            "token_ledger_sweeper_failed_sessions",
            "Sessions that the last walk could not decide; the log says why.",
            value=run.failed,
        )
    yield GaugeMetricFamily(
        "token_ledger_partitions_left_seconds",
        "Until the last month ends that has its partitions: then no session can be opened.",
        value=(covered_until(upkeep.months_ahead, now.astimezone(UTC)) - now).total_seconds(),
    )
    ages = GaugeMetricFamily(
        "token_ledger_key_age_seconds",
        "For how long the key that makes what is new has been in use, by kind.",
        labels=("kind",),
    )
    for key in found.keys:
        if key.kind in ROTATING and key.state is KeyState.CURRENT and key.current_at is not None:
            ages.add_metric((key.kind.value,), _seconds_since(key.current_at, now))
    yield ages


def _seconds_since(time_then: datetime, now: datetime) -> float:
    return max(0.0, (now - time_then).total_seconds())
