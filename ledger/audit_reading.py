"""Reads of what is not the reader's own are recorded: one event a reader and minute, before anything is told.

The first read of a minute is an event, which says what was read; those after it in the minute leave none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger import administrative
from ledger.administration import Act
from ledger.events import AuditRead
from ledger.sql_files import sql

_REMEMBERED = 1_000
"""Readers; whoever is forgotten is looked up once more."""


class AuditReading:
    """Records reads, and remembers which readers have an event of this minute."""

    def __init__(
        self,
        *,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        now: Callable[[], datetime],
        clock: Callable[[datetime], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        """`now` says which minute it is; `clock` goes from the database's time to the ledger's."""
        self._pool = pool
        self._now = now
        self._clock = clock
        self._random = random
        self._recorded: dict[str, datetime] = {}
        self._turn = asyncio.Lock()

    async def record(self, fields: Sequence[str], act: Act) -> None:
        """See that there is an event of this reader in this minute; it is committed when this returns.

        Six round trips for the first read of a minute, two for the first one of another process, else none.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer; then nothing may be told.
        """
        now = self._now()
        minute = now.replace(second=0, microsecond=0)
        if self._is_recorded(act.actor, minute):
            return
        async with self._turn:  # fields of one operation are not to wait for each other in the database
            if not self._is_recorded(act.actor, minute):
                await self._record(fields, act, minute)

    def _is_recorded(self, reader: str, minute: datetime) -> bool:
        known = self._recorded.get(reader)
        return known is not None and known >= minute

    async def _record(self, fields: Sequence[str], act: Act, minute: datetime) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            # Whoever comes second waits here until the event of the first is committed, or is not.
            cursor = await connection.execute(
                sql("ledger", "audit_reader"), {"reader": act.actor, "minute": minute}
            )
            if await cursor.fetchone() is not None:
                await self._append(connection, AuditRead(fields=tuple(sorted(set(fields)))), act)
        if len(self._recorded) >= _REMEMBERED:
            self._recorded.clear()
        self._recorded[act.actor] = minute

    async def _append(self, connection: AsyncConnection[Any], event: AuditRead, act: Act) -> None:
        cursor = await connection.execute(sql("ledger", "clock"))
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has a row
        await administrative.append(
            connection,
            event,
            actor=act.actor,
            client_id=act.client_id,
            correlation_id=act.correlation_id,
            personal_data=act.personal_data,
            now=self._clock(row[0]),
            random=self._random,
        )
