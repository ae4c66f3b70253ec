"""GraphQL over HTTP: one request from its headers to its answer.

Whether a request may run is decided from its root fields before anything is executed, so that an answer
401, 403 or 503 never holds data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
import structlog
from graphql import ExecutionResult, GraphQLSchema, OperationType, execute
from graphql.execution.values import get_argument_values, get_variable_values

from api.authentication import Authenticator, UnauthenticatedError
from api.callers import caller_of
from api.client_address import Network
from api.client_authentication import ClientAuthenticator, is_basic
from api.document_limits import MAXIMUM_NODES, PageSizeError
from api.graphiql_page import PAGE_HEADERS
from api.graphql.context import RequestContext, Services
from api.graphql.permissions import audited, missing_scopes, needs_access_token
from api.graphql.viewer import record_read
from api.graphql_params import (
    GraphQLParams,
    RequestRefusedError,
    params_of_body,
    params_of_query_string,
)
from api.live_protocol import SUBPROTOCOL
from api.media_type import MediaType, answer_media_type
from api.metrics.request_watch import ENDPOINT
from api.operation_errors import (
    MASKED,
    cause_of,
    field_error,
    forbidden,
    refusal_errors,
    too_many_nodes,
    variable_error,
)
from api.prepared_operation import Operations, PreparedOperation
from api.request_body import ClientGoneError, Message, Receive, read_body
from api.request_deadline import RequestDeadline
from api.request_head import RequestHead, read_head
from api.unavailability import ANSWERED_WITHIN_SECONDS, RETRY_AFTER_SECONDS, TOO_LATE, UNAVAILABLE
from ledger.sessions import NOT_PROVED, Caller

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_TOKEN_MUTATIONS = frozenset({"login", "refresh", "logout"})
_ENDPOINTS = {name: f"graphql_{name}" for name in _TOKEN_MUTATIONS}
_PARTIAL = 294
"""Status of an answer with errors, GraphQL over HTTP section 6.4.2."""

_log = structlog.get_logger("token_ledger.graphql")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class GraphQLEndpoint:
    """The ASGI application of `/graphql`."""

    def __init__(
        self,
        *,
        schema: GraphQLSchema,
        operations: Operations,
        services: Services,
        authenticator: Authenticator,
        client_authenticator: ClientAuthenticator,
        trusted_proxies: tuple[Network, ...],
        new_id: Callable[[], UUID],
        suggestions: bool,
        page: bytes | None,
    ) -> None:
        """`page` is shown to a browser that opens the address; None: nothing is."""
        self._schema = schema
        self._operations = operations
        self._services = services
        self._authenticator = authenticator
        self._client_authenticator = client_authenticator
        self._trusted_proxies = trusted_proxies
        self._new_id = new_id
        self._suggestions = suggestions
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never raises for what a caller can cause."""
        request_id = self._new_id()
        head = read_head(scope["headers"])
        if self._page is not None and _wants_page(scope, head):
            await _send(send, _Answer(200, self._page, PAGE_HEADERS), b"text/html; charset=utf-8", ())
            return
        media_type = answer_media_type(head.accept)

        async def reply(answer: _Answer) -> None:
            content_type = (media_type or MediaType.GRAPHQL_RESPONSE).value.encode() + b"; charset=utf-8"
            await _send(send, answer, content_type, self._common_headers(head, request_id))

        deadline = RequestDeadline(lambda: reply(_unavailable(TOO_LATE, request_id)))
        try:
            answer = await self._answer(scope, receive, head, media_type, request_id, deadline)
        except RequestRefusedError as refused:
            answer = _refusal(refused, request_id)
        except UnauthenticatedError as error:
            answer = _errors(401, "UNAUTHENTICATED", str(error), request_id, _CHALLENGE)
        except UNAVAILABLE as error:
            answer = _unavailable(error, request_id)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001 - whatever it is, the caller is told no more than the request id
            _log.exception("internal error", request_id=str(request_id))
            answer = _internal(media_type, request_id)
        except asyncio.CancelledError:
            if not deadline.passed:
                raise
        finally:
            deadline.stop()
        if deadline.passed:
            await deadline.answered()
        else:
            await reply(answer)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        head: RequestHead,
        media_type: MediaType | None,
        request_id: UUID,
        deadline: RequestDeadline,
    ) -> _Answer:
        method = scope["method"]
        if method == "OPTIONS":
            return _Answer(204, b"", self._preflight(head))
        if method not in ("GET", "POST"):
            raise _not_allowed("Use POST; queries also by GET.", "GET, POST, OPTIONS")
        if media_type is None:
            raise RequestRefusedError(
                406, "NOT_ACCEPTABLE", "Accept application/graphql-response+json or application/json."
            )
        if method == "POST":
            params = params_of_body(head.content_type, await read_body(head, receive))
        else:
            params = params_of_query_string(scope["query_string"])
        deadline.start(ANSWERED_WITHIN_SECONDS)
        prepared = self._operations.prepare(params.query, params.operation_name)
        scope[ENDPOINT] = _endpoint_of(prepared)
        if prepared.operation.operation is OperationType.SUBSCRIPTION:
            raise RequestRefusedError(
                400, "BAD_REQUEST", f"A subscription needs a WebSocket with the subprotocol {SUBPROTOCOL}."
            )
        if method == "GET" and prepared.operation.operation is not OperationType.QUERY:
            raise _not_allowed("A mutation needs POST.", "POST")
        impossible_page = None
        try:
            nodes = prepared.nodes(params.variables)
        except PageSizeError as error:
            impossible_page, nodes = error, 0
        if nodes > MAXIMUM_NODES:
            raise too_many_nodes()
        context = self._context(scope, head, request_id)
        await self._authorize(context, prepared, params, head)
        if impossible_page is not None:  # told with `data: null`, so to nobody who may not ask
            return _bad_user_input(impossible_page, media_type, request_id)
        if read := audited(field.name for field in prepared.root_fields):
            await record_read(context, read)
        if prepared.direct is not None:
            return _of_result(await prepared.direct(context, params.variables), context, media_type)
        result = execute(
            self._schema,
            prepared.document,
            context_value=context,
            variable_values=dict(params.variables),
            operation_name=params.operation_name,
            hide_suggestions=not self._suggestions,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        return _of_result(result, context, media_type)

    def _context(self, scope: Scope, head: RequestHead, request_id: UUID) -> RequestContext:
        return RequestContext(
            services=self._services,
            caller=caller_of(scope, head, trusted_proxies=self._trusted_proxies, request_id=request_id),
            origin=head.origin,
            marked=head.marker == "1",
            cookie=self._services.cookie.read(head.cookies) if head.cookies else None,
        )

    async def _authorize(
        self,
        context: RequestContext,
        prepared: PreparedOperation,
        params: GraphQLParams,
        head: RequestHead,
    ) -> None:
        """Find out who asks, where a root field needs to know, and whether they may."""
        names = [field.name for field in prepared.root_fields]
        if needs_access_token(names):
            context.viewer = await self._authenticator.viewer(head.authorization)
            missing = missing_scopes(names, context.viewer.scopes)
            if missing:
                raise forbidden(missing)
            return
        if is_basic(head.authorization) and not _TOKEN_MUTATIONS.isdisjoint(names):
            context.caller = await self._proved(context.caller, head.authorization or "")
        if context.cookie is None and self._is_bare_logout(prepared, params):
            context.viewer = await self._authenticator.viewer(head.authorization, also_ended=True)

    async def _proved(self, caller: Caller, authorization: str) -> Caller:
        """The caller as the client that it proves to be; who fails goes on as `NOT_PROVED`, to be refused.

        An address over its limit is refused in a moment: nothing is looked up for it.
        """
        if self._services.address_limiter.peek(caller.address) is not None:
            return caller
        client = await self._client_authenticator.authenticate(authorization)
        return replace(caller, authenticated_client=NOT_PROVED if client is None else client[0])

    def _is_bare_logout(self, prepared: PreparedOperation, params: GraphQLParams) -> bool:
        """Whether it is a logout whose input has no refresh token."""
        for field in prepared.root_fields:
            if field.name == "logout" and self._schema.mutation_type is not None:
                variables = get_variable_values(
                    self._schema, prepared.operation.variable_definitions or (), dict(params.variables)
                )
                if isinstance(variables, list):
                    return False  # they do not fit their types: nothing will be executed
                given = get_argument_values(
                    self._schema.mutation_type.fields["logout"], field.node, variables
                )
                return not (given.get("input") or {}).get("refreshToken")
        return False

    def _common_headers(self, head: RequestHead, request_id: UUID) -> tuple[tuple[bytes, bytes], ...]:
        common = (
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", str(request_id).encode()),
            (b"vary", b"Origin, Accept"),
        )
        if head.origin is None or not self._services.origins.allows(head.origin):
            return common
        return (
            *common,
            (b"access-control-allow-origin", head.origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"Retry-After, X-Request-Id"),
        )

    def _preflight(self, head: RequestHead) -> tuple[tuple[bytes, bytes], ...]:
        if not self._services.origins.allows(head.origin):
            return ((b"allow", b"GET, POST, OPTIONS"),)
        return (
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"Authorization, Content-Type, X-Token-Ledger"),
            (b"access-control-max-age", b"600"),
        )


