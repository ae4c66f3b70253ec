"""What the sealed log proves, as callers see it."""

from __future__ import annotations

from datetime import datetime

import strawberry

from api.graphql.description import described_type
from api.graphql.scalars import SafeInt
from ledger.checkpoints import Inclusion, SignedCheckpoint


@described_type
class Checkpoint:
    """A signed tree head (C2SP tlog-checkpoint)."""

    origin: str
    tree_size: SafeInt
    root_hash: str = strawberry.field(description="Hex.")
    signed_at: datetime
    note: str = strawberry.field(description="The signed note, as `/checkpoint` serves it.")


@described_type
class InclusionProof:
    """RFC 6962 section 2.1.1, hashes in hex, leaf to root."""

    leaf_index: SafeInt
    tree_size: SafeInt
    leaf_hash: str
    hashes: list[str]
    checkpoint: Checkpoint


@described_type
class ConsistencyProof:
    """RFC 6962 section 2.1.2, hashes in hex."""

    from_size: SafeInt
    to_size: SafeInt
    hashes: list[str]


def checkpoint_of(signed: SignedCheckpoint) -> Checkpoint:
    return Checkpoint(
        origin=signed.origin,
        tree_size=SafeInt(signed.size),
        root_hash=signed.root.hex(),
        signed_at=signed.signed_at,
        note=signed.note,
    )


def inclusion_of(proof: Inclusion) -> InclusionProof:
    return InclusionProof(
        leaf_index=SafeInt(proof.leaf_index),
        tree_size=SafeInt(proof.checkpoint.size),
        leaf_hash=proof.leaf_hash.hex(),
        hashes=[one.hex() for one in proof.hashes],
        checkpoint=checkpoint_of(proof.checkpoint),
    )
