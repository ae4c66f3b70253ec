"""`POST /oauth/token`: tokens for programs that speak OAuth (RFC 6749 section 3.2).

The rules are those of GraphQL's `refresh` and `login`; a refresh token travels in the body here, and no
cookie is looked at or set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog

from api.assertions import AssertionRefusedError
from api.callers import caller_of
from api.client_address import Network
from api.client_authentication import ClientAuthenticator, is_basic
from api.form_body import parse_form
from api.graphql.context import Services
from api.graphql_params import RequestRefusedError
from api.oauth_error import OAuthError, invalid_client, invalid_request, of_refusal, try_again
from api.request_body import ClientGoneError, Receive, read_body
from api.request_deadline import RequestDeadline
from api.request_head import read_head
from api.unavailability import ANSWERED_WITHIN_SECONDS, RETRY_AFTER_SECONDS, TOO_LATE, UNAVAILABLE
from ledger.answers import RefusalCode, Refused
from ledger.batch import Assertion
from ledger.client_tokens import ClientTokens
from ledger.clients import Credentials
from ledger.events import Transport
from ledger.family import last_active
from ledger.policy import Policy
from ledger.sessions import Caller, Opening, Tokens
from projections.active_tokens.client_policy import client_policy

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DEFAULT_CLIENT = "web"

_log = structlog.get_logger("token_ledger.oauth")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """The client that sends a request: as it proved, or a public one as it says."""

    client_id: str
    credentials: Credentials
    proved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: Mapping[str, object]
    headers: tuple[tuple[str, str], ...] = ()


class OAuthTokenEndpoint:
    """The ASGI application of `/oauth/token`."""

    def __init__(
        self,
        *,
        services: Services,
        client_authenticator: ClientAuthenticator,
        client_tokens: ClientTokens,
        default_policy: Policy,
        trusted_proxies: tuple[Network, ...],
        new_id: Callable[[], UUID],
        gave_client_credentials: Callable[[], None],
    ) -> None:
        """`gave_client_credentials` is called for each token that a client got for itself."""
        self._gave_client_credentials = gave_client_credentials
        self._services = services
        self._client_authenticator = client_authenticator
        self._client_tokens = client_tokens
        self._default_policy = default_policy
        self._trusted_proxies = trusted_proxies
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never raises for what a caller can cause."""
        request_id = self._new_id()

        async def reply(answer: _Answer) -> None:
            await _send(send, answer, request_id)

        deadline = RequestDeadline(lambda: reply(_unavailable(TOO_LATE, request_id)))
        try:
            answer = _Answer(status=200, body=await self._tokens(scope, receive, request_id, deadline))
        except OAuthError as error:
            answer = _refusal(error)
        except RequestRefusedError as refused:
            answer = _refusal(OAuthError(refused.status, "invalid_request", refused.message, refused.headers))
        except UNAVAILABLE as error:
            answer = _unavailable(error, request_id)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001 - whatever it is, the caller is told no more than the request id
            _log.exception("internal error", request_id=str(request_id))
            answer = _Answer(status=500, body={"error": "server_error"})
        except asyncio.CancelledError:
            if not deadline.passed:
                raise
        finally:
            deadline.stop()
        if deadline.passed:
            await deadline.answered()
        else:
            await reply(answer)

    async def _tokens(
        self, scope: Scope, receive: Receive, request_id: UUID, deadline: RequestDeadline
    ) -> Mapping[str, object]:
        if scope["method"] != "POST":
            raise RequestRefusedError(405, "METHOD_NOT_ALLOWED", "Use POST.", (("allow", "POST"),))
        head = read_head(scope["headers"])
        form = parse_form(head.content_type, await read_body(head, receive))
        deadline.start(ANSWERED_WITHIN_SECONDS)
        caller = caller_of(scope, head, trusted_proxies=self._trusted_proxies, request_id=request_id)
        wait = self._services.address_limiter.take(caller.address)
        if wait is not None:
            raise self._refused(Refused(code=RefusalCode.RATE_LIMITED, retry_after=wait))
        client = await self._client(head.authorization, form)
        if client is not None and client.proved:
            caller = replace(caller, authenticated_client=client.client_id)
        match form.get("grant_type"):
            case "refresh_token":
                return await self._refresh_token(form, client, caller)
            case "client_credentials":
                return self._client_credentials(form, client)
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                return await self._jwt_bearer(form, client, caller)
            case other:
                raise _no_grant(other)

    async def _client(self, authorization: str | None, form: Mapping[str, str]) -> _Client | None:
        """Who asks; None: the request names no client (RFC 6749 section 3.2.1).

        Raises:
            OAuthError: it does not prove what it has to.
        """
        claimed = form.get("client_id")
        if "client_secret" in form or (authorization is not None and not is_basic(authorization)):
            raise invalid_client("Send id and secret of the client by HTTP Basic, and in no other way.")
        if authorization is not None:
            proved = await self._client_authenticator.authenticate(authorization)
            if proved is None:
                raise invalid_client("There is no client of this id with this secret.")
            client_id, credentials = proved
            if claimed is not None and claimed != client_id:
                raise invalid_request("client_id is not the client that has authenticated.")
            return _Client(client_id=client_id, credentials=credentials, proved=True)
        if claimed is None:
            return None
        found = await self._client_authenticator.find(claimed)
        if found is None:
            raise invalid_client("There is no client of this id.")
        if found.confidential:
            raise invalid_client("This client has to authenticate with HTTP Basic.")
        return _Client(client_id=claimed, credentials=found, proved=False)

    def _client_credentials(self, form: Mapping[str, str], client: _Client | None) -> Mapping[str, object]:
        """RFC 6749 section 4.4. Without `scope` all that the client may have (section 3.3)."""
        if client is None:
            raise invalid_client("This grant is for clients that authenticate with HTTP Basic.")
        if not client.proved:
            raise OAuthError(400, "unauthorized_client", "This grant is not for public clients.")
        scopes = _narrowed(form, frozenset(client.credentials.scopes))
        policy = client_policy(self._default_policy, client.credentials.policy)
        token = self._client_tokens.issue(client.client_id, scopes=scopes, lifetime=policy.access_lifetime)
        self._gave_client_credentials()
        return _told(token.access_token, token.issued_at, token.expires_at, scopes)

    async def _refresh_token(
        self, form: Mapping[str, str], client: _Client | None, caller: Caller
    ) -> Mapping[str, object]:
        """RFC 6749 section 6. A `scope` is not looked at: the session's own is granted and told."""
        presented = form.get("refresh_token")
        if presented is None:
            raise invalid_request("refresh_token is missing.")
        sessions = self._services.sessions
        token = await sessions.read(presented)
        if isinstance(token, Refused):
            raise self._counted_unknown(token, caller)
        answer = await sessions.refresh(
            token, caller, by_cookie=False, client_id=None if client is None else client.client_id
        )
        if isinstance(answer, Tokens):
            return _told_of_session(answer)
        if answer.code is RefusalCode.CLIENT_MISMATCH and client is None:
            self._services.refused(answer.code)
            raise invalid_client("The client of this refresh token has to authenticate with HTTP Basic.")
        raise self._counted_unknown(answer, caller)

    async def _jwt_bearer(
        self, form: Mapping[str, str], client: _Client | None, caller: Caller
    ) -> Mapping[str, object]:
        """RFC 7523 section 2.1: opens a session, as `login` does."""
        assertion = form.get("assertion")
        if assertion is None:
            raise invalid_request("assertion is missing.")
        try:
            verified = await self._services.verifier.verify(assertion)
        except AssertionRefusedError as error:
            self._services.refused(RefusalCode.ASSERTION_INVALID)
            raise OAuthError(400, "invalid_grant", str(error)) from None
        answer = await self._services.sessions.open(
            Opening(
                subject=verified.subject,
                client_id=DEFAULT_CLIENT if client is None else client.client_id,
                transport=Transport.BODY,
                scope=tuple(sorted(_narrowed(form, verified.scopes))),
                claims=verified.claims,
                assertion=Assertion(
                    issuer=verified.issuer, jwt_id=verified.jwt_id, expires_at=verified.expires_at
                ),
            ),
            caller,
        )
        if isinstance(answer, Tokens):
            return _told_of_session(answer)
        if answer.code is RefusalCode.CLIENT_MISMATCH:
            self._services.refused(answer.code)
            raise invalid_client(answer.detail or "The client has to authenticate.")
        raise self._refused(answer)

    def _refused(self, refused: Refused) -> OAuthError:
        self._services.refused(refused.code)
        return of_refusal(refused, hide_reuse=self._services.hide_reuse)

    def _counted_unknown(self, refused: Refused, caller: Caller) -> OAuthError:
        """As `_refused`; only whoever brings unknown tokens is limited by their number."""
        if refused.code is RefusalCode.TOKEN_UNKNOWN:
            wait = self._services.unknown_limiter.take(caller.address)
            if wait is not None:
                refused = Refused(code=RefusalCode.RATE_LIMITED, retry_after=wait)
        return self._refused(refused)


