"""The view as erasing needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.binary_array import uuids
from ledger.sql_files import sql

_PACKAGE = "projections.active_tokens"
_FAMILIES_A_STEP = 100
_EVENTS_A_STEP = 10_000


class ErasableTokens:
    """See `ledger.erasure.ErasableFamilies`."""

    async def families_of(
        self, connection: AsyncConnection[Any], subject: str, *, after: UUID
    ) -> Sequence[UUID]:
        """One round trip; ten thousand events at most, but one family at least."""
        cursor = await connection.execute(
            sql(_PACKAGE, "families_of"),
            {"subject": subject, "after": after, "families": _FAMILIES_A_STEP, "events": _EVENTS_A_STEP},
        )
        return [row[0] for row in await cursor.fetchall()]

    async def lock(self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]) -> None:
        """One round trip; the rows are locked when it returns."""
        await connection.execute(sql(_PACKAGE, "lock"), {"family_ids": uuids(sorted(family_ids))})

    async def empty(self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]) -> None:
        """One round trip; rows with nothing personal in them are not written."""
        await connection.execute(sql(_PACKAGE, "erase"), {"family_ids": list(family_ids)})

    async def delete_personal_data_by(
        self, connection: AsyncConnection[Any], actor: str, maximum: int
    ) -> int:
        """One round trip."""
        cursor = await connection.execute(
            sql(_PACKAGE, "delete_personal_data_by"), {"actor": actor, "maximum": maximum}
        )
        return cursor.rowcount
