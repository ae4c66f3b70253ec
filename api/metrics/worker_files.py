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


def are_there(directory: Path | None) -> bool:
    """Whether a worker that begins now can count where the others do: it may have been cleaned away."""
    if directory is None:
        return False
    if directory.is_dir():
        return True
    count_in_memory()
    _log.warning("there are no metrics of several workers any more, as their files were removed: start again")
    return False


def remove(directory: Path) -> None:
    """Remove the files; whoever still has them open goes on."""
    shutil.rmtree(directory, ignore_errors=True)
