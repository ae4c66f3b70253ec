"""Erasing a subject: its sessions end and nothing personal of it is left; events and proofs stay as they are.

No login or refresh at the same moment leaves anything behind:

1. The subject's status becomes *erased*. Whoever reads it from then on opens no session for the subject and
   records nothing personal of it (`ledger.batch`, `ledger.administration`).
2. A batch that changes a family and read the status before has that family's row locked, as it reads statuses
   after locking. The family's personal data is deleted under the same lock, hence after that batch.
3. A batch that opens a family holds no row that could be waited for. It has locked the table of subjects,
   shared, since before it read the status; so have acts on others and administrative acts. Their
   transactions are waited for once, by their ids: nobody queues behind that.

So when the families are listed, all that there will ever be are there. Each step is a transaction of its own
and leaves the rest to the next; a call that was cut off is made again and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger.administration import Act, Administration, LegalHoldError
from ledger.events import RevocationReason
from ledger.group_commit import UnavailableError
from ledger.sessions import Caller, Sessions
from ledger.sql_files import sql

_LOOKS_AGAIN_AFTER_SECONDS = 0.005
_OTHERS_END_WITHIN_SECONDS = 4.0
"""Batches end within it, by the limits of their connections."""
_ACTS_A_STEP = 5_000
_FIRST = UUID(int=0)


class ErasableFamilies(Protocol):
    """The view of families, as far as erasing needs it."""

    async def families_of(
        self, connection: AsyncConnection[Any], subject: str, *, after: UUID
    ) -> Sequence[UUID]:
        """The next families of the subject, ended ones too, so many as fit into one step; sorted."""
        ...

    async def lock(self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]) -> object:
        """Lock the families in the order of their ids."""
        ...

    async def empty(self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]) -> None:
        """Take out of the view what is personal of families that have ended and are locked."""
        ...

    async def delete_personal_data_by(
        self, connection: AsyncConnection[Any], actor: str, maximum: int
    ) -> int:
        """Delete at most so much of what lies beside acts of the actor on others, and count it.

        What lies beside acts on a subject that is held stays.
        """
        ...


class Erasure:
    """Erases subjects."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        administration: Administration,
        families: ErasableFamilies,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        forget: Callable[[AsyncConnection[Any], str], Awaitable[None]],
    ) -> None:
        """`forget` takes what is deleted beside the events out of projections, in one transaction."""
        self._sessions = sessions
        self._administration = administration
        self._families = families
        self._pool = pool
        self._forget = forget

    async def erase(self, subject: str, act: Act, caller: Caller) -> None:
        """Erase a subject, also one never seen; nothing is left of it once this returns. Idempotent.

        Raises:
            LegalHoldError: the subject is held; where the hold came during the call, some of it is erased.
            UnavailableError: not now; what has been erased stays erased.
            psycopg.OperationalError, PoolTimeout: the same.
        """
        stream_id = await self._administration.mark_erased(subject, act)
        await self._wait_for_those_who_may_not_know()
        await self._sessions.end_all(
            subject,
            caller,
            reason=RevocationReason.ERASURE,
            actor=act.actor,
            causation=None if stream_id is None else f"{stream_id}:1",
        )
        await self._erase_families(subject)
        await self._erase_acts(subject)
        async with self._pool.connection() as connection, connection.transaction():
            await self._forget(connection, subject)

    async def _wait_for_those_who_may_not_know(self) -> None:
        """Until every transaction is over that may have read the status before it was set."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _OTHERS_END_WITHIN_SECONDS
        waited_for = await self._holding_off()
        while waited_for:
            if loop.time() > deadline:
                raise UnavailableError("somebody has been writing to subjects for too long")
            await asyncio.sleep(_LOOKS_AGAIN_AFTER_SECONDS)
            waited_for &= await self._holding_off()

    async def _holding_off(self) -> set[str]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(sql("ledger", "holding_off_erasures"))
            return {row[0] for row in await cursor.fetchall()}

    async def _erase_families(self, subject: str) -> None:
        after = _FIRST
        while True:
            async with self._pool.connection() as connection, connection.transaction():
                family_ids = await self._families.families_of(connection, subject, after=after)
                if not family_ids:
                    return
                await _require_no_hold(connection, subject)
                await self._families.lock(connection, family_ids)
                streams = {"subject": subject, "stream_ids": list(family_ids)}
                await connection.execute(sql("ledger", "delete_personal_data_of_bulk"), streams)
                await connection.execute(sql("ledger", "delete_personal_data"), streams)
                await self._families.empty(connection, family_ids)
            after = family_ids[-1]

    async def _erase_acts(self, subject: str) -> None:
        """What lies beside acts about the subject, and beside the subject's own acts on others."""
        async with self._pool.connection() as connection, connection.transaction():
            await _require_no_hold(connection, subject)
            whose = {"subject": subject, "stream_ids": []}
            await connection.execute(sql("ledger", "delete_personal_data_about"), whose)
            await connection.execute(sql("ledger", "delete_personal_data_of_bulk"), whose)
        deleted = _ACTS_A_STEP
        while deleted == _ACTS_A_STEP:
            async with self._pool.connection() as connection, connection.transaction():
                await _require_no_hold(connection, subject)
                deleted = await self._families.delete_personal_data_by(
                    connection, f"subject:{subject}", _ACTS_A_STEP
                )


async def _require_no_hold(connection: AsyncConnection[Any], subject: str) -> None:
    """Whoever sets a hold waits for this transaction, so that none is deleted by after that was answered."""
    cursor = await connection.execute(sql("ledger", "subjects_held"), {"subject": subject})
    if await cursor.fetchone() == (True,):
        raise LegalHoldError
