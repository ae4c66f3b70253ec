"""One leader among all processes: whoever holds an advisory lock, on a connection of its own.

The lock goes with the connection. When the leader dies, its machine is gone or it stands still for longer
than the server waits for it, the next process that asks leads. Two leaders for a moment must do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

import psycopg
import structlog
from psycopg import AsyncConnection

from ledger.sql_files import sql

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
"""Opens a connection in autocommit mode, closed at the end of its context."""

ASKED_EVERY_SECONDS = 2.0
BEAT_EVERY_SECONDS = 1.0
"""A leader says something to the server at least so often, and so learns that it leads no more."""

# Nothing that a leader writes outside the group commit is lost for good: it is done again.
_SETTINGS = (
    "SET idle_session_timeout = '8s'; SET lock_timeout = '1s'; SET synchronous_commit = off; "
    "SET default_transaction_isolation = 'read committed'; "
    "SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2"
)

_log = structlog.get_logger("token_ledger")


async def lead(
    connect: Connect, lock: int, work: Callable[[AsyncConnection[Any]], Awaitable[object]]
) -> NoReturn:
    """Do the work whenever this process leads; for ever.

    The work is done on the connection that holds the lock, and ends by its error when that is gone.
    """
    told: str | None = None
    while True:
        try:
            async with connect() as connection:
                await connection.execute(_SETTINGS)
                while not await _leads(connection, lock):
                    told = None
                    await asyncio.sleep(ASKED_EVERY_SECONDS)
                told = None
                await work(connection)
        except (psycopg.Error, OSError) as error:
            reason = " ".join(str(error).split())
            if reason != told:
                _log.warning("leadership ended, or could not be asked for", reason=reason)
            told = reason
        except Exception:  # noqa: BLE001 - whatever it is, the work is begun again, here or elsewhere
            _log.exception("the work of the leader failed")
        await asyncio.sleep(ASKED_EVERY_SECONDS)


async def wait(connection: AsyncConnection[Any], seconds: float) -> None:
    """Let time pass as a leader.

    Raises:
        psycopg.OperationalError: the connection is gone, and the leadership with it.
    """
    while seconds > BEAT_EVERY_SECONDS:
        await asyncio.sleep(BEAT_EVERY_SECONDS)
        await connection.execute(sql("ledger", "clock"))
        seconds -= BEAT_EVERY_SECONDS
    await asyncio.sleep(seconds)


async def _leads(connection: AsyncConnection[Any], lock: int) -> bool:
    cursor = await connection.execute(sql("ledger", "lead"), {"lock": lock})
    row = await cursor.fetchone()
    return row is not None and bool(row[0])
