"""A projection made again from the log, beside the live one, and put in its place.

Reading and catching up go on meanwhile. The spare slot is filled from the first leaf on; once it is as far
as the live one the two change places in one transaction. A rebuild that dies leaves a spare slot that the
next one empties.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel

from ledger.sql_files import sql
from projections.catching_up import LEAVES_A_STEP, SETTINGS, Projection, catch_up

_SHOWN = 100
_EMPTIED_WITHIN_TRIES = 30
_TOGETHER_LEAVES = 5 * LEAVES_A_STEP
"""Of so many, at most, the live slot waits for the other when they change places."""
_PACKAGE = "projections"


class RebuildRunningError(Exception):
    """Another process rebuilds the projection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row in which the live slot is not what the log says."""

    table: str
    row: str
    """Its key."""
    columns: tuple[str, ...]
    """Those that differ; empty where one slot lacks the row."""
    in_live: bool
    in_rebuilt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """How far a rebuild is."""

    leaves: int
    """That the rebuilt slot holds."""
    total: int
    """That the live one holds."""
    version: int
    """What it becomes when it is live."""
    finished: bool = False
    differences: int = 0
    """Rows; of a dry run that is finished."""
    first: tuple[Difference, ...] = ()
    """Of the differences, the first of each table."""


async def rebuild(
    connection: AsyncConnection[Any],
    projection: Projection,
    *,
    dry_run: bool,
    leaves_a_step: int = LEAVES_A_STEP,
) -> AsyncIterator[Rebuilt]:
    """Rebuild and switch; a dry run compares instead, and the live slot stays. The last one says `finished`.

    The connection is the rebuild's own, in autocommit mode.

    Raises:
        RebuildRunningError: another process is at it.
        psycopg.errors.LockNotAvailable: somebody has been reading the slot for long, or holds it.
    """
    cursor = await connection.execute(sql(_PACKAGE, "lock_rebuild"), {"projection": projection.name})
    row = await cursor.fetchone()
    if row is None or not row[0]:
        raise RebuildRunningError(f"{projection.name} is being rebuilt by another process")
    await connection.execute(SETTINGS)
    await _empty(connection, projection)
    while True:
        done = await catch_up(connection, projection, live=False, maximum=leaves_a_step)
        (_, _, total), (_, version, leaves) = await _slots(connection, projection)
        yield Rebuilt(leaves=leaves, total=total, version=version)
        if done == leaves_a_step:
            continue
        finished = await (_compare if dry_run else _switch)(connection, projection)
        if finished is not None:
            break
    await _empty(connection, projection)
    yield finished


async def _empty(connection: AsyncConnection[Any], projection: Projection) -> None:
    """Readers that begin while this waits for those before them wait behind it: so it waits shortly."""
    for tries_left in reversed(range(_EMPTIED_WITHIN_TRIES)):
        await connection.execute("SET lock_timeout = '500ms'")
        try:
            await connection.execute(sql(_PACKAGE, "empty_spare_slot"), {"projection": projection.name})
        except psycopg.errors.LockNotAvailable:
            if not tries_left:
                raise
        else:
            break
    await connection.execute("SET lock_timeout = '30s'")


async def _switch(connection: AsyncConnection[Any], projection: Projection) -> Rebuilt | None:
    """Let the slots change places; None: too much was sealed meanwhile, to be caught up with first."""
    async with connection.transaction():
        await connection.execute(sql(_PACKAGE, "lock_slots"), {"projections": [projection.name]})
        (_, _, total), (spare, version, leaves) = await _slots(connection, projection)
        if total - leaves > _TOGETHER_LEAVES:
            return None
        await _fill(connection, projection, until=total)
        await connection.execute(sql(_PACKAGE, "retire_slot"), {"projection": projection.name})
        await connection.execute(sql(_PACKAGE, "make_live"), {"projection": projection.name, "slot": spare})
    return Rebuilt(leaves=max(total, leaves), total=total, version=version, finished=True)


async def _compare(connection: AsyncConnection[Any], projection: Projection) -> Rebuilt | None:
    """Compare in one snapshot, which the live slot need not wait for; None as of `_switch`.

    In it the live slot is at one leaf, and the other is filled to the same one; that is undone, as what is
    personal may have been erased after the snapshot was taken.
    """
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction(force_rollback=True):
            (live, _, total), (spare, version, leaves) = await _slots(connection, projection)
            if total - leaves > _TOGETHER_LEAVES:
                return None
            await _fill(connection, projection, until=total)
            count, first = 0, []
            for table, statement in projection.comparisons.items():
                cursor = await connection.execute(
                    sql(projection.package, statement),
                    {"live": live, "spare": spare, "maximum": _SHOWN},
                )
                rows = await cursor.fetchall()
                count += rows[0][0] if rows else 0
                first += [
                    Difference(
                        table=table, row=key, columns=tuple(columns or ()), in_live=ours, in_rebuilt=theirs
                    )
                    for _, key, ours, theirs, columns in rows
                ]
    finally:
        await connection.set_isolation_level(None)
    return Rebuilt(
        leaves=total,
        total=total,
        version=version,
        finished=True,
        differences=count,
        first=tuple(first),
    )


async def _fill(connection: AsyncConnection[Any], projection: Projection, *, until: int) -> None:
    while await catch_up(connection, projection, live=False, until=until):
        pass


async def _slots(
    connection: AsyncConnection[Any], projection: Projection
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Slot, version and next index of the live one, and of the other."""
    cursor = await connection.execute(sql(_PACKAGE, "slots"), {"projection": projection.name})
    live, spare = await cursor.fetchall()
    return live, spare
