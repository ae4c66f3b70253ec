"""Events as callers see them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import get_args

import orjson
import strawberry

from api.graphql.connections import PageInfo
from api.graphql.description import described_enum, described_interface, described_type
from api.graphql.scalars import CursorText, JsonValue, SafeInt
from ledger.events import FamilyEvent
from ledger.recorded_event import RecordedEvent

_OF_SESSIONS = frozenset(one.__name__ for one in get_args(FamilyEvent))


@described_interface
class Node:
    """An object that `node` finds. Subjects are not nodes: their ids come from outside and may equal one of ours."""  # noqa: E501 - the contract's line

    id: strawberry.ID


@described_enum
class EventType(Enum):
    """The ledger's names in GraphQL's case: TokenIssued in the ledger, the exports and the command line is TOKEN_ISSUED here."""  # noqa: E501 - the contract's line

    TOKEN_ISSUED = "TokenIssued"
    TOKEN_ROTATED = "TokenRotated"
    TOKEN_REPLAYED = "TokenReplayed"
    REFRESH_REFUSED = "RefreshRefused"
    REUSE_DETECTED = "ReuseDetected"
    REPLAYED_AFTER_REVOCATION = "ReplayedAfterRevocation"
    FORGERY_DETECTED = "ForgeryDetected"
    TOKEN_REVOKED = "TokenRevoked"
    TOKEN_EXPIRED = "TokenExpired"
    SESSION_RENAMED = "SessionRenamed"
    SUBJECT_SUSPENDED = "SubjectSuspended"
    SUBJECT_REACTIVATED = "SubjectReactivated"
    SUBJECT_ERASED = "SubjectErased"
    LEGAL_HOLD_SET = "LegalHoldSet"
    LEGAL_HOLD_RELEASED = "LegalHoldReleased"
    NOT_BEFORE_SET = "NotBeforeSet"
    BULK_REVOCATION_EXECUTED = "BulkRevocationExecuted"
    CLIENT_REGISTERED = "ClientRegistered"
    CLIENT_CHANGED = "ClientChanged"
    SIGNING_KEY_ROTATED = "SigningKeyRotated"
    EXPORT_COMPLETED = "ExportCompleted"
    AUDIT_READ = "AuditRead"
    PARTITION_ARCHIVED = "PartitionArchived"


@described_type
class Event(Node):
    """One recorded fact; it never changes. Only personal data in it can be erased."""

    id: strawberry.ID = strawberry.field(description="`<stream id>:<version>`.")
    type: EventType
    session_id: strawberry.ID | None = strawberry.field(description="Null for an administrative act.")
    version: int = strawberry.field(description="1, 2, 3 within its stream.")
    log_index: SafeInt | None = strawberry.field(description="Global order, dense from 0. Null until sealed.")
    occurred_at: datetime
    recorded_at: datetime
    actor: str | None = strawberry.field(description="`subject:<id>`, `client:<id>`, `operator` or `system`.")
    client_id: strawberry.ID | None
    subject: strawberry.ID | None
    ip_address: str | None
    user_agent: str | None
    reason: str | None = strawberry.field(description="Free text that the actor gave.")
    erased: bool = strawberry.field(
        description="Address, user agent, reason and claims of this event were deleted."
    )
    correlation_id: strawberry.ID | None = strawberry.field(description="The request.")
    recorded: strawberry.Private[RecordedEvent]

    @strawberry.field(description="The payload; keys per type in the reference. Without personal data.")
    def data(self) -> JsonValue:
        return JsonValue(orjson.loads(self.recorded.payload))

    @strawberry.field(description="The canonical JSON that is hashed, byte for byte.")
    def leaf(self) -> str:
        return self.recorded.leaf().decode()

    @strawberry.field(description="Hex of SHA-256(0x00 | leaf).")
    def leaf_hash(self) -> str:
        return self.recorded.leaf_hash.hex()


@described_type
class EventEdge:
    """An event and its place."""

    cursor: CursorText
    node: Event


@described_type
class EventConnection:
    """A page of events."""

    edges: list[EventEdge]
    page_info: PageInfo


def event_of(recorded: RecordedEvent, *, subject: str | None) -> Event:
    """An event of a session of the subject; None: an administrative act, which says itself of whom it is."""
    personal = recorded.personal_data
    of_session = recorded.type_name in _OF_SESSIONS
    if not of_session:
        subject = orjson.loads(recorded.payload).get("subject")
    return Event(
        id=strawberry.ID(f"{recorded.stream_id}:{recorded.version}"),
        type=EventType(recorded.type_name),
        session_id=strawberry.ID(str(recorded.stream_id)) if of_session else None,
        version=recorded.version,
        log_index=None if recorded.leaf_index is None else SafeInt(recorded.leaf_index),
        occurred_at=recorded.occurred_at,
        recorded_at=recorded.recorded_at,
        actor=recorded.actor,
        client_id=None if recorded.client_id is None else strawberry.ID(recorded.client_id),
        subject=None if subject is None else strawberry.ID(subject),
        ip_address=None if personal is None else personal.address,
        user_agent=None if personal is None else personal.user_agent,
        reason=None if personal is None else personal.reason,
        erased=recorded.erased,
        correlation_id=None
        if recorded.correlation_id is None
        else strawberry.ID(str(recorded.correlation_id)),
        recorded=recorded,
    )
