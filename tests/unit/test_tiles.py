"""Paths of tiles in their one spelling, and a tree whose roots and proofs come out of its tiles alone."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import pytest

from ledger.merkle_tree import (
    Frontier,
    Node,
    consistency_nodes,
    fold,
    inclusion_nodes,
    node_hash,
    root_nodes,
    verify_consistency,
    verify_inclusion,
)
from ledger.tiles import (
    TILE_WIDTH,
    Tile,
    node_in_tile,
    parse_tile_path,
    tile_holding,
    tile_path,
    tile_root,
    width_of,
)
from tests.naive_merkle_tree import NaiveTree

LEAVES = 70_000
"""The size of the specification's example: three levels of tiles, the highest with one hash."""


class TiledTree:
    """The tiles of a tree, built level by level, and what a reader of a smaller tree sees of them."""

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        self._levels: list[list[bytes]] = []
        row = list(leaf_hashes)
        while row:
            tiles = [b"".join(row[start : start + TILE_WIDTH]) for start in range(0, len(row), TILE_WIDTH)]
            self._levels.append(tiles)
            row = [tile_root(one) for one in tiles if len(one) == 32 * TILE_WIDTH]

    def widths(self) -> dict[Tile, int]:
        return {
            Tile(level=level, index=index): len(one) // 32
            for level, tiles in enumerate(self._levels)
            for index, one in enumerate(tiles)
        }

    def node(self, node: Node, size: int) -> bytes:
        tile = tile_holding(node)
        return node_in_tile(node, self._levels[tile.level][tile.index][: 32 * width_of(tile, size)])

    def folded(self, nodes: Sequence[Node], size: int) -> bytes:
        return fold([self.node(node, size) for node in nodes])


@pytest.fixture(scope="module")
def leaf_hashes() -> list[bytes]:
    return [hashlib.sha256(b"%d" % index).digest() for index in range(LEAVES)]


@pytest.fixture(scope="module")
def naive(leaf_hashes: list[bytes]) -> NaiveTree:
    return NaiveTree(leaf_hashes)


@pytest.fixture(scope="module")
def tiled(leaf_hashes: list[bytes]) -> TiledTree:
    return TiledTree(leaf_hashes)


@pytest.fixture(scope="module")
def sizes() -> list[int]:
    """The edges of tiles, and a fixed sample."""
    edges = [256**2 - 1, 256**2, 256**2 + 1, LEAVES - 1, LEAVES, 1, 2, 255, 256, 257, 511, 512, 513]
    return edges + random.Random(6).sample(range(1, LEAVES), 20)  # noqa: S311 - no secret


def test_the_tiles_of_a_tree_are_those_of_the_specification(tiled: TiledTree) -> None:
    widths = tiled.widths()

    assert [width for tile, width in widths.items() if tile.level == 0] == [256] * 273 + [112]
    assert [width for tile, width in widths.items() if tile.level == 1] == [256, 17]
    assert [width for tile, width in widths.items() if tile.level == 2] == [1]
    assert max(tile.level for tile in widths) == 2
    assert all(width_of(tile, LEAVES) == width for tile, width in widths.items())


