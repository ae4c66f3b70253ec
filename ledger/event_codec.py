"""Events as canonical JSON payloads, and back.

Bytes are lower-case hex, times RFC 3339 with microseconds, and a field that has its default is left out. The
keys are the fields of the classes in `ledger.events`; the type's name is the class's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, get_args

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from ledger.canonical import Json, canonical_json, timestamp
from ledger.events import Event
from ledger.upcasting import UPCASTING, UnknownVersionError, Upcasting

_CLASSES: dict[str, type[Any]] = {
    one.__name__: one for member in get_args(Event) for one in (get_args(member) or (member,))
}


class UnknownEventError(ValueError):
    """A stored event that this program cannot read: newer than it, or damaged."""


def event_type(event: Event) -> str:
    """The name of an event's type, as stored."""
    return type(event).__name__


def schema_version_of(type_name: str) -> int:
    """The version in which events of a type are written."""
    return UPCASTING.current(type_name)


def encode_payload(event: Event) -> str:
    """The canonical JSON of an event's fields."""
    payload: dict[str, Json] = {}
    for name, default in _fields(event_type(event)):
        value = getattr(event, name)
        if value != default:
            payload[name] = _plain(value)
    return canonical_json(payload).decode()


def decode_payload(
    type_name: str, schema_version: int, payload: str, *, upcasting: Upcasting = UPCASTING
) -> Event:
    """The event that was encoded, in whatever version of its type.

    Raises:
        UnknownEventError: no such type or schema version, or fields that the type does not have.
    """
    if type_name not in _CLASSES:
        raise UnknownEventError(
            f"no event {type_name!r} of schema version {schema_version} is known: this program is older than "
            "the data, or the event is damaged"
        )
    try:
        if schema_version == upcasting.current(type_name):
            event: Event = _validator(type_name).validate_json(payload)
        else:
            given = upcasting.upcast(type_name, schema_version, orjson.loads(payload))
            event = _validator(type_name).validate_python(given)
    except UnknownVersionError as error:
        raise UnknownEventError(str(error)) from None
    except orjson.JSONDecodeError:
        raise UnknownEventError(f"the payload of a {type_name} is not JSON") from None
    except ValidationError as error:
        told = error.errors(include_input=False)
        if told[0]["type"] == "json_invalid":
            raise UnknownEventError(f"the payload of a {type_name} is not JSON") from None
        where = ", ".join(".".join(map(str, one["loc"])) for one in told)
        raise UnknownEventError(f"the payload of a {type_name} is damaged at {where}") from None
    except (LookupError, TypeError, AttributeError):  # an upcaster found something else than it knows
        raise UnknownEventError(f"the payload of a {type_name} is damaged") from None
    return event


def _plain(value: object) -> Json:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return timestamp(value)
        case StrEnum():
            return value.value
        case tuple() | list():
            return [_plain(one) for one in value]
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case None | bool() | int() | str():
            return value
        case _:
            raise TypeError(f"an event cannot hold a {type(value).__name__}")


@cache
def _fields(type_name: str) -> tuple[tuple[str, object], ...]:
    """Names and defaults; `MISSING`, which equals no value, where there is none."""
    return tuple((one.name, one.default) for one in fields(_CLASSES[type_name]))


@cache
def _validator(type_name: str) -> Any:
    """Of pydantic's core: the adapter around it costs as much again."""
    of = with_config(ConfigDict(val_json_bytes="hex", extra="forbid"))(_CLASSES[type_name])
    return TypeAdapter(of).validator
