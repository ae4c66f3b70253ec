"""The runner: keeps every projection up with the sealed log, in one process at a time.

It is woken when something was sealed, and looks by itself five times a second: nothing depends on being
woken. It folds no oftener than that, as many leaves at once cost little more than few. All the work is done
by the database; the process waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from ledger.leadership import Connect, lead
from ledger.sql_files import sql
from projections.catching_up import LEAVES_A_STEP, PROJECTIONS, SETTINGS, Projection, catch_up

LOCK = 0x70726F6A656374
"""Of the leader; any number that others are unlikely to lock."""

_AGAIN_AFTER_SECONDS = 5.0

_log = structlog.get_logger("token_ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often, and how much at a time."""

    rest: timedelta = timedelta(milliseconds=200)
    """At most between two looks, at least between two that found something."""
    leaves_a_step: int = LEAVES_A_STEP
    """Of one projection, in one transaction."""


@dataclass(slots=True, kw_only=True)
class Runner:
    """Catches up while this process leads. `who` names this process."""

    connect: Connect
    who: str
    pace: Pace = field(default_factory=Pace)
    projections: Sequence[Projection] = PROJECTIONS
    _failed: dict[str, float] = field(default_factory=dict, init=False)
    """Projections that failed, and when they are tried again."""
    _folded: float = field(default=0.0, init=False)
    """When it last found something."""
    leads: bool = field(default=False, init=False)
    """Whether this process keeps the projections now."""

    async def run(self) -> None:
        """Lead and catch up whenever no other process does; for ever."""
        await lead(self.connect, LOCK, self._keep_up)

    async def catch_up(self, connection: AsyncConnection[Any]) -> bool:
        """One step of each projection that is behind; gives whether more is left.

        The connection has had `SETTINGS`.

        Raises:
            psycopg.Error: the connection is gone.
        """
        left = False
        cursor = await connection.execute(sql("projections", "due"))
        due = {row[0] for row in await cursor.fetchall()}
        if due:
            self._folded = _now()
        for projection in self.projections:
            if projection.name in due and self._failed.get(projection.name, 0.0) <= _now():
                left |= await self._step(connection, projection)
        return left

    async def _keep_up(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute(SETTINGS)
        await connection.execute("LISTEN token_ledger_sealed")
        self._failed.clear()
        _log.info("this process keeps the projections", leader=self.who)
        rest = self.pace.rest.total_seconds()
        self.leads = True
        try:
            while True:
                if not await self.catch_up(connection):
                    async for _ in connection.notifies(timeout=rest, stop_after=1):
                        pass
                    await asyncio.sleep(self._folded + rest - _now())
        finally:
            self.leads = False

    async def _step(self, connection: AsyncConnection[Any], projection: Projection) -> bool:
        try:
            done = await catch_up(connection, projection, maximum=self.pace.leaves_a_step)
        except psycopg.errors.LockNotAvailable:  # a rebuild or an erasure has it
            return False
        except psycopg.Error as error:
            if connection.closed:
                raise
            _log.error(
                "a projection cannot catch up",
                projection=projection.name,
                reason=" ".join(str(error).split()),
            )
            self._failed[projection.name] = _now() + _AGAIN_AFTER_SECONDS
            return False
        return done >= self.pace.leaves_a_step


def _now() -> float:
    return asyncio.get_running_loop().time()
