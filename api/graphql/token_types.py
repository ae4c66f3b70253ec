"""Tokens, the inputs that ask for them, and why none were given."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated

import strawberry

from api.graphql.context import RequestContext
from api.graphql.description import described_enum, described_input, described_type
from api.graphql.problem_types import Problem
from api.graphql.scalars import JsonValue
from api.graphql.session_types import Session, SessionEndReason, session_of
from ledger.answers import RefusalCode, Refused
from ledger.sessions import LogoutScope as Scope
from ledger.sessions import Tokens
from projections.active_tokens import sessions


@described_enum
class TokenTransport(Enum):
    """Where the refresh token travels."""

    COOKIE = strawberry.enum_value("cookie", description="In the HttpOnly cookie, never in a body.")
    BODY = strawberry.enum_value(
        "body",
        description=(
            "In the body. Refused with CSRF_FAILED when the token came by cookie: what came by cookie leaves "
            "by cookie. The other way round is allowed, and is how a backend hands an issued session to a "
            "browser."
        ),
    )


@described_enum
class LogoutScope(Enum):
    """Which sessions of the caller `logout` ends."""

    THIS = strawberry.enum_value(Scope.THIS, description="The session of the token.")
    OTHERS = strawberry.enum_value(Scope.OTHERS, description="All others of the same subject.")
    ALL = strawberry.enum_value(Scope.ALL, description="All of the subject.")


@described_enum
class RefreshOutcome(Enum):
    """How a token pair came about."""

    ISSUED = strawberry.enum_value("issued", description="A new session.")
    ROTATED = strawberry.enum_value("rotated", description="The refresh token was replaced.")
    REPLAYED = strawberry.enum_value(
        "replayed",
        description=(
            "A retry inside a window, or tabs racing: the family's current refresh token, the same that "
            "others got."
        ),
    )


@described_enum
class AuthProblemCode(Enum):
    """Why no tokens were given. `terminal` and `retryable` are fixed per code, as said at each."""

    TOKEN_MISSING = strawberry.enum_value(
        RefusalCode.TOKEN_MISSING, description="Terminal. No refresh token in cookie or input."
    )
    TOKEN_UNKNOWN = strawberry.enum_value(
        RefusalCode.TOKEN_UNKNOWN,
        description="Terminal. Not one of ours, or of a session that retention removed.",
    )
    CLIENT_MISMATCH = strawberry.enum_value(
        RefusalCode.CLIENT_MISMATCH,
        description="Neither. Another client's token, or a confidential client that did not authenticate.",
    )
    CSRF_FAILED = strawberry.enum_value(
        RefusalCode.CSRF_FAILED,
        description=(
            "Neither. Header `X-Token-Ledger` or an allowed Origin is missing; the message says which."
        ),
    )
    RATE_LIMITED = strawberry.enum_value(
        RefusalCode.RATE_LIMITED,
        description="Retryable after `retryAfterMs`; the token is not consumed.",
    )
    SESSION_REVOKED = strawberry.enum_value(RefusalCode.SESSION_REVOKED, description="Terminal.")
    SESSION_EXPIRED = strawberry.enum_value(RefusalCode.SESSION_EXPIRED, description="Terminal.")
    SUBJECT_INACTIVE = strawberry.enum_value(
        RefusalCode.SUBJECT_INACTIVE,
        description="Retryable once the subject is active again; the token is not consumed.",
    )
    REUSE_DETECTED = strawberry.enum_value(
        RefusalCode.REUSE_DETECTED,
        description="Terminal. A replaced token came back: the session was revoked.",
    )
    ASSERTION_INVALID = strawberry.enum_value(
        RefusalCode.ASSERTION_INVALID,
        description="Neither. Get a new assertion; one is accepted once.",
    )
    SESSION_LIMIT_REACHED = strawberry.enum_value(RefusalCode.SESSION_LIMIT_REACHED, description="Neither.")


@described_type
class TokenPair:
    """An access token and the refresh token that follows it."""

    access_token: str = strawberry.field(description="RFC 9068 `at+jwt`.")
    token_type: str = strawberry.field(
        default="Bearer", description="Always `Bearer` or, for a bound session, `DPoP`."
    )
    access_token_expires_at: datetime
    refresh_token: str | None = strawberry.field(description="Null with COOKIE transport.")
    refresh_token_expires_at: datetime = strawberry.field(description="The idle deadline.")
    session_expires_at: datetime = strawberry.field(description="The absolute deadline.")
    outcome: RefreshOutcome
    tokens: strawberry.Private[Tokens]

    @strawberry.field
    def session(self, info: strawberry.Info[RequestContext]) -> Session:
        return session_of(sessions.session_of(self.tokens.stored), info.context, current=True)


@described_type
class AuthProblem(Problem):
    """A refusal of `login`, `issueSession`, `refresh` or `logout`. HTTP status 200."""

    code: AuthProblemCode
    message: str
    terminal: bool = strawberry.field(description="Sign the user in again.")
    retryable: bool = strawberry.field(description="The same request may succeed later.")
    retry_after_ms: int | None = strawberry.field(description="With RATE_LIMITED.")
    ended_reason: SessionEndReason | None = strawberry.field(
        description="With SESSION_REVOKED and SESSION_EXPIRED, unless `hide_reuse` is on."
    )
    request_id: strawberry.ID


TokenResult = Annotated[
    TokenPair | AuthProblem, strawberry.union("TokenResult", description="Tokens, or why not.")
]


@described_input
class LoginInput:
    """Exchanges a signed assertion of a trusted issuer (RFC 7523) for a session."""

    assertion: str
    client_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Default: the public client `web`."
    )
    transport: TokenTransport | None = TokenTransport.COOKIE
    device_label: str | None = strawberry.field(
        default=strawberry.UNSET, description="At most 100 characters."
    )


@described_input
class IssueSessionInput:
    """A trusted backend opens a session for a subject it has authenticated. The answer is always in the body."""  # noqa: E501 - the contract's line

    subject: strawberry.ID = strawberry.field(
        description="The identity provider's opaque id: the `sub` of the tokens."
    )
    client_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "The client that will refresh: a public one or the caller itself. Default: the public client "
            "`web`."
        ),
    )
    claims: JsonValue | None = strawberry.field(
        default=strawberry.UNSET,
        description="Copied into access tokens; registered claim names are refused.",
    )
    scope: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="At most what the client may have; default none."
    )
    device_label: str | None = strawberry.UNSET
    ip_address: str | None = strawberry.field(
        default=strawberry.UNSET, description="Address of the user, not of the backend."
    )
    user_agent: str | None = strawberry.UNSET


@described_input
class RefreshInput:
    """All optional: a cookie alone is enough."""

    refresh_token: str | None = strawberry.field(
        default=strawberry.UNSET, description="Default: the cookie's."
    )
    client_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="When given it must be the client the token was issued to.",
    )
    transport: TokenTransport | None = strawberry.field(
        default=strawberry.UNSET, description="Default: the way the token came."
    )


@described_input
class LogoutInput:
    """All optional."""

    refresh_token: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Default: the cookie's, else the session of the access token.",
    )
    scope: LogoutScope | None = LogoutScope.THIS


@described_type
class LogoutPayload:
    """What a logout ended."""

    revoked_sessions: int = strawberry.field(
        description=("0 when the session had ended or is unknown: that is a success (RFC 7009 section 2.2).")
    )


LogoutResult = Annotated[
    LogoutPayload | AuthProblem,
    strawberry.union("LogoutResult", description="Always a success unless the request itself is refused."),
]

_MESSAGES = {
    RefusalCode.TOKEN_MISSING: "There is no refresh token in cookie or input.",
    RefusalCode.TOKEN_UNKNOWN: "This refresh token is not known here. Sign the user in again.",
    RefusalCode.CLIENT_MISMATCH: "The refresh token is of another client, or its client has to authenticate.",
    RefusalCode.CSRF_FAILED: "The request could come from another site.",
    RefusalCode.RATE_LIMITED: "Too many requests. Try again after `retryAfterMs`; the token is still good.",
    RefusalCode.SESSION_REVOKED: "The session has been ended. Sign the user in again.",
    RefusalCode.SESSION_EXPIRED: "The session has expired. Sign the user in again.",
    RefusalCode.SUBJECT_INACTIVE: "The user is suspended. The token works again after reactivation.",
    RefusalCode.REUSE_DETECTED: (
        "A refresh token that had been replaced came back: the session was ended. Sign the user in again."
    ),
    RefusalCode.ASSERTION_INVALID: "The assertion is not accepted. Get a new one.",
    RefusalCode.SESSION_LIMIT_REACHED: (
        "The user has as many sessions of this client as it allows. End one of them first."
    ),
}


def auth_problem(refused: Refused, context: RequestContext) -> AuthProblem:
    """A refusal as data, counted. With `hide_reuse` a detected reuse looks like any revoked session."""
    code, hide = refused.code, context.services.hide_reuse
    context.services.refused(code)
    if hide and code is RefusalCode.REUSE_DETECTED:
        code = RefusalCode.SESSION_REVOKED
    shown = None if hide or code is RefusalCode.REUSE_DETECTED else refused.ended
    wait = refused.retry_after
    return AuthProblem(
        code=AuthProblemCode(code),
        message=refused.detail if refused.detail and code is refused.code else _MESSAGES[code],
        terminal=code.terminal,
        retryable=code.retryable,
        retry_after_ms=None if wait is None else max(1, -(-wait // timedelta(milliseconds=1))),
        ended_reason=None if shown is None else SessionEndReason(shown.value),
        request_id=strawberry.ID(context.request_id),
    )
