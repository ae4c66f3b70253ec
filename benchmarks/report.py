"""The figures as tables on a terminal, and as JSON for machines."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Row, Target
from benchmarks.refresh_run import RefreshRun
from benchmarks.statements import Comparison
from benchmarks.stored_procedure import CLIENTS, Line

_STATEMENT_WIDTH = 96
_QUIET_BELOW_CORES = 0.2


def print_rows(console: Console, lines: Sequence[Line], table: Sequence[Row]) -> None:
    """The rows beneath the line that they are compared with."""
    shown = Table(title="Refreshes over GraphQL and the line of pgbench, same server, same run")
    shown.add_column("processes x\nconnections", no_wrap=True)
    for name in ("per second", "rounds", "of the\nline", "p50 ms", "p99 ms"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("server", "PostgreSQL", "generator"):
        shown.add_column(f"CPU ms\n{name}", justify="right")
    shown.add_column("connections\na worker", justify="right")
    shown.add_column("other\nwork, cores", justify="right")
    mid = sorted(line.per_second for line in lines)[len(lines) // 2]
    latency = sorted(line.latency_ms for line in lines)[len(lines) // 2]
    cpu = sorted(line.postgres_cpu_ms for line in lines)[len(lines) // 2]
    shown.add_row(
        f"pgbench, {CLIENTS} clients",
        f"{mid:,.0f}",
        " ".join(f"{line.per_second:,.0f}" for line in lines),
        "1",
        f"{latency:.1f} (mean)",
        "",
        "",
        f"{cpu:.3f}",
        end_section=True,
    )
    for row in table:
        shown.add_row(
            f"{row.processes} x {row.connections}",
            f"{row.per_second:,.0f}",
            " ".join(f"{run.per_second:,.0f}" for run in row.runs),
            f"{row.ratio:.3f}",
            f"{row.quantile_ms(0.5):.1f}",
            f"{row.quantile_ms(0.99):.1f}",
            f"{row.server_cpu_ms:.3f}",
            f"{row.postgres_cpu_ms:.3f}",
            f"{row.generator_cpu_ms:.3f}",
            " ".join("+".join(map(str, run.connections_by_worker)) for run in row.runs),
            f"{row.foreign_cores:.2f}",
        )
    console.print(shown)
    busiest = max(row.foreign_cores for row in table)
    if busiest > _QUIET_BELOW_CORES:
        console.print(
            f"[yellow]Other work took up to {busiest:.2f} cores meanwhile: quote nothing of this run.[/]",
            highlight=False,
        )


def print_statements(console: Console, comparison: Comparison) -> None:
    """The statements of one refresh, in a young family and in an old one."""
    young, old = comparison.young, comparison.old
    shown = Table(title="Statements of one refresh")
    shown.add_column("statement")
    for refresh in (young, old):
        shown.add_column(f"generation {refresh.generation:,}", justify="right")
    for query in dict.fromkeys([*young.statements, *old.statements]):  # in the order in which they ran
        shown.add_row(
            textwrap.shorten(query, _STATEMENT_WIDTH, placeholder=" …"),
            str(young.statements.get(query, 0)),
            str(old.statements.get(query, 0)),
        )
    shown.add_section()
    shown.add_row("together, in one refresh", str(young.count), str(old.count))
    shown.add_row("pages touched", f"{young.blocks:.1f}", f"{old.blocks:.1f}")
    shown.add_row("one refresh at a time, p50 ms", f"{young.median_ms:.2f}", f"{old.median_ms:.2f}")
    console.print(shown)


def print_targets(console: Console, targets: Sequence[Target]) -> None:
    """What was to be reached, with yes or no."""
    shown = Table(title="Targets")
    for name in ("", "measured", "bound", "met"):
        shown.add_column(name, justify="left" if not name else "right")
    for place, target in enumerate(targets):
        last = place + 1 < len(targets) and target.required and not targets[place + 1].required
        shown.add_row(
            target.what if target.required else f"aim: {target.what}",
            _number(target.measured, target.unit),
            f"{'at least' if target.at_least else 'under'} {_number(target.bound, target.unit)}",
            "[green]yes[/]" if target.met else "[red]no[/]",
            end_section=last,
        )
    console.print(shown)


def write_json(
    path: Path,
    *,
    machine: Mapping[str, Any],
    lines: Sequence[Line],
    table: Sequence[Row],
    comparison: Comparison,
    targets: Sequence[Target],
) -> None:
    """Everything measured but the single latencies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine,
        "pgbench": [asdict(line) for line in lines],
        "graphql": [
            {
                "processes": row.processes,
                "connections": row.connections,
                "per_second": row.per_second,
                "ratio": row.ratio,
                "ratios": row.ratios,
                "p50_ms": row.quantile_ms(0.5),
                "p99_ms": row.quantile_ms(0.99),
                "runs": [_run(run) for run in row.runs],
            }
            for row in table
        ],
        "statements": asdict(comparison),
        "targets": [{**asdict(target), "met": target.met} for target in targets],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _run(run: RefreshRun) -> dict[str, Any]:
    figures = asdict(run)
    del figures["latencies"]
    return {
        **figures,
        "per_second": run.per_second,
        "p50_ms": run.quantile_ms(0.5),
        "p99_ms": run.quantile_ms(0.99),
    }


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".strip()
