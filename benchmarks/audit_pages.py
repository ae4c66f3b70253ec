"""How long the pages of audit queries take: the first of each filter, and far into one that matches most."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from psycopg import AsyncConnection

from api.pool import configure_reading
from benchmarks.database import BenchmarkDatabase
from projections.audit_events.event_filter import EventFilter, EventOrder
from projections.audit_events.reading import read_events
from projections.catching_up import PROJECTIONS, SETTINGS, catch_up

_PAGE = 50
_TIMES = 60
_FAR = 1_000
_AROUND = 25
"""Pages around the far one, and first ones, whose median is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Milliseconds."""

    first_p95: Mapping[str, float]
    """Of the first page, by filter."""
    near: float
    """Median of the pages 1 to 25 of a walk over all events of a client."""
    far: float
    """Median of the 25 pages up to page 1,000 of the same walk, or to its end."""
    far_page: int


async def catch_up_all(database: BenchmarkDatabase, *, on_projection: Callable[[str, float], None]) -> None:
    """Bring every projection up to the log; told how many leaves a second each folds."""
    async with await AsyncConnection.connect(database.url, autocommit=True) as connection:
        await connection.execute("SET ROLE token_ledger_service")
        await connection.execute(SETTINGS)
        for projection in PROJECTIONS:
            started, leaves = time.monotonic(), 0
            while done := await catch_up(connection, projection, maximum=5_000):
                leaves += done
            on_projection(projection.name, leaves / (time.monotonic() - started))
    with database.connect() as owner:
        owner.execute("VACUUM ANALYZE")


async def measure_pages(database: BenchmarkDatabase) -> Pages:
    """Ask for pages as the API does, on one connection."""
    async with await AsyncConnection.connect(database.url, autocommit=True) as connection:
        await configure_reading(connection)
        filters = await _filters(connection)
        first = {name: await _first_page(connection, wanted) for name, wanted in filters.items()}
        near, far, page = await _walk(connection, filters["client"])
    return Pages(first_p95=first, near=near, far=far, far_page=page)


async def _filters(connection: AsyncConnection[Any]) -> dict[str, EventFilter]:
    """One of each kind, with values out of the middle of the history."""
    cursor = await connection.execute(
        "SELECT stream_id, subject, address, occurred_at FROM audit_events"
        " WHERE leaf_index = (SELECT next_index / 2 FROM log_state) AND address IS NOT NULL LIMIT 1"
    )
    row = await cursor.fetchone()
    assert row is not None
    stream_id, subject, address, moment = row
    return {
        "none": EventFilter(),
        "rare type": EventFilter(types=frozenset({"ReuseDetected"})),
        "common type": EventFilter(types=frozenset({"TokenRotated"})),
        "session": EventFilter(session_id=stream_id),
        "subject": EventFilter(subject=subject),
        "client": EventFilter(client_id="web"),
        "actor": EventFilter(actor="system"),
        "address": EventFilter(network=ip_network(address)),
        "network": EventFilter(network=ip_network(f"{address}/24", strict=False)),
        "time": EventFilter(since=moment - timedelta(minutes=10), until=moment),
        "place": EventFilter(from_index=1_000, to_index=50_000),
    }


async def _first_page(connection: AsyncConnection[Any], wanted: EventFilter) -> float:
    taken = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        await read_events(connection, wanted, order=EventOrder.NEWEST_FIRST, maximum=_PAGE)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.quantiles(taken, n=20)[-1]


async def _walk(connection: AsyncConnection[Any], wanted: EventFilter) -> tuple[float, float, int]:
    taken: list[float] = []
    after: int | None = None
    while len(taken) < _FAR:
        started = time.perf_counter()
        page = await read_events(
            connection, wanted, order=EventOrder.NEWEST_FIRST, after=after, maximum=_PAGE
        )
        taken.append((time.perf_counter() - started) * 1000)
        if not page.more:
            break
        after = page.position
    return statistics.median(taken[:_AROUND]), statistics.median(taken[-_AROUND:]), len(taken)
