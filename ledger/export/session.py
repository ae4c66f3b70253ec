"""The export of one session: its events, and the proof that the newest one is in the signed log.

The chain of hashes then proves the others. It is one file, and another with the personal data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from pydantic import TypeAdapter

from ledger import administrative
from ledger.checkpoint import CheckpointBody
from ledger.checkpoints import inclusion_proof
from ledger.events import ExportCompleted
from ledger.export.checkpoint_key import open_with, signed_by
from ledger.export.directory import ExportDirectory, ExportError, draft_name
from ledger.export.fault import ExportFaultError, read_whole
from ledger.export.lines import LeafFacts, LineError
from ledger.export.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Hash,
    ManifestError,
    Number,
    check_version,
    read_spelled,
    spell,
    strict,
)
from ledger.export.sealed_events import SealedEvent, read_sealed_stream
from ledger.leaf import leaf_hash
from ledger.merkle_tree import ProofError, verify_inclusion
from ledger.personal_data import SaltedPersonalData
from ledger.signed_note import Verifier

SESSION_NAME = "session.json"
PERSONAL_DATA_NAME = "personal-data.json"
SESSION_FORMAT = "session"
"""What the event calls it."""


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExport:
    """What is in the file. A verifier checks all of it."""

    version: int
    origin: str
    session: UUID
    checkpoint: str
    """The signed note."""
    verifier_key: str
    leaf_index: Number
    """Of the newest event."""
    proof: tuple[Hash, ...]
    """That it is in the checkpoint's tree (RFC 6962 section 2.1.1), leaf to root."""
    leaves: tuple[str, ...]
    """Canonical JSON as it is hashed, versions 1, 2, 3."""


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataRecord:
    """What lay beside one event when it was exported."""

    version: Number
    salt: Hash
    data: str


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPersonalData:
    """The other file; it may be taken away, and records of events whose data was erased are not in it."""

    session: UUID
    records: tuple[PersonalDataRecord, ...]
    """By version."""


_adapter = TypeAdapter(SessionExport)
_personal_adapter = TypeAdapter(SessionPersonalData)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSession:
    """What was found of an export in which nothing is wrong."""

    export: SessionExport
    file_hash: bytes
    checkpoint: CheckpointBody
    trusted: bool
    """As in `ledger.export.verification.Verified`."""
    personal_data: int
    without_personal_data: int


async def export_session(
    connection: AsyncConnection[Any],
    directory: ExportDirectory,
    session: UUID,
    *,
    verifiers: Callable[[str], Sequence[Verifier]],
    now: datetime,
    random: Callable[[int], bytes],
) -> tuple[SessionExport, bytes]:
    """Export what of a session is sealed; gives what was written and its SHA-256.

    Raises:
        ExportError: there is nothing of the session, or the directory holds other things or is not writable.
        ledger.export.sealed_events.DamagedLogError: what is stored is not what was sealed.
    """
    left = {draft_name(PERSONAL_DATA_NAME), PERSONAL_DATA_NAME, draft_name(SESSION_NAME)}
    if not directory.is_empty(but=left):
        raise ExportError(f"{directory.path} holds other things: name an empty directory")
    events = await read_sealed_stream(connection, session)
    leaves = [one.stored.leaf for one in events if one.stored is not None]
    if not events or len(leaves) < len(events):
        raise ExportError(f"no sealed event of a session {session} is stored: retention may have removed it")
    newest = await inclusion_proof(connection, session, events[-1].version)
    assert newest is not None  # noqa: S101 - it is sealed
    checkpoint = newest.checkpoint
    made = SessionExport(
        version=FORMAT_VERSION,
        origin=checkpoint.origin,
        session=session,
        checkpoint=checkpoint.note,
        verifier_key=str(signed_by(checkpoint, verifiers(checkpoint.origin))),
        leaf_index=newest.leaf_index,
        proof=newest.hashes,
        leaves=tuple(leaves),
    )
    data = spell(made)
    digest = hashlib.sha256(data).digest()
    event = ExportCompleted(
        format=SESSION_FORMAT,
        first_index=events[0].leaf_index,
        count=len(events),
        manifest_hash=digest,
        session_id=str(session),
    )
    # Recorded before there is anything to read: rather told of in vain than not told of.
    async with connection.transaction():
        await administrative.append(connection, event, actor="operator", now=now, random=random)
    directory.write(PERSONAL_DATA_NAME, spell(_personal_data(session, events)))
    directory.write(SESSION_NAME, data)
    return made, digest


