"""The manifest of an export: what is in it, and what is needed to prove that it is part of a signed log.

It is written last, so that an export without it is not complete. It has one spelling, and holds nothing that
a verifier does not check: one range of a log, proved against one checkpoint, has one manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from ledger.canonical import MAXIMUM_INTEGER

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1

Number = Annotated[int, Field(ge=0, le=MAXIMUM_INTEGER)]
Hash = Annotated[bytes, Field(min_length=32, max_length=32)]
_Record = TypeVar("_Record")
strict = with_config(ConfigDict(strict=True, extra="forbid", val_json_bytes="hex"))
"""How the dataclasses of an export are read: nothing is converted but hashes, which are in hex."""


class ManifestError(ValueError):
    """It is no manifest of an export; the message is a clause about it."""


class ExportFormat(StrEnum):
    """How events are written."""

    JSONL = "jsonl"
    """Leaves byte for byte; personal data in files of its own."""
    OCSF = "ocsf"
    """Events of the Open Cybersecurity Schema Framework; personal data is in them."""


class FileKind(StrEnum):
    """What a file holds; its name begins so."""

    EVENTS = "events"
    PERSONAL_DATA = "personal-data"
    OCSF = "ocsf"

    def name_from(self, first_index: int) -> str:
        """The name of the file whose range of the log begins at the index."""
        return f"{self.value}-{first_index:012}.jsonl"

    @property
    def holds_personal_data(self) -> bool:
        return self is not FileKind.EVENTS


KINDS = {
    ExportFormat.JSONL: (FileKind.EVENTS, FileKind.PERSONAL_DATA),
    ExportFormat.OCSF: (FileKind.OCSF,),
}
"""The files of each range, the one with the leaves first."""


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file that is complete."""

    name: str
    personal_data: bool
    first_index: Number
    """Where its range of the log begins."""
    count: Number
    """Lines: one a leaf; of personal data one an event that has any."""
    bytes: Number
    sha256: Hash


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is exported, and what proves it."""

    version: int
    format: ExportFormat
    origin: str
    """The name of the log."""
    first_index: Number
    count: Number
    """Leaves, from the first index to the end of the checkpoint's tree."""
    checkpoint: str
    """The signed note that it is proved against."""
    verifier_key: str
    """Verifies the note; to be compared with one that was got in another way."""
    left_edge: tuple[Hash, ...]
    """The perfect subtrees of the tree before the first index: with the leaves they make the root."""
    files: tuple[ExportedFile, ...]

    def encode(self) -> bytes:
        """Its one spelling."""
        return spell(self)

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """The inverse of `encode`.

        Raises:
            ManifestError: it is none, of another version, or spelled otherwise.
        """
        check_version(data)
        return read_spelled(_adapter, data)


_adapter = TypeAdapter(Manifest)


def spell(record: object) -> bytes:
    """A dataclass as indented JSON, its fields in their order, bytes in hex."""
    return orjson.dumps(_plain(record), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_spelled(adapter: TypeAdapter[_Record], data: bytes) -> _Record:
    """The inverse of `spell`.

    Raises:
        ManifestError: it is malformed, or spelled otherwise.
    """
    try:
        record = adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ManifestError(f"is malformed at {where}" if where else "is no JSON") from None
    if spell(record) != data:
        raise ManifestError("is not spelled as an export spells it")
    return record


def check_version(data: bytes) -> None:
    """See that it is of the version that this program reads.

    Raises:
        ManifestError: it is of another, or names none.
    """
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ManifestError("is no JSON") from None
    if not isinstance(parsed, dict):
        raise ManifestError("is no JSON object")
    version = parsed.get("version")
    if not isinstance(version, int):
        raise ManifestError("names no version")
    if version != FORMAT_VERSION:
        raise ManifestError(f"is of version {version}; this program reads version {FORMAT_VERSION}")


def _plain(value: object) -> Any:
    match value:
        case bytes():
            return value.hex()
        case UUID():
            return str(value)
        case str() | int() | None:
            return value
        case Sequence():
            return [_plain(one) for one in value]
        case _:
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}  # type: ignore[arg-type]
