"""The sweeper: what time or a not-before has ended gets its event, and closed windows lose their nonces.

One process leads and walks over all living families, a bounded number a step. A step finds in one
statement, without keeping a lock, and ends in others: by commands of the group commit, where they share
transactions with refreshes and the decider has the last word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection

from ledger.answers import Ended
from ledger.batch import Committed, Submission
from ledger.commands import Expire, Tidy
from ledger.group_commit import GroupCommit, UnavailableError
from ledger.leadership import Connect, lead, wait
from ledger.partitions import create_months_ahead, months_ahead, running_out
from ledger.recorder import Request
from ledger.sql_files import sql
from ledger.sweeper_run import Place, Run, read_run, save_run

LOCK = 0x7377656570
"""Of the leader; any number that others are unlikely to lock."""
MARGIN = timedelta(seconds=1)
"""A family is looked for so long after its deadline, as clocks may be set back a little."""
UNTOUCHED_FOR = timedelta(minutes=45)
"""Windows may keep their nonces for an hour after they closed; the next refresh mostly comes sooner."""
ASSERTIONS_KEPT_FOR = timedelta(minutes=10)
"""After their expiry, for clocks of other processes that are behind the database's."""

_ASSERTIONS_AT_ONCE = 1000
_PARTITIONS_EVERY_SECONDS = 3600.0
_PARTITIONS_AGAIN_AFTER_SECONDS = 60.0
_LEFT_OUT_FOR_SECONDS = 3600.0
_UNAVAILABLE_FOR_SECONDS = 1.0

