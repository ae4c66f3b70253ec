"""`token-ledger events tail`: sealed events as lines, once each, also while connections are dropped."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.cli.command_line import TOKEN_LEDGER, CommandLine, Running, eventually


@pytest.fixture
def server(command_line: CommandLine) -> Iterator[Running]:
    with command_line.serving() as running:
        yield running


def told(running: Running, *arguments: str) -> list[Any]:
    out = running.command_line.answer("events", "tail", "--json", *arguments)
    return [json.loads(line) for line in out.splitlines()]


@contextmanager
def following(running: Running, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [TOKEN_LEDGER, "events", "tail", "--follow", *arguments],
        env=running.command_line.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_last_events_are_told_oldest_first_by_type_and_since(server: Running) -> None:
    token = server.login()["refreshToken"]
    for _ in range(3):
        token = server.refresh(token)["refreshToken"]
    eventually(lambda: len(told(server)) == 4)
    every = told(server)
    assert [one["log_index"] for one in every] == [0, 1, 2, 3]
    assert [one["type"] for one in every] == ["TokenIssued", *["TokenRotated"] * 3]
    assert {one["subject"] for one in every} == {"ada"}
    assert told(server, "--lines", "2") == every[2:]
    assert told(server, "--lines", "0") == []
    assert told(server, "--type", "TokenIssued") == every[:1]
    assert told(server, "--since", every[2]["occurred_at"]) == every[2:]
    lines = server.command_line.answer("events", "tail").splitlines()
    assert [one.split()[0] for one in lines] == ["0", "1", "2", "3"]
    assert lines[1].split()[2:6] == ["TokenRotated", every[1]["id"], "ada", "subject:ada"]


def test_following_goes_on_through_a_dropped_connection_without_repeating_anything(server: Running) -> None:
    token = server.login()["refreshToken"]
    eventually(lambda: len(told(server)) == 1)
    url = server.command_line.environ["TOKEN_LEDGER_DATABASE_URL"]
    with following(server, "--json", "--type", "TokenIssued", "--type", "TokenRotated") as process:
        assert json.loads(line(process))["log_index"] == 0
        for number in range(1, 4):
            with psycopg.connect(url, autocommit=True) as connection:
                killed = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND datname = current_database() AND query NOT LIKE 'LISTEN%'"
                ).fetchall()
                assert killed
            token = server.refresh(token)["refreshToken"]
            seen = json.loads(line(process))
            assert (seen["type"], seen["data"]["generation"]) == ("TokenRotated", number)


def test_a_type_that_is_none_is_told(command_line: CommandLine) -> None:
    done = command_line.run("events", "tail", "--type", "Nothing")
    assert done.status == 2
    assert "TokenIssued" in done.err