def test_each_hash_of_a_tile_is_that_of_its_range_of_leaves(tiled: TiledTree, naive: NaiveTree) -> None:
    for level in (1, 2):
        span = 256**level
        for place in range(LEAVES // span):
            node = Node(level=8 * level, index=place)
            assert tiled.node(node, LEAVES) == naive.mth(place * span, (place + 1) * span)


def test_roots_come_out_of_tiles(
    tiled: TiledTree, naive: NaiveTree, leaf_hashes: list[bytes], sizes: list[int]
) -> None:
    frontier = Frontier()
    roots = {}
    for leaf in leaf_hashes:
        frontier.append(leaf)
        if frontier.size in sizes:
            roots[frontier.size] = frontier.root()

    for size in sizes:
        assert tiled.folded(root_nodes(size), size) == roots[size] == naive.root(size)


def test_inclusion_proofs_come_out_of_tiles(tiled: TiledTree, naive: NaiveTree, sizes: list[int]) -> None:
    numbers = random.Random(7)  # noqa: S311 - a sample, no secret
    for size in sizes:
        for index in {0, size // 2, size - 1, *(numbers.randrange(size) for _ in range(10))}:
            hashes = [tiled.folded(nodes, size) for nodes in inclusion_nodes(index, size)]
            assert hashes == naive.inclusion_proof(index, size)
            verify_inclusion(
                naive.mth(index, index + 1), index=index, size=size, hashes=hashes, root=naive.root(size)
            )


def test_consistency_proofs_come_out_of_tiles(tiled: TiledTree, naive: NaiveTree, sizes: list[int]) -> None:
    for second in sizes:
        for first in [one for one in sizes if one <= second]:
            hashes = [tiled.folded(nodes, second) for nodes in consistency_nodes(first, second)]
            assert hashes == naive.consistency_proof(first, second)
            verify_consistency(
                first=first,
                second=second,
                first_root=naive.root(first),
                second_root=naive.root(second),
                hashes=hashes,
            )


@pytest.mark.parametrize(
    ("tile", "width", "path"),
    [
        (Tile(level=0, index=0), 256, "tile/0/000"),
        (Tile(level=0, index=0), 1, "tile/0/000.p/1"),
        (Tile(level=0, index=273), 112, "tile/0/273.p/112"),
        (Tile(level=1, index=999), 255, "tile/1/999.p/255"),
        (Tile(level=0, index=1000), 256, "tile/0/x001/000"),
        (Tile(level=0, index=1234), 5, "tile/0/x001/234.p/5"),
        (Tile(level=2, index=1234067), 256, "tile/2/x001/x234/067"),
        (Tile(level=63, index=0), 256, "tile/63/000"),
        (Tile(level=0, index=2**56 - 1), 256, "tile/0/x072/x057/x594/x037/x927/935"),
    ],
)
def test_the_path_of_a_tile(tile: Tile, width: int, path: str) -> None:
    assert tile_path(tile, width) == path
    assert parse_tile_path(path) == (tile, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        " tile/0/000",
        "Tile/0/000",
        "tile//000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0x1/000",
        "tile/entries/000",
        "tile/data/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/-01",
        "tile/0/1234",
        "tile/0/001/234",
        "tile/0/x001/x234",
        "tile/0/x001",
        "tile/0/X001/234",
        "tile/0/x000/234",
        "tile/0/x000/x001/234",
        "tile/0/x1/234",
        "tile/0/x0001/234",
        "tile/0/x001//234",
        "tile/0/x001/234.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.p/5/",
        "tile/0/000.p/5.p/5",
        "tile/0/000.P/5",
        "tile/0/000p/5",
        "tile/0/000,p/5",
        "tile/0/\N{ARABIC-INDIC DIGIT ONE}00",
        "tile/\N{FULLWIDTH DIGIT ONE}/000",
        "tile/0/x072/x057/x594/x037/x927/936",
        "tile/0/x001/x000/x000/x000/x000/x000/000",
        "tile/0/" + "x999/" * 50 + "999",
        "tile/0/../0/000",
        "tile/0/%30%30%30",
    ],
)
def test_every_other_spelling_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="tile"):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("tile", "width"),
    [
        (Tile(level=-1, index=0), 256),
        (Tile(level=64, index=0), 256),
        (Tile(level=0, index=-1), 256),
        (Tile(level=0, index=2**56), 256),
        (Tile(level=0, index=0), 0),
        (Tile(level=0, index=0), 257),
    ],
)
def test_what_is_no_tile_has_no_path(tile: Tile, width: int) -> None:
    with pytest.raises(ValueError, match="tile"):
        tile_path(tile, width)


@pytest.mark.parametrize(
    ("tile", "size", "width"),
    [
        (Tile(level=0, index=0), 0, 0),
        (Tile(level=0, index=0), 1, 1),
        (Tile(level=0, index=0), 255, 255),
        (Tile(level=0, index=0), 256, 256),
        (Tile(level=0, index=0), 257, 256),
        (Tile(level=0, index=1), 256, 0),
        (Tile(level=0, index=1), 257, 1),
        (Tile(level=0, index=2), 257, 0),
        (Tile(level=1, index=0), 255, 0),
        (Tile(level=1, index=0), 256, 1),
        (Tile(level=1, index=0), 511, 1),
        (Tile(level=1, index=0), 2**63, 256),
        (Tile(level=63, index=0), 2**63, 0),
    ],
)
def test_how_wide_a_tile_is(tile: Tile, size: int, width: int) -> None:
    assert width_of(tile, size) == width


@pytest.mark.parametrize(
    ("node", "tile"),
    [
        (Node(level=0, index=255), Tile(level=0, index=0)),
        (Node(level=0, index=256), Tile(level=0, index=1)),
        (Node(level=7, index=1), Tile(level=0, index=0)),
        (Node(level=7, index=2), Tile(level=0, index=1)),
        (Node(level=8, index=0), Tile(level=1, index=0)),
        (Node(level=8, index=256), Tile(level=1, index=1)),
        (Node(level=17, index=128), Tile(level=2, index=1)),
    ],
)
def test_which_tile_holds_a_node(node: Node, tile: Tile) -> None:
    assert tile_holding(node) == tile


def test_a_node_is_refused_just_when_the_tile_does_not_reach_to_its_end() -> None:
    hashes = [hashlib.sha256(b"%d" % index).digest() for index in range(TILE_WIDTH)]
    for width in range(1, TILE_WIDTH + 1):
        tile = b"".join(hashes[:width])
        for level in range(8):
            whole, span = width >> level, 1 << level
            if whole:
                last = Node(level=level, index=whole - 1)
                assert node_in_tile(last, tile) == fold_pairs(hashes[(whole - 1) * span : whole * span])
            if whole < TILE_WIDTH >> level:
                with pytest.raises(ValueError, match="does not reach"):
                    node_in_tile(Node(level=level, index=whole), tile)


def fold_pairs(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    middle = len(hashes) // 2
    return node_hash(fold_pairs(hashes[:middle]), fold_pairs(hashes[middle:]))


@pytest.mark.parametrize("length", [0, 1, 31, 33, 257 * 32])
def test_what_is_no_tile_holds_no_node(length: int) -> None:
    with pytest.raises(ValueError, match="no tile"):
        node_in_tile(Node(level=0, index=0), bytes(length))


@pytest.mark.parametrize("length", [0, 32, 255 * 32, 256 * 32 - 1, 256 * 32 + 1, 257 * 32])
def test_only_a_full_tile_has_a_root(length: int) -> None:
    with pytest.raises(ValueError, match="no full tile"):
        tile_root(bytes(length))
