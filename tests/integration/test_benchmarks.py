"""The benchmarks run, and refuse to give figures where answers and database part."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import stored_procedure
from benchmarks.books import OutcomeError
from benchmarks.database import BenchmarkDatabase, durable_postgres
from benchmarks.processes import connections_by_process, cpu_seconds
from benchmarks.refresh_run import drive_chains, run
from benchmarks.service import Connection, Service, new_secret_key, running_service

pytestmark = [
    pytest.mark.embedded_only,
    pytest.mark.xdist_group("benchmarks"),  # one database and one service for all of them
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def database() -> Iterator[BenchmarkDatabase]:
    with durable_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def service(database: BenchmarkDatabase) -> Iterator[Service]:
    with running_service(database.url, new_secret_key(), workers=2) as running:
        yield running


def test_a_quick_run_ends_well_and_writes_every_figure(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.refresh", "--quick", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(output.read_text("utf-8"))
    assert [(row["processes"], row["connections"]) for row in figures["graphql"]] == [
        (1, 1),
        (1, 32),
        (1, 64),
        (2, 1),
        (2, 32),
        (2, 64),
    ]
    assert figures["machine"]["fsync"] == figures["machine"]["synchronous_commit"] == "on"
    assert figures["statements"]["young"]["statements"] == figures["statements"]["old"]["statements"]
    asked = figures["statements"]["old"]["statements"]
    assert (asked["BEGIN ISOLATION LEVEL READ COMMITTED"], asked["COMMIT"]) == (1, 1)


def test_answers_that_are_no_rotations_fail_a_run(service: Service) -> None:
    tokens = service.open_sessions(1)

    with pytest.raises(OutcomeError, match=r"refresh failed|not rotations"):
        drive_chains(service, tokens * 2, answers=3)


def test_an_event_that_nobody_was_answered_fails_a_run(
    database: BenchmarkDatabase, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Service.open_sessions

    def and_one_more(self: Service, count: int) -> list[str]:
        return opened(self, count + 1)[:count]

    monkeypatch.setattr(Service, "open_sessions", and_one_more)
    with pytest.raises(OutcomeError, match="2 events TokenIssued were added, and 1 answered"):
        run(database, service, connections=1, warm_up_seconds=0, seconds=0.2)


def test_a_rotation_that_the_procedure_refused_fails_the_line(database: BenchmarkDatabase) -> None:
    stored_procedure.create(database)
    with database.connect() as connection:
        connection.execute("UPDATE bench.active SET status = 'revoked'")

    with pytest.raises(OutcomeError, match="the database has 0 new events"):
        stored_procedure.run(database, warm_up_seconds=1, seconds=1)


def test_every_connection_is_told_with_the_worker_that_holds_it(service: Service) -> None:
    connections = [Connection(service.port) for _ in range(6)]
    for connection in connections:
        connection.ask("{ __typename }", {})  # answered, so accepted

    held = connections_by_process(service.process, service.port)

    assert sum(held.values()) == 6
    assert service.process not in held  # the parent listens and accepts nothing
    for connection in connections:
        connection.close()


def test_the_cpu_time_of_a_process_holds_that_of_children_that_ended() -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass"
    parent = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {work!r}], check=True)\n"
        "print('done', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert cpu_seconds(process.pid) >= 0.29
        process.communicate()
