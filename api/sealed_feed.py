"""How far the log can be read, told to all subscriptions of a worker as it grows.

The sealer's NOTIFY only makes it faster: every second the worker looks by itself, so that a lost
connection or a restarted database costs a second and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from api.unavailability import UNAVAILABLE
from ledger.leadership import Connect

CHANNEL = "token_ledger_sealed"
_LOOKED_EVERY_SECONDS = 1.0
_READING = 2
"""Connections that all subscriptions of a worker read by."""
_BEHIND_SECONDS = 0.05
"""What is sealed can be found a moment later: after a NOTIFY it is looked for so often…"""
_LOOKS_AFTER_NOTIFY = 10
"""…and so many times, until the usual pace is taken up again."""

_log = structlog.get_logger("token_ledger")


class SealedFeed:
    """Wakes whoever waits for the log to grow; asks the database only while somebody does."""

    def __init__(self, *, connect: Connect, look: Callable[[], Awaitable[int]]) -> None:
        """`connect` opens a connection that can LISTEN; `look` reads how many leaves can be found."""
        self._connect = connect
        self._look = look
        self.turns = asyncio.Semaphore(_READING)
        """To be taken while events are read, so that many subscriptions keep no other reader waiting."""
        self._leaves = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._wanted = asyncio.Event()
        self._notified = asyncio.Event()
        self._sealed = 0
        self._told: str | None = None

    async def leaves(self) -> int:
        """How many leaves can be found now.

        Raises:
            psycopg.OperationalError, PoolTimeout: the database does not answer.
        """
        return await self._look()

    async def grown(self, leaves: int) -> int:
        """Wait until more leaves than these can be found; gives how many."""
        while self._leaves <= leaves:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            self._wanted.set()
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)
        return self._leaves

    async def run(self) -> None:
        """Look and listen; for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._keep_listening())

    async def _keep_looking(self) -> None:
        looks = 0
        while True:
            await self._wanted.wait()
            await self._look_once()
            if not self._waiting:
                self._wanted.clear()
            if self._notified.is_set():
                self._notified.clear()
                looks = _LOOKS_AFTER_NOTIFY
            looks = looks - 1 if looks and self._leaves < self._sealed else 0
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEHIND_SECONDS if looks else _LOOKED_EVERY_SECONDS):
                    await self._notified.wait()

    async def _look_once(self) -> None:
        try:
            leaves = await self._look()
        except UNAVAILABLE as error:
            self._tell("the log cannot be read for subscriptions", error)
            return
        except Exception:  # noqa: BLE001 - whatever it is, it is tried again
            _log.exception("the log cannot be read for subscriptions")
            return
        if leaves == self._leaves:
            return
        self._leaves = leaves
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def _keep_listening(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                async with self._connect() as connection:
                    await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                self._tell("subscriptions are woken by looking alone", error)
            await asyncio.sleep(_LOOKED_EVERY_SECONDS)

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        self._told = None
        async for notification in connection.notifies():
            with suppress(ValueError):
                self._sealed = int(notification.payload)
            self._notified.set()

    def _tell(self, what: str, error: Exception) -> None:
        if what != self._told:
            _log.warning(what, reason=" ".join(str(error).split()))
        self._told = what
