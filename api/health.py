"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.migrator import packaged_migrations
from ledger.canonical import timestamp
from ledger.partitions import months_ahead, running_out
from ledger.sealer_lag import Lag, read_lag, stuck
from ledger.sweeper_run import Run, read_run
from projections.lag import ProjectionLag, behind, read_lags

_WITHIN_SECONDS = 3
_DETAILS_WITHIN_SECONDS = 1
_APPLIED = "SELECT max(number), count(*) FROM schema_migrations"
_NO_ANSWER = (TimeoutError, psycopg.Error, PoolTimeout, PoolClosed)

Result = TypeVar("Result")


class Health:
    """Answers `/healthz` and `/readyz`; neither says anything of whose sessions are stored."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool
        self._newest = len(packaged_migrations())

    async def lives(self, _: Request) -> Response:
        """200 as long as the process answers at all."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """200 when the database answers and its migrations are those of this program, else 503.

        What is worth an alarm but keeps nobody from being served is told among the warnings.
        """
        try:
            row = await _within(_WITHIN_SECONDS, self._applied())
        except _NO_ANSWER:
            return _not_ready("the database does not answer")
        if row is None or row[0] != self._newest or row[1] != self._newest:
            return _not_ready("the migrations of the database are not those of this program")
        try:
            run, months, log, lags = await _within(_DETAILS_WITHIN_SECONDS, self._upkeep())
        except _NO_ANSWER:
            return JSONResponse(
                {"status": "ready", "warnings": ["sweeper, sealer and projections cannot be asked"]}
            )
        alarms = [running_out(months), stuck(log), behind(lags)]
        return JSONResponse(
            {
                "status": "ready",
                "warnings": [one for one in alarms if one is not None],
                "monthsAhead": months,
                "sweeper": None if run is None else _told(run),
                "log": {
                    "size": log.size,
                    "signedAt": None if log.signed_at is None else timestamp(log.signed_at),
                    "unsealedSeconds": round(log.unsealed_seconds, 3),
                },
                "projections": {
                    one.name: {"size": one.size, "behindSeconds": round(one.behind_seconds, 3)}
                    for one in lags
                },
            }
        )

    async def _applied(self) -> tuple[Any, ...] | None:
        """The newest migration of the database, and how many there are."""
        async with self._pool.connection(timeout=2) as connection:
            cursor = await connection.execute(_APPLIED)
            return await cursor.fetchone()

    async def _upkeep(self) -> tuple[Run | None, int, Lag, list[ProjectionLag]]:
        """The sweeper's last run, the months with partitions, how late the sealer and the projections are."""
        async with self._pool.connection(timeout=_DETAILS_WITHIN_SECONDS) as connection:
            return (
                await read_run(connection),
                await months_ahead(connection),
                await read_lag(connection),
                await read_lags(connection),
            )


async def _within(seconds: float, reading: Coroutine[Any, Any, Result]) -> Result:
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


def _told(run: Run) -> dict[str, Any]:
    return {
        "leader": run.leader,
        "startedAt": None if run.started_at is None else timestamp(run.started_at),
        "finishedAt": None if run.finished_at is None else timestamp(run.finished_at),
        "walked": run.walked,
        "ended": run.ended,
        "tidied": run.tidied,
        "failed": run.failed,
    }


def _not_ready(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503, {"retry-after": "1"})