def _no_grant(grant_type: str | None) -> OAuthError:
    if grant_type is None:
        return invalid_request("grant_type is missing.")
    return OAuthError(
        400,
        "unsupported_grant_type",
        "grant_type may be refresh_token, client_credentials or urn:ietf:params:oauth:grant-type:jwt-bearer.",
    )


def _narrowed(form: Mapping[str, str], allowed: frozenset[str]) -> frozenset[str]:
    """The scopes that are asked for, all that are allowed where none are.

    Raises:
        OAuthError: one is asked for that is not allowed; it is not repeated.
    """
    asked = frozenset(form.get("scope", "").split(" ")) - {""}
    if not asked <= allowed:
        raise OAuthError(400, "invalid_scope", "A scope is asked for that may not be granted here.")
    return asked or allowed


def _told_of_session(tokens: Tokens) -> Mapping[str, object]:
    scopes = last_active(tokens.stored.family).scope
    told = _told(tokens.access_token, tokens.now, tokens.access_token_expires_at, scopes)
    return {**told, "refresh_token": tokens.refresh_token}


def _told(
    access_token: str, now: datetime, expires_at: datetime, scopes: frozenset[str] | tuple[str, ...]
) -> dict[str, object]:
    """RFC 6749 section 5.1; without a scope where there is none."""
    told: dict[str, object] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": max(0, (expires_at - now) // timedelta(seconds=1)),
    }
    if scopes:
        told["scope"] = " ".join(sorted(scopes))
    return told


def _refusal(error: OAuthError) -> _Answer:
    body = {"error": error.error, "error_description": error.description}
    return _Answer(status=error.status, body=body, headers=error.headers)


def _unavailable(error: Exception, request_id: UUID) -> _Answer:
    _log.warning("temporarily unavailable", request_id=str(request_id), reason=str(error).partition("\n")[0])
    message = "The service cannot answer now. Try the same request again in a moment."
    return _refusal(try_again(503, timedelta(seconds=RETRY_AFTER_SECONDS), message))


async def _send(send: Send, answer: _Answer, request_id: UUID) -> None:
    body = orjson.dumps(answer.body)
    headers = (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", str(request_id)),
        *answer.headers,
    )
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": body})
