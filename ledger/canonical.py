"""The one spelling of what is hashed: RFC 8785 restricted to values that every language writes alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]

MAXIMUM_INTEGER = 2**53 - 1


def canonical_json(value: Json) -> bytes:
    """UTF-8, sorted keys, no white space.

    For strings without lone surrogates, integers within 2^53 - 1, booleans, null, arrays, and objects with
    ASCII keys this is RFC 8785; `require_canonical` checks that a value from outside is no more than that.

    Raises:
        TypeError: a string that is no Unicode text, or an integer beyond 64 bits.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def require_canonical(value: object, *, depth: int = 16) -> None:
    """Check that a value from outside has one spelling only.

    Raises:
        ValueError: it holds a float, an integer beyond 2^53 - 1, a key that is not ASCII, text that
            PostgreSQL cannot hold, or is nested more than `depth` levels deep.
    """
    if depth < 0:
        raise ValueError("is nested too deep")
    match value:
        case None | bool():
            return
        case int():
            if abs(value) > MAXIMUM_INTEGER:
                raise ValueError("holds an integer beyond 2^53 - 1")
        case str():
            if "\x00" in value or any("\ud800" <= one <= "\udfff" for one in value):
                raise ValueError("holds a NUL or a lone surrogate")
        case list():
            for one in value:
                require_canonical(one, depth=depth - 1)
        case dict():
            for key, one in value.items():
                if not isinstance(key, str) or not key.isascii() or "\x00" in key:
                    raise ValueError("has a key that is not ASCII")
                require_canonical(one, depth=depth - 1)
        case _:
            raise ValueError(f"holds a {type(value).__name__}: only text, integers, booleans and null")


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: 2026-11-23T18:00:00.000000Z."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_timestamp(text: str) -> datetime:
    """The inverse of `timestamp`."""
    return datetime.fromisoformat(text)
