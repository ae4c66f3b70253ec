"""What callers are told of an operation that is refused or fails, over HTTP as over a WebSocket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from graphql import GraphQLError

from api.document_limits import MAXIMUM_NODES
from api.graphql_params import RequestRefusedError

MASKED = "Something went wrong here; the request id finds it."

_log = structlog.get_logger("token_ledger.graphql")


def cause_of(error: GraphQLError) -> Exception:
    """What a resolver raised."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def variable_error(error: GraphQLError, request_id: str) -> dict[str, object]:
    """A variable does not fit its type. The library's text repeats its value, which may be a token."""
    name, _, _ = error.message.partition(" got invalid value ")
    known = name if name != error.message else "A variable"
    return {
        "message": f"{known} has a value that does not fit its type.",
        "extensions": {"code": "BAD_USER_INPUT", "requestId": request_id},
    }


def field_error(error: GraphQLError, cause: Exception, request_id: str) -> dict[str, object]:
    """A resolver raised. What is not meant for callers is logged and masked."""
    told: dict[str, object] = {"path": error.path}
    if isinstance(cause, GraphQLError) and (cause.extensions or {}).get("code") == "BAD_USER_INPUT":
        code, told["message"] = "BAD_USER_INPUT", cause.message
    else:
        _log.error("internal error", request_id=request_id, path=error.path, exc_info=cause)
        code, told["message"] = "INTERNAL_SERVER_ERROR", MASKED
    told["extensions"] = {"code": code, "requestId": request_id}
    return told


def refusal_errors(refused: RequestRefusedError, request_id: str) -> list[dict[str, object]]:
    """The errors of a request that is not executed."""
    entries: Sequence[Mapping[str, object]] = refused.errors or ({"message": refused.message},)
    return [{**one, "extensions": {"code": refused.code, "requestId": request_id}} for one in entries]


def forbidden(missing: frozenset[str]) -> RequestRefusedError:
    """The access token lacks scopes (RFC 6750 section 3.1)."""
    scope = " ".join(sorted(missing))
    return RequestRefusedError(
        403,
        "FORBIDDEN",
        f"The access token lacks the scope {scope}.",
        (("WWW-Authenticate", f'Bearer error="insufficient_scope", scope="{scope}"'),),
    )


def too_many_nodes() -> RequestRefusedError:
    """It could answer more than is answered."""
    return RequestRefusedError(
        422,
        "LIMIT_EXCEEDED",
        f"The query could answer more than {MAXIMUM_NODES} nodes: ask for smaller pages.",
    )
