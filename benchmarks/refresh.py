"""Refreshes over GraphQL next to pgbench, on one durable PostgreSQL, in one run.

`python -m benchmarks.refresh` ends with exit status 1 when the database does not hold what was answered, and
with `--strict` also when a required target is missed.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from benchmarks import figures, refresh_run, report, statements, stored_procedure
from benchmarks.books import OutcomeError
from benchmarks.database import BUILD, BenchmarkDatabase, durable_postgres
from benchmarks.refresh_run import RefreshRun
from benchmarks.service import ServiceError, new_secret_key, running_service
from benchmarks.stored_procedure import Line

_PROCESSES = (1, 2)
_CONNECTIONS = (1, 32, 64)
_REPORT_WIDTH = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """How long is measured."""

    rounds: int
    line_seconds: int
    line_warm_up_seconds: int
    row_seconds: float
    row_warm_up_seconds: float
    generations: int
    """Of the old family whose statements are compared with a new one's."""
    timed: int


_FULL = _Extent(
    rounds=2,
    line_seconds=8,
    line_warm_up_seconds=2,
    row_seconds=6,
    row_warm_up_seconds=1.5,
    generations=10_000,
    timed=300,
)
_QUICK = _Extent(
    rounds=1,
    line_seconds=1,
    line_warm_up_seconds=1,
    row_seconds=0.5,
    row_warm_up_seconds=0.2,
    generations=200,
    timed=20,
)


@click.command()
@click.option(
    "--quick", is_flag=True, help="A smoke run: everything once and briefly, for no figure to quote."
)
@click.option("--strict", is_flag=True, help="Exit status 1 when a required target is missed.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=BUILD / "refresh.json",
    show_default=True,
    help="Where the figures go as JSON.",
)
def main(*, quick: bool, strict: bool, output: Path) -> None:
    """Measure refreshing over GraphQL."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped, too
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=_REPORT_WIDTH)
    try:
        missed = _measure(console, _QUICK if quick else _FULL, output)
    except (OutcomeError, ServiceError) as error:
        console.print(f"[red]failed:[/] {error}", highlight=False)
        sys.exit(1)
    if strict and missed:
        sys.exit(1)


def _measure(console: Console, extent: _Extent, output: Path) -> bool:
    """Run everything and tell it; gives whether a required target was missed."""
    secret_key = new_secret_key()
    with durable_postgres() as database:
        machine = {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load average before": os.getloadavg()[0],
            **database.settings(),
        }
        console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)
        stored_procedure.create(database)
        lines: list[Line] = []
        rounds: list[list[RefreshRun]] = []
        for _ in range(extent.rounds):
            lines.append(_line(console, database, extent))
            rounds.append(_round(console, database, secret_key, extent))
        lines.append(_line(console, database, extent))
        console.print(f"one family to generation {extent.generations:,} …")
        comparison = statements.compare(
            database, secret_key, generations=extent.generations, timed=extent.timed
        )
    table = figures.rows(lines, rounds)
    targets = figures.targets(table, comparison)
    report.print_rows(console, lines, table)
    report.print_statements(console, comparison)
    report.print_targets(console, targets)
    console.print(
        "The database holds every refresh that was answered and nothing else: no other event, nothing "
        f"revoked. Load average now {os.getloadavg()[0]:.2f}; figures in {output}",
        highlight=False,
    )
    report.write_json(
        output, machine=machine, lines=lines, table=table, comparison=comparison, targets=targets
    )
    return any(target.required and not target.met for target in targets)


def _line(console: Console, database: BenchmarkDatabase, extent: _Extent) -> Line:
    line = stored_procedure.run(
        database, warm_up_seconds=extent.line_warm_up_seconds, seconds=extent.line_seconds
    )
    console.print(f"pgbench {line.per_second:,.0f}/s", highlight=False)
    return line


def _round(
    console: Console, database: BenchmarkDatabase, secret_key: str, extent: _Extent
) -> list[RefreshRun]:
    runs = []
    for processes in _PROCESSES:
        with running_service(database.url, secret_key, workers=processes) as service:
            for connections in _CONNECTIONS:
                run = refresh_run.run(
                    database,
                    service,
                    connections=connections,
                    warm_up_seconds=extent.row_warm_up_seconds,
                    seconds=extent.row_seconds,
                )
                console.print(
                    f"{processes} x {connections}: {run.per_second:,.0f}/s, "
                    f"p99 {run.quantile_ms(0.99):.1f} ms",
                    highlight=False,
                )
                runs.append(run)
    return runs


if __name__ == "__main__":
    main()
