"""The sealed log over HTTP, public and static: `/checkpoint` and `/tile/…` (C2SP tlog-tiles).

The entries themselves are not public, so there are no entry bundles: whoever may see an event reads its leaf.
"""

from __future__ import annotations

from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ledger.checkpoints import latest_checkpoint
from ledger.merkle_tree import HASH_LENGTH
from ledger.tiles import TILE_WIDTH, parse_tile_path
from ledger.tree_reader import read_tiles

_NO_ANSWER = (psycopg.OperationalError, PoolTimeout, PoolClosed)
_HIGHEST_LEVEL = 7
"""256**8 leaves are more than their indexes can number."""
_FOR_EVERYONE = {"access-control-allow-origin": "*"}
_FOR_EVER = {**_FOR_EVERYONE, "cache-control": "public, max-age=31536000, immutable"}
_FOR_A_SECOND = {**_FOR_EVERYONE, "cache-control": "public, max-age=1"}

_log = structlog.get_logger("token_ledger")


class LogEndpoint:
    """Reads what is sealed; a tile never changes once it can be read."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/checkpoint", self.checkpoint),
            Route("/tile/{path:path}", self.tile),
        ]

    async def checkpoint(self, _: Request) -> Response:
        """The latest signed note; 404 before the first seal."""
        try:
            async with self._pool.connection() as connection:
                found = await latest_checkpoint(connection)
        except _NO_ANSWER as error:
            return _unavailable(error)
        if found is None:
            return PlainTextResponse("nothing is sealed yet\n", 404, _FOR_A_SECOND)
        return PlainTextResponse(found.note, headers=_FOR_A_SECOND)

    async def tile(self, request: Request) -> Response:
        """The hashes of a tile, one after the other; 404 for a path of none, and beyond the sealed log."""
        try:
            tile, width = parse_tile_path(f"tile/{request.path_params['path']}")
        except ValueError:
            return PlainTextResponse("there is no such tile\n", 404, _FOR_EVERYONE)
        if tile.level > _HIGHEST_LEVEL or tile.index >= 2**63 // TILE_WIDTH:
            return PlainTextResponse("there is no such tile\n", 404, _FOR_EVERYONE)
        try:
            async with self._pool.connection() as connection:
                hashes = (await read_tiles(connection, [tile]))[tile]
        except _NO_ANSWER as error:
            return _unavailable(error)
        wanted = hashes[: width * HASH_LENGTH]
        if len(wanted) < width * HASH_LENGTH:
            return PlainTextResponse("the log does not reach so far yet\n", 404, _FOR_A_SECOND)
        return Response(wanted, media_type="application/octet-stream", headers=_FOR_EVER)


def _unavailable(error: Exception) -> Response:
    _log.warning("the log could not be read", reason=str(error).partition("\n")[0])
    return PlainTextResponse("the database does not answer\n", 503, {"retry-after": "1", **_FOR_EVERYONE})
