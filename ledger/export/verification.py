"""Verifies an export offline: from its files, a key that was got in another way, and nothing else.

Files are read once and line by line. What is kept is, of each stream, the version and hash of its last event:
about 250 bytes a stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from ledger.checkpoint import CheckpointBody
from ledger.export.checkpoint_key import open_with
from ledger.export.fault import ExportFaultError, read_whole
from ledger.export.lines import EventLine, LeafFacts, LineError, PersonalDataLine
from ledger.export.manifest import (
    KINDS,
    MANIFEST_NAME,
    ExportedFile,
    ExportFormat,
    FileKind,
    Manifest,
    ManifestError,
)
from ledger.export.ocsf import read_ocsf_line
from ledger.leaf import leaf_hash
from ledger.merkle_tree import Frontier
from ledger.signed_note import Verifier

_LONGEST_LINE = 16 << 20
_REPORTED_EVERY = 1000
_Line = TypeVar("_Line")


@dataclass(slots=True, kw_only=True)
class Verified:
    """What was found of an export in which nothing is wrong."""

    manifest: Manifest
    manifest_hash: bytes
    """SHA-256 of the manifest file, as the event ExportCompleted has it."""
    checkpoint: CheckpointBody
    trusted: bool
    """Whether the key came from elsewhere; otherwise only that the export agrees with itself is known."""
    removed: int = 0
    """Leaves of which retention left the hash alone."""
    streams: int = 0
    links: int = 0
    """Events whose hash of the one before them was checked."""
    begun_before: int = 0
    """Streams whose earlier events are not in the export."""
    personal_data: int = 0
    """Records that are what their events commit to."""
    without_personal_data: int = 0
    """Events that had personal data of which there is no record here: erased, or the file was taken away.
    Not counted where personal data has no files of its own."""
    absent: list[str] = field(default_factory=list)
    """Files of personal data that are not there."""


def verify_export(
    directory: Path,
    verifiers: Sequence[Verifier] | None,
    *,
    report: Callable[[int, int], None],
    seen: Callable[[LeafFacts, bool], None] = lambda _facts, _has_record: None,
) -> Verified:
    """Verify the export in a directory.

    `verifiers`: keys of the log; one of them must have signed. None: the key that the export names itself.
    `report` is told now and then how many leaves are done, of how many; `seen` of every leaf of which more
    than the hash is there, and whether its personal data is. What it is told holds once this returns.

    Raises:
        ExportFaultError: it is not what was signed, not complete, or no export.
    """
    return _Verification(directory, verifiers, report, seen).run()


class _Verification:
    def __init__(
        self,
        directory: Path,
        verifiers: Sequence[Verifier] | None,
        report: Callable[[int, int], None],
        seen: Callable[[LeafFacts, bool], None],
    ) -> None:
        self._directory = directory
        self._report = report
        self._seen = seen
        self._manifest, self._hash = _read_manifest(directory)
        body = self._open_checkpoint(verifiers)
        self._found = Verified(
            manifest=self._manifest,
            manifest_hash=self._hash,
            checkpoint=body,
            trusted=verifiers is not None,
        )
        try:
            self._tree = Frontier(self._manifest.first_index, self._manifest.left_edge)
        except ValueError as error:
            raise ExportFaultError(f"the left edge does not fit: {error}", file=MANIFEST_NAME) from None
        self._last: dict[bytes, bytes] = {}
        """By stream: version (8 bytes) and hash of its last event."""

    def run(self) -> Verified:
        manifest, found = self._manifest, self._found
        self._report(0, manifest.count)
        for files in _ranges(manifest):
            self._verify_range(files)
        if self._tree.size != found.checkpoint.size:
            raise ExportFaultError(
                f"it ends at leaf {self._tree.size}, the checkpoint covers {found.checkpoint.size}",
                file=MANIFEST_NAME,
            )
        if self._tree.root() != found.checkpoint.root:
            raise ExportFaultError(
                "the leaves do not lead to the signed root: one of them, or the left edge, is not the log's"
            )
        self._check_directory()
        found.streams = len(self._last)
        self._report(manifest.count, manifest.count)
        return found

    def _open_checkpoint(self, verifiers: Sequence[Verifier] | None) -> CheckpointBody:
        manifest = self._manifest
        body = open_with(
            manifest.checkpoint,
            origin=manifest.origin,
            verifier_key=manifest.verifier_key,
            given=verifiers,
            file=MANIFEST_NAME,
        )
        if body.size != manifest.first_index + manifest.count or not manifest.count:
            raise ExportFaultError(
                f"the checkpoint covers {body.size} leaves, the export goes from {manifest.first_index} to "
                f"{manifest.first_index + manifest.count}",
                file=MANIFEST_NAME,
            )
        return body

    def _verify_range(self, files: tuple[ExportedFile, ...]) -> None:
        """One range of the log: its leaves, and beside them the personal data where that has its own file."""
        leaves, *beside = files
        with ExitStack() as opened:
            events = _Lines(opened.enter_context(self._open(leaves)), leaves)
            personal = None
            for one in beside:
                if (self._directory / one.name).exists():
                    personal = _Lines(opened.enter_context(self._open(one)), one)
                else:
                    self._found.absent.append(one.name)
            self._verify_lines(events, personal)
            if personal is not None:
                personal.end()

    def _verify_lines(self, events: _Lines, personal: _Lines | None) -> None:
        apart = self._manifest.format is not ExportFormat.OCSF
        decode = EventLine.decode if apart else read_ocsf_line
        records = iter(()) if personal is None else personal.read(PersonalDataLine.decode)
        record = next(records, None)
        for line in events.read(decode):
            index = self._tree.size
            if line.leaf_index != index:
                raise ExportFaultError(
                    f"leaf {index} is missing here: the line is of leaf {line.leaf_index}",
                    file=events.name,
                    leaf_index=index,
                )
            commitment = None
            if line.leaf is None:
                self._found.removed += 1
            else:
                facts = self._verify_leaf(events.name, line, line.leaf)
                commitment = facts.personal_data
                has_record = record is not None and record.leaf_index == index
                self._seen(facts, has_record)
                if record is not None and personal is not None and has_record:
                    _verify_record(record, facts, file=personal.name)
                    self._found.personal_data += 1
                    record, commitment = next(records, None), None
            if apart and commitment is not None:
                self._found.without_personal_data += 1
            self._tree.append(line.leaf_hash)
            if self._tree.size % _REPORTED_EVERY == 0:
                self._report(self._tree.size - self._manifest.first_index, self._manifest.count)
        events.end()
        if record is not None and personal is not None:
            raise ExportFaultError(
                "the record is of no event with personal data in its place",
                file=personal.name,
                leaf_index=record.leaf_index,
            )

    def _verify_leaf(self, file: str, line: EventLine, leaf: str) -> LeafFacts:
        """Its hash, and its link to the event before it in its stream."""
        if leaf_hash(leaf.encode()) != line.leaf_hash:
            raise ExportFaultError(
                "the leaf was changed: it has another hash than the one beside it",
                file=file,
                leaf_index=line.leaf_index,
            )
        try:
            facts = LeafFacts.read(leaf)
            self._verify_link(facts)
        except LineError as error:
            raise ExportFaultError(str(error), file=file, leaf_index=line.leaf_index) from None
        self._last[facts.stream.bytes] = facts.version.to_bytes(8, "big") + line.leaf_hash
        return facts

    def _verify_link(self, facts: LeafFacts) -> None:
        last = self._last.get(facts.stream.bytes)
        if last is not None:
            version = int.from_bytes(last[:8], "big")
            if facts.version != version + 1:
                raise LineError(
                    f"stream {facts.stream} goes from version {version} to {facts.version}: it has a hole"
                )
            if facts.previous != last[8:]:
                raise LineError(f"stream {facts.stream} is not chained to its event before")
            self._found.links += 1
        elif facts.version == 1:
            if facts.previous is not None:
                raise LineError(f"stream {facts.stream} begins with an event that names one before it")
        elif self._manifest.first_index == 0 and not self._found.removed:
            raise LineError(f"stream {facts.stream} begins with version {facts.version}")
        else:
            self._found.begun_before += 1

    def _check_directory(self) -> None:
        """Nothing that looks like a part of the export may be there besides."""
        named = {one.name for one in self._manifest.files}
        for path in sorted(self._directory.glob("*.jsonl")):
            if path.name not in named and any(path.name.startswith(f"{kind.value}-") for kind in FileKind):
                raise ExportFaultError("the manifest does not name it", file=path.name)

    def _open(self, file: ExportedFile) -> BinaryIO:
        try:
            return (self._directory / file.name).open("rb")
        except OSError as error:
            raise ExportFaultError(f"cannot be read ({error.strerror})", file=file.name) from None


class _Lines:
    """The lines of a file, which is hashed meanwhile."""

    def __init__(self, file: BinaryIO, told: ExportedFile) -> None:
        self.name = told.name
        self._file = file
        self._told = told
        self._hash = hashlib.sha256()
        self._bytes = self._count = 0

    def read(self, decode: Callable[[bytes], _Line]) -> Iterator[_Line]:
        """Each line.

        Raises:
            ExportFaultError: one is malformed, or there are more than the manifest says.
        """
        try:
            while data := self._file.readline(_LONGEST_LINE):
                self._count += 1
                self._bytes += len(data)
                self._hash.update(data)
                if self._count > self._told.count:
                    raise ExportFaultError(
                        f"has more lines than the {self._told.count} of the manifest", file=self.name
                    )
                if not data.endswith(b"\n"):
                    raise self._fault("does not end: the file was cut off")
                yield decode(data)
        except LineError as error:
            raise self._fault(str(error)) from None
        except OSError as error:
            raise ExportFaultError(f"cannot be read ({error.strerror})", file=self.name) from None

    def _fault(self, what: str) -> ExportFaultError:
        return ExportFaultError(f"line {self._count} {what}", file=self.name)

    def end(self) -> None:
        """See that the file, read to its end, is the one of the manifest.

        Raises:
            ExportFaultError: it is not.
        """
        if self._count < self._told.count:
            raise ExportFaultError(
                f"has {self._count} lines, the manifest says {self._told.count}: it was cut off",
                file=self.name,
            )
        if self._hash.digest() != self._told.sha256 or self._bytes != self._told.bytes:
            raise ExportFaultError("is not the file of the manifest: it was changed", file=self.name)


def _verify_record(record: PersonalDataLine, facts: LeafFacts, *, file: str) -> None:
    if (record.stream, record.version) != (str(facts.stream), facts.version):
        what = "the record is of another event than the leaf"
    elif facts.personal_data is None:
        what = "there is personal data, and the event commits to none"
    elif record.commitment != facts.personal_data:
        what = "the personal data was changed: the event commits to another"
    else:
        return
    raise ExportFaultError(what, file=file, leaf_index=record.leaf_index)


def _read_manifest(directory: Path) -> tuple[Manifest, bytes]:
    if not (directory / MANIFEST_NAME).exists():
        raise ExportFaultError(
            "there is no manifest: the export is not complete; run the command again that wrote it",
            file=MANIFEST_NAME,
        )
    data = read_whole(directory / MANIFEST_NAME)
    try:
        return Manifest.decode(data), hashlib.sha256(data).digest()
    except ManifestError as error:
        raise ExportFaultError(str(error), file=MANIFEST_NAME) from None


def _ranges(manifest: Manifest) -> Iterator[tuple[ExportedFile, ...]]:
    """The files of each range, which follow one another without gaps.

    Raises:
        ExportFaultError: the manifest does not list them so.
    """
    kinds = KINDS[manifest.format]
    index = manifest.first_index
    files = manifest.files
    for start in range(0, len(files), len(kinds)):
        together = files[start : start + len(kinds)]
        expected = [(kind.name_from(index), kind.holds_personal_data, index) for kind in kinds]
        if [(one.name, one.personal_data, one.first_index) for one in together] != expected:
            raise ExportFaultError(
                f"the files from leaf {index} on are not listed as an export lists them", file=MANIFEST_NAME
            )
        yield together
        index += together[0].count
