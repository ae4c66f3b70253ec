"""The right edge of the log's tree: all that is needed to append to it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.merkle_tree import HASH_LENGTH, fold, root_nodes
from ledger.tiles import TILE_WIDTH, Tile, node_in_tile, tile_holding, tile_root


@dataclass(frozen=True, slots=True, kw_only=True)
class FullTile:
    """A tile that will never change."""

    tile: Tile
    hashes: bytes
    root: bytes
    """Its hash one level above."""


class LogTree:
    """The tree at one size. Appending gives the tiles that become full."""

    def __init__(self, size: int, partial: list[bytes]) -> None:
        """`partial`: for each level, lowest first, the hashes of the tile that is not full yet."""
        self._partial = [bytearray(one) for one in partial]
        self._sizes = [size // TILE_WIDTH**level for level in range(len(partial))]

    @property
    def size(self) -> int:
        return self._sizes[0] if self._sizes else 0

    def root(self) -> bytes:
        """Of the tree at its size (RFC 9162 section 2.1.1); some hundred hashes."""
        nodes = root_nodes(self.size)
        return fold([node_in_tile(node, bytes(self._partial[tile_holding(node).level])) for node in nodes])

    def append(self, leaf_hash: bytes) -> list[FullTile]:
        """Add a leaf; gives the tiles that it fills, lowest first: mostly none."""
        return self._add(leaf_hash, 1)

    def append_tile(self, hashes: bytes) -> list[FullTile]:
        """Add the leaves of a full tile where one ends; gives the tiles that it fills, lowest first."""
        return self._add(hashes, TILE_WIDTH)

    def _add(self, hashes: bytes, count: int) -> list[FullTile]:
        filled: list[FullTile] = []
        level, one = 0, hashes
        while True:
            if level == len(self._partial):
                self._partial.append(bytearray())
                self._sizes.append(0)
            partial = self._partial[level]
            partial += one
            self._sizes[level] += count
            if len(partial) < TILE_WIDTH * HASH_LENGTH:
                return filled
            full = bytes(partial)
            one = tile_root(full)
            index = self._sizes[level] // TILE_WIDTH - 1
            filled.append(FullTile(tile=Tile(level, index), hashes=full, root=one))
            partial.clear()
            level, count = level + 1, 1
