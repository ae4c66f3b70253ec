"""The lines of an export, and what a leaf says that a verifier needs. Each line has one spelling."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from ledger.canonical import MAXIMUM_INTEGER
from ledger.merkle_tree import HASH_LENGTH


class LineError(ValueError):
    """A line is not one of an export; the message is a clause about it."""


class EventLine(NamedTuple):
    """One leaf of the log."""

    leaf_index: int
    leaf_hash: bytes
    recorded_at: str | None
    """As the database's clock had it. Not in the leaf, so that nothing proves it."""
    leaf: str | None
    """The canonical JSON that is hashed. None: the event was removed by retention, and its hash stayed."""

    def encode(self) -> bytes:
        if self.leaf is None:
            line: dict[str, Any] = {
                "leaf_index": self.leaf_index,
                "leaf_hash": self.leaf_hash.hex(),
                "removed": True,
            }
        else:
            line = {
                "leaf_index": self.leaf_index,
                "recorded_at": self.recorded_at,
                "leaf_hash": self.leaf_hash.hex(),
                "leaf": self.leaf,
            }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def decode(cls, data: bytes) -> EventLine:
        """The inverse of `encode`.

        Raises:
            LineError: it is no such line, or spelled otherwise.
        """
        line = parse_object(data)
        removed = "removed" in line
        made = cls(
            leaf_index=number_of(line, "leaf_index"),
            leaf_hash=hash_of(line, "leaf_hash"),
            recorded_at=None if removed else text_of(line, "recorded_at"),
            leaf=None if removed else text_of(line, "leaf"),
        )
        if made.encode() != data:
            raise LineError("is not spelled as an export spells it")
        return made


class PersonalDataLine(NamedTuple):
    """What lay beside an event when it was exported."""

    leaf_index: int
    stream: str
    version: int
    salt: bytes
    data: str
    """Canonical JSON; the event commits to SHA-256(salt | data)."""

    def encode(self) -> bytes:
        line = {
            "leaf_index": self.leaf_index,
            "stream": self.stream,
            "version": self.version,
            "salt": self.salt.hex(),
            "data": self.data,
        }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def decode(cls, data: bytes) -> PersonalDataLine:
        """The inverse of `encode`.

        Raises:
            LineError: it is no such line, or spelled otherwise.
        """
        line = parse_object(data)
        made = cls(
            leaf_index=number_of(line, "leaf_index"),
            stream=text_of(line, "stream"),
            version=number_of(line, "version"),
            salt=hash_of(line, "salt"),
            data=text_of(line, "data"),
        )
        if made.encode() != data:
            raise LineError("is not spelled as an export spells it")
        return made

    @property
    def commitment(self) -> bytes:
        """What the leaf must hold."""
        return hashlib.sha256(self.salt + self.data.encode()).digest()


class LeafFacts(NamedTuple):
    """What of a leaf links it to others."""

    stream: UUID
    version: int
    personal_data: bytes | None
    previous: bytes | None

    @classmethod
    def read(cls, leaf: str) -> LeafFacts:
        """Read a leaf.

        Raises:
            LineError: it is no leaf.
        """
        try:
            facts = parse_object(leaf.encode())
        except LineError:
            raise LineError("holds a leaf that is no JSON object") from None
        stream, version = text_of(facts, "stream"), number_of(facts, "version")
        try:
            stream_id = UUID(stream)
        except ValueError:
            stream_id = None
        if stream_id is None or str(stream_id) != stream or version < 1:
            raise LineError("holds a leaf without a stream and version")
        return cls(
            stream=stream_id,
            version=version,
            personal_data=None if facts.get("personal_data") is None else hash_of(facts, "personal_data"),
            previous=None if facts.get("previous") is None else hash_of(facts, "previous"),
        )


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        LineError: it is none.
    """
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise LineError("is no JSON") from None
    if not isinstance(parsed, dict):
        raise LineError("is no JSON object")
    return parsed


def number_of(line: dict[str, Any], name: str) -> int:
    """An integer, not negative.

    Raises:
        LineError: the field is another thing.
    """
    value = line.get(name)
    if type(value) is not int or not 0 <= value <= MAXIMUM_INTEGER:
        raise LineError(f"has no number {name!r}")
    return value


def text_of(line: dict[str, Any], name: str) -> str:
    """A text.

    Raises:
        LineError: the field is another thing.
    """
    value = line.get(name)
    if not isinstance(value, str):
        raise LineError(f"has no text {name!r}")
    return value


def hash_of(line: dict[str, Any], name: str) -> bytes:
    """32 bytes in lower-case hex.

    Raises:
        LineError: the field is another thing.
    """
    text = text_of(line, name)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != HASH_LENGTH or value.hex() != text:
        raise LineError(f"has no hash {name!r}")
    return value
