"""A deadline answers in time, once, and leaves a task that can go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api.request_deadline import RequestDeadline


class Request:
    """A request in the way that the endpoint uses its deadline."""

    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self.answers: list[str] = []
        self.events: list[str] = []
        self._work = work

    async def run(self, seconds: float) -> None:
        async def answer() -> None:
            await asyncio.sleep(0)
            self.answers.append("late")

        deadline = RequestDeadline(answer)
        try:
            deadline.start(seconds)
            await self._work()
            self.events.append("worked")
        except asyncio.CancelledError:
            self.events.append("cancelled")
            if not deadline.passed:
                raise
        finally:
            deadline.stop()
        if deadline.passed:
            await deadline.answered()
        else:
            self.answers.append("in time")


async def test_work_that_ends_in_time_is_answered_as_it_ended() -> None:
    request = Request(lambda: asyncio.sleep(0))
    await request.run(0.01)
    await asyncio.sleep(0.02)
    assert (request.answers, request.events) == (["in time"], ["worked"])


async def test_work_that_takes_too_long_is_answered_before_it_has_ended() -> None:
    answered_before: list[int] = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)  # as psycopg, which waits for the server even when it is cancelled
            answered_before.append(len(request.answers))

    request = Request(stubborn)
    await request.run(0.01)
    assert (request.answers, request.events) == (["late"], ["cancelled"])
    assert answered_before == [1]


async def test_the_task_can_wait_again_after_its_deadline() -> None:
    request = Request(asyncio.Event().wait)
    await request.run(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_work_that_swallows_its_cancellation_is_answered_once() -> None:
    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return  # as a library may that had its answer when the cancellation came

    request = Request(deaf)
    await request.run(0)
    assert (request.answers, request.events) == (["late"], ["worked"])


async def test_a_cancellation_from_outside_goes_through_and_nothing_is_answered() -> None:
    request = Request(asyncio.Event().wait)
    task = asyncio.create_task(request.run(0.01))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.02)
    assert request.answers == []


async def test_a_deadline_that_was_not_started_is_never_passed() -> None:
    deadline = RequestDeadline(lambda: asyncio.sleep(0))
    deadline.stop()
    await asyncio.sleep(0)
    assert not deadline.passed
