"""The stored log against what was signed: density, every tile, the root, and roots signed before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from ledger.log_tree import FullTile
from ledger.merkle_tree import HASH_LENGTH
from ledger.sql_files import sql
from ledger.tiles import TILE_WIDTH, Tile
from ledger.tree_reader import read_root, read_tiles, read_tree

_TILES_A_STEP = 64


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something that is not as it was signed or recorded."""

    index: int
    """The first leaf that cannot be vouched for because of it."""
    what: str
    last: int | None = None
    """Where the place itself is not told: the last leaf that can be the reason. A problem of a leaf between
    them explains this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeStep:
    """What was looked at in one step."""

    leaves: int
    problems: tuple[Problem, ...]
    roots: tuple[tuple[int, bool], ...] = ()
    """Sizes with a signed root, and whether it came out."""


async def verify_tree(
    connection: AsyncConnection[Any], roots: Mapping[int, bytes], *, size: int, first: int = 0
) -> AsyncIterator[TreeStep]:
    """Recompute the tree leaf by leaf up to a size, and hold it to signed roots by their sizes.

    With `first` what is before it is taken from the stored tiles, which the roots vouch for in the end. A
    root that does not come out says nothing of where; tiles, and the events themselves, do.
    """
    try:
        tree = await read_tree(connection, first)
        before = [(one, await read_root(connection, one) == roots[one]) for one in roots if one <= first]
    except ValueError:
        yield TreeStep(leaves=0, problems=(Problem(index=0, what=f"tiles below leaf {first} are missing"),))
        return
    yield TreeStep(leaves=0, problems=(), roots=tuple(before))
    for start in range(first, size, _TILES_A_STEP * TILE_WIDTH):
        end = min(size, start + _TILES_A_STEP * TILE_WIDTH)
        cursor = await connection.execute(
            sql("ledger", "log_between"), {"first": start, "until": end}, binary=True
        )
        seen: list[tuple[int, bool]] = []
        filled: list[FullTile] = []
        expected = start
        for leaf_index, leaf_hash in await cursor.fetchall():
            if leaf_index != expected or leaf_hash is None or len(leaf_hash) != HASH_LENGTH:
                break
            filled += tree.append(leaf_hash)
            expected += 1
            if expected in roots:
                seen.append((expected, tree.root() == roots[expected]))
        problems = await _differing(connection, filled)
        if expected < end:
            problems.append(Problem(index=expected, what="the log has no such leaf, or no hash of it"))
        yield TreeStep(leaves=expected - start, problems=tuple(problems), roots=tuple(seen))
        if expected < end:
            return


async def beyond(connection: AsyncConnection[Any]) -> Problem | None:
    """What the log or its tiles hold beyond the last seal; None: nothing."""
    cursor = await connection.execute(sql("ledger", "log_beyond"))
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return None
    return Problem(index=int(row[0]), what="the log holds more than was sealed")


async def _differing(connection: AsyncConnection[Any], filled: list[FullTile]) -> list[Problem]:
    """Tiles that are not stored as they are recomputed."""
    stored = await read_tiles(connection, [one.tile for one in filled]) if filled else {}
    cursor = await connection.execute(
        sql("ledger", "tile_roots_of"),
        {
            "level": [one.tile.level for one in filled],
            "tile_index": [one.tile.index for one in filled],
        },
    )
    roots = {Tile(level, index): bytes(root) for level, index, root in await cursor.fetchall()}
    problems = []
    for one in filled:
        hashes, start = stored[one.tile], _first_leaf(one.tile)
        if one.tile not in roots:
            problems.append(Problem(index=start, what=f"tile {_name(one.tile)} is missing"))
        elif hashes != one.hashes:
            place = _first_difference(hashes, one.hashes)
            index = start + place * TILE_WIDTH**one.tile.level
            problems.append(Problem(index=index, what=f"tile {_name(one.tile)} differs at hash {place}"))
        elif roots[one.tile] != one.root:
            problems.append(Problem(index=start, what=f"the root of tile {_name(one.tile)} differs"))
    return problems


def _first_leaf(tile: Tile) -> int:
    width: int = TILE_WIDTH ** (tile.level + 1)
    return tile.index * width


def _first_difference(stored: bytes, recomputed: bytes) -> int:
    for place in range(TILE_WIDTH):
        part = slice(place * HASH_LENGTH, (place + 1) * HASH_LENGTH)
        if stored[part] != recomputed[part]:
            return place
    return TILE_WIDTH


def _name(tile: Tile) -> str:
    return f"{tile.level}/{tile.index}"
