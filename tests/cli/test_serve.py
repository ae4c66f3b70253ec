"""`token-ledger serve` as processes: ready, shared, asked to end, killed."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api.embedded_watchdog import is_alive
from tests.cli.command_line import CommandLine, Running, eventually


@contextmanager
def locked(database_url: str, table: str = "events") -> Iterator[None]:
    """Nothing can be written to the table meanwhile."""
    with psycopg.connect(database_url) as connection:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
        yield


def is_waited_for(database_url: str, table: str = "events") -> bool:
    """Whether a statement waits for the lock."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s))", (table,)
        ).fetchone()
    return row == (True,)


@contextmanager
def slow(database_url: str, seconds: float) -> Iterator[None]:
    """Whoever writes an event takes so long meanwhile."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN PERFORM pg_sleep({}); RETURN NULL; END $$"
            ).format(sql.Literal(seconds))
        )
        connection.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION slow()"
        )
        yield


def is_writing(database_url: str) -> bool:
    """Whether somebody writes an event slowly."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"
        ).fetchone()
    return row == (True,)


def accepts(running: Running) -> bool:
    """Whether its port takes connections."""
    parts = urlsplit(running.url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_that_runs_is_answered_after_sigterm(
    command_line: CommandLine, database_url: str, workers: str
) -> None:
    with command_line.serving("--workers", workers) as running, ThreadPoolExecutor() as requests:
        first = running.login()
        with slow(database_url, 1.5):
            answer = requests.submit(running.refresh, first["refreshToken"])
            eventually(lambda: is_writing(database_url))
            asked_at = time.monotonic()
            running.process.terminate()
            eventually(lambda: not accepts(running))
        assert answer.result()["outcome"] == "ROTATED"
        assert running.process.wait(timeout=10) == 0
        assert time.monotonic() - asked_at < 10


def test_a_request_that_never_ends_does_not_keep_the_server_from_ending_within_ten_seconds(
    command_line: CommandLine, database_url: str
) -> None:
    with command_line.serving("--workers", "2") as running, ThreadPoolExecutor() as requests:
        first = running.login()
        with slow(database_url, 60):
            answer = requests.submit(running.refresh, first["refreshToken"])
            eventually(lambda: is_writing(database_url))
            asked_at = time.monotonic()
            running.process.terminate()
            assert running.process.wait(timeout=20) == 0
            took = time.monotonic() - asked_at
        with pytest.raises(OSError, match="503"):
            answer.result()
        assert took < 10


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_while_it_starts_ends_it_too(
    command_line: CommandLine, database_url: str, workers: str
) -> None:
    with command_line.starting("--workers", workers) as running, locked(database_url, "keys"):
        eventually(lambda: is_waited_for(database_url, "keys"), alive=running.process)
        running.process.terminate()
        assert running.process.wait(timeout=10) == 0
    with command_line.starting("--workers", workers) as running:
        eventually(lambda: "serving" in [line["event"] for line in running.log()], alive=running.process)
        running.process.terminate()
        assert running.process.wait(timeout=10) == 0


def test_ctrl_c_ends_it_as_sigterm_does(command_line: CommandLine) -> None:
    with command_line.serving() as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=10) == 0


def test_a_client_that_sends_half_a_request_does_not_keep_it_from_ending(command_line: CommandLine) -> None:
    with command_line.serving() as running:
        parts = urlsplit(running.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as client:
            client.sendall(b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
            assert running.status("/healthz") == 200
            running.process.terminate()
            assert running.process.wait(timeout=10) == 0


def test_two_workers_share_a_port_and_one_that_is_killed_is_replaced_while_the_other_goes_on(
    command_line: CommandLine,
) -> None:
    with command_line.serving("--workers", "2") as running:
        eventually(lambda: len(running.workers()) == 2)
        before = running.workers()
        first = running.login()
        killed = min(before)
        stopped = threading.Event()
        with ThreadPoolExecutor() as requests:
            going_on = requests.submit(statuses, running, stopped)
            try:
                os.kill(killed, signal.SIGKILL)
                eventually(lambda: killed not in running.workers() and len(running.workers()) == 2)
            finally:
                stopped.set()
            seen = going_on.result()
        assert seen.count(200) > len(seen) / 2  # a connection that the killed one had taken is lost
        assert running.refresh(first["refreshToken"])["outcome"] == "ROTATED"
        (told,) = [line for line in running.log() if line["event"] == "a worker died and was replaced"]
        assert (told["level"], told["worker"], told["status"]) == ("warning", killed, -signal.SIGKILL)
        running.process.terminate()
        assert running.process.wait(timeout=10) == 0
        assert not any(is_alive(one) for one in before)


def test_a_worker_that_is_killed_while_it_is_asked_whether_it_lives_is_replaced_at_once(
    command_line: CommandLine,
) -> None:
    with command_line.serving("--workers", "2") as running:
        eventually(lambda: len(running.workers()) == 2)
        stopped = min(running.workers())
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(1.5)  # it is asked every half second, and waited for by now
        os.kill(stopped, signal.SIGKILL)
        eventually(lambda: stopped not in running.workers() and len(running.workers()) == 2, seconds=8)


def statuses(running: Running, stopped: threading.Event) -> list[int | None]:
    """The answers to requests one after the other."""
    seen = []
    while not stopped.is_set():
        seen.append(running.status("/readyz"))
    return seen


def test_workers_end_when_their_parent_is_killed(command_line: CommandLine) -> None:
    with command_line.serving("--workers", "2") as running:
        eventually(lambda: len(running.workers()) == 2)
        workers = running.workers()
        running.process.kill()
        running.process.wait()
        eventually(lambda: not any(is_alive(one) for one in workers))
        eventually(lambda: not accepts(running))


def test_the_log_says_where_it_serves_and_from_what_database(command_line: CommandLine) -> None:
    with command_line.serving() as running:
        (told,) = [line for line in running.log() if line["event"] == "serving"]
        assert told["database"] == "TOKEN_LEDGER_DATABASE_URL"
        assert told["development"] is True
        assert told["workers"] == 1


def test_an_address_with_colons_is_told_as_a_url(command_line: CommandLine) -> None:
    with command_line.serving("--host", "::1") as running:
        assert running.url.startswith("http://[::1]:")
        assert running.status("/healthz") == 200


def test_production_with_a_database_and_a_key_writes_nothing(production: CommandLine, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("home", "tmp", "here")]
    for one in folders:
        one.mkdir()
    inside = production.beside(HOME=str(folders[0]), TMPDIR=str(folders[1]))
    with inside.serving("--workers", "2") as running:
        assert running.status("/.well-known/jwks.json") == 200
        running.process.terminate()
        assert running.process.wait(timeout=10) == 0
    assert [list(one.iterdir()) for one in folders] == [[], [], []]


def test_a_home_that_cannot_be_written_is_not_missed(production: CommandLine) -> None:
    with production.beside(HOME="/dev/null/home", TMPDIR="/dev/null").serving() as running:
        assert running.status("/.well-known/jwks.json") == 200
