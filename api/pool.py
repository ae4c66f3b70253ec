"""Connections with the rights of the service, pooled."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_CONNECTIONS = 10
_STATEMENT_MILLISECONDS = 10_000


def make_pool(url: str) -> Pool:
    """Not open yet. A connection that is broken is noticed when it is used."""
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=_CONNECTIONS,
        open=False,
        timeout=4,
        max_waiting=1000,
        reconnect_timeout=30,
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
