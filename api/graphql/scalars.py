"""The scalars of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ledger.canonical import timestamp

CursorText = NewType("CursorText", str)
JsonValue = NewType("JsonValue", object)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("A Cursor is a text.")
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339, UTC, microseconds: 2026-11-23T18:00:00.000000Z.",
        serialize=timestamp,
    ),
    JsonValue: strawberry.scalar(
        name="JSON", description="Any JSON value without floats, at most 4 KB as an input."
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
