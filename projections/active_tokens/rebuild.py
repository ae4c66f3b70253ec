"""The view rebuilt from the events alone, and compared with the live one field by field.

Bookkeeping, which no event rebuilds, is kept where the row exists and left out of the comparison.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.binary_array import uuids
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily
from projections.active_tokens.fold import FamilyFold
from projections.active_tokens.rows import family_of_row, inserted, row_of

_PACKAGE = "projections.active_tokens"
FIRST = UUID(int=0)
"""Below every family."""
LAST = UUID(int=2**128 - 1)
"""Above every family."""
_FAMILIES_A_STEP = 2_000
_EVENTS_A_STEP = 10_000
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


async def rebuild(
    connection: AsyncConnection[Any], *, dry_run: bool, after: UUID = FIRST, until: UUID = LAST
) -> AsyncIterator[Step]:
    """Rebuild the view family by family: compared in one snapshot, without a lock; what differs is mended.

    Of the families above `after` and up to `until`.

    A dry run only compares. Refreshing goes on meanwhile; a family that differs is locked while it is folded
    once more and overwritten. The connection is in autocommit mode.

    Raises:
        ledger.evolve.BrokenStreamError: events that no decision can have made.
        ledger.event_codec.UnknownEventError: an event that this program cannot read.
    """
    while after < until:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await connection.execute(sql("ledger", "keep_months"))
            await connection.execute("SET LOCAL enable_nestloop = off")  # where statistics are young
            cursor = await connection.execute(
                sql(_PACKAGE, "next_families"),
                {"after": after, "families": _FAMILIES_A_STEP, "events": _EVENTS_A_STEP},
            )
            row = await cursor.fetchone()
            assert row is not None  # noqa: S101 - a SELECT without FROM has a row
            end = min(until, row[0])
            step = await compared(connection, after=after, until=end)
        after = end
        if not dry_run:
            for family_id in {one.family_id: None for one in step.differences}:
                await _mend(connection, family_id)
        yield step


async def count_families(connection: AsyncConnection[Any]) -> int:
    """How many rows the view has now: about what `rebuild` goes through."""
    cursor = await connection.execute(sql(_PACKAGE, "count_families"))
    row = await cursor.fetchone()
    return 0 if row is None else row[0]


async def boundaries(connection: AsyncConnection[Any], families: int) -> list[UUID]:
    """Families that cut the view into parts of so many; empty where it is smaller."""
    cursor = await connection.execute(sql(_PACKAGE, "boundaries"), {"families": families})
    return [row[0] for row in await cursor.fetchall()]


async def compared(connection: AsyncConnection[Any], *, after: UUID, until: UUID) -> Step:
    """Events and rows of one snapshot agree: a batch writes both in one transaction."""
    bounds = {"after": after, "until": until}
    live = await live_rows(connection, bounds)
    rebuilt, events = await _fold_between(connection, bounds)
    return Step(
        families=len(live.keys() | rebuilt.keys()),
        events=events,
        differences=tuple(differences(live, rebuilt)),
    )


async def live_rows(
    connection: AsyncConnection[Any], bounds: dict[str, UUID], ids: Sequence[UUID] | None = None
) -> dict[UUID, StoredFamily]:
    """The families of the view above `after` and up to `until`; with `ids` only those of them."""
    cursor = await connection.execute(
        sql(_PACKAGE, "rows_between"), {**bounds, "ids": None if ids is None else list(ids)}
    )
    return {row[0]: family_of_row(row) for row in await cursor.fetchall()}


def differences(
    live: Mapping[UUID, StoredFamily], rebuilt: Mapping[UUID, StoredFamily]
) -> Iterator[Difference]:
    """Where families are not what their events say, by their ids."""
    for family_id in sorted(live.keys() | rebuilt.keys()):
        yield from _compare(family_id, live.get(family_id), rebuilt.get(family_id))


async def _mend(connection: AsyncConnection[Any], family_id: UUID) -> None:
    """Look again under the row's lock, and overwrite what still differs."""
    async with connection.transaction():
        cursor = await connection.execute(sql(_PACKAGE, "lock"), {"family_ids": uuids([family_id])})
        row = await cursor.fetchone()
        live = None if row is None else family_of_row(row)
        bounds = {"after": UUID(int=family_id.int - 1), "until": family_id}
        folded, _ = await _fold_between(connection, bounds)
        rebuilt = folded.get(family_id)
        if not _compare(family_id, live, rebuilt):
            return
        if rebuilt is None:
            await connection.execute(sql(_PACKAGE, "remove"), {"family_id": family_id})
        elif live is None:
            await connection.execute(sql(_PACKAGE, "insert"), inserted([rebuilt]))
        else:
            await connection.execute(sql(_PACKAGE, "overwrite"), inserted([rebuilt]))


async def _fold_between(
    connection: AsyncConnection[Any], bounds: dict[str, UUID]
) -> tuple[dict[UUID, StoredFamily], int]:
    cursor = await connection.execute(sql(_PACKAGE, "read_events_between"), bounds, binary=True)
    folds: dict[UUID, FamilyFold] = {}
    events = 0
    for row in await cursor.fetchall():
        family_id, version, type_name, schema_version, occurred_at, payload, leaf_hash, data = row
        events += 1
        fold = folds.get(family_id)
        if fold is None:
            fold = folds[family_id] = FamilyFold(family_id)
        fold.add(
            version=version,
            type_name=type_name,
            schema_version=schema_version,
            occurred_at=occurred_at,
            payload=payload,
            leaf_hash=leaf_hash,
            data=data,
        )
    folded = ((family_id, fold.stored()) for family_id, fold in folds.items())
    return {family_id: stored for family_id, stored in folded if stored is not None}, events


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
