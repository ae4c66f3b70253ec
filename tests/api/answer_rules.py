"""What holds of every answer of `/graphql`, whatever was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import graphql

from api.graphql.permissions import PUBLIC, SCOPES
from tests.api.generated_requests import GRAPHQL_RESPONSE, Request
from tests.api.http import Answer

CODES: Mapping[int, frozenset[str]] = {
    200: frozenset({"BAD_USER_INPUT"}),
    294: frozenset({"BAD_USER_INPUT"}),
    400: frozenset({"BAD_REQUEST", "GRAPHQL_PARSE_FAILED"}),
    401: frozenset({"UNAUTHENTICATED"}),
    403: frozenset({"FORBIDDEN"}),
    413: frozenset({"CONTENT_TOO_LARGE"}),
    422: frozenset({"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "LIMIT_EXCEEDED"}),
}
"""By status: what the errors of an answer may be called."""
TOKEN = re.compile(r"tlrt_[\w-]{92}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}")
"""A refresh token, or an access token or any other JWT."""
_TOKEN_FIELDS = {"accessToken", "refreshToken"}
_GIVE_TOKENS = {"login", "refresh", "issueSession"}


def complaints(
    request: Request, answer: Answer, *, secrets: Sequence[str], schema: graphql.GraphQLSchema
) -> list[str]:
    """What is wrong with an answer, in words that are the same for the same fault."""
    return [
        *_of_the_head(request, answer),
        *_of_the_body(request, answer, schema),
        *_of_tokens(answer, secrets),
    ]


def _of_the_head(request: Request, answer: Answer) -> Iterator[str]:
    if answer.status not in CODES:
        yield f"status {answer.status}"
    wanted = f"{request.accept}; charset=utf-8"
    if answer.header("content-type") != wanted:
        yield f"content type {answer.header('content-type')} where {wanted} was asked for"
    if answer.status == 294 and request.accept != GRAPHQL_RESPONSE:
        yield "status 294 for a caller who asked for application/json"
    if answer.header("x-request-id") is None:
        yield "no request id"
    field = request.operation.partition(".")[2]
    if answer.status == 401 and not (answer.header("www-authenticate") or "").startswith("Bearer "):
        yield "401 without a challenge"
    if answer.status == 403 and (field not in SCOPES or request.caller == "root"):
        yield "403 for a caller who has every scope, or for a field that needs none"
    if answer.status == 401 and field in PUBLIC - {"logout"}:
        yield "401 for a public field"
    if answer.status not in (400, 422, 413) and not request.valid:
        yield f"status {answer.status} for a document that does not fit the schema"


def _of_the_body(request: Request, answer: Answer, schema: graphql.GraphQLSchema) -> Iterator[str]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        yield "the body is not JSON"
        return
    if not isinstance(told, dict) or not told.keys() <= {"data", "errors"} or not told:
        yield "the body is not an object of `data` and `errors`"
        return
    data, errors = told.get("data"), told.get("errors")
    if "errors" not in told:
        if request.caller == "nobody" and request.operation.partition(".")[2] in SCOPES:
            yield "data for a caller without the scope"
        if answer.status != 200:
            yield f"data with status {answer.status}"
        if not isinstance(data, dict) or list(data) != [request.operation.partition(".")[2]]:
            yield "`data` does not hold the root field"
        elif not _fits(request, data, schema):
            yield "`data` is not what the document selects, or does not fit its types"
        return
    if data is not None:
        yield "data and errors in one answer"
    if (answer.status in (200, 294)) != ("data" in told):
        yield f"`data` {'present' if 'data' in told else 'absent'} with status {answer.status}"
    if not isinstance(errors, list) or not errors:
        yield "`errors` is not a list with entries"
        return
    for error in errors:
        yield from _of_error(error, answer)


def _fits(request: Request, data: Any, schema: graphql.GraphQLSchema) -> bool:
    """Whether the executor gives the same for the same document when it reads its values from the data."""
    result = graphql.execute(
        schema,
        graphql.parse(request.query, no_location=True),
        root_value=data,
        variable_values=dict(request.variables),
        field_resolver=lambda source, info, **_: source[info.path.key],
        type_resolver=lambda value, *_: value["__typename"],
    )
    assert isinstance(result, graphql.ExecutionResult)
    return not result.errors and result.data == data


def _of_error(error: Any, answer: Answer) -> Iterator[str]:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str) or not error["message"]:
        yield "an error without a message"
        return
    extensions = error.get("extensions") or {}
    if extensions.get("code") not in CODES.get(answer.status, ()):
        yield f"code {extensions.get('code')} with status {answer.status}"
    if extensions.get("requestId") != answer.header("x-request-id"):
        yield "an error without the request id of its answer"


def _of_tokens(answer: Answer, secrets: Sequence[str]) -> Iterator[str]:
    """Tokens stand in their fields and in the cookie, never in both, and never where an answer is kept."""
    text = answer.body.decode("utf-8", "replace")
    headers = [(name, value) for name, value in answer.headers if name != "set-cookie"]
    if any(TOKEN.search(value) for _, value in headers):
        yield "a token in a header"
    if any(secret in text or any(secret in value for _, value in answer.headers) for secret in secrets):
        yield "a secret"
    found = list(places_of_tokens(text))
    if any(
        path[:1] != ("data",) or path[1] not in _GIVE_TOKENS or path[-1] not in _TOKEN_FIELDS
        for path in found
    ):
        yield "a token outside of its field"
    by_cookie = any(TOKEN.search(value) for value in answer.cookies)
    if by_cookie and any(path[-1] == "refreshToken" for path in found):
        yield "a refresh token both in the cookie and in the body"
    if (found or by_cookie) and answer.header("cache-control") != "no-store":
        yield "a token in an answer that may be kept"


def places_of_tokens(text: str) -> Iterator[tuple[str, ...]]:
    """Where tokens stand in a body."""
    if not TOKEN.search(text):
        return
    try:
        waiting: list[tuple[tuple[str, ...], Any]] = [((), json.loads(text))]
    except ValueError:
        yield ()
        return
    while waiting:
        path, value = waiting.pop()
        match value:
            case dict():
                waiting += [((*path, key), one) for key, one in value.items()]
                if any(TOKEN.search(key) for key in value):
                    yield ()
            case list():
                waiting += [((*path, "*"), one) for one in value]
            case str() if TOKEN.search(value):
                yield path
