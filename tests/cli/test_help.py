"""Help and usage: at once, without touching anything, and status 2 for what is not understood."""

from __future__ import annotations

import subprocess
import time
from importlib.metadata import version

import pytest

from tests.cli.command_line import TOKEN_LEDGER, CommandLine

COMMANDS = [
    "assertion",
    "checkpoint",
    "clients",
    "clients create",
    "clients list",
    "clients rotate-secret",
    "clients update",
    "demo",
    "doctor",
    "export",
    "events",
    "events tail",
    "keys",
    "keys list",
    "keys retire",
    "keys revoke",
    "keys rotate",
    "migrate",
    "replay",
    "retention",
    "retention run",
    "serve",
    "sessions",
    "sessions list",
    "sessions show",
    "verify",
    "verify-export",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_what_it_does(bare: CommandLine, command: str) -> None:
    told = bare.answer(*command.split(), "--help")
    assert told.startswith(f"Usage: token-ledger {command} ")
    assert not (bare.directory / "home").exists()


def test_help_names_every_command_and_answers_at_once(bare: CommandLine) -> None:
    fastest = 60.0
    for _ in range(3):
        started = time.monotonic()
        told = bare.as_process().answer("--help")
        fastest = min(fastest, time.monotonic() - started)
    listed = {line.split()[0] for line in told.partition("Commands:")[2].splitlines() if line}
    assert listed == {command.partition(" ")[0] for command in COMMANDS}
    assert bare.as_process().answer("-h") == told
    assert fastest < 1


def test_the_version_is_the_one_of_the_package(bare: CommandLine) -> None:
    assert bare.as_process().answer("--version") == f"token-ledger, version {version('token-ledger')}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["server"], "No such command 'server'"),
        (["serve", "--prot", "1"], "No such option"),
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--workers", "0"], "--workers"),
        (["replay", "--projection", "other"], "active_tokens"),
        (["keys", "rotate"], "--kind"),
        (["keys", "rotate", "--kind", "cursor"], "access"),
        (["keys", "retire"], "--kind"),
        (["keys", "retire", "x", "--kind", "access"], "either the key"),
        (["assertion"], "--subject"),
        (["export"], "DIR"),
        (["export", "x", "--format", "csv"], "jsonl"),
        (["export", "x", "--from-index", "-1"], "--from-index"),
        (["verify-export", "/nowhere"], "does not exist"),
        (["verify-export", "/", "--vkey", "/nowhere"], "does not exist"),
        (["sessions", "show"], "ID"),
        (["sessions", "show", "42"], "UUID"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_named(
    bare: CommandLine, arguments: list[str], told: str
) -> None:
    done = bare.run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "\nError: " in done.err
    assert told in done.err


def test_no_command_is_answered_with_the_help(bare: CommandLine) -> None:
    done = subprocess.run([TOKEN_LEDGER], env=bare.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Commands:" in done.stderr


def test_who_reads_only_the_first_line_is_not_told_of_a_broken_pipe(bare: CommandLine) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {TOKEN_LEDGER} serve --help | head -n 1"],
        env=bare.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
