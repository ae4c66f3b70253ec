"""Writes the golden events that are missing (`python -m tests.golden.write`); no file that is there changes.

A file holds events of one type in one schema version as they are stored: with every optional field absent and
with every one present, and one event a member of each closed list. What a type gets later, without a new
version of its schema, goes into a file beside it, such as `TokenRevoked.v1.2.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

from ledger.canonical import timestamp
from ledger.event_codec import encode_payload, event_type, schema_version_of
from ledger.events import AdministrativeEvent, Event, FamilyEvent, TokenIssued
from ledger.leaf import leaf_bytes, leaf_hash

FOLDER = Path(__file__).parent / "events"
TYPES: tuple[type[Any], ...] = (*get_args(FamilyEvent), *get_args(AdministrativeEvent))
_MOMENT = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)


def examples(kind: type[Any]) -> Iterator[Event]:
    """Events of a type: the shortest, the longest, and one a member of each closed list."""
    hints = get_type_hints(kind)
    shortest = {one.name: _value(one, hints[one.name], present=False) for one in fields(kind)}
    longest = {one.name: _value(one, hints[one.name], present=True) for one in fields(kind)}
    seen: list[Event] = []
    for given in (
        shortest,
        longest,
        *(
            {**shortest, name: member}
            for name, hint in hints.items()
            if isinstance(hint, type) and issubclass(hint, StrEnum)
            for member in hint
        ),
    ):
        event = kind(**given)
        if event not in seen:
            seen.append(event)
            yield event


def _value(of: Field[Any], hint: Any, *, present: bool) -> Any:
    """A value of a field; `present`: where it may be left out or null, it is not."""
    optional = NoneType in get_args(hint)
    if not present and of.default is not MISSING:
        return of.default
    if not present and optional:
        return None
    if optional:
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple and bytes in get_args(hint):
        return (bytes(range(32)),) if present else ()
    if get_origin(hint) is tuple:
        return (f"{of.name}:a", "audit:read")
    if get_origin(hint) is Mapping:
        return {"b": [1, None, "\u2028ü"], "a": {"on": True, "seconds": 2**53 - 1}}
    if issubclass(hint, StrEnum):
        return next(iter(hint))
    known: dict[type[Any], Any] = {
        str: f"{of.name} \U0001f511 ä",
        int: 7,
        bool: not of.default if of.default is not MISSING else True,
        bytes: bytes(range(32)),
        datetime: _MOMENT,
    }
    return known[hint]


def stored(event: Event, number: int) -> dict[str, Any]:
    """The event as it is stored; the first of a type has as little beside the payload as there can be."""
    first = isinstance(event, TokenIssued | AdministrativeEvent)
    rich = number > 0
    envelope: dict[str, Any] = {
        "stream_id": UUID("01a20b4b-b7f1-73d5-9ecc-6fa24500a62e"),
        "version": 1 if first else 2 + number,
        "type_name": event_type(event),
        "schema_version": schema_version_of(event_type(event)),
        "occurred_at": _MOMENT,
        "actor": "subject:ädä" if rich else None,
        "client_id": "web" if rich else None,
        "correlation_id": UUID("01a20b4b-b7f1-73d5-9ecc-6fa24500a62f") if rich else None,
        "causation": "01a20b4b-b7f1-73d5-9ecc-6fa24500a62e:1" if rich else None,
        "payload": encode_payload(event),
        "personal_data": b"\x01" * 32 if rich else None,
        "previous": None if first else b"\x02" * 32,
    }
    leaf = leaf_bytes(**envelope)
    return {
        **{name: _plain(value) for name, value in envelope.items()},
        "leaf": leaf.decode(),
        "leaf_hash": leaf_hash(leaf).hex(),
    }


def missing(kind: type[Any]) -> list[Event]:
    """Examples of a type that no file of its current version holds."""
    files = FOLDER.glob(f"{kind.__name__}.v{schema_version_of(kind.__name__)}.*json")
    known = {one["payload"] for file in files for one in json.loads(file.read_text("utf-8"))}
    return [one for one in examples(kind) if encode_payload(one) not in known]


def checksum(file: Path) -> str:
    """How the SHA-256 of a file begins."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return timestamp(value)
        case bytes():
            return value.hex()
        case UUID():
            return str(value)
        case _:
            return value


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for kind in TYPES:
        events = [stored(event, number) for number, event in enumerate(missing(kind))]
        if events:
            name = f"{kind.__name__}.v{schema_version_of(kind.__name__)}"
            number = 1 + len(list(FOLDER.glob(f"{name}.*json")))
            file = FOLDER / (f"{name}.json" if number == 1 else f"{name}.{number}.json")
            file.write_text(json.dumps(events, indent=2, ensure_ascii=False) + "\n", "utf-8")
            print(f'    "{file.name}": "{checksum(file)}",')  # noqa: T201 - a line for the test's table


if __name__ == "__main__":
    main()
