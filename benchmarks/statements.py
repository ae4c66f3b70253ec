"""What one refresh asks of the database: in a new family, and in one of many generations."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from benchmarks.books import OutcomeError, discrepancies, read_books
from benchmarks.database import BenchmarkDatabase
from benchmarks.refresh_run import drive_chains
from benchmarks.service import Connection, running_service

_COUNTED = 20
_BLOCKS = "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint FROM pg_stat_statements"
_LOGGED = re.compile(
    r"^\S+ \S+ \S+ \[(\d+)\] LOG:  (?:statement|execute [^:]+): (.*(?:\n\t.*)*)", re.MULTILINE
)
_COMMITTING = "INSERT INTO events"
"""Is in what a connection asks that commits refreshes; others seal, sweep and fold meanwhile."""
_OBSERVED = {
    "log_statement": "all",
    "log_parameter_max_length": "0",
    "pg_stat_statements.track": "top",
    "compute_query_id": "on",
}
"""Settings of new connections. Statements are counted in the log: pg_stat_statements misses
COMMIT once it is prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A refresh of one family, measured one at a time by a single client."""

    generation: int
    """Of the family when its refreshes were counted."""
    statements: Mapping[str, int]
    """How often each statement runs in one refresh, BEGIN and COMMIT included."""
    besides: Mapping[str, int]
    """Statements of background work that ran meanwhile, in all."""
    blocks: float
    """Pages of tables and indexes touched, mean."""
    median_ms: float

    @property
    def count(self) -> int:
        """Statements in one refresh."""
        return sum(self.statements.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same refresh in a young and in an old family."""

    young: Refresh
    old: Refresh

    @property
    def same_statements(self) -> bool:
        """Whether both refreshes ran exactly the same statements, each equally often."""
        return self.young.statements == self.old.statements


def compare(database: BenchmarkDatabase, secret_key: str, *, generations: int, timed: int) -> Comparison:
    """Rotate one family so many times, then time and count single refreshes of it and of a new one.

    Raises:
        OutcomeError: the database holds something else than was answered.
    """
    before = read_books(database)
    times: tuple[list[float], list[float]] = ([], [])
    with running_service(database.url, secret_key, workers=1) as service:
        young, old = service.open_sessions(2)
        [old] = drive_chains(service, [old], answers=generations)
        with closing(Connection(service.port)) as connection:
            for _ in range(timed):
                young = _timed(connection, young, times[0])
                old = _timed(connection, old, times[1])
    _observe(database, on=True)
    try:
        with running_service(database.url, secret_key, workers=1) as service:
            [young] = drive_chains(service, [young], answers=_COUNTED)  # what is asked is prepared now
            with closing(Connection(service.port)) as connection:
                young_asked, young_blocks = _asked(database, connection, young)
                old_asked, old_blocks = _asked(database, connection, old)
    finally:
        _observe(database, on=False)
    rotated = generations + 2 * timed + 3 * _COUNTED
    wrong = discrepancies(before, read_books(database), opened=2, rotated=rotated)
    if wrong:
        raise OutcomeError("; ".join(wrong))
    return Comparison(
        young=_refresh(timed + _COUNTED, young_asked, young_blocks, times[0]),
        old=_refresh(generations + timed, old_asked, old_blocks, times[1]),
    )


def _asked(database: BenchmarkDatabase, connection: Connection, token: str) -> tuple[Counter[str], int]:
    """Refresh some times; gives what was asked meanwhile, and how many pages that touched."""
    start = database.log.stat().st_size
    with database.connect() as observer:
        observer.execute("SELECT pg_stat_statements_reset()")
        for _ in range(_COUNTED):
            token = connection.refresh(token)
        row = observer.execute(_BLOCKS).fetchone()
    assert row is not None
    with database.log.open("rb") as log:
        log.seek(start)
        text = log.read().decode()
    asked = [(process, " ".join(statement.split())) for process, statement in _LOGGED.findall(text)]
    committing = {process for process, statement in asked if _COMMITTING in statement}
    return Counter(statement for process, statement in asked if process in committing), row[0]


def _timed(connection: Connection, token: str, times: list[float]) -> str:
    started = time.perf_counter()
    token = connection.refresh(token)
    times.append(time.perf_counter() - started)
    return token


def _refresh(generation: int, asked: Counter[str], blocks: int, times: list[float]) -> Refresh:
    """A statement belongs to a refresh when it ran as often as there were refreshes, or a multiple of it."""
    return Refresh(
        generation=generation,
        statements={text: count // _COUNTED for text, count in asked.items() if count % _COUNTED == 0},
        besides={text: count for text, count in asked.items() if count % _COUNTED},
        blocks=blocks / _COUNTED,
        median_ms=median(times) * 1000,
    )


def _observe(database: BenchmarkDatabase, *, on: bool) -> None:
    """Whether what new connections ask is logged and counted."""
    with database.connect() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        name = connection.info.dbname
        for setting, value in _OBSERVED.items():
            change = f"SET {setting} = '{value}'" if on else f"RESET {setting}"
            connection.execute(f'ALTER DATABASE "{name}" {change}'.encode())
