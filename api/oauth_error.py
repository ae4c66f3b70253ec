"""Refusals in the words of OAuth: RFC 6749 section 5.2, and how the ledger's refusals read there.

`invalid_grant` makes a client forget its token and sign the user out, so that it is said of nothing that may
pass: neither of a limit nor of a service that cannot answer, nor of a user who is suspended.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import assert_never

from ledger.answers import RefusalCode, Refused

_UNDESCRIBABLE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")  # RFC 6749 section 5.2
_DESCRIPTIONS = {
    RefusalCode.TOKEN_UNKNOWN: "This refresh token is not known here.",
    RefusalCode.SESSION_REVOKED: "The session has been ended.",
    RefusalCode.SESSION_EXPIRED: "The session has expired.",
    RefusalCode.REUSE_DETECTED: "A refresh token that had been replaced came back: the session was ended.",
    RefusalCode.SUBJECT_INACTIVE: "The user is suspended. The token works again after reactivation.",
    RefusalCode.CLIENT_MISMATCH: "The refresh token is of another client.",
    RefusalCode.BINDING_FAILED: "The proof of the sender is missing or wrong.",
    RefusalCode.ASSERTION_INVALID: "The assertion is not accepted.",
    RefusalCode.SESSION_LIMIT_REACHED: "The user has as many sessions of this client as it allows.",
    RefusalCode.RATE_LIMITED: "Too many requests; the token is still good.",
}
CHALLENGE = (("www-authenticate", 'Basic realm="token-ledger", charset="UTF-8"'),)


class OAuthError(Exception):
    """A request that is refused: its status, its error code, and a description for a developer."""

    def __init__(
        self, status: int, error: str, description: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = _UNDESCRIBABLE.sub("'", description)
        self.headers = headers


def invalid_request(description: str) -> OAuthError:
    """The request is not what this endpoint takes."""
    return OAuthError(400, "invalid_request", description)


def invalid_client(description: str) -> OAuthError:
    """The client did not prove itself; with the challenge of the way in which it can."""
    return OAuthError(401, "invalid_client", description, CHALLENGE)


def try_again(status: int, after: timedelta, description: str) -> OAuthError:
    """Not now: the same request may succeed after this time."""
    seconds = max(1, -(-after // timedelta(seconds=1)))
    return OAuthError(status, "temporarily_unavailable", description, (("retry-after", str(seconds)),))


def of_refusal(refused: Refused, *, hide_reuse: bool) -> OAuthError:
    """A refusal of the ledger. With `hide_reuse` a detected reuse looks like any revoked session."""
    code = refused.code
    if hide_reuse and code is RefusalCode.REUSE_DETECTED:
        code = RefusalCode.SESSION_REVOKED
    description = refused.detail or _DESCRIPTIONS.get(code, "It is refused.")
    match code:
        case RefusalCode.RATE_LIMITED:
            return try_again(429, refused.retry_after or timedelta(0), description)
        case RefusalCode.BINDING_FAILED:
            return OAuthError(400, "invalid_dpop_proof", description)
        case RefusalCode.SUBJECT_INACTIVE | RefusalCode.SESSION_LIMIT_REACHED:
            return OAuthError(400, "access_denied", description)  # as RFC 8628 section 3.5 has it here
        case RefusalCode.CSRF_FAILED:
            return invalid_request(description)
        case (
            RefusalCode.TOKEN_MISSING
            | RefusalCode.TOKEN_UNKNOWN
            | RefusalCode.CLIENT_MISMATCH
            | RefusalCode.SESSION_REVOKED
            | RefusalCode.SESSION_EXPIRED
            | RefusalCode.REUSE_DETECTED
            | RefusalCode.ASSERTION_INVALID
        ):
            return OAuthError(400, "invalid_grant", description)
        case _:
            assert_never(code)
