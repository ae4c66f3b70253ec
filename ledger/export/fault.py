"""What is wrong with an export."""

from __future__ import annotations

from pathlib import Path

_LARGEST = 64 << 20


class ExportFaultError(Exception):
    """The export is not what was signed; `str` is one line that names the file and the leaf."""

    def __init__(self, what: str, *, file: str | None = None, leaf_index: int | None = None) -> None:
        self.what = what
        self.file = file
        self.leaf_index = leaf_index
        where = [] if file is None else [file]
        where += [] if leaf_index is None else [f"leaf {leaf_index}"]
        super().__init__(f"{', '.join(where)}: {what}" if where else what)


def read_whole(path: Path) -> bytes:
    """A file that is not large, or as much of it as one that is none would have.

    Raises:
        ExportFaultError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise ExportFaultError(f"cannot be read ({error.strerror})", file=path.name) from None
