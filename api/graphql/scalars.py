"""The scalars of the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ledger.canonical import MAXIMUM_INTEGER, timestamp

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

CursorText = NewType("CursorText", str)
JsonValue = NewType("JsonValue", object)
SafeInt = NewType("SafeInt", int)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("A Cursor is a text.")
    return value


def _safe_integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAXIMUM_INTEGER:
        raise GraphQLError("A SafeInt is an integer from 0 to 2^53 - 1.")
    return value


def _moment(value: object) -> datetime:
    """RFC 3339 with its zone, which microseconds can tell."""
    moment = None
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    if moment is None:
        raise GraphQLError("A DateTime is a text such as 2026-11-23T18:00:00Z.")
    return moment


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339, UTC, microseconds: 2026-11-23T18:00:00.000000Z.",
        serialize=timestamp,
        parse_value=_moment,
    ),
    JsonValue: strawberry.scalar(
        name="JSON", description="Any JSON value without floats, at most 4 KB as an input."
    ),
    SafeInt: strawberry.scalar(
        name="SafeInt",
        description=(
            "An integer from 0 to 2^53 - 1, a JSON number. Log positions and counters outgrow the 32 bits of "
            "Int."
        ),
        serialize=_safe_integer,
        parse_value=_safe_integer,
    ),
    CursorText: strawberry.scalar(
        name="Cursor",
        description=(
            "Opaque. Valid for the same filter and order only; a changed or foreign one is refused with "
            "BAD_USER_INPUT."
        ),
        parse_value=_text,
    ),
}
