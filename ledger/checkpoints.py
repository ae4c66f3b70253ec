"""What the sealed log proves: its latest checkpoint, inclusion of an event, consistency of two sizes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.merkle_tree import consistency_nodes, inclusion_nodes
from ledger.sql_files import sql
from ledger.tree_reader import read_proof


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """A tree head as it was signed (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes
    signed_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """That a leaf is in the tree of a checkpoint (RFC 6962 section 2.1.1)."""

    leaf_index: int
    leaf_hash: bytes
    hashes: tuple[bytes, ...]
    """Leaf to root."""
    checkpoint: SignedCheckpoint


async def latest_checkpoint(connection: AsyncConnection[Any]) -> SignedCheckpoint | None:
    """The newest one; None before the first seal. One round trip."""
    cursor = await connection.execute(sql("ledger", "latest_checkpoint"))
    row = await cursor.fetchone()
    if row is None:
        return None
    origin, size, root, signed_at, note = row
    return SignedCheckpoint(origin=origin, size=size, root=root, signed_at=signed_at, note=note)


async def inclusion_proof(
    connection: AsyncConnection[Any], stream_id: UUID, version: int
) -> Inclusion | None:
    """That an event is in the log; None: it is unknown, or not sealed yet. About four round trips."""
    cursor = await connection.execute(
        sql("ledger", "leaf_of_event"), {"stream_id": stream_id, "version": version}
    )
    row = await cursor.fetchone()
    checkpoint = await latest_checkpoint(connection)  # read second, so that it covers the leaf
    if row is None or checkpoint is None:
        return None
    index, leaf_hash = row
    hashes = await read_proof(connection, inclusion_nodes(index, checkpoint.size))
    return Inclusion(leaf_index=index, leaf_hash=leaf_hash, hashes=tuple(hashes), checkpoint=checkpoint)


async def consistency_proof(
    connection: AsyncConnection[Any], first: int, second: int
) -> tuple[bytes, ...] | None:
    """That the tree of one size begins with that of another (RFC 6962 section 2.1.2).

    None unless 0 < first <= second <= the size of the latest checkpoint. About three round trips.
    """
    checkpoint = await latest_checkpoint(connection)
    if checkpoint is None or not 0 < first <= second <= checkpoint.size:
        return None
    return tuple(await read_proof(connection, consistency_nodes(first, second)))
