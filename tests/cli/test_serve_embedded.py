"""`token-ledger serve` with the embedded PostgreSQL: made, shared, killed and started again."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.embedded_watchdog import is_alive, postmaster
from tests.cli.command_line import CommandLine, Running, eventually
from tests.cli.conftest import postgres_home

pytestmark = pytest.mark.embedded_only


def server_of(embedded: CommandLine) -> int:
    """The process of the embedded PostgreSQL."""
    process = postmaster(postgres_home(embedded.environ["HOME"]))
    assert process is not None
    return process


def is_known(running: Running, access_token: str) -> bool:
    """Whether the server says whose it is; it may have to connect anew first."""
    try:
        return running.me(access_token) == "ada"
    except ConnectionError:
        return False


def refreshed(running: Running, token: str) -> Any:
    """What a refresh answers; None: nothing."""
    try:
        return running.refresh(token)
    except OSError:
        return None


def test_servers_that_start_at_once_share_a_new_database_and_the_last_takes_it_along(
    embedded: CommandLine,
) -> None:
    with ExitStack() as ends:
        first = ends.enter_context(embedded.starting())
        second = ends.enter_context(embedded.starting())
        first.wait_until_ready()
        second.wait_until_ready()
        home = Path(embedded.environ["HOME"]) / ".local/share/token-ledger"
        (told,) = [line for line in first.log() if line["event"] == "serving"]
        assert told["database"] == f"embedded, in {home}"
        assert (home / "secret_key").stat().st_mode & 0o777 == 0o600
        assert home.stat().st_mode & 0o777 == 0o700
        pair = first.login()
        assert second.refresh(pair["refreshToken"])["outcome"] == "ROTATED"
        server = server_of(embedded)
        first.process.terminate()
        assert first.process.wait(timeout=10) == 0
        assert second.status("/readyz") == 200
        assert is_alive(server)
        second.process.kill()
        eventually(lambda: not is_alive(server))


def test_a_database_that_is_killed_comes_back_and_ends_with_a_parent_that_is_killed(
    embedded: CommandLine,
) -> None:
    with embedded.serving("--workers", "2") as running:
        pair = running.login()
        killed = server_of(embedded)
        os.kill(killed, signal.SIGKILL)
        second = until_refreshed(running, pair["refreshToken"])
        assert second["outcome"] == "ROTATED"
        eventually(lambda: is_known(running, second["accessToken"]))
        server = server_of(embedded)
        assert server != killed
        assert "the embedded PostgreSQL had died and was started again" in [
            line["event"] for line in running.log()
        ]
        eventually(lambda: len(running.workers()) == 2)
        workers = running.workers()
        running.process.kill()
        running.process.wait()
        eventually(lambda: not any(is_alive(one) for one in [server, *workers]))
    with embedded.serving() as again:  # one process looks after the database itself
        third = again.refresh(second["refreshToken"])
        assert third["outcome"] == "ROTATED"
        os.kill(server_of(embedded), signal.SIGKILL)
        assert until_refreshed(again, third["refreshToken"])["outcome"] == "ROTATED"
        again.process.terminate()
        assert again.process.wait(timeout=10) == 0


def until_refreshed(running: Running, token: str) -> Any:
    """The answer to a token that is presented until there is one, as a client would."""
    answers: list[Any] = []

    def answered() -> bool:
        answers.append(refreshed(running, token))
        return answers[-1] is not None

    eventually(answered, seconds=30)
    return answers[-1]
