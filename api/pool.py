"""Connections with the rights of the service, pooled."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_CONNECTIONS = 10
_STATEMENT_MILLISECONDS = 10_000
_RECONNECT_SECONDS = 0.25
"""After that the pool gives up, and begins anew for whoever asks next; left to itself it waits 1, 2, 4 s …"""


def make_pool(url: str) -> Pool:
    """Not open yet. A connection that is broken is noticed when it is used."""
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=_CONNECTIONS,
        open=False,
        timeout=2,
        max_waiting=1000,
        reconnect_timeout=_RECONNECT_SECONDS,
        kwargs={"autocommit": True},
        configure=configure_connection,
    )


async def configure_connection(connection: AsyncConnection[Any]) -> None:
    """Give up all rights but the service's; a statement that nobody waits for any more ends by itself."""
    await connection.execute(
        "SET ROLE token_ledger_service; "
        f"SET statement_timeout = {_STATEMENT_MILLISECONDS}; "
        f"SET idle_in_transaction_session_timeout = {_STATEMENT_MILLISECONDS}; "
        "SET TimeZone = 'UTC'"
    )
