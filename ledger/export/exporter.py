"""Exports the sealed log: files of a range each, then the manifest, then the event that tells of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection

from ledger import administrative
from ledger.canonical import timestamp
from ledger.checkpoint import CheckpointBody, CheckpointError
from ledger.checkpoints import SignedCheckpoint, latest_checkpoint
from ledger.events import ExportCompleted
from ledger.export.checkpoint_key import signed_by
from ledger.export.directory import PROGRESS_NAME, ExportDirectory, ExportError, Progress, draft_name
from ledger.export.lines import EventLine, PersonalDataLine
from ledger.export.manifest import FORMAT_VERSION, KINDS, ExportFormat, Manifest
from ledger.export.ocsf import OcsfMapping
from ledger.export.sealed_events import DamagedLogError, SealedEvent, read_sealed, read_subjects
from ledger.merkle_tree import Frontier, root_nodes
from ledger.signed_note import NoteError, Verifier, open_note
from ledger.tree_reader import read_nodes, read_root

EVENTS_A_FILE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export that is complete."""

    manifest: Manifest
    manifest_hash: bytes
    """SHA-256 of the manifest file."""
    removed: int
    """Leaves without their events, which retention removed."""
    written: int
    """Leaves that this run wrote; fewer than all where it went on with an earlier one."""
    new: bool
    """False: the directory held it already."""
    log_size: int
    """Events sealed by now, which may be more than the export proves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Exports over one connection."""

    connection: AsyncConnection[Any]
    verifiers: Callable[[str], Sequence[Verifier]]
    """The log's keys that are not revoked, by its origin."""
    ocsf: OcsfMapping
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    report: Callable[[int, int], None]
    """Told how many leaves are done, of how many; first of all those of runs before."""
    events_a_file: int = EVENTS_A_FILE

    async def latest(self) -> SignedCheckpoint:
        """What an export that begins now is proved against.

        Raises:
            ExportError: nothing is sealed yet.
        """
        checkpoint = await latest_checkpoint(self.connection)
        if checkpoint is None:
            raise ExportError("nothing is sealed yet: the server seals about ten times a second")
        return checkpoint

    async def export(
        self,
        directory: ExportDirectory,
        latest: SignedCheckpoint,
        *,
        format: ExportFormat,  # noqa: A002 - the manifest's word
        first_index: int,
    ) -> Exported:
        """Write what is left to be written of the export into its directory.

        Raises:
            ExportError: the directory holds something else, or cannot be written; what is complete is kept.
            DamagedLogError: what is stored is not what was sealed.
        """
        progress, manifest = directory.progress(), directory.manifest()
        begun = manifest or (None if progress is None else progress.manifest)
        if begun is None:
            if not directory.is_empty(but={draft_name(PROGRESS_NAME)}):
                raise ExportError(f"{directory.path} holds other things: name an empty directory")
            progress = await self._begin(latest, format, first_index)
            directory.save(progress)
        else:
            await self._check_same(directory, begun, latest, format, first_index)
        new = progress is not None
        start = 0
        removed = 0
        if progress is not None:
            start = progress.next_index - progress.manifest.first_index
            if manifest is None:
                directory.check(progress)
                progress = await self._write_files(directory, progress)
                directory.complete(progress.manifest)
            manifest, removed = progress.manifest, progress.removed
            await self._record(progress)
            directory.forget_progress()
        assert manifest is not None  # noqa: S101 - there was one, or it was written
        return Exported(
            manifest=manifest,
            manifest_hash=_hash(manifest),
            removed=removed,
            written=manifest.count - start if new else 0,
            new=new,
            log_size=latest.size,
        )

    async def _begin(
        self,
        latest: SignedCheckpoint,
        format: ExportFormat,  # noqa: A002 - as in `export`
        first_index: int,
    ) -> Progress:
        if first_index >= latest.size:
            raise ExportError(f"the log has {latest.size} sealed events: there is none from {first_index} on")
        verifier = signed_by(latest, self.verifiers(latest.origin))
        nodes = root_nodes(first_index)
        hashes = await read_nodes(self.connection, nodes)
        edge = tuple(hashes[node] for node in nodes)
        manifest = Manifest(
            version=FORMAT_VERSION,
            format=format,
            origin=latest.origin,
            first_index=first_index,
            count=latest.size - first_index,
            checkpoint=latest.note,
            verifier_key=str(verifier),
            left_edge=edge,
            files=(),
        )
        act = administrative.new_stream_id(self.now(), self.random)
        return Progress(manifest=manifest, edge=edge, removed=0, act=act)

    async def _check_same(
        self,
        directory: ExportDirectory,
        begun: Manifest,
        latest: SignedCheckpoint,
        format: ExportFormat,  # noqa: A002 - as in `export`
        first_index: int,
    ) -> None:
        """See that what was begun in the directory is what is asked for now."""
        if (begun.format, begun.first_index) != (format, first_index):
            raise ExportError(
                f"{directory.path} holds an export in the format {begun.format.value} from index "
                f"{begun.first_index}: give the same options to go on with it, or another directory"
            )
        body = _body(begun)
        if begun.origin == latest.origin and body.size <= latest.size:
            root = await read_root(self.connection, body.size)
            if root == body.root:
                return
        raise ExportError(f"{directory.path} holds an export of another log: name another directory")

    async def _write_files(self, directory: ExportDirectory, progress: Progress) -> Progress:
        manifest = progress.manifest
        try:
            tree = Frontier(progress.next_index, progress.edge)
        except ValueError as error:
            raise ExportError(f"{directory.path}: {error}: begin in another directory") from None
        size = manifest.first_index + manifest.count
        self.report(tree.size - manifest.first_index, manifest.count)
        while tree.size < size:
            until = min(tree.size + self.events_a_file, size)
            progress = await self._write_range(directory, progress, tree, until)
            directory.save(progress)
        if tree.root() != _body(manifest).root:
            raise DamagedLogError(
                "the stored events do not lead to the root that was signed: run token-ledger verify"
            )
        return progress

    async def _write_range(
        self, directory: ExportDirectory, progress: Progress, tree: Frontier, until: int
    ) -> Progress:
        """The files of the leaves from where the tree ends up to `until`, exclusive."""
        manifest = progress.manifest
        kinds = KINDS[manifest.format]
        removed = progress.removed
        with directory.parts(kinds, tree.size) as parts:
            async for events in read_sealed(self.connection, tree.size, until):
                lines = await self._lines(manifest, events)
                for part, own in zip(parts, lines, strict=True):
                    part.write(own)
                for event in events:
                    tree.append(event.leaf_hash)
                    removed += event.stored is None
                self.report(tree.size - manifest.first_index, manifest.count)
        files = (*manifest.files, *(part.described() for part in parts))
        return replace(progress, manifest=replace(manifest, files=files), edge=tree.hashes, removed=removed)

    async def _lines(self, manifest: Manifest, events: Sequence[SealedEvent]) -> list[list[bytes]]:
        """Those of each kind of file."""
        if manifest.format is ExportFormat.OCSF:
            subjects = await read_subjects(self.connection, [one.stream_id for one in events])
            return [
                [self.ocsf.line(one, subjects.get(one.stream_id), origin=manifest.origin) for one in events]
            ]
        personal = [_personal_data_line(one) for one in events]
        return [[_event_line(one) for one in events], [one for one in personal if one is not None]]

    async def _record(self, progress: Progress) -> None:
        """Append the event, once however often this is tried."""
        manifest = progress.manifest
        event = ExportCompleted(
            format=manifest.format.value,
            first_index=manifest.first_index,
            count=manifest.count,
            manifest_hash=_hash(manifest),
        )
        try:
            async with self.connection.transaction():
                await administrative.append(
                    self.connection,
                    event,
                    actor="operator",
                    now=self.now(),
                    random=self.random,
                    stream_id=progress.act,
                )
        except psycopg.errors.UniqueViolation:  # by a run that ended before it could say so
            return


def _event_line(event: SealedEvent) -> bytes:
    stored = event.stored
    return EventLine(
        leaf_index=event.leaf_index,
        leaf_hash=event.leaf_hash,
        recorded_at=None if stored is None else timestamp(stored.recorded_at),
        leaf=None if stored is None else stored.leaf,
    ).encode()


def _personal_data_line(event: SealedEvent) -> bytes | None:
    stored = event.stored
    if stored is None or stored.salt is None or stored.data is None:
        return None
    return PersonalDataLine(
        leaf_index=event.leaf_index,
        stream=str(event.stream_id),
        version=event.version,
        salt=stored.salt,
        data=stored.data,
    ).encode()


def _body(manifest: Manifest) -> CheckpointBody:
    """What the manifest's checkpoint says, by the manifest's own key."""
    try:
        verifier = Verifier.parse(manifest.verifier_key)
        return CheckpointBody.decode(open_note(manifest.checkpoint, verifier))
    except (NoteError, CheckpointError) as error:
        raise ExportError(f"the export that was begun has a checkpoint that is none: {error}") from None


def _hash(manifest: Manifest) -> bytes:
    return hashlib.sha256(manifest.encode()).digest()
