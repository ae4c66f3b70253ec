"""The PostgreSQL of a benchmark: the embedded one on the disk of this checkout, durable, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from api.embedded_postgres import EmbeddedPostgres
from api.embedded_watchdog import is_alive
from benchmarks.processes import cpu_seconds

BUILD = Path(__file__).resolve().parents[1] / "build" / "bench"
"""Not under version control."""

_WHERE = "SELECT current_setting('data_directory'), split_part(pg_read_file('postmaster.pid'), chr(10), 1)"
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_SETTINGS = {
    **_DURABLE,
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",  # no checkpoint because of volume in the middle of a measurement
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "none",  # so that it costs nothing until statements are counted
    "compute_query_id": "off",
}


@dataclass(frozen=True, slots=True)
class BenchmarkDatabase:
    """A running server."""

    url: str
    process: int
    """The postmaster's."""
    data: Path
    """Its data directory."""

    @property
    def log(self) -> Path:
        """What it writes of itself."""
        return self.data.parent / "server.log"

    def connect(self) -> psycopg.Connection[Any]:
        """As a superuser, in autocommit mode; its own statements are neither counted nor logged."""
        return psycopg.connect(
            self.url, autocommit=True, options="-c pg_stat_statements.track=none -c log_statement=none"
        )

    def cpu_seconds(self) -> float:
        """CPU time of all processes of the server so far."""
        return cpu_seconds(self.process)

    def settings(self) -> dict[str, str]:
        """The server's version, and what decides whether a commit survives a loss of power."""
        with self.connect() as connection:
            names = ["server_version", "shared_buffers", *_DURABLE]
            rows = connection.execute(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", (names,)
            ).fetchall()
        return {**dict(rows), "file system": _file_system(self.data)}


@contextmanager
def durable_postgres() -> Iterator[BenchmarkDatabase]:
    """A new server, until the block ends."""
    BUILD.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=BUILD))
    home, process = directory, None
    try:
        with EmbeddedPostgres(directory, configuration=_SETTINGS) as server:
            with psycopg.connect(server.url) as connection:
                row = connection.execute(_WHERE).fetchone()
            assert row is not None
            data, process = Path(row[0]), int(row[1])
            home = data.parent  # as another user it is elsewhere
            yield BenchmarkDatabase(server.url, process, data)
    finally:
        while process is not None and is_alive(process):
            time.sleep(0.02)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


def _file_system(directory: Path) -> str:
    """Kind of the file system that holds the directory."""
    kinds = [line.split()[1:3] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    holding = [(len(place), kind) for place, kind in kinds if directory.is_relative_to(place)]
    return max(holding, default=(0, "unknown"))[1]
