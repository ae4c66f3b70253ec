"""Connections with the rights of the service, pooled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.slots import READING

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_COMMITTING = 4
_READING = 8
_STATEMENT_MILLISECONDS = 10_000
_LOCK_MILLISECONDS = 400
"""A family that somebody else holds for longer is tried apart, so that it holds nobody up."""
_BATCH_MILLISECONDS = 4_000
"""Below the deadline of a command: what a worker that stands still has locked is free before."""
_RECONNECT_SECONDS = 0.25
"""After that the pool gives up, and begins anew for whoever asks next; left to itself it waits 1, 2, 4 s …"""


def committing_pool(url: str) -> Pool:
    """For batches and keys; not open yet. A connection that is broken is noticed when it is used.

    Its statements have one plan each, whatever the size of a batch.
    """
    return _pool(url, _COMMITTING, _configure_committing)


def reading_pool(url: str) -> Pool:
    """For queries, so that slow ones keep no batch waiting; as `committing_pool` otherwise.

    A connection is looked at before it is lent, which costs a round trip: batches try again, queries do not.
    """
    return _pool(url, _READING, configure_reading, check=AsyncConnectionPool.check_connection)


def _pool(
    url: str,
    size: int,
    configure: Callable[[AsyncConnection[Any]], Awaitable[None]],
    *,
    check: Callable[[AsyncConnection[Any]], Awaitable[None]] | None = None,
) -> Pool:
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        open=False,
        timeout=2,
        max_waiting=1000,
        reconnect_timeout=_RECONNECT_SECONDS,
        kwargs={"autocommit": True},
        configure=configure,
        check=check,
    )


async def _configure_committing(connection: AsyncConnection[Any]) -> None:
    await configure_connection(connection)
    await connection.execute(
        "SET plan_cache_mode = force_generic_plan; "
        f"SET lock_timeout = {_LOCK_MILLISECONDS}; "
        f"SET statement_timeout = {_BATCH_MILLISECONDS}; "
        f"SET idle_in_transaction_session_timeout = {_BATCH_MILLISECONDS}"
    )


async def configure_reading(connection: AsyncConnection[Any]) -> None:
    """As `configure_connection`, for reading projections too."""
    await configure_connection(connection)
    await connection.execute(READING)


async def configure_connection(connection: AsyncConnection[Any]) -> None:
    """Give up all rights but the service's; a statement that nobody waits for any more ends by itself."""
    await connection.execute(
        "SET ROLE token_ledger_service; "
        f"SET statement_timeout = {_STATEMENT_MILLISECONDS}; "
        f"SET idle_in_transaction_session_timeout = {_STATEMENT_MILLISECONDS}; "
        "SET TimeZone = 'UTC'"
    )
