"""The view inside the transaction of a batch: lock, read, insert, update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from psycopg import AsyncConnection, AsyncCursor

from ledger.binary_array import texts, uuids
from ledger.policy import Client, Policy, SubjectStatus
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily
from ledger.stores import BatchContext
from projections.active_tokens.client_policy import client_policy
from projections.active_tokens.rows import family_of_row, inserted, updated

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACKAGE = "projections.active_tokens"

Row = TypeVar("Row")


class _Answer(Generic[Row]):
    """The rows of a statement that was sent, read when they are wanted."""

    def __init__(self, cursor: AsyncCursor[Any], read: Callable[[list[Any]], Row]) -> None:
        self._cursor = cursor
        self._read = read

    async def fetch(self) -> Row:
        """Wait for the rows and read them."""
        return self._read(await self._cursor.fetchall())


class ActiveTokens:
    """See `ledger.stores.FamilyView`."""

    def __init__(self, default_policy: Policy) -> None:
        self._policy = lru_cache(maxsize=1024)(lambda overrides: client_policy(default_policy, overrides))

    async def lock(
        self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]
    ) -> _Answer[dict[UUID, StoredFamily]]:
        """One statement; the rows are locked when the answer is there."""
        cursor = await connection.execute(
            sql(_PACKAGE, "lock"), {"family_ids": uuids(family_ids)}, binary=True
        )
        return _Answer(cursor, lambda rows: {row[0]: family_of_row(row) for row in rows})

    async def lock_with_siblings(
        self,
        connection: AsyncConnection[Any],
        family_ids: Sequence[UUID],
        openings: Sequence[tuple[str, str]],
    ) -> _Answer[dict[UUID, StoredFamily]]:
        """One statement, as `lock`; its snapshot is taken after the subjects' rows were locked."""
        cursor = await connection.execute(
            sql(_PACKAGE, "lock_with_siblings"),
            {
                "family_ids": uuids(family_ids),
                "subject": texts([subject for subject, _ in openings]),
                "client_id": texts([client_id for _, client_id in openings]),
            },
            binary=True,
        )
        return _Answer(cursor, lambda rows: {row[0]: family_of_row(row) for row in rows})

    async def read_context(
        self,
        connection: AsyncConnection[Any],
        *,
        family_ids: Sequence[UUID],
        subjects: Sequence[str],
        client_ids: Sequence[str],
    ) -> _Answer[BatchContext]:
        """One statement, with a snapshot of its own, taken when it starts."""
        cursor = await connection.execute(
            sql(_PACKAGE, "read_context"),
            {"family_ids": uuids(family_ids), "subjects": texts(subjects), "client_ids": texts(client_ids)},
            binary=True,
        )
        return _Answer(cursor, self._context)

    async def insert(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        """One statement, whatever the number of families."""
        await connection.execute(sql(_PACKAGE, "insert"), inserted(families))

    async def update(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        """One statement, whatever the number of families."""
        await connection.execute(sql(_PACKAGE, "update"), updated(families))

    def _context(self, rows: list[Any]) -> BatchContext:
        now, transaction_id, everyone_not_before, subjects, clients = rows[0]
        return BatchContext(
            now=now,
            transaction_id=transaction_id,
            everyone_not_before=everyone_not_before,
            subjects={
                subject: (SubjectStatus(status), _moment(not_before))
                for subject, status, not_before in orjson.loads(subjects or "[]")
            },
            clients={
                client_id: (
                    Client(client_id=client_id, confidential=confidential, policy=self._policy(overrides)),
                    _moment(not_before),
                )
                for client_id, confidential, overrides, not_before in orjson.loads(clients or "[]")
            },
        )


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
