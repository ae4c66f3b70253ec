"""Tabs that go on refreshing a session while something else ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tests.served import Client

TABS = 4


async def ended_while_tabs_refresh(client: Client, token: str, end: Awaitable[Any]) -> tuple[Any, list[Any]]:
    """What the end answered, and what each tab was answered to its first refresh sent after that."""
    ended = asyncio.Event()
    tabs = [asyncio.create_task(_tab(client, token, ended)) for _ in range(TABS)]
    answer = await end
    ended.set()
    return answer, list(await asyncio.gather(*tabs))


async def _tab(client: Client, token: str, ended: asyncio.Event) -> Any:
    while True:
        was_ended = ended.is_set()
        answer = await client.refresh(token)
        if was_ended:
            return answer
        if answer["__typename"] == "TokenPair":
            token = answer["refreshToken"]
