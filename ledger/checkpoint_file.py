"""The last signed checkpoint, kept in a file: a database that lost or forked its log cannot change that."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 1_000_000


class CheckpointFileError(Exception):
    """The file cannot be read or written; one line."""


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """Replaced whole, so that whoever reads it finds one checkpoint or the other."""

    path: Path

    def read(self) -> str | None:
        """The note as it was written; None: there is no file yet.

        Raises:
            CheckpointFileError: it cannot be read.
        """
        try:
            with self.path.open(encoding="utf-8") as file:
                return file.read(_LONGEST)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._error("read", error) from None

    def write(self, note: str) -> None:
        """Replace it unless it covers more already; it is on the disk when this returns.

        A process that stood still must not put back what another has written since.

        Raises:
            CheckpointFileError: it cannot be written; what was there stays.
        """
        present = self.read()
        if present is not None and _size(present) > _size(note):
            return
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}.draft")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise self._error("written", error) from None

    def _error(self, verb: str, error: Exception) -> CheckpointFileError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        return CheckpointFileError(f"the checkpoint file {str(self.path)!r} cannot be {verb} ({reason})")


def _size(note: str) -> int:
    """How many events a checkpoint covers; 0 for what is none."""
    lines = note.split("\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isascii() and lines[1].isdigit() else 0
