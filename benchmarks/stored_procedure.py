"""The line to compare with: pgbench calling one stored procedure for each rotation."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from api.postgres_binaries import find_binaries
from benchmarks.books import OutcomeError
from benchmarks.database import BenchmarkDatabase

CLIENTS = 16
_THREADS = 2
_SQL = Path(__file__).parent / "sql"
_RATE = re.compile(r"^tps = ([0-9.]+) \(without", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)
_PROCESSED = re.compile(r"^number of transactions actually processed: ([0-9]+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One run of pgbench."""

    per_second: float
    latency_ms: float
    """Mean."""
    processed: int
    postgres_cpu_ms: float
    """A rotation."""


def create(database: BenchmarkDatabase) -> None:
    """Make the tables, the procedure and 10,000 families, in place of what there was of them."""
    text = (_SQL / "stored_procedure.sql").read_text("utf-8")
    with database.connect() as connection:
        tables, vacuum, rest = text.partition("VACUUM")
        connection.execute(tables.encode())
        connection.execute((vacuum + rest).encode())


def run(database: BenchmarkDatabase, *, warm_up_seconds: int, seconds: int) -> Line:
    """Rotate for so long, and see that each rotation is there.

    Raises:
        OutcomeError: rotations failed, or the database has another number of them.
    """
    _pgbench(database, warm_up_seconds)
    before = _recorded(database)
    cpu = database.cpu_seconds()
    output = _pgbench(database, seconds)
    cpu = database.cpu_seconds() - cpu
    recorded = [after - earlier for after, earlier in zip(_recorded(database), before, strict=True)]
    processed, failed = int(_find(_PROCESSED, output)), int(_find(_FAILED, output))
    if failed or recorded != [processed, processed, processed]:
        raise OutcomeError(
            f"pgbench: {processed} rotations processed and {failed} failed, while the database has "
            f"{recorded[0]} new events, {recorded[1]} rows of personal data and {recorded[2]} generations"
        )
    return Line(
        per_second=float(_find(_RATE, output)),
        latency_ms=float(_find(_LATENCY, output)),
        processed=processed,
        postgres_cpu_ms=cpu / processed * 1000,
    )


def _pgbench(database: BenchmarkDatabase, seconds: int) -> str:
    binaries = find_binaries()
    if binaries is None or not (binaries.folder / "pgbench").exists():
        raise RuntimeError("there is no pgbench beside the PostgreSQL of this machine")
    done = subprocess.run(
        [
            str(binaries.folder / "pgbench"),
            *("-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(_THREADS), "-T", str(seconds)),
            *("-f", str(_SQL / "rotate.pgbench"), database.url),
        ],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise OutcomeError(f"pgbench failed: {done.stderr.strip()}")
    return done.stdout


def _recorded(database: BenchmarkDatabase) -> tuple[int, int, int]:
    with database.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM bench.events), (SELECT count(*) FROM bench.personal_data), "
            "(SELECT sum(generation)::bigint FROM bench.active)"
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _find(pattern: re.Pattern[str], output: str) -> str:
    found = pattern.search(output)
    if found is None:
        raise RuntimeError(f"pgbench says something else than expected: {output}")
    return found[1]
