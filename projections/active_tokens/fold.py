"""The fold of one stream into its family, oldest event first.

A rotation that another one follows leaves nothing behind but its generation. So of a run of rotations only
the last is evolved; that each follows on the one before is checked of all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from ledger.bookkeeping import Bookkeeping
from ledger.event_codec import decode_payload
from ledger.events import AdministrativeEvent, FamilyEvent, TokenRotated
from ledger.evolve import evolve
from ledger.family import ActiveFamily, Family
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.recorder import fold_personal_data
from ledger.stored_family import FamilyPersonalData, StoredFamily, StreamHead

_NO_BOOKKEEPING = Bookkeeping()


class FamilyFold:
    """The family of one stream while its events are read."""

    __slots__ = ("_family", "_family_id", "_head", "_personal", "_rotated")

    def __init__(self, family_id: UUID) -> None:
        self._family_id = family_id
        self._family: Family | None = None
        self._personal: FamilyPersonalData | None = None
        self._head: tuple[int, bytes, datetime] | None = None
        self._rotated: tuple[TokenRotated, datetime, str | None] | None = None
        """The last of a run of rotations, that is not evolved yet."""

    def add(
        self,
        *,
        version: int,
        type_name: str,
        schema_version: int,
        occurred_at: datetime,
        payload: str,
        leaf_hash: bytes,
        data: str | None,
    ) -> None:
        """Fold the next event; an administrative act folds into nothing.

        `data` is the personal data beside it, if any.

        Raises:
            ledger.event_codec.UnknownEventError: an event that this program cannot read.
            ledger.evolve.BrokenStreamError: it cannot follow on the events before.
            ValueError: the personal data cannot be read.
        """
        event = decode_payload(type_name, schema_version, payload)
        if isinstance(event, TokenRotated):
            if event.generation == self._next_generation():
                self._rotated = (event, occurred_at, data)
                self._head = (version, leaf_hash, occurred_at)
                return
        elif isinstance(event, AdministrativeEvent):
            return
        self._settle()
        self._evolve(event, occurred_at, data)
        self._head = (version, leaf_hash, occurred_at)

    def stored(self) -> StoredFamily | None:
        """The row without its bookkeeping, which no event rebuilds; None: no family's stream."""
        self._settle()
        if self._family is None or self._head is None:
            return None
        version, leaf_hash, occurred_at = self._head
        return StoredFamily(
            family=self._family,
            head=StreamHead(version=version, leaf_hash=leaf_hash, occurred_at=occurred_at),
            personal=self._personal or FamilyPersonalData(),
            bookkeeping=_NO_BOOKKEEPING,
        )

    def _next_generation(self) -> int | None:
        """Of a rotation that can follow; None: none can."""
        if self._rotated is not None:
            return self._rotated[0].generation + 1
        return self._family.generation + 1 if isinstance(self._family, ActiveFamily) else None

    def _settle(self) -> None:
        if self._rotated is None:
            return
        (event, occurred_at, data), self._rotated = self._rotated, None
        if isinstance(self._family, ActiveFamily):
            self._family = replace(self._family, generation=event.generation - 1)
        self._evolve(event, occurred_at, data)

    def _evolve(self, event: FamilyEvent, occurred_at: datetime, data: str | None) -> None:
        self._family = evolve(self._family, event, family_id=self._family_id, occurred_at=occurred_at)
        personal = NOTHING_PERSONAL if data is None else PersonalData.decode(data)
        self._personal = fold_personal_data(self._personal, event, personal)
