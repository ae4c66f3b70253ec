"""Work in parts, on all cores."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")

_FEWEST = 3
"""Parts that are worth processes: one takes longer to start than it works on a small part."""


async def in_processes(
    calls: Mapping[Key, partial[Result]], *, processes: int | None = None
) -> AsyncIterator[tuple[Key, Result]]:
    """Make the calls, which run event loops of their own, and give their results as they come.

    In worker processes, as many as there are cores; in threads of this one where there are few calls. A call
    that fails ends them all.
    """
    loop = asyncio.get_running_loop()
    count = processes or os.cpu_count() or 1
    if len(calls) < _FEWEST and processes is None:
        for key, call in calls.items():
            yield key, await asyncio.to_thread(call)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        waiting = {loop.run_in_executor(pool, call): key for key, call in calls.items()}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    yield waiting.pop(one), one.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
