"""Where several workers keep what they count, so that whichever is asked tells the sum of all.

prometheus-client decides when it is imported whether its values lie in such files: by a variable of the
environment, which workers inherit from their parent.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import structlog

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_ROOM = {"counter": 1 << 16, "gauge_livesum": 1 << 16, "histogram": 1 << 18}
"""Bytes that hold every value of a worker, by the kind of what they are of."""
_DRAFT = ".draft"

_log = structlog.get_logger("token_ledger")


def count_in_memory() -> None:
    """Let this process keep its values to itself, whatever the environment said. Comes before the import."""
    os.environ.pop(_VARIABLE, None)


@contextmanager
def worker_files() -> Iterator[Path | None]:
    """A directory for workers that are started meanwhile, for this user alone, removed at the end.

    None: no temporary directory can be written. Then each worker counts for itself, and a sum cannot be told.
    """
    count_in_memory()
    try:
        directory = Path(mkdtemp(prefix="token-ledger-metrics-"))
    except OSError as error:
        _log.warning(
            "there are no metrics of several workers, as no temporary directory can be written: set TMPDIR",
            reason=error.strerror,
        )
        yield None
        return
    os.environ[_VARIABLE] = str(directory)
    try:
        yield directory
    finally:
        count_in_memory()
        remove(directory)


def forget_all_but(directory: Path, living: Set[int]) -> None:
    """What was so in a worker that is gone is not so any more, however it went; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - after the variable is set

    for process in {int(one.stem.rpartition("_")[2]) for one in directory.glob("gauge_live*_*.db")} - living:
        mark_process_dead(process, str(directory))


def make_room(directory: Path | None) -> bool:
    """Whether this process, a worker that begins, can count where the others do.

    Its files are written in full. prometheus-client makes them with holes: a value for which the disk has no
    room any more would end the process (SIGBUS).
    """
    if directory is None:
        return False
    try:
        for kind, size in _ROOM.items():
            file = directory / f"{kind}_{os.getpid()}.db"
            if not file.exists():  # an earlier worker may have had the same number: what it counted stays
                draft = file.with_suffix(_DRAFT)
                draft.write_bytes(bytes(size))
                draft.rename(file)
    except OSError as error:
        for draft in directory.glob(f"*_{os.getpid()}{_DRAFT}"):
            draft.unlink(missing_ok=True)
        count_in_memory()
        _log.warning(
            "there are no metrics of several workers, as their files cannot be written",
            reason=error.strerror,
        )
        return False
    return True


def remove(directory: Path) -> None:
    """Remove the files; whoever still has them open goes on."""
    shutil.rmtree(directory, ignore_errors=True)
