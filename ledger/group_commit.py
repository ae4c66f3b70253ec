"""Group commit: commands that arrive together share one transaction, and are answered after its COMMIT.

A batch never waits to fill up: it takes what has queued while the batch before it ran. One command that the
database refuses does not fail its neighbours, they are retried apart. A COMMIT whose outcome is unknown is
looked up in the stream, not repeated blindly.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ledger import gcra
from ledger.batch import Batch, Committed, ForgeryLimit, Submission
from ledger.commands import family_of
from ledger.commit_watch import CommitWatch, Unwatched
from ledger.policy import Policy
from ledger.stores import FamilyView

_BUSY = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected, errors.SerializationFailure)
_GONE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,  # a server that was the primary until now
    PoolTimeout,
    PoolClosed,
)
_RETRY_EVERY_SECONDS = 0.05
_CONNECTION_WITHIN_SECONDS = 0.5
"""Then the pool is asked again: only who asks makes it try a database anew that was away."""
_QUIET_ROUNDS = 2
_SINGLES = 2
"""So many commands are tried apart at a time, so that there are connections left for the batches."""


class UnavailableError(Exception):
    """Not now: the queue is full, the database is gone, or the outcome is unknown after the deadline."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    submission: Submission
    future: asyncio.Future[Committed]
    deadline: float

    def tell(self, result: Committed | Exception) -> None:
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


def one_lane(_family_id: UUID) -> Hashable:
    """Every family is in the same lane: batches of one lane run one after the other."""
    return None


