"""How the benchmarks count: quantiles, ratios, bounds, and answers held against the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.books import Books, discrepancies
from benchmarks.figures import Target, rows
from benchmarks.refresh_run import RefreshRun, quantile
from benchmarks.stored_procedure import Line

BEFORE = Books(events=Counter(TokenIssued=2, TokenRotated=5), families=2, ended=1, generations=5, versions=7)
AFTER = Books(events=Counter(TokenIssued=3, TokenRotated=9), families=3, ended=1, generations=9, versions=12)


def line(per_second: float) -> Line:
    return Line(per_second=per_second, latency_ms=1.0, processed=1, postgres_cpu_ms=0.1)


def run(refreshes: int, *, connections: int = 32) -> RefreshRun:
    """A run of two seconds."""
    return RefreshRun(
        processes=1,
        connections=connections,
        seconds=2.0,
        refreshes=refreshes,
        latencies=[0.001, 0.002],
        connections_by_worker=[connections],
        server_cpu_ms=0.4,
        postgres_cpu_ms=0.1,
        generator_cpu_ms=0.04,
        foreign_cores=0.0,
        load_average=1.0,
    )


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0), (0.0, 1.0)]
)
def test_a_quantile_is_a_value_that_was_seen(share: float, expected: float) -> None:
    assert quantile([float(number) for number in range(1, 101)], share) == expected


def test_a_quantile_of_nothing_is_zero() -> None:
    assert quantile([], 0.99) == 0.0


def test_a_round_is_compared_with_the_lines_before_and_after_it() -> None:
    [row] = rows([line(1000), line(3000), line(1000)], [[run(1000)], [run(2000)]])

    assert row.ratios == [0.25, 0.5]
    assert row.ratio == 0.375
    assert row.per_second == 750


def test_a_row_gathers_the_same_kind_of_run_of_every_round() -> None:
    lines = [line(1000), line(1000), line(1000)]
    table = rows(lines, [[run(2, connections=1), run(8)], [run(4, connections=1), run(6)]])

    assert [(row.connections, [one.refreshes for one in row.runs]) for row in table] == [
        (1, [2, 4]),
        (32, [8, 6]),
    ]


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [(0.25, True, True), (0.249, True, False), (0.25, False, False), (0.249, False, True)],
)
def test_a_lower_bound_is_inclusive_and_an_upper_one_exclusive(
    measured: float, at_least: bool, met: bool
) -> None:
    target = Target(what="", measured=measured, bound=0.25, at_least=at_least, unit="", required=True)

    assert target.met is met


def test_books_that_hold_what_was_answered_have_no_discrepancy() -> None:
    assert discrepancies(BEFORE, AFTER, opened=1, rotated=4) == []


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (replace(AFTER, events=Counter(TokenIssued=3, TokenRotated=8)), "3 events TokenRotated"),
        (replace(AFTER, events=AFTER.events + Counter(TokenReplayed=1)), "1 events TokenReplayed"),
        (replace(AFTER, generations=8), "generations grew by 3"),
        (replace(AFTER, versions=11), "the view folded 4 events"),
        (replace(AFTER, families=4), "2 families were added"),
        (replace(AFTER, ended=2), "1 families ended"),
    ],
)
def test_whatever_the_books_hold_otherwise_is_told(after: Books, told: str) -> None:
    [discrepancy] = discrepancies(BEFORE, after, opened=1, rotated=4)

    assert told in discrepancy
