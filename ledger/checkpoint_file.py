"""The last signed checkpoint, kept in a file: a database that lost or forked its log cannot change that."""

from __future__ import annotations

import os
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
        """Replace it; it is on the disk when this returns.

        Raises:
            CheckpointFileError: it cannot be written; what was there stays.
        """
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.draft")
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