_CHALLENGE = ((b"www-authenticate", b'Bearer error="invalid_token"'),)
_RETRY = ((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),)


def _wants_page(scope: Scope, head: RequestHead) -> bool:
    return scope["method"] == "GET" and not scope["query_string"] and "text/html" in (head.accept or "")


def _endpoint_of(prepared: PreparedOperation) -> str:
    """What the time of the request is told among: `graphql_refresh` for one that only refreshes."""
    fields = prepared.root_fields
    return _ENDPOINTS.get(fields[0].name, "graphql") if len(fields) == 1 else "graphql"


def _not_allowed(message: str, allow: str) -> RequestRefusedError:
    return RequestRefusedError(405, "METHOD_NOT_ALLOWED", message, (("Allow", allow),))


def _of_result(result: ExecutionResult, context: RequestContext, media_type: MediaType) -> _Answer:
    if not result.errors:
        cookie = context.set_cookie
        headers = () if cookie is None else ((b"set-cookie", cookie.encode()),)
        return _Answer(200, orjson.dumps({"data": result.data}), headers)
    causes = [cause_of(error) for error in result.errors]
    for cause in causes:
        if isinstance(cause, UNAVAILABLE):
            return _unavailable(cause, context.caller.request_id)
    request_errors = [error for error in result.errors if error.path is None]
    if request_errors:
        entries = [variable_error(error, context.request_id) for error in request_errors[:5]]
        return _Answer(422, orjson.dumps({"errors": entries}))
    entries = [
        field_error(error, cause, context.request_id)
        for error, cause in zip(result.errors, causes, strict=True)
    ]
    status = _PARTIAL if media_type is MediaType.GRAPHQL_RESPONSE else 200
    return _Answer(status, orjson.dumps({"data": None, "errors": entries}))


