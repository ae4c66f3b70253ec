"""What the database recorded of each sealed event, beside its leaf: chained tile by tile, and signed.

`position`, `recorded_at` and `xid` are given by the database as an event is appended, so that no leaf can
hold them. The sealer keeps a hash of the three in the log. The hashes of each 256 leaves are a link of a
chain whose newest value stands in the checkpoint, as an extension line below the root (C2SP tlog-checkpoint).
A link is SHA-256 of the value before it, the index of its tile (8 bytes, big-endian) and the hashes, with 32
zero bytes for a leaf that an older version sealed without one: so that none vouches for another leaf.
"""

from __future__ import annotations

import hashlib
from typing import Any

from psycopg import AsyncConnection

from ledger.merkle_tree import HASH_LENGTH
from ledger.sql_files import sql
from ledger.tiles import TILE_WIDTH

NONE = bytes(HASH_LENGTH)
"""The chain before its first link; and what stands for a leaf without a hash."""


class RecordingChain:
    """The chain at one size of the log."""

    def __init__(self, size: int = 0, closed: bytes = NONE, partial: bytes = b"") -> None:
        """`closed`: the chain where the last full tile ends; `partial`: the hashes after it."""
        self._size = size
        self.closed = closed
        self._partial = bytearray(partial)

    def append(self, recording_hash: bytes | None) -> None:
        """Add a leaf's; None where an older version sealed it."""
        self._size += 1
        self._partial += recording_hash or NONE
        if self._size % TILE_WIDTH == 0:
            self.closed = self.value()
            self._partial.clear()

    def append_tile(self, recording_hashes: bytes) -> None:
        """Add those of a full tile, one after the other, where one ends."""
        self.closed = _linked(self.closed, self._size // TILE_WIDTH, recording_hashes)
        self._size += TILE_WIDTH

    def value(self) -> bytes:
        """What is signed."""
        return _linked(self.closed, (self._size - 1) // TILE_WIDTH, self._partial)


def _linked(before: bytes, tile_index: int, hashes: bytes | bytearray) -> bytes:
    """A tile without any hash changes nothing, so that a chain can begin anywhere in a log."""
    if hashes == bytes(len(hashes)):
        return before
    return hashlib.sha256(before + tile_index.to_bytes(8) + hashes).digest()


async def read_recordings(connection: AsyncConnection[Any], size: int) -> RecordingChain:
    """The chain as it is stored, at a size that the log has. Two round trips.

    It goes on from the last full tile that has a value: the one before, unless an older version sealed since.
    """
    cursor = await connection.execute(
        sql("ledger", "recordings_before"), {"tile_index": size // TILE_WIDTH}, binary=True
    )
    row = await cursor.fetchone()
    start, closed = (0, NONE) if row is None else ((row[0] + 1) * TILE_WIDTH, bytes(row[1]))
    cursor = await connection.execute(
        sql("ledger", "recording_hashes"), {"first": start, "until": size, "none": NONE}, binary=True
    )
    partial = b""
    for tile_index, hashes in await cursor.fetchall():
        if tile_index < size // TILE_WIDTH:
            closed = _linked(closed, tile_index, hashes)
        else:
            partial = bytes(hashes)
    return RecordingChain(size, closed, partial)
