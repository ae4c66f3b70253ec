"""The data directory of a development server and the secret key that is made there."""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path

SECRET_KEY_FILE = "secret_key"  # noqa: S105 - a file name


def prepare_data_directory(directory: Path) -> None:
    """Make the directory, 0700, where there is none, and see that files can be made in it.

    Raises:
        OSError: it is no directory, cannot be made, or cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(directory)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    draft.unlink()


def stored_secret_key(directory: Path) -> str:
    """The secret key kept in the directory, in base64; the first call makes it, readable by its owner only.

    Processes that call this at once all get the same key, and none ever sees half a file: the key is written
    beside its place and linked there, which fails where another was quicker.

    Raises:
        OSError: it can be neither read nor made.
        ValueError: it is not text.
    """
    path = directory / SECRET_KEY_FILE
    with suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    draft = _draft(directory)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_text("ascii").strip()


def _draft(directory: Path) -> Path:
    return directory / f".{SECRET_KEY_FILE}.{secrets.token_hex(8)}"
