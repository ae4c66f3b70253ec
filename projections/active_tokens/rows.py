"""Rows of the view as families, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from ledger.binary_array import (
    BinaryArray,
    Column,
    bigints,
    booleans,
    byte_strings,
    integers,
    texts,
    timestamps,
    uuids,
)
from ledger.canonical import canonical_json
from ledger.events import ExpiryKind, RevocationReason, Transport
from ledger.family import ActiveFamily, ExpiredFamily, Family, RevokedFamily, last_active
from ledger.stored_family import FamilyPersonalData, StoredFamily, StreamHead
from projections.active_tokens import bookkeeping_codec, windows_codec

_COLUMNS: Mapping[str, Column] = {
    "family_id": uuids,
    "version": integers,
    "head": byte_strings,
    "last_event_at": timestamps,
    "status": texts,
    "subject": texts,
    "client_id": texts,
    "transport": texts,
    "scope": texts,
    "sender_key": texts,
    "opened_at": timestamps,
    "generation": bigints,
    "secret_hash": byte_strings,
    "last_used_at": timestamps,
    "idle_expires_at": timestamps,
    "absolute_expires_at": timestamps,
    "ended_at": timestamps,
    "ended_reason": texts,
    "replay_reported": booleans,
    "device_label": texts,
    "claims": texts,
    "address": texts,
    "user_agent": texts,
    "windows": byte_strings,
    "bookkeeping": texts,
}
COLUMNS = tuple(_COLUMNS)
"""Of every statement that reads whole families, in this order."""
_FIXED_AT_ISSUE = frozenset(
    {
        "subject",
        "client_id",
        "transport",
        "scope",
        "sender_key",
        "opened_at",
        "absolute_expires_at",
        "claims",
    }
)


def family_of_row(row: Sequence[Any]) -> StoredFamily:
    """The family of a row with `COLUMNS`, claims and bookkeeping as text, the windows as bytes."""
    value = dict(zip(COLUMNS, row, strict=True))
    active = ActiveFamily(
        family_id=value["family_id"],
        subject=value["subject"],
        client_id=value["client_id"],
        transport=Transport(value["transport"]),
        scope=tuple(value["scope"]),
        sender_key=value["sender_key"],
        opened_at=value["opened_at"],
        generation=value["generation"],
        secret_hash=value["secret_hash"],
        last_used_at=value["last_used_at"],
        idle_expires_at=value["idle_expires_at"],
        absolute_expires_at=value["absolute_expires_at"],
    )
    family: Family
    match value["status"]:
        case "active":
            family = active
        case "revoked":
            family = RevokedFamily(
                was=active,
                ended_at=value["ended_at"],
                reason=RevocationReason(value["ended_reason"]),
                replay_reported=value["replay_reported"],
            )
        case _:
            family = ExpiredFamily(
                was=active, ended_at=value["ended_at"], kind=ExpiryKind(value["ended_reason"])
            )
    claims = value["claims"]
    return StoredFamily(
        family=family,
        head=StreamHead(
            version=value["version"], leaf_hash=value["head"], occurred_at=value["last_event_at"]
        ),
        personal=FamilyPersonalData(
            device_label=value["device_label"],
            claims=None if claims is None else orjson.loads(claims),
            address=value["address"],
            user_agent=value["user_agent"],
        ),
        bookkeeping=bookkeeping_codec.decode(value["bookkeeping"], windows_codec.decode(value["windows"])),
    )


def inserted(families: Iterable[StoredFamily]) -> dict[str, BinaryArray]:
    """One array a column, as `insert.sql` takes them; the scope joined by spaces. At least one family."""
    rows = [row_of(one) for one in families]
    return {name: column([row[name] for row in rows]) for name, column in _COLUMNS.items()}


def updated(families: Iterable[StoredFamily]) -> dict[str, BinaryArray]:
    """The same as `update.sql` takes them: without what is fixed when a family is opened."""
    rows = [row_of(one) for one in families]
    return {
        name: column([row[name] for row in rows])
        for name, column in _COLUMNS.items()
        if name not in _FIXED_AT_ISSUE
    }


def row_of(stored: StoredFamily) -> dict[str, Any]:
    """The columns of a family; claims in their canonical spelling."""
    family, head, personal = stored.family, stored.head, stored.personal
    was = last_active(family)
    status, ended_at, ended_reason, replay_reported = "active", None, None, False
    match family:
        case RevokedFamily():
            status, ended_at, ended_reason = "revoked", family.ended_at, family.reason.value
            replay_reported = family.replay_reported
        case ExpiredFamily():
            status, ended_at, ended_reason = "expired", family.ended_at, family.kind.value
        case ActiveFamily():
            pass
    return {
        "family_id": was.family_id,
        "version": head.version,
        "head": head.leaf_hash,
        "last_event_at": head.occurred_at,
        "status": status,
        "subject": was.subject,
        "client_id": was.client_id,
        "transport": was.transport.value,
        "scope": " ".join(was.scope),
        "sender_key": was.sender_key,
        "opened_at": was.opened_at,
        "generation": was.generation,
        "secret_hash": was.secret_hash,
        "last_used_at": was.last_used_at,
        "idle_expires_at": was.idle_expires_at,
        "absolute_expires_at": was.absolute_expires_at,
        "ended_at": ended_at,
        "ended_reason": ended_reason,
        "replay_reported": replay_reported,
        "device_label": personal.device_label,
        "claims": canonical_json(personal.claims).decode() if personal.claims else None,
        "address": personal.address,
        "user_agent": personal.user_agent,
        "windows": windows_codec.encode(stored.bookkeeping.windows),
        "bookkeeping": bookkeeping_codec.encode(stored.bookkeeping),
    }
