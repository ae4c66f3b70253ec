"""One measurement of refreshing over GraphQL: so many connections, so many worker processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.books import OutcomeError, discrepancies, read_books
from benchmarks.database import BenchmarkDatabase
from benchmarks.load import Plan, Seen
from benchmarks.processes import cpu_seconds, machine_cpu_seconds
from benchmarks.service import HOST, Service

_CONNECTIONS_A_GENERATOR = 32
_GENERATOR_STARTS_WITHIN_SECONDS = 0.7
_ENDS_WITHIN_SECONDS = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRun:
    """What was seen between the warm-up and the end."""

    processes: int
    connections: int
    seconds: float
    refreshes: int
    latencies: list[float]
    """Seconds, ascending."""
    connections_by_worker: list[int]
    server_cpu_ms: float
    """CPU figures are milliseconds a refresh."""
    postgres_cpu_ms: float
    generator_cpu_ms: float
    foreign_cores: float
    """How many cores worked for something else meanwhile."""
    load_average: float
    """Of the last minute, at the end."""

    @property
    def per_second(self) -> float:
        """Refreshes answered."""
        return self.refreshes / self.seconds

    def quantile_ms(self, share: float) -> float:
        """Latency that this share of the refreshes did not exceed."""
        return quantile(self.latencies, share) * 1000


def quantile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; 0 for none."""
    if not ascending:
        return 0.0
    return ascending[max(0, -int(-share * len(ascending) // 1) - 1)]


def run(
    database: BenchmarkDatabase,
    service: Service,
    *,
    connections: int,
    warm_up_seconds: float,
    seconds: float,
) -> RefreshRun:
    """Open sessions, refresh them for so long, and see that the database has what was answered.

    Raises:
        OutcomeError: something was not a rotation, or the database holds something else.
    """
    before = read_books(database)
    tokens = service.open_sessions(connections)
    measured_from = time.monotonic() + _GENERATOR_STARTS_WITHIN_SECONDS + warm_up_seconds
    ends_at = measured_from + seconds
    generators = []
    for start in range(0, connections, _CONNECTIONS_A_GENERATOR):
        plan = Plan(
            host=HOST,
            port=service.port,
            tokens=tokens[start : start + _CONNECTIONS_A_GENERATOR],
            measured_from=measured_from,
            ends_at=ends_at,
        )
        generators.append(_start(plan))
    _sleep_until(measured_from)
    started = _Meter.read(database, service, generators)
    held = service.connections()
    _sleep_until(ends_at)
    used = _Meter.read(database, service, generators).since(started)
    seen = _merge([_finish(generator) for generator in generators])
    rotated = _rotations(seen)
    wrong = discrepancies(before, read_books(database), opened=connections, rotated=rotated)
    if wrong:
        raise OutcomeError("; ".join(wrong))
    measured = len(seen.latencies)
    if not measured or sum(held) != connections:
        raise OutcomeError(
            f"{sum(held)} of {connections} connections stood when the measurement began, and {measured} "
            "refreshes were answered in it"
        )
    to_ms = 1000 / measured
    return RefreshRun(
        processes=service.workers,
        connections=connections,
        seconds=seconds,
        refreshes=measured,
        latencies=sorted(seen.latencies),
        connections_by_worker=held,
        server_cpu_ms=used.server * to_ms,
        postgres_cpu_ms=used.postgres * to_ms,
        generator_cpu_ms=used.generators * to_ms,
        foreign_cores=max(0.0, used.machine - used.server - used.postgres - used.generators) / seconds,
        load_average=os.getloadavg()[0],
    )


def drive_chains(service: Service, tokens: list[str], *, answers: int) -> list[str]:
    """Rotate each chain so many times; gives its newest tokens.

    Raises:
        OutcomeError: something was not a rotation.
    """
    seen = _finish(_start(Plan(host=HOST, port=service.port, tokens=tokens, answers=answers)))
    rotated = _rotations(seen)
    if rotated != answers * len(tokens):
        raise OutcomeError(f"{rotated} of {answers * len(tokens)} refreshes were answered")
    return seen.tokens


@dataclass(frozen=True, slots=True)
class _Meter:
    """CPU seconds."""

    server: float
    postgres: float
    generators: float
    machine: float

    @classmethod
    def read(
        cls, database: BenchmarkDatabase, service: Service, generators: Sequence[subprocess.Popen[str]]
    ) -> _Meter:
        return cls(
            service.cpu_seconds(),
            database.cpu_seconds(),
            sum(cpu_seconds(generator.pid) for generator in generators),
            machine_cpu_seconds(),
        )

    def since(self, earlier: _Meter) -> _Meter:
        return _Meter(
            self.server - earlier.server,
            self.postgres - earlier.postgres,
            self.generators - earlier.generators,
            self.machine - earlier.machine,
        )


def _start(plan: Plan) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(plan)))
    process.stdin.close()
    process.stdin = None
    return process


def _finish(generator: subprocess.Popen[str]) -> Seen:
    try:
        output, errors = generator.communicate(timeout=_ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        generator.kill()
        generator.communicate()
        raise OutcomeError("the load generator did not end") from None
    if generator.returncode != 0:
        raise OutcomeError(f"the load generator failed: {errors[-2000:]}")
    return Seen(**json.loads(output))


def _merge(parts: Sequence[Seen]) -> Seen:
    merged = Seen()
    for part in parts:
        merged.latencies += part.latencies
        merged.outcomes = Counter(merged.outcomes) + Counter(part.outcomes)
        merged.failures += part.failures
        merged.tokens += part.tokens
    return merged


def _rotations(seen: Seen) -> int:
    """How many refreshes rotated.

    Raises:
        OutcomeError: one failed, or was answered with anything else.
    """
    if seen.failures:
        raise OutcomeError(f"a refresh failed: {seen.failures[0]}")
    others = {name: count for name, count in seen.outcomes.items() if name != "ROTATED"}
    if others:
        raise OutcomeError(f"refreshes that were not rotations: {others}")
    return seen.outcomes.get("ROTATED", 0)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
