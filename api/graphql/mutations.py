"""Changes: checks of the request (row 2 of the decision table), then the ledger's answer as data."""

from __future__ import annotations

import strawberry

from api.assertions import AssertionRefusedError
from api.graphql.context import RequestContext
from api.graphql.errors import checked_text
from api.graphql.token_types import (
    AuthProblem,
    LoginInput,
    LogoutInput,
    LogoutPayload,
    LogoutResult,
    LogoutScope,
    RefreshInput,
    RefreshOutcome,
    TokenPair,
    TokenResult,
    TokenTransport,
    auth_problem,
)
from ledger.answers import RefusalCode, Refused
from ledger.batch import Assertion
from ledger.events import Transport
from ledger.family import last_active
from ledger.sessions import LogoutScope as Scope
from ledger.sessions import Opening, Tokens

DEFAULT_CLIENT = "web"
LONGEST_CLIENT_ID = 255
LONGEST_LABEL = 100


@strawberry.type
class TokenMutation:
    @strawberry.field(description="Public.")
    async def login(self, info: strawberry.Info[RequestContext], input: LoginInput) -> TokenResult:
        context = info.context
        by_cookie = input.transport is not TokenTransport.BODY
        client_id = _client_id(input.client_id) or DEFAULT_CLIENT
        label = input.device_label
        if label:
            checked_text(label, name="deviceLabel", longest=LONGEST_LABEL)
        refused = _refused_early(context, cookie_concerned=by_cookie or context.cookie is not None)
        if refused is not None:
            return auth_problem(refused, context)
        try:
            verified = await context.services.verifier.verify(input.assertion)
        except AssertionRefusedError as error:
            return auth_problem(Refused(code=RefusalCode.ASSERTION_INVALID, detail=str(error)), context)
        answer = await context.services.sessions.open(
            Opening(
                subject=verified.subject,
                client_id=client_id,
                transport=Transport.COOKIE if by_cookie else Transport.BODY,
                scope=tuple(sorted(verified.scopes)),
                claims=verified.claims,
                device_label=label or None,
                assertion=Assertion(
                    issuer=verified.issuer, jwt_id=verified.jwt_id, expires_at=verified.expires_at
                ),
            ),
            context.caller,
        )
        return told(answer, context, by_cookie=by_cookie)

    @strawberry.field(description="Public. The token from the cookie when the input has none.")
    async def refresh(
        self, info: strawberry.Info[RequestContext], input: RefreshInput | None = strawberry.UNSET
    ) -> TokenResult:
        context = info.context
        given = input or RefreshInput()
        client_id = _client_id(given.client_id)
        presented = given.refresh_token or None
        came_by_cookie = presented is None and context.cookie is not None
        if presented is None:
            presented = context.cookie
        sessions = context.services.sessions
        token = await sessions.read(presented)
        if isinstance(token, Refused):
            return auth_problem(_counted_unknown(token, context), context)
        by_cookie = came_by_cookie if not given.transport else given.transport is TokenTransport.COOKIE
        refused = _refused_early(context, cookie_concerned=by_cookie or context.cookie is not None)
        if refused is None and came_by_cookie and not by_cookie:
            refused = Refused(
                code=RefusalCode.CSRF_FAILED,
                detail="A token that came by cookie is answered by cookie: leave `transport` out.",
            )
        if refused is not None:
            return auth_problem(refused, context)
        answer = await sessions.refresh(token, context.caller, by_cookie=came_by_cookie, client_id=client_id)
        if isinstance(answer, Refused):
            answer = _counted_unknown(answer, context)
        return told(answer, context, by_cookie=by_cookie)

    @strawberry.field(description="Public. Idempotent.")
    async def logout(
        self, info: strawberry.Info[RequestContext], input: LogoutInput | None = strawberry.UNSET
    ) -> LogoutResult:
        context = info.context
        given = input or LogoutInput()
        scope = Scope(str((given.scope or LogoutScope.THIS).value))
        presented = given.refresh_token or None
        came_by_cookie = presented is None and context.cookie is not None
        refused = _refused_early(context, cookie_concerned=context.cookie is not None)
        if refused is not None:
            return auth_problem(refused, context)
        answer = await _end(context, presented or context.cookie, scope)
        if isinstance(answer, Refused):
            return auth_problem(answer, context)
        if came_by_cookie and scope is not Scope.OTHERS:
            context.set_cookie = context.services.cookie.clearing_header()
        return LogoutPayload(revoked_sessions=answer)


async def _end(context: RequestContext, presented: str | None, scope: Scope) -> int | Refused:
    """End sessions by refresh token, else by the access token that the request was let through with."""
    sessions = context.services.sessions
    if presented is not None:
        token = await sessions.read(presented)
        return 0 if isinstance(token, Refused) else await sessions.logout(token, context.caller, scope=scope)
    viewer = context.viewer
    if viewer is None:
        raise TypeError("a logout without any token was let through")
    if viewer.ended or viewer.subject is None or viewer.session_id is None:
        return 0
    return await sessions.logout_of(viewer.subject, viewer.session_id, context.caller, scope=scope)


def _refused_early(context: RequestContext, *, cookie_concerned: bool) -> Refused | None:
    """Row 2: what is refused before the database is asked; neither token nor session is touched."""
    if cookie_concerned:
        if not context.marked:
            return Refused(
                code=RefusalCode.CSRF_FAILED,
                detail="Send the header `X-Token-Ledger: 1` with requests that use the cookie.",
            )
        if not context.services.origins.allows(context.origin):
            return Refused(
                code=RefusalCode.CSRF_FAILED,
                detail="The Origin header is missing, or not one of TOKEN_LEDGER_ALLOWED_ORIGINS.",
            )
    wait = context.services.address_limiter.take(context.caller.address)
    return None if wait is None else Refused(code=RefusalCode.RATE_LIMITED, retry_after=wait)


def _counted_unknown(refused: Refused, context: RequestContext) -> Refused:
    """Only whoever brings unknown tokens is limited by their number, not whoever shares the address."""
    if refused.code is not RefusalCode.TOKEN_UNKNOWN:
        return refused
    wait = context.services.unknown_limiter.take(context.caller.address)
    return refused if wait is None else Refused(code=RefusalCode.RATE_LIMITED, retry_after=wait)


def told(answer: Tokens | Refused, context: RequestContext, *, by_cookie: bool) -> TokenPair | AuthProblem:
    """What the ledger answered, as data; with `by_cookie` the refresh token leaves in the cookie."""
    if isinstance(answer, Refused):
        return auth_problem(answer, context)
    family = last_active(answer.stored.family)
    if by_cookie:
        context.set_cookie = context.services.cookie.header(
            answer.refresh_token, lifetime=family.idle_expires_at - answer.now
        )
    return TokenPair(
        access_token=answer.access_token,
        access_token_expires_at=answer.access_token_expires_at,
        refresh_token=None if by_cookie else answer.refresh_token,
        refresh_token_expires_at=family.idle_expires_at,
        session_expires_at=family.absolute_expires_at,
        outcome=RefreshOutcome(answer.outcome.value),
        tokens=answer,
    )


def _client_id(given: strawberry.ID | None) -> str | None:
    if given is None or given is strawberry.UNSET:
        return None
    return checked_text(given, name="clientId", longest=LONGEST_CLIENT_ID)
