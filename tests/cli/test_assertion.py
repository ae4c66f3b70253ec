"""`token-ledger assertion`: the JWT alone, and for development only."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.cli.command_line import NOWHERE, SECRET_KEY, CommandLine


@pytest.fixture
def development(bare: CommandLine) -> CommandLine:
    """A database is named, and never asked."""
    return bare.given(DATABASE_URL=NOWHERE, SECRET_KEY=SECRET_KEY, DEVELOPMENT="on")


def claims(command_line: CommandLine, *arguments: str) -> Any:
    """What is in the assertion that a command prints."""
    told = command_line.answer("assertion", *arguments)
    assert told.count("\n") == 1
    return jwt.decode(told.strip(), options={"verify_signature": False})


def test_it_prints_an_assertion_of_five_minutes_and_nothing_else(development: CommandLine) -> None:
    found = claims(development.as_process(), "--subject", "ada")
    assert found["sub"] == "ada"
    assert "http://127.0.0.1:8000" in found["aud"]
    assert found["exp"] - found["iat"] == 300
    assert claims(development, "--subject", "ada")["jti"] != found["jti"]


def test_claims_are_json_where_they_are_json(development: CommandLine) -> None:
    given = ["role=admin", "level=3", 'groups=["a","b"]', "ok=true", "empty=", "equation=a=b", "broken={x"]
    options = [word for one in given for word in ("--claim", one)]
    found = claims(development, "--subject", "ada", *options)
    assert {name.partition("=")[0]: found[name.partition("=")[0]] for name in given} == {
        "role": "admin",
        "level": 3,
        "groups": ["a", "b"],
        "ok": True,
        "empty": "",
        "equation": "a=b",
        "broken": "{x",
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--subject", "ada", "--claim", "role"], "'role' is not of the form name=value"),
        (["--subject", "ada", "--claim", "=admin"], "'=admin' is not of the form name=value"),
        (["--subject", "ada", "--claim", "sub=eve"], "the claim 'sub' is written by the service itself"),
        (["--subject", "ada", "--claim", "a=1", "--claim", "a=2"], "'a' is given twice"),
        (["--subject", ""], "--subject"),
        (["--subject", b"\xff"], "--subject"),
        (["--subject", "ada", "--claim", b"a=\xff"], "--claim"),
    ],
)
def test_what_cannot_be_asserted_is_refused(
    development: CommandLine, arguments: list[str | bytes], told: str
) -> None:
    done = development.run("assertion", *arguments)
    assert (done.status, done.out) == (2, "")
    assert told in done.err.splitlines()[-1]


def test_it_is_refused_outside_development(development: CommandLine) -> None:
    outside = development.given(DEVELOPMENT="off", ISSUER="https://login.example.com")
    told = outside.refusal("assertion", "--subject", "ada")
    assert told.startswith("TOKEN_LEDGER_DEVELOPMENT must be on for this command")
