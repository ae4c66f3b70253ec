"""`token-ledger demo --exit`: the story holds, on either database; a step that does not hold is status 1."""

from __future__ import annotations

import re

import pytest

from tests.cli.command_line import CommandLine

EVENTS = ["TOKEN_ISSUED", "TOKEN_ROTATED", "TOKEN_REPLAYED", "REUSE_DETECTED", "TOKEN_REVOKED"]


def tells_the_story(told: str) -> None:
    """Every step is told, in order, and held."""
    steps = re.findall(r"^(\d)  \S", told, re.MULTILINE)
    assert steps == ["1", "2", "3", "4", "5", "6"]
    assert told.count("✓") == 9
    assert "✗" not in told
    table = told[told.index("What happened to it") :]
    assert [word for word in table.split() if word in EVENTS] == EVENTS
    assert "127.0.0.1 curl/8.16.0" in table
    assert re.search(r"^Every step held \(\d\.\d s\)\.$", table, re.MULTILINE)


def test_the_story_holds_on_a_database_that_is_given(command_line: CommandLine) -> None:
    """Whatever the environment says of development, and of a proxy that cannot reach this machine."""
    around = command_line.given(DEVELOPMENT="off", GRACE_PERIOD="60").beside(
        http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1"
    )
    tells_the_story(around.answer("demo", "--exit"))
    tells_the_story(around.answer("demo", "--exit"))
    assert command_line.run("replay", "--dry-run").status == 0


@pytest.mark.embedded_only
def test_the_story_holds_with_nothing_but_a_home(embedded: CommandLine) -> None:
    tells_the_story(embedded.answer("demo", "--exit"))


def test_a_step_that_does_not_hold_ends_the_walk_with_status_1(command_line: CommandLine) -> None:
    """With HIDE_REUSE the thief is told what anybody is told of a revoked session, so step 4 cannot hold."""
    hidden = command_line.given(HIDE_REUSE="on").beside(PYTHONIOENCODING="ascii")  # without the letter either
    done = hidden.run("demo", "--exit")
    assert (done.status, done.err) == (1, "")
    assert done.out.splitlines()[-1] == "\\u2717 REUSE_DETECTED: the thief gets nothing"
    assert "Every step held" not in done.out


def test_what_is_wrong_is_told_before_anything_is_started(command_line: CommandLine) -> None:
    assert command_line.refusal("demo", "--host", "0.0.0.0").startswith("TOKEN_LEDGER_DEVELOPMENT")  # noqa: S104
    assert "TOKEN_LEDGER_GRACE_PERIOD" in command_line.given(GRACE_PERIOD="x").refusal("demo")
