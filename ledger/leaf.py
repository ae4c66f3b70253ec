"""The leaf: the exact bytes of an event that are hashed, chained and proved."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import orjson

from ledger.canonical import timestamp

_LEAF_PREFIX = b"\x00"
"""Leaves and nodes of the tree are hashed in domains of their own (RFC 6962 section 2.1)."""


def leaf_bytes(
    *,
    stream_id: UUID,
    version: int,
    type_name: str,
    schema_version: int,
    occurred_at: datetime,
    actor: str | None,
    client_id: str | None,
    correlation_id: UUID | None,
    causation: str | None,
    payload: str,
    personal_data: bytes | None,
    previous: bytes | None,
) -> bytes:
    """Canonical JSON of an event; `payload` is canonical JSON already and goes in as it is.

    `personal_data` is the commitment to the personal data beside the event, `previous` the leaf hash of the
    event before it in the stream.
    """
    return orjson.dumps(
        {
            "actor": actor,
            "causation": causation,
            "client": client_id,
            "correlation": correlation_id,
            "occurred_at": timestamp(occurred_at),
            "payload": orjson.Fragment(payload),
            "personal_data": None if personal_data is None else personal_data.hex(),
            "previous": None if previous is None else previous.hex(),
            "schema_version": schema_version,
            "stream": stream_id,
            "type": type_name,
            "version": version,
        }
    )


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of a leaf in the leaves' domain (RFC 6962 section 2.1)."""
    return hashlib.sha256(_LEAF_PREFIX + leaf).digest()
