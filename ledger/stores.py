"""What the group commit needs of the view of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from psycopg import AsyncConnection

from ledger.policy import Client, SubjectStatus
from ledger.stored_family import StoredFamily

Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What was true after the families of a batch were locked."""

    now: datetime
    transaction_id: str
    """Of the batch's own transaction, for `pg_xact_status`."""
    everyone_not_before: datetime | None
    subjects: Mapping[str, tuple[SubjectStatus, datetime | None]]
    """Status and not-before of those that have a row; the others are active."""
    clients: Mapping[str, tuple[Client, datetime | None]]
    """With their not-before."""


class Pending(Protocol[Row_co]):
    """A statement that was sent; its answer can be awaited later."""

    async def fetch(self) -> Row_co:
        """Wait for the answer."""
        ...


class FamilyView(Protocol):
    """The view of families, inside the transaction of a batch. Statements are sent without waiting."""

    async def lock(
        self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]
    ) -> Pending[dict[UUID, StoredFamily]]:
        """Lock the families in the order of their ids; unknown ones are left out of the answer."""
        ...

    async def lock_with_siblings(
        self,
        connection: AsyncConnection[Any],
        family_ids: Sequence[UUID],
        openings: Sequence[tuple[str, str]],
    ) -> Pending[dict[UUID, StoredFamily]]:
        """As `lock`; also the living families of these subjects and clients, where the client limits them."""
        ...

    async def read_context(
        self,
        connection: AsyncConnection[Any],
        *,
        family_ids: Sequence[UUID],
        subjects: Sequence[str],
        client_ids: Sequence[str],
    ) -> Pending[BatchContext]:
        """The clock, subjects and clients of the locked families, and of the subjects and clients named."""
        ...

    async def insert(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        """Add families that were opened."""
        ...

    async def update(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        """Fold what happened into families that are locked."""
        ...
