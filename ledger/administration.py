"""Acts on subjects and boundaries: each in one transaction with the event that says so, and idempotent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger import administrative
from ledger.events import (
    AdministrativeEvent,
    BulkRevocationExecuted,
    LegalHoldReleased,
    LegalHoldSet,
    NotBeforeSet,
    SubjectErased,
    SubjectReactivated,
    SubjectSuspended,
)
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.policy import SubjectStatus
from ledger.recorder import acting_subject
from ledger.sql_files import sql


class LegalHoldError(Exception):
    """What is of the subject is held, so that nothing of it may be erased."""


class SubjectErasedError(Exception):
    """The subject was erased, which is for good."""


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

        One that was erased is refused already, and stays erased.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        try:
            return await self._set_status(
                subject, SubjectStatus.SUSPENDED, SubjectSuspended(subject=subject), act
            )
        except SubjectErasedError:
            return False

    async def reactivate(self, subject: str, act: Act) -> bool:
        """Allow a subject to refresh again; whether that changed anything.

        Raises:
            SubjectErasedError: it was erased.
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        return await self._set_status(subject, SubjectStatus.ACTIVE, SubjectReactivated(subject=subject), act)

    async def set_legal_hold(self, subject: str, act: Act, *, held: bool) -> bool:
        """Refuse or allow that a subject is erased, also one never seen; whether that changed anything.

        An erasure that is under way stops at the next thing that it would delete.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        async with self._pool.connection() as connection, connection.transaction():
            _, known, _ = await self._lock_subject(connection, subject)
            if known == held:
                return False
            whose = {"subject": subject, "held": held}
            await connection.execute(sql("ledger", "subjects_set_legal_hold"), whose)
            event = LegalHoldSet(subject=subject) if held else LegalHoldReleased(subject=subject)
            await self._append(connection, event, act, await self._now(connection), about=(subject,))
            return True

    async def mark_erased(self, subject: str, act: Act) -> UUID | None:
        """Refuse a subject for good, and record nothing personal of it from now on; also of one never seen.

        Gives the stream of the event that says so; None: it was erased before. What was recorded until now
        is still there. Beside the event stands from where and why it was erased, though the words may name
        the person: nothing else tells a rightful erasure from one that was to wipe out traces. Whoever
        erases themselves leaves only that.

        Raises:
            LegalHoldError: the subject is held.
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        async with self._pool.connection() as connection, connection.transaction():
            status, held, _ = await self._lock_subject(connection, subject)
            if held:
                raise LegalHoldError
            if status is SubjectStatus.ERASED:
                return None
            whose = {"subject": subject, "status": SubjectStatus.ERASED.value}
            await connection.execute(sql("ledger", "subjects_set_status"), whose)
            return await self._append(
                connection, SubjectErased(subject=subject), act, await self._now(connection)
            )

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
            known: datetime | None
            if subject is not None:
                name = "subject"
                _, _, known = await self._lock_subject(connection, subject)
            else:
                name = "everyone" if client_id is None else "client"
                cursor = await connection.execute(sql("ledger", f"not_before_of_{name}"), whose)
                row = await cursor.fetchone()
                if row is None:
                    return None
                (known,) = row
            now = await self._now(connection)
            boundary = min(time, now)
            if known is not None and known >= boundary:
                return known
            await connection.execute(sql("ledger", f"set_not_before_of_{name}"), {**whose, "time": boundary})
            event = NotBeforeSet(time=boundary, subject=subject, client_id=client_id)
            await self._append(connection, event, act, now, about=() if subject is None else (subject,))
            return boundary

    async def record_bulk_revocation(
        self, event: BulkRevocationExecuted, act: Act, *, about: Collection[str]
    ) -> None:
        """Record one step of a bulk run; `about` are those it asked for, and those whose sessions it ended.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        async with self._pool.connection() as connection, connection.transaction():
            await self._append(connection, event, act, await self._now(connection), about=about)

    async def _set_status(
        self, subject: str, status: SubjectStatus, event: AdministrativeEvent, act: Act
    ) -> bool:
        async with self._pool.connection() as connection, connection.transaction():
            known, _, _ = await self._lock_subject(connection, subject)
            if known is SubjectStatus.ERASED:
                raise SubjectErasedError
            if known is status:
                return False
            whose = {"subject": subject, "status": status.value}
            await connection.execute(sql("ledger", "subjects_set_status"), whose)
            await self._append(connection, event, act, await self._now(connection), about=(subject,))
            return True

    async def _lock_subject(
        self, connection: AsyncConnection[Any], subject: str
    ) -> tuple[SubjectStatus, bool, datetime | None]:
        """Status, legal hold and not-before of a subject, whose row is made where there is none."""
        whose = {"subject": subject}
        await connection.execute(sql("ledger", "subjects_add"), whose)
        cursor = await connection.execute(sql("ledger", "subjects_lock"), whose)
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - it was made above, and no row of a subject is ever deleted
        return SubjectStatus(row[0]), row[1], row[2]

    async def _append(
        self,
        connection: AsyncConnection[Any],
        event: AdministrativeEvent,
        act: Act,
        now: datetime,
        *,
        about: Collection[str] = (),
    ) -> UUID:
        """Append the event, without what is personal where whoever acts, or whom it is about, was erased."""
        people = {*about, acting_subject(act.actor)} - {None}
        if people and act.personal_data != NOTHING_PERSONAL:
            await connection.execute(sql("ledger", "hold_off_erasures"))
            cursor = await connection.execute(sql("ledger", "any_erased"), {"subjects": list(people)})
            if await cursor.fetchone() == (True,):
                act = replace(act, personal_data=NOTHING_PERSONAL)
        return await administrative.append(
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
