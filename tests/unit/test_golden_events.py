"""Events as they were once stored are read, hashed and folded for ever, whatever the program has become."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger.event_codec import decode_payload, encode_payload, event_type, schema_version_of
from ledger.events import (
    FamilyEvent,
    ReplayedAfterRevocation,
    RevocationReason,
    TokenIssued,
    TokenRevoked,
    TokenRotated,
    Transport,
)
from ledger.evolve import evolve
from ledger.family import ActiveFamily, Family, RevokedFamily
from ledger.leaf import leaf_bytes, leaf_hash
from tests.golden.write import FOLDER, TYPES, checksum, missing

CHECKSUMS = {
    "TokenIssued.v1.json": "efd80991438da877",
    "TokenRotated.v1.json": "8ec8901f72bc57d4",
    "TokenReplayed.v1.json": "451bae1d56f27c4c",
    "RefreshRefused.v1.json": "6b621b279dd0107a",
    "ReuseDetected.v1.json": "54c0fef62cce4aed",
    "ReplayedAfterRevocation.v1.json": "32e5bfa85eb7de9f",
    "ForgeryDetected.v1.json": "c6a24a97a47d0038",
    "TokenRevoked.v1.json": "699cb9b8e7d37b51",
    "TokenExpired.v1.json": "9c9d5dfdd767941b",
    "SessionRenamed.v1.json": "3efafcbc5b4127a5",
    "SubjectSuspended.v1.json": "5bc33192b8a5aa93",
    "SubjectReactivated.v1.json": "a1f5da732e49cb2d",
    "SubjectErased.v1.json": "b473da83de65da98",
    "LegalHoldSet.v1.json": "e9b1613ba223c6d7",
    "LegalHoldReleased.v1.json": "aa30c1adfff0ee7c",
    "NotBeforeSet.v1.json": "a3c76a1ee0c486ab",
    "BulkRevocationExecuted.v1.json": "c8a56297c3eaef79",
    "SigningKeyRotated.v1.json": "d40ba2071fc718c3",
    "ClientRegistered.v1.json": "76e8ff72d8385872",
    "ClientChanged.v1.json": "d4a46321dd2574e6",
    "ExportCompleted.v1.json": "c60ff3ef07967ae1",
    "AuditRead.v1.json": "0acce41196f02525",
    "PartitionArchived.v1.json": "5f6aa66060624e0a",
}
"""Of every golden file. A line is added with a file and never changed: what was stored stays as it is.
`python -m tests.golden.write` writes what is missing and prints its lines."""
EVENTS = [one for file in sorted(FOLDER.iterdir()) for one in json.loads(file.read_text("utf-8"))]


def named(one: Any) -> str:
    return f"{one['type_name']}.v{one['schema_version']} {one['leaf_hash'][:6]}"


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_has_golden_events_with_all_that_it_may_hold(kind: type[Any]) -> None:
    assert missing(kind) == [], "python -m tests.golden.write"


def test_no_golden_file_is_ever_changed() -> None:
    assert {file.name: checksum(file) for file in FOLDER.iterdir()} == CHECKSUMS


@pytest.mark.parametrize("one", EVENTS, ids=named)
def test_a_stored_event_has_the_leaf_that_it_had(one: dict[str, Any]) -> None:
    correlation_id, personal_data, previous = (
        one[key] for key in ("correlation_id", "personal_data", "previous")
    )
    leaf = leaf_bytes(
        stream_id=UUID(one["stream_id"]),
        version=one["version"],
        type_name=one["type_name"],
        schema_version=one["schema_version"],
        occurred_at=datetime.fromisoformat(one["occurred_at"]),
        actor=one["actor"],
        client_id=one["client_id"],
        correlation_id=None if correlation_id is None else UUID(correlation_id),
        causation=one["causation"],
        payload=one["payload"],
        personal_data=None if personal_data is None else bytes.fromhex(personal_data),
        previous=None if previous is None else bytes.fromhex(previous),
    )
    assert leaf.decode() == one["leaf"]
    assert leaf_hash(leaf).hex() == one["leaf_hash"]


@pytest.mark.parametrize("one", EVENTS, ids=named)
def test_a_stored_event_is_read_and_written_again_as_it_was(one: dict[str, Any]) -> None:
    event = decode_payload(one["type_name"], one["schema_version"], one["payload"])
    assert event_type(event) == one["type_name"]
    if one["schema_version"] == schema_version_of(one["type_name"]):
        assert encode_payload(event) == one["payload"]


@pytest.mark.parametrize(
    "one",
    [one for one in EVENTS if one["type_name"] in {kind.__name__ for kind in FamilyEvent.__args__}],
    ids=named,
)
def test_a_stored_event_of_a_family_is_folded(one: dict[str, Any]) -> None:
    event = decode_payload(one["type_name"], one["schema_version"], one["payload"])
    assert isinstance(event, FamilyEvent)
    at = datetime.fromisoformat(one["occurred_at"])
    family = evolve(before(event, at), event, family_id=UUID(one["stream_id"]), occurred_at=at)
    match event:
        case TokenIssued() | TokenRotated():
            assert isinstance(family, ActiveFamily)
            assert (family.secret_hash, family.last_used_at) == (event.secret_hash, at)
        case TokenRevoked():
            assert isinstance(family, RevokedFamily)
            assert family.reason is event.reason


def before(event: FamilyEvent, at: datetime) -> Family | None:
    """A family that the event can happen to."""
    if isinstance(event, TokenIssued):
        return None
    active = ActiveFamily(
        family_id=UUID(int=1),
        subject="ada",
        client_id="web",
        transport=Transport.BODY,
        scope=(),
        sender_key=None,
        opened_at=at,
        generation=7,
        secret_hash=b"s" * 32,
        last_used_at=at,
        idle_expires_at=at + timedelta(days=7),
        absolute_expires_at=at + timedelta(days=30),
    )
    if isinstance(event, TokenRotated):
        return replace(active, generation=event.generation - 1)
    if isinstance(event, ReplayedAfterRevocation):
        return RevokedFamily(was=active, ended_at=at, reason=RevocationReason.ADMIN)
    return active
