"""The embedded PostgreSQL with real processes: shared, started again, and gone when nobody uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from api.embedded_watchdog import is_alive, postmaster
from api.postgres_account import NoAccountError, OtherUser, choose_account, namespaces_allowed
from api.postgres_binaries import PostgresBinaries, find_binaries
from tests.postgres_server import fastest_directory

pytestmark = pytest.mark.embedded_only

FAST = {"fsync": "off", "shared_buffers": "16MB"}
USER = f"""
import sys
from pathlib import Path
from api.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), configuration={FAST!r})
server.start()
print("started", flush=True)
for _ in sys.stdin:
    print(server.keep_running(), flush=True)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Below a directory that only its owner can enter, with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(
        prefix="tl-", dir=fastest_directory(), ignore_cleanup_errors=True
    ) as home:
        Path(home).chmod(0o700)
        yield Path(home) / "postgres"
        for file in Path(home).glob(
            "**/postmaster.pid"
        ):  # a server that still writes would keep it from going
            eventually(lambda server=file.parents[1]: stopped(server))


def start(directory: Path) -> EmbeddedPostgres:
    server = EmbeddedPostgres(directory, configuration=FAST)
    server.start()
    return server


def user_process(directory: Path) -> subprocess.Popen[str]:
    """Another process that uses the server and does nothing else."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )


def started(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def eventually(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def ask(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def server_of(directory: Path) -> int:
    process = postmaster(directory)
    assert process is not None
    return process


def stopped(directory: Path) -> bool:
    process = postmaster(directory)
    return process is None or not is_alive(process)


def test_the_first_start_makes_a_database_and_the_second_finds_it(directory: Path) -> None:
    with start(directory) as server:
        assert ask(server.url, "SELECT current_database()") == "token_ledger"
        ask(server.url, "WITH made AS (SELECT 1) SELECT count(*) FROM made")
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    eventually(lambda: stopped(directory))
    with start(directory) as server:
        assert ask(server.url, "SELECT value FROM kept") == 42


def test_one_that_is_still_ending_is_waited_for(directory: Path) -> None:
    with start(directory):
        pass
    eventually(lambda: stopped(directory))
    ending = f"echo $$ > {directory}/data/postmaster.pid; exec sleep 1"
    with ThreadPoolExecutor(1) as beside:
        ended = beside.submit(choose_account().run, ["/bin/sh", "-c", ending])
        eventually(lambda: not stopped(directory))
        with start(directory) as server:
            assert ended.done()
            assert ask(server.url, "SELECT 1") == 1


def test_it_listens_on_a_private_socket_only_and_asks_for_the_password(directory: Path) -> None:
    with start(directory) as server:
        assert ask(server.url, "SHOW listen_addresses") == ""
        assert ask(server.url, "SHOW fsync") == "off"
        without = {**conninfo_to_dict(server.url), "passfile": "/dev/null"}
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(**without))
        methods = ask(server.url, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
        assert methods == "scram-sha-256"
        assert (directory / "password").stat().st_mode & 0o777 == 0o600
        assert directory.stat().st_mode & 0o777 == 0o700


def test_several_processes_share_one_server_and_the_last_to_be_killed_takes_it_along(directory: Path) -> None:
    first, second = user_process(directory), user_process(directory)
    started(first)
    started(second)
    server = server_of(directory)
    kill(first)
    with start(directory) as mine:
        assert ask(mine.url, "SELECT 1") == 1
        assert server_of(directory) == server
    kill(second)
    eventually(lambda: not is_alive(server))


def test_a_server_that_was_killed_is_started_again(directory: Path) -> None:
    with start(directory) as server:
        killed = server_of(directory)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: not is_alive(killed))
        server.keep_running()
        assert ask(server.url, "SELECT 1") == 1
        assert server_of(directory) != killed
        server.keep_running()
        assert ask(server.url, "SELECT 1") == 1
    eventually(lambda: stopped(directory))


def test_of_all_that_look_after_a_killed_server_at_once_one_starts_it(directory: Path) -> None:
    users = [user_process(directory) for _ in range(4)]
    for one in users:
        started(one)
    killed = server_of(directory)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not is_alive(killed))
    for one in users:
        assert one.stdin is not None
        one.stdin.write("look after it\n")
        one.stdin.flush()
    told = [one.stdout.readline() for one in users if one.stdout is not None]
    assert sorted(told) == ["False\n", "False\n", "False\n", "True\n"]
    with start(directory) as mine:
        assert ask(mine.url, "SELECT 1") == 1
    for one in users:
        kill(one)
    eventually(lambda: stopped(directory))


def test_a_server_that_has_its_files_is_ready_within_a_second(directory: Path) -> None:
    start(directory).close()
    fastest = 60.0
    for _ in range(3):
        eventually(lambda: stopped(directory))
        before = time.monotonic()
        with start(directory) as server:
            assert ask(server.url, "SELECT 1") == 1
            fastest = min(fastest, time.monotonic() - before)
    assert fastest < 1


def test_a_log_that_has_grown_large_is_begun_anew(directory: Path) -> None:
    start(directory).close()
    eventually(lambda: stopped(directory))
    log = directory / "server.log"
    with log.open("a") as file:
        file.truncate(9 * 1024 * 1024)
    with start(directory):
        assert log.stat().st_size < 64 * 1024
        assert "ready to accept connections" in log.read_text()


def test_a_watchdog_that_was_killed_is_replaced(directory: Path) -> None:
    with start(directory) as server:
        process = server_of(directory)
        eventually(lambda: len(watchdogs_of(directory)) == 1)
        os.kill(watchdogs_of(directory)[0], signal.SIGKILL)
        eventually(lambda: watchdogs_of(directory) == [])
        server.keep_running()
        eventually(lambda: len(watchdogs_of(directory)) == 1)
    eventually(lambda: not is_alive(process))


def watchdogs_of(directory: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(directory).encode() in words and any(one.endswith(b"embedded_watchdog.py") for one in words):
            found.append(int(process.name))
    return found


def test_it_can_be_used_again_at_once_after_the_last_user_has_left(directory: Path) -> None:
    for _ in range(10):
        with start(directory) as server:
            assert ask(server.url, "SELECT 1") == 1
    eventually(lambda: stopped(directory))


def test_nothing_is_left_half_made_by_a_first_start_that_was_killed(directory: Path) -> None:
    process = user_process(directory)
    eventually(lambda: any(directory.glob("data*")))
    kill(process)
    with start(directory) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_still_works(directory: Path) -> None:
    with start(directory / ("x" * 100)) as server:
        assert ask(server.url, "SELECT 1") == 1
        socket_directory = Path(str(conninfo_to_dict(server.url)["host"]))
        assert socket_directory.stat().st_mode & 0o777 == 0o700
    eventually(lambda: stopped(directory / ("x" * 100)))


def test_a_path_with_quotes_and_spaces_works(directory: Path) -> None:
    with start(directory / "it's a, 'path'") as server:
        assert ask(server.url, "SELECT 1") == 1


def test_data_of_another_version_are_not_touched(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match="was made by PostgreSQL 9"):
        start(directory)
    assert [one.name for one in (directory / "data").iterdir()] == ["PG_VERSION"]


def test_a_directory_that_cannot_be_made_is_named(directory: Path) -> None:
    directory.parent.joinpath("file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="TOKEN_LEDGER_DATA_DIR must be a directory"):
        start(directory.parent / "file" / "postgres")


def test_why_it_does_not_start_is_told_in_one_line(directory: Path) -> None:
    server = EmbeddedPostgres(directory, configuration={"shared_buffers": "a lot"})
    with pytest.raises(EmbeddedPostgresError, match="shared_buffers") as told:
        server.start()
    assert "\n" not in str(told.value)
    assert "server.log" in str(told.value)


def test_a_machine_without_programs_is_told_what_to_do(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.postgres_binaries._WHEELS", ())
    monkeypatch.setattr("api.postgres_binaries._INSTALLED", directory)
    monkeypatch.setenv("PATH", str(directory))
    assert find_binaries() is None
    with pytest.raises(EmbeddedPostgresError, match="set TOKEN_LEDGER_DATABASE_URL"):
        EmbeddedPostgres(directory)


def hidden_copy(directory: Path) -> PostgresBinaries:
    """The programs where only root can reach them."""
    found = find_binaries()
    assert found is not None
    package = found.installation.parent
    directory.mkdir(mode=0o700)
    for needed in (package, found.libraries):
        if needed.exists():
            subprocess.run(["cp", "-r", needed, directory], check=True)
    return PostgresBinaries(directory / found.folder.relative_to(package.parent), found.major)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_without_namespaces_runs_it_as_another_user_from_a_copy(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Path(tempfile.mkdtemp(prefix="tl-"))
    shared.chmod(0o755)
    account = OtherUser(65534, 65534, shared / "below")
    hidden = hidden_copy(directory)
    monkeypatch.setattr("api.embedded_postgres.find_binaries", lambda: hidden)
    copied = account.binaries(hidden)
    assert copied.folder.is_relative_to(shared)
    assert account.binaries(hidden) == copied
    server = EmbeddedPostgres(directory / "postgres", configuration=FAST, account=account)
    with server:
        assert ask(server.url, "SELECT 1") == 1
        home = account.home(directory / "postgres")
        running = server_of(home)
        assert Path(f"/proc/{running}").stat().st_uid == 65534
        assert Path(f"/proc/{running}/exe").readlink().is_relative_to(shared)
    eventually(lambda: stopped(home))
    subprocess.run(["rm", "-r", shared], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_where_not_even_a_copy_can_be_made_one_line_says_what_to_do(directory: Path) -> None:
    hidden = hidden_copy(directory)
    (directory / "file").write_text("")
    account = OtherUser(65534, 65534, directory / "file" / "below")
    with pytest.raises(NoAccountError, match="set TOKEN_LEDGER_DATABASE_URL, or be another user"):
        account.binaries(hidden)


def test_the_account_fits_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = type(choose_account()).__name__
    expected = "SameUser" if os.geteuid() else "InNamespace" if namespaces_allowed() else "OtherUser"
    assert chosen == expected
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert type(choose_account()).__name__ == "SameUser"
