"""The directory of an export: what is complete in it stays, whatever ends the command that writes it.

Every file is written under a draft's name, brought to the disk and renamed. `progress.json` says which files
are complete and how to go on after them; it is deleted when the manifest is there and its event recorded.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from uuid import UUID

from pydantic import TypeAdapter

from ledger.export.manifest import (
    KINDS,
    MANIFEST_NAME,
    ExportedFile,
    FileKind,
    Manifest,
    ManifestError,
    read_spelled,
    spell,
    strict,
)

PROGRESS_NAME = "progress.json"
_PIECE = 1 << 20


class ExportError(Exception):
    """The export cannot go on; one line that says what to do."""


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an export is."""

    manifest: Manifest
    """As it will be, with the files that are complete."""
    edge: tuple[bytes, ...]
    """Hashes of the perfect subtrees of the tree up to the end of the last complete file."""
    removed: int
    """Leaves so far whose events retention removed."""
    act: UUID
    """The stream of the event that will tell of it: the same however often the command is run."""

    @property
    def next_index(self) -> int:
        """Where the next file begins."""
        leaves = KINDS[self.manifest.format][0]
        own = (one for one in self.manifest.files if one.name.startswith(f"{leaves.value}-"))
        return self.manifest.first_index + sum(one.count for one in own)


_progress = TypeAdapter(Progress)


def draft_name(name: str) -> str:
    """Of a file that is being written."""
    return f".{name}.draft"


class Part:
    """A file that is being written."""

    def __init__(self, path: Path, file: FileIO, kind: FileKind, first_index: int) -> None:
        self._path = path
        self._file = file
        self._kind = kind
        self._first_index = first_index
        self._count = self._bytes = 0
        self._hash = hashlib.sha256()

    def write(self, lines: list[bytes]) -> None:
        """Append lines, each with its end."""
        data = b"".join(lines)
        with _told(self._path, "written"):
            _write_all(self._file, data)
        self._hash.update(data)
        self._bytes += len(data)
        self._count += len(lines)

    def end(self) -> None:
        """Bring it to the disk."""
        with _told(self._path, "written"):
            os.fsync(self._file.fileno())

    def described(self) -> ExportedFile:
        """It as the manifest has it."""
        return ExportedFile(
            name=self._kind.name_from(self._first_index),
            personal_data=self._kind.holds_personal_data,
            first_index=self._first_index,
            count=self._count,
            bytes=self._bytes,
            sha256=self._hash.digest(),
        )


class ExportDirectory:
    """Of one export, and of one command at a time. Use `open_directory`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_empty(self, *, but: Collection[str]) -> bool:
        """Whether nothing is in it `but` these files, which a command that was killed can have left."""
        with _told(self.path, "read"):
            return all(one.name in but for one in self.path.iterdir())

    def progress(self) -> Progress | None:
        """How far an export is that was begun here; None: none was, or it is complete."""
        data = self._read(PROGRESS_NAME)
        if data is None:
            return None
        try:
            return read_spelled(_progress, data)
        except ManifestError as error:
            raise ExportError(f"{self.path / PROGRESS_NAME} {error}: begin in another directory") from None

    def manifest(self) -> Manifest | None:
        """Of an export that is complete."""
        data = self._read(MANIFEST_NAME)
        if data is None:
            return None
        try:
            return Manifest.decode(data)
        except ManifestError as error:
            raise ExportError(f"{self.path / MANIFEST_NAME} {error}: export into another directory") from None

    def check(self, progress: Progress) -> None:
        """See that the files that are said to be complete are there and unchanged. Reads them.

        Raises:
            ExportError: one is not.
        """
        for one in progress.manifest.files:
            path = self.path / one.name
            with _told(path, "read"), path.open("rb") as file:
                digest = hashlib.sha256()
                while piece := file.read(_PIECE):
                    digest.update(piece)
            if digest.digest() != one.sha256:
                raise ExportError(f"{path} was changed since it was written: begin in another directory")

    @contextmanager
    def parts(self, kinds: tuple[FileKind, ...], first_index: int) -> Iterator[list[Part]]:
        """Files to be written together; they have their names, and are on the disk, when this ends well."""
        names = [kind.name_from(first_index) for kind in kinds]
        parts: list[Part] = []
        with ExitStack() as files:
            try:
                for kind, name in zip(kinds, names, strict=True):
                    with _told(self.path / name, "written"):
                        file = files.enter_context(self._create(self._draft(name)))
                    parts.append(Part(self.path / name, file, kind, first_index))
                yield parts
                for part in parts:
                    part.end()
            except BaseException:  # a full disk has room again
                for name in names:
                    with suppress(OSError):
                        self._draft(name).unlink(missing_ok=True)
                raise
        for name in names:
            with _told(self.path / name, "written"):
                self._draft(name).replace(self.path / name)

    def save(self, progress: Progress) -> None:
        """Say that the files it names are complete, which they must be."""
        self.write(PROGRESS_NAME, spell(progress))

    def complete(self, manifest: Manifest) -> bytes:
        """Write the manifest; gives its bytes."""
        data = manifest.encode()
        self.write(MANIFEST_NAME, data)
        return data

    def forget_progress(self) -> None:
        """Nothing is left to be done here."""
        with _told(self.path / PROGRESS_NAME, "deleted"):
            (self.path / PROGRESS_NAME).unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a small file as a whole; it is on the disk when this returns."""
        draft = self._draft(name)
        with _told(self.path / name, "written"):
            try:
                with self._create(draft) as file:
                    _write_all(file, data)
                    os.fsync(file.fileno())
                draft.replace(self.path / name)
            except OSError:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
                raise
            self._sync()

    def _sync(self) -> None:
        """Names, too, are on the disk then."""
        directory = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _read(self, name: str) -> bytes | None:
        path = self.path / name
        with _told(path, "read"):
            return path.read_bytes() if path.exists() else None

    def _draft(self, name: str) -> Path:
        return self.path / draft_name(name)

    @staticmethod
    def _create(path: Path) -> FileIO:
        """Readable by its owner only: addresses and claims may be in it."""
        return FileIO(path, "wb", opener=_opener)


@contextmanager
def open_directory(path: Path) -> Iterator[ExportDirectory]:
    """Make it if there is none, and keep other commands out of it.

    Raises:
        ExportError: it cannot be made or another command is writing there.
    """
    with _told(path, "made"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        locked = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ExportError(f"another export is being written to {path}") from None
        yield ExportDirectory(path)
    finally:
        os.close(locked)


def _write_all(file: FileIO, data: bytes) -> None:
    """Nothing is left in a buffer, so that a disk that is full says so here."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _told(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        again = "; run the same command again when it can be: what is complete is kept" * (verb == "written")
        raise ExportError(f"{path} cannot be {verb} ({error.strerror or error}){again}") from None
