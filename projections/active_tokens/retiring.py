"""The view as removing a month needs it."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from ledger.archived_months import MonthOfStreams
from ledger.sql_files import sql

_PACKAGE = "projections.active_tokens"


class RemovableTokens:
    """See `ledger.retention.months.RemovableFamilies`."""

    async def count_living(self, connection: AsyncConnection[Any], month: MonthOfStreams) -> int:
        """One round trip."""
        cursor = await connection.execute(sql(_PACKAGE, "count_living"), month.bounds)
        row = await cursor.fetchone()
        return 0 if row is None else row[0]

    async def remove_ended(self, connection: AsyncConnection[Any], month: MonthOfStreams) -> int:
        """One round trip; half a second for a million of them."""
        cursor = await connection.execute(sql(_PACKAGE, "remove_ended"), month.bounds)
        return cursor.rowcount