def _personal_data(session: UUID, events: Sequence[SealedEvent]) -> SessionPersonalData:
    records = [
        PersonalDataRecord(version=event.version, salt=event.stored.salt, data=event.stored.data)
        for event in events
        if event.stored is not None and event.stored.salt is not None and event.stored.data is not None
    ]
    return SessionPersonalData(session=session, records=tuple(records))


def verify_session(directory: Path, verifiers: Sequence[Verifier] | None) -> VerifiedSession:
    """Verify the export of a session; `verifiers` as in `ledger.export.verification.verify_export`.

    Raises:
        ExportFaultError: it is not what was signed, or no export.
    """
    if (directory / MANIFEST_NAME).exists():
        raise ExportFaultError("there is an export of a range beside it", file=SESSION_NAME)
    data = read_whole(directory / SESSION_NAME)
    try:
        check_version(data)
        export = read_spelled(_adapter, data)
    except ManifestError as error:
        raise ExportFaultError(str(error), file=SESSION_NAME) from None
    checkpoint = open_with(
        export.checkpoint,
        origin=export.origin,
        verifier_key=export.verifier_key,
        given=verifiers,
        file=SESSION_NAME,
    )
    facts = _verify_chain(export)
    try:
        verify_inclusion(
            leaf_hash(export.leaves[-1].encode()),
            index=export.leaf_index,
            size=checkpoint.size,
            hashes=export.proof,
            root=checkpoint.root,
        )
    except ProofError as error:
        raise ExportFaultError(
            f"the newest event is not in the signed log: {error}", file=SESSION_NAME
        ) from None
    records = _verify_personal_data(directory / PERSONAL_DATA_NAME, export, facts)
    committed = sum(one.personal_data is not None for one in facts)
    return VerifiedSession(
        export=export,
        file_hash=hashlib.sha256(data).digest(),
        checkpoint=checkpoint,
        trusted=verifiers is not None,
        personal_data=records,
        without_personal_data=committed - records,
    )


def _verify_chain(export: SessionExport) -> list[LeafFacts]:
    """Versions 1, 2, 3 of the session, each naming the hash of the one before."""
    if not export.leaves:
        raise ExportFaultError("it holds no event", file=SESSION_NAME)
    found: list[LeafFacts] = []
    previous = None
    for version, leaf in enumerate(export.leaves, start=1):
        try:
            facts = LeafFacts.read(leaf)
        except LineError as error:
            raise ExportFaultError(f"event {version} {error}", file=SESSION_NAME) from None
        if (facts.stream, facts.version) != (export.session, version):
            raise ExportFaultError(f"event {version} of the session is missing", file=SESSION_NAME)
        if facts.previous != previous:
            raise ExportFaultError(f"event {version} is not chained to the one before", file=SESSION_NAME)
        previous = leaf_hash(leaf.encode())
        found.append(facts)
    return found


def _verify_personal_data(path: Path, export: SessionExport, facts: Sequence[LeafFacts]) -> int:
    """How many records there are; none where the file was taken away."""
    if not path.exists():
        return 0
    try:
        personal = read_spelled(_personal_adapter, read_whole(path))
    except ManifestError as error:
        raise ExportFaultError(str(error), file=path.name) from None
    if personal.session != export.session:
        raise ExportFaultError("is of another session", file=path.name)
    last = 0
    for record in personal.records:
        if not last < record.version <= len(facts):
            raise ExportFaultError(f"the record after version {last} is of no event after it", file=path.name)
        last = record.version
        salted = SaltedPersonalData(salt=record.salt, data=record.data.encode())
        if salted.commitment != facts[last - 1].personal_data:
            raise ExportFaultError(f"event {last} does not commit to this personal data", file=path.name)
    return len(personal.records)
