"""Removing one month: all of it in one transaction, so that whatever ends it leaves everything as it was.

1. The month's families that have ended leave the view. Whoever presents one of their tokens waits, and finds
   it unknown afterwards: so nobody appends to the month any more.
2. The month's partition is locked against appending, and looked at once more: nothing unsealed, nothing
   beside what was verified in the archive, no living family, nobody under a hold.
3. Both tables are locked against everybody, for a few milliseconds: the event is appended, the row written,
   the partitions dropped. Readers are not waited for longer than appending can stand: then they go first, and
   it is tried again.

A legal hold cannot slip in between. Whoever sets one appends `LegalHoldSet` in the transaction that sets it.
So once both tables are locked, a hold is either committed, and found by the look at all who are held that
follows; or its transaction has yet to append, waits for this one, and answers when the month is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, IsolationLevel, errors

from ledger import administrative
from ledger.archived_months import MonthOfStreams
from ledger.events import PartitionArchived
from ledger.recorded_event import read_stream
from ledger.retention.archive import Counts
from ledger.retention.months import Contents, Reason, RemovableFamilies, read_contents
from ledger.sql_files import sql

_LOCK_MILLISECONDS = 150
"""Nobody waits behind it for as long as a batch waits for a lock."""
_PATIENCE_SECONDS = 60.0
_REST_SECONDS = 0.4
_SETTINGS = "SET LOCAL lock_timeout = '5s'; SET LOCAL synchronous_commit = on"


class _KeptError(Exception):
    """The month stays: what was done is undone."""

    def __init__(self, reasons: Collection[Reason]) -> None:
        super().__init__()
        self.reasons = tuple(reasons)


class _HeldMeanwhileError(Exception):
    """Others are under a hold than when the month was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified of a month in the archive."""

    counts: Counts
    manifest_hashes: tuple[bytes, ...]
    """Of the exports that hold it, in the order of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Removes months over a connection of the tables' owner, in autocommit mode."""

    connection: AsyncConnection[Any]
    families: RemovableFamilies
    now: Callable[[], datetime]
    random: Callable[[int], bytes]

    async def remove(
        self, month: MonthOfStreams, verified: Verified
    ) -> PartitionArchived | tuple[Reason, ...]:
        """Remove a month that was verified, or say why it stays.

        Raises:
            psycopg.Error: the database went away, or the login may not do it; the month is as it was.
        """
        await self.connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
        try:
            async with self.connection.transaction():
                await self.connection.execute(_SETTINGS)
                await self.families.remove_ended(self.connection, month)
                await self.connection.execute(sql("ledger", "hold_month"), {"month": month.first_day})
                await self.families.remove_ended(self.connection, month)  # what ended meanwhile
                event = await self._drop(month, verified)
        except _KeptError as kept:
            return kept.reasons
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            return (Reason(what="somebody has been working on its sessions for too long: run it again"),)
        return event

    async def _contents(self, month: MonthOfStreams, verified: Verified) -> Contents:
        """What is stored of the month, if it may go."""
        contents = await read_contents(self.connection, self.families, month)
        reasons = contents.reasons() or shortcomings(month, contents, verified.counts)
        if reasons:
            raise _KeptError(reasons)
        return contents

    async def _drop(self, month: MonthOfStreams, verified: Verified) -> PartitionArchived:
        """Look, and drop it once nobody reads for a moment."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            held = await self._held()  # before the look: who is held after it is found by comparing
            contents = await self._contents(month, verified)
            event = PartitionArchived(
                month=month.name,
                events=contents.events,
                first_index=contents.first_index,
                last_index=contents.last_index,
                manifest_hashes=verified.manifest_hashes,
            )
            while await self._held() == held:
                try:
                    await self._drop_at_once(month, event, held)
                except (errors.LockNotAvailable, _HeldMeanwhileError):
                    pass
                else:
                    return event
                if time.monotonic() > give_up_at:
                    told = "somebody has been reading events for too long: run it again"
                    raise _KeptError([Reason(what=told)])
                await asyncio.sleep(_REST_SECONDS)

    async def _drop_at_once(
        self, month: MonthOfStreams, event: PartitionArchived, held: Collection[str]
    ) -> None:
        """The few milliseconds in which everybody waits.

        Raises:
            _HeldMeanwhileError: others than these are held; nothing was done.
            LockNotAvailable: somebody is reading; nothing was done.
        """
        connection = self.connection
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}".encode())
            await connection.execute(sql("ledger", "partitions_lock"))
            await connection.execute(sql("ledger", "lock_all_months"))
            if await self._held() != held:
                raise _HeldMeanwhileError
            stream_id = await administrative.append(
                connection, event, actor="operator", now=self.now(), random=self.random
            )
            (recorded,) = await read_stream(connection, stream_id, maximum=1)
            await connection.execute(
                sql("ledger", "archived_months_add"),
                {
                    "month": month.first_day,
                    **month.bounds,
                    "stream_id": stream_id,
                    "leaf": recorded.leaf().decode(),
                },
            )
            await connection.execute(sql("ledger", "drop_month"), {"month": month.first_day})

    async def _held(self) -> list[str]:
        cursor = await self.connection.execute(sql("ledger", "subjects_all_held"))
        return [one for (one,) in await cursor.fetchall()]


def shortcomings(month: MonthOfStreams, contents: Contents, counts: Counts) -> list[Reason]:
    """What of a month the archive lacks; empty: nothing."""
    leaves, records = counts.leaves[month], counts.personal_data[month]
    if leaves < contents.events:
        return [Reason(what=f"the archive holds {leaves} of its {contents.events} events")]
    if records < contents.personal_data:
        told = (
            f"the archive holds the personal data of {records} of its events, the database that of "
            f"{contents.personal_data}: bring back the files personal-data-*"
        )
        return [Reason(what=told)]
    return []
