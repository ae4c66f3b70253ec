"""`token-ledger doctor`: a line for each fault, status 0, 1 or 2, and never a secret."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.command_line import NOWHERE, CommandLine, with_password

STRONG_KEY = base64.b64encode(hashlib.sha256(b"strong").digest()).decode()
FINE = "nothing unsafe or contradictory was found\n"


@pytest.mark.embedded_only
def test_all_is_well_with_the_database_that_comes_along(embedded: CommandLine) -> None:
    with embedded.serving():  # which migrates and makes the keys
        assert embedded.as_process().answer("doctor") == FINE
    assert json.loads(embedded.answer("doctor", "--json")) == {"findings": []}


@pytest.mark.embedded_only
def test_shadow_mode_is_told_while_it_is_on(embedded: CommandLine) -> None:
    with embedded.serving():
        embedded.answer("clients", "update", "web", "--set", "shadow=on")
        told = embedded.run("doctor")
        assert (told.status, told.err) == (1, "")
        assert told.out.startswith("shadow: the client web is in shadow mode since ")
        assert told.out.count("\n") == 1
        embedded.answer("clients", "update", "web", "--set", "shadow=off")
        assert embedded.answer("doctor") == FINE


def test_what_is_found_is_a_line_each_and_the_same_for_machines(production: CommandLine) -> None:
    unsafe = production.given(INTROSPECTION="on", LOST_RESPONSE_WINDOW="7d")
    told = unsafe.run("doctor")
    assert (told.status, told.err) == (1, "")
    lines = told.out.splitlines()
    assert [line.partition(": ")[0] for line in lines][:3] == [
        "introspection",
        "secret_key",
        "lost_response_window",
    ]
    in_full = unsafe.run("doctor", "--json")
    assert (in_full.status, in_full.err) == (1, "")
    findings = json.loads(in_full.out)["findings"]
    assert [f"{one['check']}: {one['message']}" for one in findings] == lines


def test_a_database_without_a_schema_is_a_finding(production: CommandLine, empty_database_url: str) -> None:
    told = production.given(DATABASE_URL=with_password(empty_database_url), SECRET_KEY=STRONG_KEY).run(
        "doctor"
    )
    assert told.status == 1
    assert "schema: migrations 1 to " in told.out
    assert "are missing: run token-ledger migrate\n" in told.out


@pytest.mark.parametrize("variable", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
def test_a_database_that_does_not_answer_ends_with_status_2(production: CommandLine, variable: str) -> None:
    told = production.given(**{variable: NOWHERE}).refusal("doctor")
    assert told.startswith("the database does not answer: ")
    assert told.endswith(f"(TOKEN_LEDGER_{variable})")


def test_a_wrong_value_ends_with_status_2(production: CommandLine) -> None:
    assert production.given(COOKIE_SECURE="off").refusal("doctor") == (
        "TOKEN_LEDGER_COOKIE_SECURE must be on outside development"
    )
    assert (
        production.given(SECRET_KEY=None)
        .refusal("doctor", "--json")
        .startswith("TOKEN_LEDGER_SECRET_KEY must be given")
    )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('jwks_url = "http://login.example.com/jwks"', "`jwks_url` must be an https URL"),
        (
            'jwks_url = "https://login.example.com/jwks"\nalgorithms = ["HS256"]',
            "`algorithms` must be some of ES256",
        ),
    ],
)
def test_an_issuer_that_cannot_be_trusted_ends_with_status_2(
    production: CommandLine, tmp_path: Path, entry: str, told: str
) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(f'[[issuer]]\nissuer = "https://login.example.com"\n{entry}\n')
    refused = production.given(TRUSTED_ISSUERS=str(file)).refusal("doctor")
    assert refused.startswith("TOKEN_LEDGER_TRUSTED_ISSUERS: ")
    assert told in refused