def _refusal(refused: RequestRefusedError, request_id: UUID) -> _Answer:
    headers = tuple((name.lower().encode(), value.encode()) for name, value in refused.headers)
    return _Answer(
        refused.status, orjson.dumps({"errors": refusal_errors(refused, str(request_id))}), headers
    )


def _errors(
    status: int, code: str, message: str, request_id: UUID, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> _Answer:
    error = {"message": message, "extensions": {"code": code, "requestId": str(request_id)}}
    return _Answer(status, orjson.dumps({"errors": [error]}), headers)


def _unavailable(error: Exception, request_id: UUID) -> _Answer:
    _log.warning("temporarily unavailable", request_id=str(request_id), reason=str(error).partition("\n")[0])
    message = "The service cannot answer now. Try the same request again in a moment."
    return _errors(503, "TEMPORARILY_UNAVAILABLE", message, request_id, _RETRY)


def _internal(media_type: MediaType | None, request_id: UUID) -> _Answer:
    return _without_data("INTERNAL_SERVER_ERROR", MASKED, media_type, request_id)


def _bad_user_input(error: PageSizeError, media_type: MediaType, request_id: UUID) -> _Answer:
    return _without_data("BAD_USER_INPUT", str(error), media_type, request_id)


def _without_data(code: str, message: str, media_type: MediaType | None, request_id: UUID) -> _Answer:
    error = {"message": message, "extensions": {"code": code, "requestId": str(request_id)}}
    status = 200 if media_type is MediaType.JSON else _PARTIAL
    return _Answer(status, orjson.dumps({"data": None, "errors": [error]}))


async def _send(
    send: Send, answer: _Answer, content_type: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    head: list[tuple[bytes, bytes]] = [*headers, *answer.headers]
    if answer.status != 204:
        head.append((b"content-type", content_type))
        head.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    await send({"type": "http.response.body", "body": answer.body})
