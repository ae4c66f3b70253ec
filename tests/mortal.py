"""A connection that is lost at a chosen moment."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection


class Mortal(AsyncConnection[Any]):
    """Its server process is gone at one of its round trips: before the statement runs, or after."""

    dies_at: int = 0
    before: bool = True
    trips: int = 0

    async def wait(self, gen: Any, interval: float = 0.1) -> Any:
        self.trips += 1
        if self.trips != self.dies_at:
            return await super().wait(gen, interval)
        if not self.before:
            await super().wait(gen, interval)
        await self.close()
        raise psycopg.OperationalError("killed by the test")
