"""How the work that nobody asks for gets on: what `/readyz` and `/metrics` tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import PoolClosed, PoolTimeout

from ledger.partitions import months_ahead
from ledger.sealer_lag import Lag, read_lag
from ledger.sweeper_run import Run, read_run
from projections.lag import ProjectionLag, read_lags

NO_ANSWER = (TimeoutError, psycopg.Error, PoolTimeout, PoolClosed)
"""How a database fails to answer in time."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """At one moment."""

    run: Run | None
    """The sweeper's last one; None: there was none."""
    months_ahead: int
    """That have their partitions."""
    log: Lag
    projections: Sequence[ProjectionLag]


async def read_upkeep(connection: AsyncConnection[Any], *, counted: int = 1) -> Upkeep:
    """Four round trips; `counted` as for `read_lag`: anybody may ask `/readyz`, which counts none."""
    return Upkeep(
        run=await read_run(connection),
        months_ahead=await months_ahead(connection),
        log=await read_lag(connection, counted=counted),
        projections=await read_lags(connection),
    )


async def within(seconds: float, reading: Awaitable[Result]) -> Result:
    """The result, when it is there in time.

    Raises:
        TimeoutError: it is not.
    """
    running = asyncio.ensure_future(reading)
    running.add_done_callback(_seen)
    await asyncio.wait({running}, timeout=seconds)
    if not running.done():
        running.cancel()  # and not waited for: while the server stands still that takes 10 s
        raise TimeoutError
    return running.result()


def _seen(reading: asyncio.Future[Any]) -> None:
    """An error that nobody waits for any more is not to be told as one that was never looked at."""
    if not reading.cancelled():
        reading.exception()
