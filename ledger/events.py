"""The facts of token families, and administrative acts, in the past tense and frozen.

A family is one stream of them, versions 1, 2, 3 without holes; an administrative act is a stream of its own
with one event. No token, no secret and no personal data is in
an event: the hash of a secret is of 256 random bits, and addresses, agents, labels and claims lie beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Transport(StrEnum):
    """Where a refresh token travels."""

    COOKIE = "cookie"
    BODY = "body"


class ReplayCause(StrEnum):
    """Which window covered a replay."""

    CONCURRENT = "concurrent"
    LOST_RESPONSE = "lost_response"


class RefusalReason(StrEnum):
    """Why a refresh was refused with the token untouched."""

    CLIENT_MISMATCH = "client_mismatch"
    BINDING_FAILED = "binding_failed"
    SUBJECT_INACTIVE = "subject_inactive"


class ReuseSubtype(StrEnum):
    """What gave a reuse away."""

    LATE_REPLAY = "late_replay"
    """The token before the current one, after its windows."""
    STALE_GENERATION = "stale_generation"
    """An older one."""
    BUDGET_EXCEEDED = "budget_exceeded"
    """Inside a window, but too many foreign replays or recoveries."""
    FINGERPRINT = "fingerprint"
    """Inside the lost-response window, but another user-agent family."""


class ForgerySubtype(StrEnum):
    """What was wrong with a token whose mac was right."""

    UNRECORDED = "unrecorded"
    """No event of the family recorded this secret."""
    AHEAD = "ahead"
    """A generation that the family has not reached."""


class RevocationReason(StrEnum):
    """Why a family was ended by decision."""

    LOGOUT = "logout"
    SUBJECT = "subject"
    """By its own subject from another session."""
    ADMIN = "admin"
    REUSE = "reuse"
    LIMIT = "limit"
    """By a login that found the subject with as many sessions as the client allows."""
    NOT_BEFORE = "not_before"
    ERASURE = "erasure"
    """Its subject was erased."""


class ExpiryKind(StrEnum):
    """Which deadline passed."""

    IDLE = "idle"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued:
    """A family was opened; generation 0. Deadlines are exclusive."""

    subject: str
    client_id: str
    transport: Transport
    scope: tuple[str, ...]
    secret_hash: bytes
    idle_expires_at: datetime
    absolute_expires_at: datetime
    sender_key: str | None = None
    """JWK thumbprint that the family is bound to (RFC 9449 section 6.1)."""
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotated:
    """The current refresh token was replaced by its successor, of this generation."""

    generation: int
    secret_hash: bytes
    idle_expires_at: datetime
    grace_ends_at: datetime
    """End (exclusive) of the window in which the replaced token may still be presented."""
    lost_response_ends_at: datetime | None
    """The same for its lost-response window; None where the client has none."""
    unrecorded_replays: int = 0
    """Replays since the event before, that have no event of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReplayed:
    """A replaced token came back inside a window and got the current one."""

    cause: ReplayCause
    foreign: bool
    presented_generation: int
    generation: int
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRefused:
    """A refresh was refused and nothing else changed."""

    reason: RefusalReason
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseDetected:
    """A replaced token came back and no window covered it."""

    subtype: ReuseSubtype
    presented_generation: int
    generation: int
    seconds_since_rotation: int
    """Since the presented token was replaced."""
    enforced: bool
    """False in shadow mode: reported, and the family lives on."""
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedAfterRevocation:
    """A replaced token came back to a family that had already been revoked. At most one a family."""

    presented_generation: int
    generation: int
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeryDetected:
    """A token with a right mac that this ledger never issued; nothing was ended by it."""

    subtype: ForgerySubtype
    presented_generation: int
    generation: int
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked:
    """The family was ended by decision."""

    reason: RevocationReason
    generation: int
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExpired:
    """The family was ended by time; `deadline` is when, which is before the event."""

    kind: ExpiryKind
    deadline: datetime
    generation: int
    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRenamed:
    """The device got another label, which lies beside the event."""

    unrecorded_replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSuspended:
    """An administrative act: refreshes of the subject are refused; its families live on."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReactivated:
    """An administrative act: refreshes of the subject are allowed again."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectErased:
    """An administrative act: nothing personal of the subject is kept any more, and it never comes back."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHoldSet:
    """An administrative act: nothing of the subject may be erased until the hold is released."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHoldReleased:
    """An administrative act: what is of the subject may be erased again."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBeforeSet:
    """An administrative act: families opened before it are refused; of a subject, a client, or everyone."""

    time: datetime
    subject: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRevocationExecuted:
    """An administrative act: one step of ending every session that matches a filter."""

    filter: Mapping[str, object]
    """What was given of it, but for addresses and labels, which lie beside the event."""
    matched: int
    """Not ended when the step began."""
    revoked: int
    """Ended by the step, each with an event of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRotated:
    """An administrative act: the next key of a kind became the current one."""

    kind: str
    key_id: str
    replaced_key_id: str
    next_key_id: str
    revoked: bool = False
    """Whether the replaced key was revoked: what it made is worth nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRegistered:
    """An administrative act: a client may open sessions from now on."""

    client_id: str
    confidential: bool
    policy: Mapping[str, object]
    """What the client has of its own, as JSON: durations in seconds. Empty: nothing."""
    scopes: tuple[str, ...] = ()
    """What its own access tokens, and sessions that it issues, may be good for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChanged:
    """An administrative act: a client's policy and scopes were replaced as a whole, or its secret was."""

    client_id: str
    policy: Mapping[str, object]
    """As in `ClientRegistered`."""
    scopes: tuple[str, ...] = ()
    """As in `ClientRegistered`."""
    secret_rotated: bool = False
    """Whether the secret before it stopped being good for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCompleted:
    """An administrative act: a range of the sealed log was exported, up to the end of a checkpoint's tree."""

    format: str
    first_index: int
    count: int
    """Leaves."""
    manifest_hash: bytes
    """SHA-256 of the export's manifest, which holds the hashes of all its files."""
    session_id: str | None = None
    """Of an export of this session alone: the index is of its first event, the hash of its one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRead:
    """An administrative act: the actor read what is not its own, for which it needs `audit:read`.

    At most one a reader and minute: of the first read in it. What else was read in that minute is not told.
    """

    fields: tuple[str, ...]
    """Root fields of the first operation, in alphabetical order; `subscription events` is the live one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionArchived:
    """An administrative act: the events of a month's streams were removed; their hashes stay in the log."""

    month: str
    """As 2026-11, in UTC: when the streams began."""
    events: int
    first_index: int | None
    """Of their leaves in the log; None where there was no event."""
    last_index: int | None
    manifest_hashes: tuple[bytes, ...]
    """SHA-256 of the manifests of the exports that hold them, in the order of the log."""


FamilyEvent = (
    TokenIssued
    | TokenRotated
    | TokenReplayed
    | RefreshRefused
    | ReuseDetected
    | ReplayedAfterRevocation
    | ForgeryDetected
    | TokenRevoked
    | TokenExpired
    | SessionRenamed
)
AdministrativeEvent = (
    SubjectSuspended
    | SubjectReactivated
    | SubjectErased
    | LegalHoldSet
    | LegalHoldReleased
    | NotBeforeSet
    | BulkRevocationExecuted
    | SigningKeyRotated
    | ClientRegistered
    | ClientChanged
    | ExportCompleted
    | AuditRead
    | PartitionArchived
)
Event = FamilyEvent | AdministrativeEvent
