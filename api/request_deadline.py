"""A deadline of a request: it is answered in time even when what it waits for cannot be stopped in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class RequestDeadline:
    """Answers in place of the task that it was started in, and cancels that task.

    `asyncio.timeout` would answer after the cancelled task has ended. A statement that waits for a database
    which has stopped takes 10 s for that: psycopg asks the server to end it and waits.
    """

    __slots__ = ("_answer", "_answering", "_task", "_timer")

    def __init__(self, answer: Callable[[], Awaitable[None]]) -> None:
        """`answer` sends the answer of a request that took too long."""
        self._answer = answer
        self._answering: asyncio.Future[None] | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """From now on the current task has so much time."""
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def stop(self) -> None:
        """The task ends; a deadline that was not passed is not passed any more."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def passed(self) -> bool:
        """Whether the request is answered here, so that its task must not answer."""
        return self._answering is not None

    async def answered(self) -> None:
        """Wait until the answer of a deadline that passed has been sent."""
        if self._task is not None:
            self._task.uncancel()
        if self._answering is not None:
            await self._answering

    def _expire(self) -> None:
        self._answering = asyncio.ensure_future(self._answer())
        if self._task is not None:
            self._task.cancel()
