"""What a command is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ledger.events import ExpiryKind, RevocationReason
from ledger.refresh_token import RefreshToken

EndReason = RevocationReason | ExpiryKind


class RefusalCode(StrEnum):
    """Why no tokens were given; whether it is final, or worth another try, is fixed per code."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 - a code
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a code
    CLIENT_MISMATCH = "client_mismatch"
    BINDING_FAILED = "binding_failed"
    CSRF_FAILED = "csrf_failed"
    RATE_LIMITED = "rate_limited"
    SESSION_REVOKED = "session_revoked"
    SESSION_EXPIRED = "session_expired"
    SUBJECT_INACTIVE = "subject_inactive"
    REUSE_DETECTED = "reuse_detected"
    ASSERTION_INVALID = "assertion_invalid"
    SESSION_LIMIT_REACHED = "session_limit_reached"

    @property
    def terminal(self) -> bool:
        """Whether the user has to sign in again."""
        return self in _TERMINAL

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _RETRYABLE


_TERMINAL = frozenset(
    {
        RefusalCode.TOKEN_MISSING,
        RefusalCode.TOKEN_UNKNOWN,
        RefusalCode.SESSION_REVOKED,
        RefusalCode.SESSION_EXPIRED,
        RefusalCode.REUSE_DETECTED,
    }
)
_RETRYABLE = frozenset({RefusalCode.BINDING_FAILED, RefusalCode.RATE_LIMITED, RefusalCode.SUBJECT_INACTIVE})


class Outcome(StrEnum):
    """How a token pair came about."""

    ISSUED = "issued"
    ROTATED = "rotated"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The family's current refresh token, to be handed out with a fresh access token."""

    outcome: Outcome
    token: RefreshToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Asked and not granted."""

    code: RefusalCode
    ended: EndReason | None = None
    """Why the session ended, where it has."""
    retry_after: timedelta | None = None
    detail: str | None = None
    """For a developer, where the code alone does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An end was asked for: `ended` says whether this command ended the family."""

    ended: bool
    may_end_others: bool = False
    """Whether what was presented speaks for the subject, so that its other sessions may be ended by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A new label was asked for: `renamed` says whether the session still lives, and has it."""

    renamed: bool


Answer = Granted | Refused | Ended | Renamed
