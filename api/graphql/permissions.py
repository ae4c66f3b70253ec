"""What each root field needs of its caller, decided before anything is executed."""

from __future__ import annotations

from collections.abc import Iterable

PUBLIC = frozenset(
    {"login", "refresh", "logout", "checkpoint", "consistencyProof", "__typename", "__schema", "__type"}
)
"""Need no access token, and ignore one. All others need one."""
ADMIN = "sessions:admin"
AUDIT = "audit:read"
ERASE = "subjects:erase"
SCOPES = {
    "subject": AUDIT,
    "sessionsAsOf": AUDIT,
    "sessions": AUDIT,
    "events": AUDIT,
    "securitySummary": AUDIT,
    "issueSession": "sessions:issue",
    "revokeSessions": ADMIN,
    "suspendSubject": ADMIN,
    "reactivateSubject": ADMIN,
    "setNotBefore": ADMIN,
    "eraseSubject": ERASE,
    "setLegalHold": ERASE,
}
"""Of the fields that need more than an access token."""


def needs_access_token(root_fields: Iterable[str]) -> bool:
    """Whether any of the fields does."""
    return any(name not in PUBLIC for name in root_fields)


def audited(root_fields: Iterable[str]) -> list[str]:
    """The fields that need `audit:read` whatever they show."""
    return [name for name in root_fields if SCOPES.get(name) == AUDIT]


def missing_scopes(root_fields: Iterable[str], scopes: frozenset[str]) -> frozenset[str]:
    """The scopes that the fields need and the caller does not have."""
    return frozenset(SCOPES[name] for name in root_fields if name in SCOPES) - scopes
