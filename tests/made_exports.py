"""Exports that are made without a database, and what somebody may do to one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.canonical import timestamp
from ledger.checkpoint import CheckpointBody
from ledger.events import SessionRenamed
from ledger.export.lines import EventLine, PersonalDataLine
from ledger.export.manifest import (
    FORMAT_VERSION,
    KINDS,
    MANIFEST_NAME,
    ExportedFile,
    ExportFormat,
    FileKind,
    Manifest,
)
from ledger.leaf import leaf_bytes, leaf_hash
from ledger.merkle_tree import Frontier
from ledger.personal_data import PersonalData
from ledger.recorder import event_row, salted
from ledger.signed_note import NoteSigner

ORIGIN = "ledger.example.com/log"
BEGUN = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
EVENTS_A_FILE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf of the log, with what lay beside it."""

    hash: bytes
    text: str | None
    stream: UUID
    version: int
    salt: bytes | None
    data: str | None


def made_log(seed: int, count: int, *, streams: int = 5) -> list[Leaf]:
    """Events of some streams by turns, most of them with personal data."""
    chance = Random(seed)  # noqa: S311 - made up
    ids = [UUID(int=chance.getrandbits(128)) for _ in range(streams)]
    heads: dict[UUID, tuple[int, bytes | None]] = dict.fromkeys(ids, (0, None))
    leaves: list[Leaf] = []
    for number in range(count):
        stream = chance.choice(ids)
        version, previous = heads[stream]
        personal = PersonalData(address=f"192.0.2.{number}", user_agent="Mozilla/5.0 \N{EM DASH} “x”")
        row = event_row(
            SessionRenamed(),
            stream_id=stream,
            version=version + 1,
            occurred_at=BEGUN + timedelta(seconds=number),
            actor="subject:ada",
            client_id="web",
            correlation_id=None,
            personal=salted(personal, chance.randbytes) if number % 5 else None,
            previous=previous,
        )
        heads[stream] = (version + 1, row["leaf_hash"])
        leaves.append(_leaf(row))
    return leaves


def written(
    directory: Path,
    leaves: Sequence[Leaf],
    *,
    first_index: int = 0,
    signer: NoteSigner = SIGNER,
    root_of: Sequence[Leaf] | None = None,
) -> Manifest:
    """Export leaves of a log that ends with them; `root_of` is the log that is signed, else they are."""
    directory.mkdir(parents=True, exist_ok=True)
    before, tree = Frontier(), Frontier()
    for leaf in leaves[:first_index]:
        before.append(leaf.hash)
    for leaf in root_of or leaves:
        tree.append(leaf.hash)
    files: list[ExportedFile] = []
    for start in range(first_index, len(leaves), EVENTS_A_FILE):
        own = range(start, min(start + EVENTS_A_FILE, len(leaves)))
        lines = ([event_line(index, leaves[index]) for index in own], personal_lines(leaves, own))
        for kind, data in zip(KINDS[ExportFormat.JSONL], lines, strict=True):
            path = directory / kind.name_from(start)
            path.write_bytes(b"".join(data))
            files.append(described(path, kind, start))
    manifest = Manifest(
        version=FORMAT_VERSION,
        format=ExportFormat.JSONL,
        origin=signer.name,
        first_index=first_index,
        count=len(leaves) - first_index,
        checkpoint=signer.sign(CheckpointBody(signer.name, tree.size, tree.root()).encode()),
        verifier_key=str(signer.verifier),
        left_edge=before.hashes,
        files=tuple(files),
    )
    (directory / MANIFEST_NAME).write_bytes(manifest.encode())
    return manifest


def event_line(index: int, leaf: Leaf) -> bytes:
    recorded_at = None if leaf.text is None else timestamp(BEGUN + timedelta(seconds=index))
    return EventLine(leaf_index=index, leaf_hash=leaf.hash, recorded_at=recorded_at, leaf=leaf.text).encode()


def personal_lines(leaves: Sequence[Leaf], own: Sequence[int]) -> list[bytes]:
    lines = []
    for index in own:
        leaf = leaves[index]
        if leaf.salt is not None and leaf.data is not None:
            line = PersonalDataLine(
                leaf_index=index,
                stream=str(leaf.stream),
                version=leaf.version,
                salt=leaf.salt,
                data=leaf.data,
            )
            lines.append(line.encode())
    return lines


def described(path: Path, kind: FileKind, first_index: int) -> ExportedFile:
    """A file as a manifest has it that says nothing wrong."""
    data = path.read_bytes()
    return ExportedFile(
        name=path.name,
        personal_data=kind.holds_personal_data,
        first_index=first_index,
        count=data.count(b"\n"),
        bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
    )


def hide(directory: Path, **changes: Any) -> None:
    """Write the manifest anew, so that it fits the files as they are: as somebody does who hides a change."""
    manifest = Manifest.decode((directory / MANIFEST_NAME).read_bytes())
    files, index = [], manifest.first_index
    for one in manifest.files:
        kind = FileKind(one.name.rpartition("-")[0])
        files.append(described(directory / one.name, kind, one.first_index))
        index += files[-1].count if kind is FileKind.EVENTS else 0
    count = index - manifest.first_index
    changed = replace(manifest, **{"files": tuple(files), "count": count, **changes})
    (directory / MANIFEST_NAME).write_bytes(changed.encode())


def edit_line(path: Path, number: int, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change what one line says, in the spelling of an export."""
    lines = path.read_bytes().splitlines(keepends=True)
    line = json.loads(lines[number])
    edit(line)
    lines[number] = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    path.write_bytes(b"".join(lines))


def forged(leaf: Leaf, **changes: Any) -> Leaf:
    """Another leaf in its place, with the hash that belongs to it."""
    facts = json.loads(leaf.text or "")
    changed = {**facts, **changes}
    text = leaf_bytes(
        stream_id=UUID(changed["stream"]),
        version=changed["version"],
        type_name=changed["type"],
        schema_version=changed["schema_version"],
        occurred_at=datetime.fromisoformat(changed["occurred_at"]),
        actor=changed["actor"],
        client_id=changed["client"],
        correlation_id=None,
        causation=changed["causation"],
        payload=orjson.dumps(changed["payload"]).decode(),
        personal_data=_bytes(changed["personal_data"]),
        previous=_bytes(changed["previous"]),
    )
    return replace(
        leaf,
        text=text.decode(),
        hash=leaf_hash(text),
        stream=UUID(changed["stream"]),
        version=changed["version"],
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _leaf(row: dict[str, Any]) -> Leaf:
    text = leaf_bytes(
        stream_id=row["stream_id"],
        version=row["version"],
        type_name=row["type"],
        schema_version=row["schema_version"],
        occurred_at=row["occurred_at"],
        actor=row["actor"],
        client_id=row["client_id"],
        correlation_id=row["correlation_id"],
        causation=row["causation"],
        payload=row["payload"],
        personal_data=row["personal_data"],
        previous=row["previous"],
    )
    return Leaf(
        hash=row["leaf_hash"],
        text=text.decode(),
        stream=row["stream_id"],
        version=row["version"],
        salt=row["salt"],
        data=row["data"],
    )
