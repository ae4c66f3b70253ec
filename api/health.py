"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.migrator import packaged_migrations
from api.upkeep import NO_ANSWER, Upkeep, read_upkeep, within
from ledger.canonical import timestamp
from ledger.partitions import running_out
from ledger.sealer_lag import stuck
from ledger.sweeper_run import Run
from projections.lag import behind

_WITHIN_SECONDS = 3
_DETAILS_WITHIN_SECONDS = 1
_APPLIED = "SELECT max(number), count(*) FROM schema_migrations"


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
            row = await within(_WITHIN_SECONDS, self._applied())
        except NO_ANSWER:
            return _not_ready("the database does not answer")
        if row is None or row[0] != self._newest or row[1] != self._newest:
            return _not_ready("the migrations of the database are not those of this program")
        try:
            upkeep = await within(_DETAILS_WITHIN_SECONDS, self._upkeep())
        except NO_ANSWER:
            return JSONResponse(
                {"status": "ready", "warnings": ["sweeper, sealer and projections cannot be asked"]}
            )
        run, log, lags = upkeep.run, upkeep.log, upkeep.projections
        alarms = [running_out(upkeep.months_ahead), stuck(log), behind(lags)]
        return JSONResponse(
            {
                "status": "ready",
                "warnings": [one for one in alarms if one is not None],
                "monthsAhead": upkeep.months_ahead,
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

    async def _upkeep(self) -> Upkeep:
        async with self._pool.connection(timeout=_DETAILS_WITHIN_SECONDS) as connection:
            return await read_upkeep(connection)


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
