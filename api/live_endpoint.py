"""GraphQL over a WebSocket (`graphql-transport-ws`): subscriptions, and queries.

What may be asked is decided as over HTTP, before anything is executed. A result is made when
the one before has been taken by the connection, so that a slow reader costs no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

import structlog
from graphql import ExecutionResult, GraphQLSchema, OperationType, execute, subscribe

from api.authentication import Authenticator, UnauthenticatedError
from api.callers import caller_of
from api.client_address import Network
from api.document_limits import MAXIMUM_NODES, PageSizeError
from api.graphql.context import RequestContext, Services, Viewer
from api.graphql.permissions import audited, missing_scopes
from api.graphql.viewer import record_read
from api.graphql_params import GraphQLParams, RequestRefusedError
from api.live_connections import LiveConnections
from api.live_protocol import (
    SUBPROTOCOL,
    CloseCode,
    Complete,
    Init,
    LiveClosedError,
    Ping,
    Pong,
    Subscribe,
    acknowledged,
    completed,
    failed,
    next_result,
    pong,
    read_message,
)
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
from api.request_head import RequestHead, read_head
from api.unavailability import ANSWERED_WITHIN_SECONDS, UNAVAILABLE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CLOSED_WITHIN_SECONDS = 5.0
_UNAVAILABLE = RequestRefusedError(
    503,
    "TEMPORARILY_UNAVAILABLE",
    "The service cannot answer now. Try the same request again in a moment.",
)

_log = structlog.get_logger("token_ledger.graphql")


class LiveEndpoint:
    """The ASGI application of WebSockets at `/graphql`."""

    def __init__(
        self,
        *,
        schema: GraphQLSchema,
        operations: Operations,
        services: Services,
        authenticator: Authenticator,
        connections: LiveConnections,
        trusted_proxies: tuple[Network, ...],
        new_id: Callable[[], UUID],
        suggestions: bool,
    ) -> None:
        self.schema = schema
        self.operations = operations
        self.services = services
        self.authenticator = authenticator
        self.connections = connections
        self.trusted_proxies = trusted_proxies
        self.new_id = new_id
        self.suggestions = suggestions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it is closed."""
        head = read_head(scope["headers"])
        await receive()  # websocket.connect
        if head.origin is not None and not self.services.origins.allows(head.origin):
            await send({"type": "websocket.close"})  # answered 403: a page of a stranger
            return
        if SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await _close(send, CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"The subprotocol is {SUBPROTOCOL}.")
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        await _Connection(self, scope, head, receive, send).serve()


