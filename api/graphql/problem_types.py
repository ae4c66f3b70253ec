"""Refusals of mutations other than those of tokens."""

from __future__ import annotations

from enum import Enum

import strawberry

from api.graphql.context import RequestContext
from api.graphql.description import described_enum, described_interface, described_type


@described_interface
class Problem:
    """What every refusal that is data has."""

    message: str = strawberry.field(description="For a developer, in English, not to be parsed.")
    request_id: strawberry.ID = strawberry.field(
        description="The same id stands in the log and, as correlation id, in events."
    )


@described_enum
class RequestProblemCode(Enum):
    """None is worth a retry of the same request."""

    NOT_FOUND = strawberry.enum_value(
        "not_found", description="Unknown, or not the caller's: the two are not told apart."
    )
    INVALID_ARGUMENT = strawberry.enum_value(
        "invalid_argument",
        description=(
            "The message names the argument and what it may be. An empty filter in `revokeSessions` is one."
        ),
    )
    TOO_MANY_MATCHES = strawberry.enum_value(
        "too_many_matches", description="More sessions match than `expectAtMost`."
    )
    LEGAL_HOLD = "legal_hold"


@described_type
class RequestProblem(Problem):
    """A refusal of any other mutation. HTTP status 200."""

    code: RequestProblemCode
    message: str
    request_id: strawberry.ID


class InvalidArgumentError(ValueError):
    """The message names the argument and says what it may be."""


def invalid(error: InvalidArgumentError, context: RequestContext) -> RequestProblem:
    """An argument that cannot be used, as data."""
    return problem(RequestProblemCode.INVALID_ARGUMENT, str(error), context)


def not_found(what: str, context: RequestContext) -> RequestProblem:
    """Unknown, or not the caller's."""
    return problem(
        RequestProblemCode.NOT_FOUND, f"There is no {what} of this id that you may change.", context
    )


def problem(code: RequestProblemCode, message: str, context: RequestContext) -> RequestProblem:
    """A refusal."""
    return RequestProblem(code=code, message=message, request_id=strawberry.ID(context.request_id))


def text_argument(value: str, *, name: str, longest: int) -> str:
    """A text that can be stored.

    Raises:
        InvalidArgumentError: it is empty, longer than `longest` characters, or holds a NUL.
    """
    if not 1 <= len(value) <= longest or "\x00" in value:
        raise InvalidArgumentError(f"`{name}` must be a text of 1 to {longest} characters without NUL.")
    return value
