"""Acts on subjects and boundaries: each in one transaction with the event that says so, and idempotent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger import administrative
from ledger.events import (
    AdministrativeEvent,
    BulkRevocationExecuted,
    NotBeforeSet,
    SubjectReactivated,
    SubjectSuspended,
)
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.policy import SubjectStatus
from ledger.sql_files import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who acts, and from where."""

    actor: str
    """`subject:<id>`, `client:<id>` or `operator`."""
    client_id: str | None
    """Of the client that acted for them."""
    correlation_id: UUID
    personal_data: PersonalData = NOTHING_PERSONAL
    """Address, user agent and the reason that was given."""


class Administration:
    """The acts, and what they need."""

    def __init__(
        self,
        *,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        clock: Callable[[datetime], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        """`clock` goes from the database's time to the ledger's, as in the group commit."""
        self._pool = pool
        self._clock = clock
        self._random = random

    async def suspend(self, subject: str, act: Act) -> bool:
        """Refuse a subject's refreshes from now on, also of one never seen; whether that changed anything.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        return await self._set_status(
            subject, SubjectStatus.SUSPENDED, SubjectSuspended(subject=subject), act
        )

    async def reactivate(self, subject: str, act: Act) -> bool:
        """Allow a subject to refresh again; whether that changed anything.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        return await self._set_status(subject, SubjectStatus.ACTIVE, SubjectReactivated(subject=subject), act)

    async def set_not_before(
        self, time: datetime, act: Act, *, subject: str | None = None, client_id: str | None = None
    ) -> datetime | None:
        """Refuse every family opened before a time: of a subject, of a client, or of everyone.

        Gives the boundary in force: it never moves back, and a time after now is taken as now. None: there is
        no such client.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        async with self._pool.connection() as connection, connection.transaction():
            whose = {"subject": subject, "client_id": client_id}
            if subject is not None:
                name = "subject"
                await connection.execute(sql("ledger", "subjects_add"), whose)
                cursor = await connection.execute(sql("ledger", "subjects_lock"), whose)
            elif client_id is not None:
                name = "client"
                cursor = await connection.execute(sql("ledger", "not_before_of_client"), whose)
            else:
                name = "everyone"
                cursor = await connection.execute(sql("ledger", "not_before_of_everyone"))
            row = await cursor.fetchone()
            if row is None:
                return None
            known: datetime | None = row[-1]
            now = await self._now(connection)
            boundary = min(time, now)
            if known is not None and known >= boundary:
                return known
            await connection.execute(sql("ledger", f"set_not_before_of_{name}"), {**whose, "time": boundary})
            event = NotBeforeSet(time=boundary, subject=subject, client_id=client_id)
            await self._append(connection, event, act, now)
            return boundary

    async def record_bulk_revocation(self, event: BulkRevocationExecuted, act: Act) -> None:
        """Record one step of a bulk run.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        async with self._pool.connection() as connection, connection.transaction():
            await self._append(connection, event, act, await self._now(connection))

    async def _set_status(
        self, subject: str, status: SubjectStatus, event: AdministrativeEvent, act: Act
    ) -> bool:
        async with self._pool.connection() as connection, connection.transaction():
            whose = {"subject": subject, "status": status.value}
            await connection.execute(sql("ledger", "subjects_add"), whose)
            cursor = await connection.execute(sql("ledger", "subjects_lock"), whose)
            row = await cursor.fetchone()
            if row is None or row[0] == status.value:
                return False
            await connection.execute(sql("ledger", "subjects_set_status"), whose)
            await self._append(connection, event, act, await self._now(connection))
            return True

    async def _append(
        self, connection: AsyncConnection[Any], event: AdministrativeEvent, act: Act, now: datetime
    ) -> None:
        await administrative.append(
            connection,
            event,
            actor=act.actor,
            client_id=act.client_id,
            correlation_id=act.correlation_id,
            personal_data=act.personal_data,
            now=now,
            random=self._random,
        )

    async def _now(self, connection: AsyncConnection[Any]) -> datetime:
        """Read after the rows are locked: in the locking statement it could be older than the wait."""
        cursor = await connection.execute(sql("ledger", "clock"))
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has a row
        return self._clock(row[0])
