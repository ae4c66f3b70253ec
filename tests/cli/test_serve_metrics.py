"""`/metrics` of several workers: the sums of all, nothing of the dead, and no files left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.embedded_watchdog import is_alive
from api.metrics.worker_files import make_room, worker_files
from tests.cli.command_line import CommandLine, Running, eventually

LOGINS = 6


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The temporary directory of the server."""
    made = tmp_path / "temporary"
    made.mkdir()
    return made


def scrape(running: Running) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{running.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def counted(directory: Path) -> set[int]:
    """The workers that have counted something."""
    return {int(one.stem.rpartition("_")[2]) for one in directory.glob("*/histogram_*.db")}


def test_any_worker_tells_the_sums_of_all_and_nothing_that_was_so_in_a_dead_one(
    command_line: CommandLine, temporary: Path
) -> None:
    with command_line.beside(TMPDIR=str(temporary)).serving("--workers", "2") as running:
        eventually(lambda: len(running.workers()) == 2)
        workers = running.workers()
        eventually(lambda: counted(temporary) == workers)
        (directory,) = temporary.iterdir()
        assert directory.stat().st_mode & 0o777 == 0o700
        files = {one: one.stat().st_size for one in directory.glob("*.db")}
        pairs = [running.login() for _ in range(LOGINS)]
        assert running.refresh(pairs[0]["refreshToken"])["outcome"] == "ROTATED"
        for _ in range(LOGINS):  # whichever of them is asked
            found = scrape(running)
            assert found["token_ledger_tokens_total", "ISSUED"] == LOGINS
            assert found["token_ledger_tokens_total", "ROTATED"] == 1
            login = ("token_ledger_http_request_duration_seconds_count", "graphql_login", "2xx")
            assert found[login] == LOGINS
            assert found["token_ledger_database_up",] == 1
        eventually(lambda: scrape(running)["token_ledger_workers",] == 2)
        eventually(lambda: scrape(running)["token_ledger_leading", "sealer"] == 1)
        assert len(files) == 6
        for file, size in files.items():  # none has holes, and none had to grow
            assert size == file.stat().st_size <= file.stat().st_blocks * 512
        os.kill(min(workers), signal.SIGKILL)
        eventually(lambda: len(running.workers() - workers) == 1)
        eventually(lambda: counted(temporary) > workers)
        eventually(lambda: not list(directory.glob(f"gauge_*_{min(workers)}.db")))
        eventually(lambda: scrape(running)["token_ledger_workers",] == 2)
        eventually(lambda: scrape(running)["token_ledger_leading", "sealer"] == 1)
        assert scrape(running)["token_ledger_tokens_total", "ISSUED"] == LOGINS
        running.process.terminate()
        assert running.process.wait(timeout=15) == 0
    assert list(temporary.iterdir()) == []


def test_nothing_is_told_that_was_so_in_workers_which_were_exchanged(
    command_line: CommandLine, temporary: Path
) -> None:
    with command_line.beside(TMPDIR=str(temporary)).serving("--workers", "2") as running:
        eventually(lambda: len(counted(temporary)) == 2)
        workers = running.workers()
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(running.workers() - workers) == 2, seconds=40)
        eventually(lambda: scrape(running)["token_ledger_workers",] == 2)
        eventually(lambda: scrape(running)["token_ledger_leading", "sealer"] == 1)
        running.process.send_signal(signal.SIGTTOU)
        eventually(lambda: len(running.workers()) == 1)
        eventually(lambda: scrape(running)["token_ledger_workers",] == 1)


def test_a_worker_that_finds_the_files_gone_serves_all_the_same(
    command_line: CommandLine, temporary: Path
) -> None:
    with command_line.beside(TMPDIR=str(temporary)).serving("--workers", "2") as running:
        eventually(lambda: len(counted(temporary)) == 2)
        (directory,) = temporary.iterdir()
        shutil.rmtree(directory)
        workers = running.workers()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(running.workers() - workers) == 2, seconds=40)
        running.wait_until_ready()
        running.login()
        assert running.status("/metrics") == 403
        assert [one for one in running.log() if "no metrics of several workers" in one["event"]]
        running.process.terminate()
        assert running.process.wait(timeout=15) == 0
    assert list(temporary.iterdir()) == []


def test_workers_whose_parent_was_killed_remove_the_files(command_line: CommandLine, temporary: Path) -> None:
    with command_line.beside(TMPDIR=str(temporary)).serving("--workers", "2") as running:
        eventually(lambda: len(counted(temporary)) == 2)
        workers = running.workers()
        running.process.kill()
        running.process.wait()
        eventually(lambda: not any(is_alive(one) for one in workers))
    assert list(temporary.iterdir()) == []


def test_one_worker_writes_nothing_whatever_the_environment_says(
    command_line: CommandLine, temporary: Path
) -> None:
    given = command_line.beside(TMPDIR=str(temporary), PROMETHEUS_MULTIPROC_DIR=str(temporary))
    with given.serving() as running:
        running.login()
        assert scrape(running)["token_ledger_tokens_total", "ISSUED"] == 1
        assert scrape(running)["token_ledger_workers",] == 1
        assert list(temporary.iterdir()) == []


def test_without_a_temporary_directory_no_worker_tells_its_own_counts_for_those_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    with worker_files() as directory:
        assert directory is None
        assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_a_worker_without_room_for_its_counts_keeps_them_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / f"histogram_{os.getpid()}.draft").symlink_to("/dev/full")
    assert not make_room(tmp_path)
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert not list(tmp_path.glob("*.draft"))
    assert make_room(tmp_path)


def test_all_that_a_worker_can_count_has_room_in_its_files(tmp_path: Path) -> None:
    count = """
import os, sys
from pathlib import Path
from api.metrics.worker_files import make_room
directory = Path(sys.argv[1])
assert make_room(directory)
from api.metrics.process_metrics import ProcessMetrics
from tests.api.test_metrics import ENDPOINTS
counted = ProcessMetrics(directory).instruments
for endpoint in ENDPOINTS:
    for status in range(1, 6):
        counted.answered(endpoint, status * 100, 0.1)
"""
    subprocess.run(
        [sys.executable, "-c", count, tmp_path],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        timeout=60,
    )
    sizes = {one.stem.rpartition("_")[0]: one.stat().st_size for one in tmp_path.iterdir()}
    assert sizes == {"counter": 1 << 16, "gauge_livesum": 1 << 16, "histogram": 1 << 18}
