"""Hashes of the sealed tree as they are stored: tiles, the perfect subtrees in them, and its right edge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection

from ledger.binary_array import bigints, smallints
from ledger.log_tree import LogTree
from ledger.merkle_tree import HASH_LENGTH, Node, fold, root_nodes
from ledger.sql_files import sql
from ledger.tiles import TILE_WIDTH, Tile, node_in_tile, tile_holding


async def read_tiles(connection: AsyncConnection[Any], tiles: Iterable[Tile]) -> dict[Tile, bytes]:
    """The hashes of each tile, one after the other, as many as there are: 256 in a full one.

    One round trip, and one more for each tile that is not full.
    """
    wanted = list(dict.fromkeys(tiles))
    cursor = await connection.execute(
        sql("ledger", "tiles_read"),
        {
            "level": smallints([one.level for one in wanted]),
            "tile_index": bigints([one.index for one in wanted]),
        },
        binary=True,
    )
    found = {Tile(level, index): bytes(hashes) for level, index, hashes in await cursor.fetchall()}
    for tile in wanted:
        if tile not in found:
            found[tile] = await _read_partial_tile(connection, tile)
    return found


async def read_nodes(connection: AsyncConnection[Any], nodes: Iterable[Node]) -> dict[Node, bytes]:
    """The hashes of perfect subtrees. Round trips as `read_tiles`.

    Raises:
        ValueError: one of them reaches beyond the sealed log.
    """
    holding = {node: tile_holding(node) for node in nodes}
    tiles = await read_tiles(connection, holding.values())
    return {node: node_in_tile(node, tiles[tile]) for node, tile in holding.items()}


async def read_proof(connection: AsyncConnection[Any], elements: Sequence[Sequence[Node]]) -> list[bytes]:
    """The hashes of a proof whose elements are made of these subtrees.

    Raises:
        ValueError: the proof is of a size beyond the sealed log.
    """
    hashes = await read_nodes(connection, (node for element in elements for node in element))
    return [fold([hashes[node] for node in element]) for element in elements]


async def read_root(connection: AsyncConnection[Any], size: int) -> bytes:
    """The root of the tree when it had that size.

    Raises:
        ValueError: it never had.
    """
    nodes = root_nodes(size)
    hashes = await read_nodes(connection, nodes)
    return fold([hashes[node] for node in nodes])


async def read_tree(connection: AsyncConnection[Any], size: int) -> LogTree:
    """The right edge of the tree of that size, which is the latest.

    Raises:
        ValueError: the log is shorter.
    """
    partial: list[bytes] = []
    level, width = 0, size
    while width:
        index, used = divmod(width, TILE_WIDTH)
        hashes = (await _read_partial_tile(connection, Tile(level, index)))[: used * HASH_LENGTH]
        if len(hashes) < used * HASH_LENGTH:
            raise ValueError(f"tile {level}/{index} has fewer than {used} hashes")
        partial.append(hashes)
        level, width = level + 1, index
    return LogTree(size, partial)


async def _read_partial_tile(connection: AsyncConnection[Any], tile: Tile) -> bytes:
    bounds = {"first": tile.index * TILE_WIDTH, "until": (tile.index + 1) * TILE_WIDTH}
    if tile.level == 0:
        cursor = await connection.execute(sql("ledger", "leaf_hashes"), bounds, binary=True)
    else:
        cursor = await connection.execute(
            sql("ledger", "tile_roots"), {**bounds, "level": tile.level - 1}, binary=True
        )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    return bytes(row[0])
