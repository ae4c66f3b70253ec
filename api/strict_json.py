"""JSON from outside, read strictly: one meaning only, and nothing that PostgreSQL or JSON cannot hold."""

from __future__ import annotations

import json
import math
from typing import NoReturn

DEEPEST = 32
LARGEST_INTEGER = 2**53 - 1


class StrictJsonError(ValueError):
    """It is not taken; the message is a clause about it that repeats nothing of it."""


def parse_json(data: bytes) -> object:
    """The value of a JSON text in UTF-8.

    Raises:
        StrictJsonError: it is malformed or not UTF-8, a key stands twice in an object, a number is no
            number or beyond what a double holds exactly, it is nested more than 32 deep, or a text holds NUL
            or a lone surrogate.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise StrictJsonError("must be UTF-8") from None
    _check_depth(data)
    try:
        value: object = _DECODER.decode(text)
    except StrictJsonError:
        raise
    except ValueError:
        raise StrictJsonError("must be well-formed JSON") from None
    if "\\u" in text or "\x00" in text:
        _check_texts(value)
    return value


def _check_depth(data: bytes) -> None:
    """Brackets in texts count too, which only makes the quick look longer."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return
    depth, quoted, escaped = 0, False, False
    for byte in data:
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise StrictJsonError(f"must not be nested more than {DEEPEST} deep")
        elif byte in b"]}":
            depth -= 1


def _check_texts(value: object) -> None:
    match value:
        case str():
            if "\x00" in value or (not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value)):
                raise StrictJsonError("must not hold a NUL or a lone surrogate")
        case list():
            for one in value:
                _check_texts(one)
        case dict():
            for name, one in value.items():
                _check_texts(name)
                _check_texts(one)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise StrictJsonError("must not have a key twice in an object")
    return value


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER:
        raise StrictJsonError("must not hold an integer beyond 2^53 - 1")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise StrictJsonError("must not hold a number that overflows")
    return value


def _constant(_: str) -> NoReturn:
    raise StrictJsonError("must not hold NaN or Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
