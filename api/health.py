"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.migrator import packaged_migrations

_WITHIN_SECONDS = 3
_APPLIED = "SELECT max(number), count(*) FROM schema_migrations"


class Health:
    """Answers `/healthz` and `/readyz`; neither says anything of what is stored."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool
        self._newest = len(packaged_migrations())

    async def lives(self, _: Request) -> Response:
        """200 as long as the process answers at all."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """200 when the database answers and its migrations are those of this program, else 503."""
        reading = asyncio.ensure_future(self._applied())
        reading.add_done_callback(_seen)
        await asyncio.wait({reading}, timeout=_WITHIN_SECONDS)
        if not reading.done():
            reading.cancel()  # and not waited for: while the server stands still that takes 10 s
            return _not_ready("the database does not answer")
        try:
            row = reading.result()
        except (psycopg.Error, PoolTimeout, PoolClosed):
            return _not_ready("the database does not answer")
        if row is None or row[0] != self._newest or row[1] != self._newest:
            return _not_ready("the migrations of the database are not those of this program")
        return JSONResponse({"status": "ready"})

    async def _applied(self) -> tuple[Any, ...] | None:
        """The newest migration of the database, and how many there are."""
        async with self._pool.connection(timeout=2) as connection:
            cursor = await connection.execute(_APPLIED)
            return await cursor.fetchone()


def _seen(reading: asyncio.Future[Any]) -> None:
    """An error that nobody waits for any more is not to be told as one that was never looked at."""
    if not reading.cancelled():
        reading.exception()


def _not_ready(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503, {"retry-after": "1"})