class _Connection:
    """See `api.live_connections.LiveConnection`."""

    def __init__(
        self, endpoint: LiveEndpoint, scope: Scope, head: RequestHead, receive: Receive, send: Send
    ) -> None:
        self._endpoint = endpoint
        self._scope = scope
        self._head = head
        self._receive = receive
        self._send = send
        self._viewer: Viewer | None = None
        self._token = ""
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._closing: asyncio.Future[LiveClosedError] = asyncio.get_running_loop().create_future()

    @property
    def viewer(self) -> Viewer | None:
        return self._viewer

    def is_token_good(self) -> bool:
        return self._endpoint.authenticator.is_good(self._token)

    def end(self, code: CloseCode, reason: str) -> None:
        if not self._closing.done():
            self._closing.set_result(LiveClosedError(code, reason))

    async def serve(self) -> None:
        """Until the client has gone, or is closed."""
        connections = self._endpoint.connections
        timer = asyncio.get_running_loop().call_later(
            connections.limits.initialised_within_seconds, self._end_uninitialised
        )
        reading: asyncio.Task[LiveClosedError | None] | None = None
        closed: LiveClosedError | None = None
        try:
            connections.add(self)
            reading = asyncio.create_task(self._read())
            waited: set[asyncio.Future[Any]] = {reading, self._closing}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            closed = self._closing.result() if self._closing.done() else reading.result()
        except LiveClosedError as error:
            closed = error
        finally:
            timer.cancel()
            connections.remove(self)
            tasks = [*self._operations.values(), *(() if reading is None else (reading,))]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if closed is not None:
            await _close(self._send, closed.code, closed.reason)

    def _end_uninitialised(self) -> None:
        if self._viewer is None:
            self.end(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout.")

    async def _read(self) -> LiveClosedError | None:
        """Take messages one after the other; gives why to close, None: the client has gone."""
        try:
            while True:
                message = await self._receive()
                if message["type"] == "websocket.disconnect":
                    return None
                await self._take(message.get("text"))
        except LiveClosedError as error:
            return error
        except OSError:  # what a server raises for a client that has gone
            return None
        except Exception:  # noqa: BLE001 - whatever it is, the caller is told no more
            _log.exception("internal error")
            return LiveClosedError(CloseCode.INTERNAL_ERROR, "Something went wrong here.")

    async def _take(self, text: str | None) -> None:
        match read_message(text):
            case Init(access_token=token):
                await self._initialise(token)
            case Ping(payload=payload):
                await self._tell(pong(payload))
            case Pong():
                pass
            case Subscribe() as wanted:
                self._start(wanted)
            case Complete(id=operation):
                task = self._operations.pop(operation, None)
                if task is not None:
                    task.cancel()

    async def _initialise(self, token: str | None) -> None:
        if self._viewer is not None:
            raise LiveClosedError(CloseCode.TOO_MANY, "Too many initialisation requests.")
        if not token:
            raise LiveClosedError(CloseCode.UNAUTHORIZED, "Send `accessToken` with connection_init.")
        try:
            viewer = await self._endpoint.authenticator.viewer_of_token(token)
        except UnauthenticatedError as error:
            code = CloseCode.EXPIRED if error.expired else CloseCode.UNAUTHORIZED
            raise LiveClosedError(code, str(error)) from None
        except UNAVAILABLE:
            raise LiveClosedError(CloseCode.UNAVAILABLE, "The service cannot answer now.") from None
        self._endpoint.connections.admit(viewer)
        self._viewer, self._token = viewer, token
        await self._tell(acknowledged())

    def _start(self, wanted: Subscribe) -> None:
        if self._viewer is None:
            raise LiveClosedError(CloseCode.UNAUTHORIZED, "Send connection_init first.")
        if wanted.id in self._operations:
            raise LiveClosedError(CloseCode.SUBSCRIBER_EXISTS, "This id is in use.")
        if len(self._operations) >= self._endpoint.connections.limits.operations_of_a_connection:
            raise LiveClosedError(CloseCode.TOO_MANY, "Too many operations.")
        self._operations[wanted.id] = asyncio.create_task(self._run(wanted, self._viewer))

    async def _run(self, wanted: Subscribe, viewer: Viewer) -> None:
        """One operation to its end, which the client is told unless it ended it itself."""
        endpoint, request_id = self._endpoint, self._endpoint.new_id()
        last = None
        try:
            context = RequestContext(
                services=endpoint.services,
                caller=caller_of(
                    self._scope,
                    self._head,
                    trusted_proxies=endpoint.trusted_proxies,
                    request_id=request_id,
                ),
                origin=self._head.origin,
                marked=False,
                cookie=None,
                viewer=viewer,
            )
            async with aclosing(_results(endpoint, context, wanted.params)) as results:
                async for result in results:
                    await self._tell(next_result(wanted.id, result))
            last = completed(wanted.id)
        except RequestRefusedError as refused:
            last = failed(wanted.id, refusal_errors(refused, str(request_id)))
        except (*UNAVAILABLE, TimeoutError) as error:
            _log.warning("temporarily unavailable", request_id=str(request_id), reason=str(error))
            last = failed(wanted.id, refusal_errors(_UNAVAILABLE, str(request_id)))
        except OSError:  # what a server raises for a client that has gone
            return
        except Exception:  # noqa: BLE001 - whatever it is, the caller is told no more than the request id
            _log.exception("internal error", request_id=str(request_id))
            masked = RequestRefusedError(500, "INTERNAL_SERVER_ERROR", MASKED)
            last = failed(wanted.id, refusal_errors(masked, str(request_id)))
        # First the id is free: the client may use it again as soon as it is told.
        if self._operations.get(wanted.id) is asyncio.current_task():
            del self._operations[wanted.id]
        with suppress(OSError):
            await self._tell(last)

    async def _tell(self, text: str) -> None:
        """Waits as long as the client does not read."""
        await self._send({"type": "websocket.send", "text": text})


async def _results(
    endpoint: LiveEndpoint, context: RequestContext, params: GraphQLParams | RequestRefusedError
) -> AsyncGenerator[Mapping[str, object], None]:
    """The results of an operation.

    Raises:
        RequestRefusedError: it is not executed.
        psycopg.OperationalError, TimeoutError: the database does not answer.
    """
    if isinstance(params, RequestRefusedError):
        raise params
    prepared = endpoint.operations.prepare(params.query, params.operation_name)
    kind, names = prepared.operation.operation, [field.name for field in prepared.root_fields]
    if kind is OperationType.MUTATION:
        raise RequestRefusedError(400, "BAD_REQUEST", "Mutations are taken over HTTP alone.")
    missing = missing_scopes(names, context.viewer.scopes if context.viewer is not None else frozenset())
    if missing:
        raise forbidden(missing)
    try:
        if prepared.nodes(params.variables) > MAXIMUM_NODES:
            raise too_many_nodes()
    except PageSizeError as error:
        raise RequestRefusedError(400, "BAD_USER_INPUT", str(error)) from None
    if kind is OperationType.QUERY:
        async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
            if read := audited(names):
                await record_read(context, read)
            result = await _executed(endpoint, context, prepared, params)
        yield _told(result, context)
        return
    if read := audited(names):
        await record_read(context, [f"subscription {name}" for name in read])
    stream = subscribe(
        endpoint.schema,
        prepared.document,
        context_value=context,
        variable_values=dict(params.variables),
        operation_name=params.operation_name,
        hide_suggestions=not endpoint.suggestions,
    )
    if not isinstance(stream, (AsyncIterator, ExecutionResult)):
        stream = await stream
    if isinstance(stream, ExecutionResult):
        raise RequestRefusedError(400, "BAD_USER_INPUT", "", errors=_errors(stream, context))
    try:
        async for result in stream:
            yield _told(result, context)
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


async def _executed(
    endpoint: LiveEndpoint, context: RequestContext, prepared: PreparedOperation, params: GraphQLParams
) -> ExecutionResult:
    result = execute(
        endpoint.schema,
        prepared.document,
        context_value=context,
        variable_values=dict(params.variables),
        operation_name=params.operation_name,
        hide_suggestions=not endpoint.suggestions,
    )
    return result if isinstance(result, ExecutionResult) else await result


def _told(result: ExecutionResult, context: RequestContext) -> Mapping[str, object]:
    if not result.errors:
        return {"data": result.data}
    return {"data": None, "errors": _errors(result, context)}


def _errors(result: ExecutionResult, context: RequestContext) -> list[dict[str, object]]:
    """Of an operation that began, or whose variables or arguments do not fit.

    Raises:
        psycopg.OperationalError: the database does not answer.
    """
    told = []
    for error in result.errors or ():
        cause = cause_of(error)
        if isinstance(cause, UNAVAILABLE):
            raise cause
        if error.path is None:
            told.append(variable_error(error, context.request_id))
        else:
            told.append(field_error(error, cause, context.request_id))
    return told


async def _close(send: Send, code: CloseCode, reason: str) -> None:
    """A client that does not read is not waited for."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSED_WITHIN_SECONDS):
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
