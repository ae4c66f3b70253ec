"""The right edge of the log's tree: all that is needed to append to it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.merkle_tree import Frontier
from ledger.tiles import TILE_WIDTH, Tile, tile_root

_HASH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FullTile:
    """A tile that will never change."""

    tile: Tile
    hashes: bytes
    root: bytes
    """Its hash one level above."""


class LogTree:
    """The tree at one size. Appending gives the tiles that become full."""

    def __init__(self, *, frontier: Frontier, partial: list[bytes]) -> None:
        """`partial`: for each level, lowest first, the hashes of the tile that is not full yet."""
        self._frontier = frontier
        self._partial = [bytearray(one) for one in partial]
        self._level_sizes = [frontier.size]
        for level in range(1, len(partial)):
            self._level_sizes.append(self._level_sizes[level - 1] // TILE_WIDTH)

    @property
    def size(self) -> int:
        return self._frontier.size

    def root(self) -> bytes:
        """Of the tree at its size (RFC 9162 section 2.1.1)."""
        return self._frontier.root()

    def append(self, leaf_hash: bytes) -> list[FullTile]:
        """Add a leaf; gives the tiles that it fills, lowest first: mostly none."""
        self._frontier.append(leaf_hash)
        filled: list[FullTile] = []
        level, one = 0, leaf_hash
        while True:
            if level == len(self._partial):
                self._partial.append(bytearray())
                self._level_sizes.append(0)
            partial = self._partial[level]
            partial += one
            self._level_sizes[level] += 1
            if len(partial) < TILE_WIDTH * _HASH:
                return filled
            hashes = bytes(partial)
            one = tile_root(hashes)
            index = self._level_sizes[level] // TILE_WIDTH - 1
            filled.append(FullTile(tile=Tile(level, index), hashes=hashes, root=one))
            partial.clear()
            level += 1
