"""The connection by which a process leads, or asks to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from api.pool import configure_connection

# A server that is gone without a word is noticed within some seconds.
_NOTICED = {
    "connect_timeout": 4,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}


@asynccontextmanager
async def leader_connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection with the rights of the service, in autocommit mode; not through a pooler of transactions.

    Raises:
        psycopg.OperationalError: the database does not answer.
    """
    conninfo = make_conninfo(url, **_NOTICED)
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await configure_connection(connection)
        yield connection
