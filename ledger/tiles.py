"""The Merkle tree cut into tiles of 256 hashes, and their paths (C2SP tlog-tiles).

A tile of level L holds the hashes of consecutive perfect subtrees of 256**L leaves; level 0 holds those of
leaves. What lies between these levels is hashed again from a tile.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ledger.merkle_tree import HASH_LENGTH, Node, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
"""The hashes of a full tile; a partial one, at the right edge of a tree, has between one and 255."""

_HIGHEST_LEVEL = 63
_INDEX_END = 1 << 64 - TILE_HEIGHT
"""A tree has fewer than 2**64 leaves, so that no tile has this index."""

_PATH = re.compile(r"tile/([0-9]{1,2})/((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([0-9]{1,3}))?")


class Tile(NamedTuple):
    """The hashes from `index * 256` up to `(index + 1) * 256`, exclusive, of a level."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls


def tile_path(tile: Tile, width: int = TILE_WIDTH) -> str:
    """Where the tile is served, below the log's prefix; `width` tells how many hashes of it are meant.

    Raises:
        ValueError: the level is not 0 to 63, no tree has a tile of that index, or the width is not 1 to 256.
    """
    if not 0 <= tile.level <= _HIGHEST_LEVEL:
        raise ValueError(f"a tile's level is 0 to 63, not {tile.level}")
    if not 0 <= tile.index < _INDEX_END:
        raise ValueError(f"no tree has a tile of index {tile.index}")
    if not 1 <= width <= TILE_WIDTH:
        raise ValueError(f"a tile has 1 to 256 hashes, not {width}")
    above, last = divmod(tile.index, 1000)
    index = f"{last:03}"
    while above:
        above, group = divmod(above, 1000)
        index = f"x{group:03}/{index}"
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{tile.level}/{index}{partial}"


def parse_tile_path(path: str) -> tuple[Tile, int]:
    """The tile and the width that `tile_path` gives this path for.

    Raises:
        ValueError: it gives it for none.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError("not the path of a tile")
    level, groups, last, partial = match.groups()
    tile = Tile(level=int(level), index=int(groups.replace("x", "").replace("/", "") + last))
    width = TILE_WIDTH if partial is None else int(partial)
    if tile_path(tile, width) != path:
        raise ValueError("not the one spelling of a tile's path")
    return tile, width


def tile_holding(node: Node) -> Tile:
    """The tile from whose hashes the node's hash is made."""
    level, within = divmod(node.level, TILE_HEIGHT)
    return Tile(level=level, index=node.index << within >> TILE_HEIGHT)


def node_in_tile(node: Node, hashes: bytes) -> bytes:
    """The node's hash out of the hashes, one after the other, of `tile_holding(node)`, which may be partial.

    Raises:
        ValueError: they are no hashes of a tile, or the tile does not reach to the end of the node.
    """
    if not hashes or len(hashes) % HASH_LENGTH or len(hashes) > TILE_WIDTH * HASH_LENGTH:
        raise ValueError(f"{len(hashes)} bytes are no tile")
    within = node.level % TILE_HEIGHT
    start = (node.index << within) % TILE_WIDTH * HASH_LENGTH
    end = start + (HASH_LENGTH << within)
    if end > len(hashes):
        raise ValueError(f"a tile of {len(hashes) // HASH_LENGTH} hashes does not reach to the node {node}")
    return _perfect_root(hashes[start:end])


def tile_root(hashes: bytes) -> bytes:
    """The hash, for the level above, of a full tile.

    Raises:
        ValueError: the tile is not full.
    """
    if len(hashes) != TILE_WIDTH * HASH_LENGTH:
        raise ValueError(f"{len(hashes)} bytes are no full tile")
    return _perfect_root(hashes)


def width_of(tile: Tile, size: int) -> int:
    """How many hashes of the tile exist in a tree of `size` leaves: 0 to 256."""
    existing = (size >> TILE_HEIGHT * tile.level) - tile.index * TILE_WIDTH
    return min(max(existing, 0), TILE_WIDTH)


def _perfect_root(hashes: bytes) -> bytes:
    """The root of a perfect subtree whose lowest level is given."""
    row = [hashes[start : start + HASH_LENGTH] for start in range(0, len(hashes), HASH_LENGTH)]
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]
