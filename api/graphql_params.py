"""The parameters of a GraphQL request, from the body of a POST or the query string of a GET."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from api.strict_json import StrictJsonError, parse_json

MAXIMUM_BODY = 64 * 1024
_LONGEST_OPERATION_NAME = 255


class RequestRefusedError(Exception):
    """The request is not executed; what the caller is told of it. Nothing of a document's values is in it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: tuple[tuple[str, str], ...] = (),
        errors: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """`errors` are entries with message and locations, in place of the one message."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.errors = errors


@dataclass(frozen=True, slots=True)
class GraphQLParams:
    """What is to be executed."""

    query: str
    variables: Mapping[str, object]
    operation_name: str | None


def params_of_body(content_type: str | None, body: bytes) -> GraphQLParams:
    """The parameters of a POST.

    Raises:
        RequestRefusedError: 415 for another media type than JSON in UTF-8, 400 for anything else.
    """
    if content_type != "application/json":
        _require_json(content_type)
    try:
        message = parse_json(body)
    except StrictJsonError as error:
        raise _bad(f"The body {error}.") from None
    if not isinstance(message, dict):
        raise _bad("The body must be one JSON object: arrays of operations are not taken.")
    return params_of_object(message)


def params_of_object(message: Mapping[str, object]) -> GraphQLParams:
    """The parameters in a JSON object.

    Raises:
        RequestRefusedError: 400.
    """
    extensions = message.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise _bad("`extensions` must be an object or null.")
    return _params(message.get("query"), message.get("variables"), message.get("operationName"))


def params_of_query_string(query_string: bytes) -> GraphQLParams:
    """The parameters of a GET.

    Raises:
        RequestRefusedError: 400.
    """
    if len(query_string) > MAXIMUM_BODY:
        raise RequestRefusedError(414, "URI_TOO_LONG", "The query string is too long: use POST.")
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20
        )
    except ValueError:
        raise _bad("The query string must be percent-encoded UTF-8.") from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise _bad("Each parameter of the query string may stand once.")
    if any("\x00" in value for value in given.values()):
        raise _bad("The query string must not hold a NUL.")
    variables: object = None
    if given.get("variables"):
        try:
            variables = parse_json(given["variables"].encode())
        except StrictJsonError as error:
            raise _bad(f"`variables` {error}.") from None
    return _params(given.get("query"), variables, given.get("operationName") or None)


def _params(query: object, variables: object, operation_name: object) -> GraphQLParams:
    if not isinstance(query, str) or not query:
        raise _bad("`query` must be a text: the document.")
    if variables is None:
        variables = {}
    if not isinstance(variables, dict):
        raise _bad("`variables` must be an object or null.")
    if operation_name is not None and (
        not isinstance(operation_name, str) or len(operation_name) > _LONGEST_OPERATION_NAME
    ):
        raise _bad("`operationName` must be a name or null.")
    return GraphQLParams(query, variables, operation_name)


def _require_json(content_type: str | None) -> None:
    kind, _, parameters = (content_type or "").partition(";")
    charset = [
        value.strip(' "').lower()
        for name, _, value in (one.partition("=") for one in parameters.split(";"))
        if name.strip().lower() == "charset"
    ]
    if kind.strip().lower() != "application/json" or any(one not in ("utf-8", "utf8") for one in charset):
        raise RequestRefusedError(
            415, "UNSUPPORTED_MEDIA_TYPE", "Send `Content-Type: application/json`, in UTF-8."
        )


def _bad(message: str) -> RequestRefusedError:
    return RequestRefusedError(400, "BAD_REQUEST", message)