class GroupCommit:
    """The queue of commands and the batches that are made of it."""

    def __init__(
        self,
        *,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        view: FamilyView,
        default_policy: Policy,
        clock: Callable[[datetime], datetime],
        random: Callable[[int], bytes],
        lane: Callable[[UUID], Hashable] = one_lane,
        forgery_rate: gcra.Rate | None = None,
        maximum_batch: int = 128,
        maximum_queue: int = 2000,
        deadline: timedelta = timedelta(seconds=4.5),
        watch: CommitWatch | None = None,
    ) -> None:
        """`forgery_rate` bounds the forgery events of this process; None: unbounded."""
        self._pool = pool
        self._view = view
        self._default_policy = default_policy
        self._clock = clock
        self._random = random
        self._lane = lane
        self._forgeries = _forgery_limit(forgery_rate)
        self._maximum_batch = maximum_batch
        self._maximum_queue = maximum_queue
        self._deadline_seconds = deadline.total_seconds()
        self._watch: CommitWatch = watch or Unwatched()
        self._queues: dict[Hashable, deque[_Waiting]] = {}
        self._queued = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._singles = asyncio.Semaphore(_SINGLES)

    @property
    def queued(self) -> int:
        """Commands that wait for a batch."""
        return self._queued

    async def submit(self, submission: Submission) -> Committed:
        """Decide a command and store what it caused. A cancelled caller cancels nothing that runs.

        Raises:
            UnavailableError: nothing was decided, or it is unknown whether it was stored.
        """
        if self._queued >= self._maximum_queue:
            self._watch.unavailable()
            raise UnavailableError("the queue of commands is full")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(
            submission=submission,
            future=loop.create_future(),
            deadline=loop.time() + self._deadline_seconds,
        )
        self._enqueue(waiting)
        timer = loop.call_at(
            waiting.deadline, waiting.tell, UnavailableError("the database did not answer in time")
        )
        try:
            return await waiting.future
        except UnavailableError:
            self._watch.unavailable()
            raise
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Wait until everything that was queued has been decided."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _enqueue(self, waiting: _Waiting) -> None:
        lane = self._lane(family_of(waiting.submission.command))
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = deque()
            self._start(self._run(lane, queue))
        queue.append(waiting)
        self._queued += 1

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: Hashable, queue: deque[_Waiting]) -> None:
        """Commit batches until the queue of the lane is empty."""
        try:
            while queue:
                await self._let_arrive(queue)
                batch: list[_Waiting] = []
                while queue and len(batch) < self._maximum_batch:
                    waiting = queue.popleft()
                    self._queued -= 1
                    if not waiting.future.done():
                        batch.append(waiting)
                if batch:
                    await self._commit(batch)
        finally:
            del self._queues[lane]

    async def _let_arrive(self, queue: deque[_Waiting]) -> None:
        """Let requests that the system has received already be read into the queue; waits for nothing else.

        A request is in the queue two rounds of the event loop after its bytes are there.
        """
        quiet_rounds = 0
        while quiet_rounds < _QUIET_ROUNDS and len(queue) < self._maximum_batch:
            queued = len(queue)
            await asyncio.sleep(0)
            quiet_rounds = quiet_rounds + 1 if len(queue) == queued else 0

    async def _commit(self, waiting: Sequence[_Waiting]) -> None:
        """Commit a batch and tell everyone in it; never raises what belongs to one of its commands."""
        loop = asyncio.get_running_loop()
        deadline = max(one.deadline for one in waiting)
        while True:
            began = time.perf_counter()
            batch = Batch(
                view=self._view,
                default_policy=self._default_policy,
                clock=self._clock,
                random=self._random,
                forgeries=self._forgeries,
                submissions=[one.submission for one in waiting],
            )
            try:
                async with (
                    asyncio.timeout_at(deadline),
                    self._pool.connection(timeout=_CONNECTION_WITHIN_SECONDS) as connection,
                ):
                    try:
                        await batch.execute(connection)
                    except errors.ReadOnlySqlTransaction:
                        await connection.close()  # the next one may lead to the new primary
                        raise
                break
            except TimeoutError:
                return _tell_all(waiting, UnavailableError("the database did not answer in time"))
            except _BUSY as error:
                if len(waiting) == 1:
                    return _tell_all(waiting, UnavailableError(f"the database is busy: {error.sqlstate}"))
                return self._apart(waiting)
            except _GONE:
                if batch.commit_sent and batch.recorder.events:
                    committed = await self._outcome(batch, deadline)
                    if committed is None:
                        return _tell_all(waiting, UnavailableError("it is unknown whether this was stored"))
                    if committed:
                        break
                if loop.time() + _RETRY_EVERY_SECONDS >= deadline:
                    return _tell_all(waiting, UnavailableError("the database cannot be reached"))
                await asyncio.sleep(_RETRY_EVERY_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told to those who wait for it
                if len(waiting) == 1:
                    return _tell_all(waiting, error)
                return self._apart(waiting)
        _tell_all(waiting, batch.results)
        event_types = (event["type"] for event in batch.recorder.events)
        self._watch.committed(batch.results, event_types, time.perf_counter() - began)
        return None

    def _apart(self, waiting: Sequence[_Waiting]) -> None:
        """Retry each command of a failed batch in a transaction of its own, beside the lane."""
        self._watch.tried_apart(len(waiting))

        async def one_after_the_other() -> None:
            for one in waiting:
                async with self._singles:
                    await self._commit([one])

        self._start(one_after_the_other())

    async def _outcome(self, batch: Batch, deadline: float) -> bool | None:
        """Whether a transaction was committed whose COMMIT was not answered; None: not known in time."""
        event = batch.recorder.events[0]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while True:
                    with suppress(*_GONE):
                        async with self._pool.connection(timeout=_CONNECTION_WITHIN_SECONDS) as connection:
                            if not await _in_progress(connection, batch.transaction_id):
                                return await _is_stored(connection, event)
                    await asyncio.sleep(_RETRY_EVERY_SECONDS)
        return None


async def _in_progress(connection: AsyncConnection[Any], transaction_id: str | None) -> bool:
    """Whether the server still works on the transaction, as it may for a while after a lost connection."""
    try:
        cursor = await connection.execute("SELECT pg_xact_status(%s::xid8)", (transaction_id,))
    except errors.InvalidParameterValue:  # a number from before a failover: the new server has not reached it
        return False
    row = await cursor.fetchone()
    return row is not None and row[0] == "in progress"


async def _is_stored(connection: AsyncConnection[Any], event: dict[str, Any]) -> bool:
    cursor = await connection.execute(
        "SELECT leaf_hash = %s FROM events WHERE stream_id = %s AND version = %s",
        (event["leaf_hash"], event["stream_id"], event["version"]),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _tell_all(waiting: Sequence[_Waiting], results: Sequence[Committed | Exception] | Exception) -> None:
    if isinstance(results, Exception):
        results = [results] * len(waiting)
    for one, result in zip(waiting, results, strict=True):
        one.tell(result)


def _forgery_limit(rate: gcra.Rate | None) -> ForgeryLimit:
    state: list[datetime | None] = [None]

    def recordable(now: datetime) -> bool:
        return rate is None or isinstance(gcra.take(rate, state[0], now), gcra.Allowed)

    def recorded(now: datetime) -> None:
        if rate is not None:
            taken = gcra.take(rate, state[0], now)
            if isinstance(taken, gcra.Allowed):
                state[0] = taken.theoretical_arrival

    return ForgeryLimit(recordable, recorded)