_log = structlog.get_logger("token_ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next families of the walk, and which of them have something due."""

    last: Place | None
    """None: there are no more."""
    looked_at: int
    over: Sequence[UUID]
    """Past a deadline, or opened before a not-before."""
    untidy: Sequence[UUID]
    """With nonces that nothing needs."""


class FindDue(Protocol):
    """Looks at the next families of the walk; locks nothing that outlives the call. One round trip."""

    async def __call__(
        self,
        connection: AsyncConnection[Any],
        *,
        after: Place | None,
        maximum: int,
        now: datetime,
        untouched_since: datetime,
    ) -> Step:
        """`untouched_since`: families used later have no nonces to drop yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the walk goes; what others wait for is bounded by it."""

    looked_at_a_step: int = 1000
    decided_at_once: int = 32
    """Commands that share batches with refreshes."""
    looking: float = 0.05
    """Share of the time that statements of the walk may take: a million living families need 3 s of it."""
    deciding: float = 0.5
    """Share of the time that its commands may be in the queue."""
    rest: timedelta = timedelta(seconds=30)
    """Between two runs."""


class Sweeper:
    """Sweeps while this process leads."""

    def __init__(
        self,
        *,
        connect: Connect,
        commit: GroupCommit,
        find_due: FindDue,
        clock: Callable[[datetime], datetime],
        new_id: Callable[[], UUID],
        who: str,
        pace: Pace | None = None,
        swept: Callable[[int], object] | None = None,
    ) -> None:
        """`clock` goes from the database's time to the ledger's; `who` names this process.

        `swept` is told how many families have been ended, whenever some have.
        """
        self._connect = connect
        self._commit = commit
        self._find_due = find_due
        self._clock = clock
        self._new_id = new_id
        self._who = who
        self._pace = pace or Pace()
        self._partitions_at = 0.0
        self._left_out: dict[UUID, float] = {}
        self._swept = swept
        self.leads = False
        """Whether this process sweeps now."""

    async def run(self) -> None:
        """Lead and sweep whenever no other process does; for ever."""
        await lead(self._connect, LOCK, self._keep_sweeping)

    async def sweep(self, connection: AsyncConnection[Any]) -> Run:
        """One run, from where the last one stopped if it did not finish. `connection` is the leader's.

        Raises:
            psycopg.Error: the connection is gone, or a statement failed; what was ended stays ended.
        """
        await self._keep_partitions(connection)
        await self._forget_assertions(connection)
        now = await _database_time(connection)
        run = await read_run(connection)
        if run is None or run.finished_at is not None:
            run = Run(leader=self._who, started_at=now)
        else:
            run = replace(run, leader=self._who)
        await save_run(connection, run)
        run = await self._walk(connection, run)
        run = replace(run, finished_at=await _database_time(connection))
        await save_run(connection, run)
        if run.ended or run.tidied or run.failed:
            _log.info("swept", walked=run.walked, ended=run.ended, tidied=run.tidied, failed=run.failed)
        return run

    async def _keep_sweeping(self, connection: AsyncConnection[Any]) -> None:
        _log.info("this process sweeps", leader=self._who)
        self._partitions_at = 0.0
        self.leads = True
        try:
            while True:
                await self.sweep(connection)
                await wait(connection, self._pace.rest.total_seconds())
        finally:
            self.leads = False

    async def _walk(self, connection: AsyncConnection[Any], run: Run) -> Run:
        """Look at all families from the run's place on, and settle what is due."""
        loop = asyncio.get_running_loop()
        correlation_id = self._new_id()
        while True:
            now = self._clock(await _database_time(connection))
            began = loop.time()
            step = await self._find_due(
                connection,
                after=run.place,
                maximum=self._pace.looked_at_a_step,
                now=now - MARGIN,
                untouched_since=now - UNTOUCHED_FOR,
            )
            took = loop.time() - began
            if step.last is None:
                return run
            run = replace(run, place=step.last, walked=run.walked + step.looked_at)
            commands: list[Expire | Tidy] = [
                *(Expire(family_id=one) for one in step.over),
                *(Tidy(family_id=one) for one in step.untidy),
            ]
            for start in range(0, len(commands), self._pace.decided_at_once):
                some = commands[start : start + self._pace.decided_at_once]
                run = await self._decide(connection, run, some, correlation_id)
            await save_run(connection, run)
            await wait(connection, took * (1 / self._pace.looking - 1))

    async def _decide(
        self,
        connection: AsyncConnection[Any],
        run: Run,
        commands: Sequence[Expire | Tidy],
        correlation_id: UUID,
    ) -> Run:
        """Submit some commands at once, then leave the queue to others for a while."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        wanted = [one for one in commands if self._left_out.get(one.family_id, 0.0) <= began]
        request = Request(correlation_id=correlation_id, actor="system")
        results = await asyncio.gather(
            *(self._commit.submit(Submission(command=one, request=request)) for one in wanted),
            return_exceptions=True,
        )
        pause = (loop.time() - began) * (1 / self._pace.deciding - 1)
        ended = tidied = 0
        failed = len(commands) - len(wanted)
        for command, result in zip(wanted, results, strict=True):
            match result:
                case Committed(answer=Ended(ended=True)):
                    ended += 1
                case Committed():
                    tidied += isinstance(command, Tidy) and _is_tidy(result)
                case UnavailableError():
                    pause = max(pause, _UNAVAILABLE_FOR_SECONDS)
                case _:
                    failed += 1
                    self._leave_out(command.family_id, result)
        if ended and self._swept is not None:
            self._swept(ended)
        await wait(connection, pause)
        return replace(run, ended=run.ended + ended, tidied=run.tidied + tidied, failed=run.failed + failed)

    def _leave_out(self, family_id: UUID, error: BaseException) -> None:
        """Whatever is wrong with it, refreshes are not to share a batch with it in every run."""
        _log.error("a family could not be swept", family_id=str(family_id), exc_info=error)
        now = asyncio.get_running_loop().time()
        self._left_out = {one: until for one, until in self._left_out.items() if until > now}
        self._left_out[family_id] = now + _LEFT_OUT_FOR_SECONDS

    async def _forget_assertions(self, connection: AsyncConnection[Any]) -> None:
        expired_before = self._clock(await _database_time(connection)) - ASSERTIONS_KEPT_FOR
        while True:
            cursor = await connection.execute(
                sql("ledger", "delete_used_assertions"),
                {"expired_before": expired_before, "maximum": _ASSERTIONS_AT_ONCE},
            )
            if cursor.rowcount < _ASSERTIONS_AT_ONCE:
                return

    async def _keep_partitions(self, connection: AsyncConnection[Any]) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._partitions_at:
            return
        self._partitions_at = loop.time() + _PARTITIONS_EVERY_SECONDS
        try:
            await create_months_ahead(connection)
        except psycopg.Error as error:
            if connection.closed:
                raise
            self._partitions_at = loop.time() + _PARTITIONS_AGAIN_AFTER_SECONDS
            _log.warning(
                "the partitions of the months ahead could not be made", reason=" ".join(str(error).split())
            )
        alarm = running_out(await months_ahead(connection))
        if alarm is not None:
            _log.warning("partitions run out", reason=alarm)


def _is_tidy(committed: Committed) -> bool:
    return committed.stored is not None and not committed.stored.bookkeeping.windows


async def _database_time(connection: AsyncConnection[Any]) -> datetime:
    cursor = await connection.execute(sql("ledger", "clock"))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    now: datetime = row[0]
    return now
