"""What the runs come to: medians over the rounds, ratios to the line beside them, and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.refresh_run import RefreshRun, quantile
from benchmarks.statements import Comparison
from benchmarks.stored_procedure import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of run over all rounds."""

    processes: int
    connections: int
    runs: Sequence[RefreshRun]
    ratios: Sequence[float]
    """Of each run to the mean of the line before and the line after its round."""

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def per_second(self) -> float:
        return median(run.per_second for run in self.runs)

    @property
    def server_cpu_ms(self) -> float:
        return median(run.server_cpu_ms for run in self.runs)

    @property
    def postgres_cpu_ms(self) -> float:
        return median(run.postgres_cpu_ms for run in self.runs)

    @property
    def generator_cpu_ms(self) -> float:
        return median(run.generator_cpu_ms for run in self.runs)

    @property
    def foreign_cores(self) -> float:
        return max(run.foreign_cores for run in self.runs)

    def quantile_ms(self, share: float) -> float:
        """Over the latencies of all rounds together."""
        return quantile(sorted(latency for run in self.runs for latency in run.latencies), share) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound, and what was measured."""

    what: str
    measured: float
    bound: float
    at_least: bool
    unit: str
    required: bool
    """Whether `--strict` fails without it; else it is what is aimed for."""

    @property
    def met(self) -> bool:
        """At least the bound, or under it."""
        return self.measured >= self.bound if self.at_least else self.measured < self.bound


def rows(lines: Sequence[Line], rounds: Sequence[Sequence[RefreshRun]]) -> list[Row]:
    """A row a kind of run. There is a line before every round and one after the last."""
    beside = [mean(line.per_second for line in lines[at : at + 2]) for at in range(len(rounds))]
    return [
        Row(
            processes=runs[0].processes,
            connections=runs[0].connections,
            runs=runs,
            ratios=[run.per_second / line for run, line in zip(runs, beside, strict=True)],
        )
        for runs in zip(*rounds, strict=True)
    ]


def targets(table: Sequence[Row], comparison: Comparison) -> list[Target]:
    """The bounds that a first release must keep, then those that are aimed for."""
    at = {(row.processes, row.connections): row for row in table}
    one, alone = at[1, 32], at[1, 1]
    several = max((row for row in table if row.processes > 1), key=lambda row: row.ratio)
    cpu = one.server_cpu_ms + one.postgres_cpu_ms
    differing = sum(
        comparison.young.statements.get(query, 0) != comparison.old.statements.get(query, 0)
        for query in comparison.young.statements.keys() | comparison.old.statements.keys()
    )
    return [
        _at_least("one process, 32 connections: share of the line", one.ratio, 0.25, required=True),
        _under("one process, 32 connections: p99", one.quantile_ms(0.99), 60, "ms", required=True),
        _under("statements that differ between a young and an old family", differing, 1, "", required=True),
        _at_least("one process, 32 connections: share of the line", one.ratio, 0.3),
        _under("one process, 32 connections: p99", one.quantile_ms(0.99), 40, "ms"),
        _at_least(
            f"{several.processes} processes, {several.connections} connections: share of the line",
            several.ratio,
            0.5,
        ),
        _under("CPU a refresh, server and PostgreSQL", cpu, 0.5, "ms"),
        _under("a single client: p50", alone.quantile_ms(0.5), 3, "ms"),
    ]


def _at_least(what: str, measured: float, bound: float, *, required: bool = False) -> Target:
    return Target(what=what, measured=measured, bound=bound, at_least=True, unit="", required=required)


def _under(what: str, measured: float, bound: float, unit: str, *, required: bool = False) -> Target:
    return Target(what=what, measured=measured, bound=bound, at_least=False, unit=unit, required=required)
