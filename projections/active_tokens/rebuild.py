"""The view rebuilt from the events alone, and compared with the live one field by field.

Bookkeeping, which no event rebuilds, is kept where the row exists and left out of the comparison.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.bookkeeping import Bookkeeping
from ledger.event_codec import decode_payload
from ledger.events import AdministrativeEvent
from ledger.evolve import evolve
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.recorder import fold_personal_data
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily, StreamHead
from projections.active_tokens.rows import family_of_row, inserted, row_of

_PACKAGE = "projections.active_tokens"
_FIRST = UUID(int=0)
_FAMILIES_A_STEP = 500
_KEPT = frozenset({"windows", "bookkeeping"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field of one family in which the live row is not what its events say."""

    family_id: UUID
    column: str
    """`family_id` where the whole row is missing, or has no events."""
    live: Any
    rebuilt: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one transaction of a rebuild did."""

    families: int
    events: int
    differences: tuple[Difference, ...]


async def rebuild(connection: AsyncConnection[Any], *, dry_run: bool) -> AsyncIterator[Step]:
    """Rebuild the view family by family, each under its row lock, some hundred a transaction.

    A dry run only compares. Refreshing goes on meanwhile; a family is locked for one step at the most.
    The connection is in autocommit mode.

    Raises:
        ledger.evolve.BrokenStreamError: events that no decision can have made.
        ledger.event_codec.UnknownEventError: an event that this program cannot read.
    """
    after = _FIRST
    while True:
        async with connection.transaction():
            cursor = await connection.execute(
                sql(_PACKAGE, "next_families"), {"after": after, "families": _FAMILIES_A_STEP}
            )
            row = await cursor.fetchone()
            if row is None or row[0] is None:
                return
            step = await _step(connection, after=after, until=row[0], dry_run=dry_run)
        after = row[0]
        yield step


async def count_families(connection: AsyncConnection[Any]) -> int:
    """How many rows the view has now: about what `rebuild` goes through."""
    cursor = await connection.execute(sql(_PACKAGE, "count_families"))
    row = await cursor.fetchone()
    return 0 if row is None else row[0]


async def _step(connection: AsyncConnection[Any], *, after: UUID, until: UUID, dry_run: bool) -> Step:
    bounds = {"after": after, "until": until}
    missing: set[UUID] = set()
    while True:
        live = await _lock(connection, bounds)
        rebuilt, events = await _fold_between(connection, bounds)
        unlocked = rebuilt.keys() - live.keys()
        if unlocked == missing:
            break
        missing = set(unlocked)  # opened between the two statements, or truly without a row: look again
    for family_id, stored in rebuilt.items():
        if family_id in live:
            rebuilt[family_id] = replace(stored, bookkeeping=live[family_id].bookkeeping)
    differences = tuple(
        difference
        for family_id in sorted(live.keys() | rebuilt.keys())
        for difference in _compare(family_id, live.get(family_id), rebuilt.get(family_id))
    )
    if differences and not dry_run:
        changed = {one.family_id for one in differences}
        await connection.execute(sql(_PACKAGE, "replace"), {"family_ids": list(changed)})
        anew = [stored for family_id, stored in rebuilt.items() if family_id in changed]
        if anew:
            await connection.execute(sql(_PACKAGE, "insert"), inserted(anew))
    return Step(families=len(live.keys() | rebuilt.keys()), events=events, differences=differences)


async def _lock(connection: AsyncConnection[Any], bounds: dict[str, UUID]) -> dict[UUID, StoredFamily]:
    cursor = await connection.execute(sql(_PACKAGE, "lock_between"), bounds)
    return {row[0]: family_of_row(row) for row in await cursor.fetchall()}


async def _fold_between(
    connection: AsyncConnection[Any], bounds: dict[str, UUID]
) -> tuple[dict[UUID, StoredFamily], int]:
    cursor = await connection.execute(sql(_PACKAGE, "read_events_between"), bounds)
    families: dict[UUID, StoredFamily] = {}
    events = 0
    for row in await cursor.fetchall():
        events += 1
        _fold(families, row)
    return families, events


def _fold(families: dict[UUID, StoredFamily], row: Any) -> None:
    family_id, version, type_name, schema_version, occurred_at, payload, leaf_hash, data = row
    event = decode_payload(type_name, schema_version, payload)
    if isinstance(event, AdministrativeEvent):
        return
    before = families.get(family_id)
    families[family_id] = StoredFamily(
        family=evolve(
            None if before is None else before.family,
            event,
            family_id=family_id,
            occurred_at=occurred_at,
        ),
        head=StreamHead(version=version, leaf_hash=leaf_hash, occurred_at=occurred_at),
        personal=fold_personal_data(
            None if before is None else before.personal,
            event,
            NOTHING_PERSONAL if data is None else PersonalData.decode(data),
        ),
        bookkeeping=Bookkeeping(),
    )


def _compare(family_id: UUID, live: StoredFamily | None, rebuilt: StoredFamily | None) -> list[Difference]:
    if live is None or rebuilt is None:
        return [
            Difference(
                family_id=family_id,
                column="family_id",
                live=None if live is None else family_id,
                rebuilt=None if rebuilt is None else family_id,
            )
        ]
    left, right = row_of(live), row_of(rebuilt)
    return [
        Difference(family_id=family_id, column=column, live=left[column], rebuilt=right[column])
        for column in left
        if column not in _KEPT and left[column] != right[column]
    ]
