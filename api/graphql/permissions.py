"""What each root field needs of its caller, decided before anything is executed."""

from __future__ import annotations

from collections.abc import Iterable

PUBLIC = frozenset({"login", "refresh", "logout", "__typename", "__schema", "__type"})
"""Need no access token, and ignore one. All others need one."""
SCOPES = {
    "issueSession": "sessions:issue",
    "revokeSessions": "sessions:admin",
    "suspendSubject": "sessions:admin",
    "reactivateSubject": "sessions:admin",
    "setNotBefore": "sessions:admin",
}
"""Of the fields that need more than an access token."""
ADMIN = "sessions:admin"
AUDIT = "audit:read"


def needs_access_token(root_fields: Iterable[str]) -> bool:
    """Whether any of the fields does."""
    return any(name not in PUBLIC for name in root_fields)


def missing_scopes(root_fields: Iterable[str], scopes: frozenset[str]) -> frozenset[str]:
    """The scopes that the fields need and the caller does not have."""
    return frozenset(SCOPES[name] for name in root_fields if name in SCOPES) - scopes
