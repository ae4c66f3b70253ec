"""What made-up histories have to reach, each at least once: rows of the table, commands, and refusals."""

from __future__ import annotations

from tests.property.table_model import ROWS

LOGOUTS = frozenset(
    {
        "logout THIS",
        "logout OTHERS",
        "logout ALL",
        "logout of several",
        "logout by access token",
        "logout by an access token that has expired",
    }
)
COMMANDS = frozenset(
    {
        "client changed",
        "issueSession",
        "made room: revoke_least_recently_used",
        "made room: revoke_oldest",
        "reactivateSubject",
        "reactivateSubject again",
        "renameSession",
        "revokeSession admin",
        "revokeSession logout",
        "revokeSession of an ended one",
        "revokeSession subject",
        "revokeSessions",
        "revokeSessions by clientId",
        "revokeSessions by createdAfter",
        "revokeSessions by createdBefore",
        "revokeSessions by deviceLabel",
        "revokeSessions by ids",
        "revokeSessions by ipAddress",
        "revokeSessions by lastUsedBefore",
        "revokeSessions by status",
        "revokeSessions by subject",
        "revokeSessions dry run",
        "revokeSessions remaining",
        "setNotBefore back",
        "setNotBefore client",
        "setNotBefore everyone",
        "setNotBefore of the future",
        "setNotBefore subject",
        "suspendSubject",
        "suspendSubject again",
        "swept by a boundary",
        "swept by a deadline",
    }
)
REFUSALS = frozenset(
    {
        "UNAUTHENTICATED",
        "issueSession CLIENT_MISMATCH",
        "issueSession FORBIDDEN",
        "issueSession SESSION_LIMIT_REACHED",
        "issueSession SUBJECT_INACTIVE",
        "login ASSERTION_INVALID",
        "login SESSION_LIMIT_REACHED",
        "login SUBJECT_INACTIVE",
        "reactivateSubject FORBIDDEN",
        "reactivateSubject INVALID_ARGUMENT",
        "renameSession INVALID_ARGUMENT",
        "renameSession NOT_FOUND",
        "renameSession of another's",
        "revokeSession INVALID_ARGUMENT",
        "revokeSession NOT_FOUND",
        "revokeSession of another's",
        "revokeSessions FORBIDDEN",
        "revokeSessions INVALID_ARGUMENT",
        "revokeSessions TOO_MANY_MATCHES",
        "setNotBefore FORBIDDEN",
        "setNotBefore INVALID_ARGUMENT",
        "setNotBefore NOT_FOUND",
        "suspendSubject FORBIDDEN",
        "suspendSubject INVALID_ARGUMENT",
    }
)
EVERYTHING = ROWS | LOGOUTS | COMMANDS | REFUSALS
