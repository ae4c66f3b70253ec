"""The stored log against what was signed: density, every tile, the root, and roots signed before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection

from ledger.log_tree import FullTile, LogTree
from ledger.merkle_tree import HASH_LENGTH
from ledger.recordings import NONE, RecordingChain, read_recordings
from ledger.sql_files import sql
from ledger.tiles import TILE_WIDTH, Tile
from ledger.tree_reader import read_root, read_tiles, read_tree

_TILES_A_STEP = 64
_NO_LEAF = "the log has no such leaf, or no hash of it"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something that is not as it was signed or recorded."""

    index: int
    """The first leaf that cannot be vouched for because of it."""
    what: str
    last: int | None = None
    """Where the place itself is not told: the last leaf that can be the reason. A problem of a leaf between
    them explains this one."""
    of_leaves: bool = True
    """Of what roots vouch for. No root does for recordings: and where one came out, nothing of the leaves
    explains that the recordings did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeStep:
    """What was looked at in one step."""

    leaves: int
    problems: tuple[Problem, ...]
    roots: tuple[tuple[int, bool], ...] = ()
    """Sizes with a signed root, and whether it came out."""
    unrecorded: int = 0
    """Leaves that an older version sealed without a hash of their recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What checkpoints say of the log, by their sizes."""

    roots: Mapping[int, bytes] = field(default_factory=dict)
    recordings: Mapping[int, bytes] = field(default_factory=dict)
    """The chain of recordings; an older version signed without."""


async def verify_tree(
    connection: AsyncConnection[Any], vouched: Vouched, *, size: int, first: int = 0
) -> AsyncIterator[TreeStep]:
    """Recompute the tree and the chain of recordings up to a size, and hold them to what was signed.

    With `first` what is before it is taken from the stored tiles, which the roots vouch for in the end. A
    root that does not come out says nothing of where; tiles, and the events themselves, do.
    """
    try:
        tree = await read_tree(connection, first)
        roots = vouched.roots
        before = [(one, await read_root(connection, one) == roots[one]) for one in roots if one <= first]
    except ValueError:
        yield TreeStep(leaves=0, problems=(Problem(index=0, what=f"tiles below leaf {first} are missing"),))
        return
    growing = _Growing(vouched, tree, await read_recordings(connection, first))
    found = _Found(roots=before)
    for one in sorted(one for one in vouched.recordings if one <= first):
        growing.hold_recordings(found, one, (await read_recordings(connection, one)).value())
    yield TreeStep(leaves=0, problems=tuple(found.problems), roots=tuple(found.roots))
    step = _TILES_A_STEP * TILE_WIDTH
    while growing.size < size:
        start, until = growing.size, min(size, (growing.size // step + 1) * step)
        found = _Found()
        for tile in await _read(connection, "log_tiles_between", start, until):
            end = min(until, (growing.size // TILE_WIDTH + 1) * TILE_WIDTH)
            if growing.takes_whole(tile, end):
                growing.add_tile(found, *tile[4:])
            else:
                rows = await _read(connection, "log_between", growing.size, end)
                growing.add_leaves(found, rows, stored=tile[7])
            if growing.size < end:
                break
        if growing.size == size:
            growing.end(found)
        problems = [*found.problems, *await _differing(connection, found.filled)]
        if growing.size < until:
            problems.append(Problem(index=growing.size, what=_NO_LEAF))
        yield TreeStep(
            leaves=growing.size - start,
            problems=tuple(problems),
            roots=tuple(found.roots),
            unrecorded=found.unrecorded,
        )
        if growing.size < until:
            return


async def _read(connection: AsyncConnection[Any], statement: str, first: int, until: int) -> list[Any]:
    parameters = {"first": first, "until": until, "none": NONE}
    cursor = await connection.execute(sql("ledger", statement), parameters, binary=True)
    return await cursor.fetchall()


@dataclass(slots=True)
class _Found:
    """In one step."""

    problems: list[Problem] = field(default_factory=list)
    roots: list[tuple[int, bool]] = field(default_factory=list)
    filled: list[FullTile] = field(default_factory=list)
    unrecorded: int = 0


class _Growing:
    """The tree and the chain while leaves are added to them."""

    def __init__(self, vouched: Vouched, tree: LogTree, recordings: RecordingChain) -> None:
        self._vouched = vouched
        self._tree = tree
        self._recordings = recordings
        self._signed = sorted({*vouched.roots, *vouched.recordings})
        self._recorded_until = 0
        """The largest size at which the chain came out as it was signed."""
        self._other: list[int] = []
        """First leaves of tiles since then that have another value of the chain stored."""

    @property
    def size(self) -> int:
        return self._tree.size

    def takes_whole(self, tile: Sequence[Any], end: int) -> bool:
        """Whether it is full, as it must be, and nothing was signed within it."""
        _, first, last, hashes, *_ = tile
        full = (first, last, hashes) == (self.size, end - 1, TILE_WIDTH) and self.size % TILE_WIDTH == 0
        within = bisect_right(self._signed, self.size), bisect_left(self._signed, end)
        return full and len(tile[4]) == TILE_WIDTH * HASH_LENGTH and within[0] == within[1]

    def add_tile(
        self, found: _Found, hashes: bytes, recording_hashes: bytes, recorded: int, stored: bytes | None
    ) -> None:
        """`recorded`: how many have a recording hash; `stored`: the chain where the tile ends, if it is."""
        self._recordings.append_tile(recording_hashes)
        found.unrecorded += TILE_WIDTH - recorded
        found.filled += self._tree.append_tile(hashes)
        self._compare(stored)
        self._hold(found)

    def add_leaves(self, found: _Found, rows: Sequence[Any], *, stored: bytes | None) -> None:
        """Up to the first that is missing."""
        for leaf_index, leaf_hash, recording_hash in rows:
            if leaf_index != self.size or leaf_hash is None or len(leaf_hash) != HASH_LENGTH:
                return
            self._recordings.append(recording_hash)
            found.unrecorded += recording_hash is None
            if full := self._tree.append(leaf_hash):
                found.filled += full
                self._compare(stored)
            self._hold(found)

    def end(self, found: _Found) -> None:
        """What is stored of the chain, and neither right nor explained by what was signed."""
        found.problems += [
            Problem(index=first, what=f"the recordings up to tile {first // TILE_WIDTH} are stored otherwise")
            for first in self._other
        ]

    def _compare(self, stored: bytes | None) -> None:
        if stored is not None and stored != self._recordings.closed:
            self._other.append(self.size - TILE_WIDTH)

    def _hold(self, found: _Found) -> None:
        """What is, to what was signed at this size."""
        root = self._vouched.roots.get(self.size)
        if root is not None:
            found.roots.append((self.size, self._tree.root() == root))
        if self.size in self._vouched.recordings:
            self.hold_recordings(found, self.size, self._recordings.value())

    def hold_recordings(self, found: _Found, size: int, chain: bytes) -> None:
        """The chain, to the one that was signed at this size."""
        if chain != self._vouched.recordings[size]:
            what = f"the recordings of the first {size} leaves are not those that were signed"
            altered = Problem(index=self._recorded_until, what=what, last=size - 1, of_leaves=False)
            found.problems.append(altered)
        else:
            self._recorded_until = size
            self.end(found)
        self._other.clear()


async def beyond(connection: AsyncConnection[Any]) -> Problem | None:
    """What the log or its tiles hold beyond the last seal; None: nothing."""
    cursor = await connection.execute(sql("ledger", "log_beyond"))
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return None
    return Problem(index=int(row[0]), what="the log holds more than was sealed")


async def _differing(connection: AsyncConnection[Any], filled: Sequence[FullTile]) -> list[Problem]:
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
