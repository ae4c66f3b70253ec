"""`token-ledger replay`: what differs from the events is told, and mended unless it is only asked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest

from ledger.answers import Granted
from tests.auditing import sealed_and_caught_up
from tests.cli.command_line import CommandLine
from tests.ledger_harness import harness


@pytest.fixture
async def owner(database_url: str) -> Any:
    """The owner of the tables, on a ledger with three sessions that were refreshed once."""
    async with harness(database_url) as ledger:
        for _ in range(3):
            issued = (await ledger.issue()).answer
            assert isinstance(issued, Granted)
            await ledger.refresh(issued.token)
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def test_a_view_that_is_right_has_no_difference(
    production: CommandLine, owner: psycopg.Connection[Any]
) -> None:
    told = production.as_process().answer("replay", "--dry-run")
    assert told.startswith("active_tokens: 3 families, 6 events in ")
    assert told.endswith(": no difference\n")
    assert production.run("replay").status == 0


def test_differences_are_told_without_private_values_and_mended_when_asked(
    production: CommandLine, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "UPDATE active_tokens SET generation = 77, address = '203.0.113.99', device_label = 'canary', "
        "claims = '{\"email\": \"canary@example.org\"}', secret_hash = sha256('canary'), "
        "user_agent = 'canary/1.0' WHERE family_id = (SELECT min(family_id::text)::uuid FROM active_tokens)"
    )
    row = owner.execute("SELECT min(family_id::text), sha256('canary') FROM active_tokens").fetchone()
    assert row is not None
    family, planted = row

    found = production.run("replay", "--dry-run")
    assert (found.status, found.err) == (1, "")
    lines = found.out.splitlines()
    assert set(lines[:-1]) == {
        f"{family}: generation is 77, rebuilt 1",
        *(
            f"{family}: {column} differs"
            for column in ("address", "claims", "device_label", "secret_hash", "user_agent")
        ),
    }
    assert lines[-1].endswith(": 6 differences")
    in_json = production.run("replay", "--dry-run", "--json")
    assert in_json.status == 1
    summary = json.loads(in_json.out)
    assert (summary["differences"], summary["families"], summary["dry_run"]) == (6, 3, True)
    assert {"family_id": family, "column": "generation"} in summary["first"]
    for told in (found.out, in_json.out):
        for private in ("canary", "203.0.113.99", "192.0.2.7", "ada@example.org", planted.hex()):
            assert private not in told

    mended = production.run("replay")
    assert mended.status == 0
    assert mended.out.endswith(": 6 differences, replaced by the rebuilt rows\n")
    assert production.run("replay", "--dry-run").status == 0
    assert owner.execute("SELECT DISTINCT generation FROM active_tokens").fetchall() == [(1,)]


def test_a_row_too_few_and_one_too_many_are_told_apart(
    production: CommandLine, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "UPDATE active_tokens SET family_id = '00000000-0000-7000-8000-000000000001' "
        "WHERE family_id = (SELECT min(family_id::text)::uuid FROM active_tokens)"
    )
    found = production.run("replay", "--dry-run")
    assert found.status == 1
    assert "00000000-0000-7000-8000-000000000001: has a row and no events" in found.out
    assert found.out.count(": has no row\n") == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("type = 'TokenStolen'", "no event 'TokenStolen' of schema version 1 is known"),
        ("schema_version = 99", "a TokenRotated of schema version 99 was written by a newer program"),
        ("payload = '{}'", "the payload of a TokenRotated is damaged"),
    ],
)
def test_events_that_nobody_recorded_fail_the_check_with_one_line(
    production: CommandLine, owner: psycopg.Connection[Any], change: str, told: str
) -> None:
    owner.execute("ALTER TABLE events DISABLE TRIGGER append_only")
    owner.execute(b"UPDATE events SET " + change.encode() + b" WHERE type = 'TokenRotated'")
    found = production.run("replay", "--dry-run")
    assert found.status == 1
    assert found.line.startswith(f"Error: the events cannot be replayed: {told}")


@pytest.mark.parametrize("name", ["audit_events", "audit_sessions", "security_hours"])
def test_a_projection_that_catches_up_is_compared_and_rebuilt(
    production: CommandLine, owner: psycopg.Connection[Any], database_url: str, name: str
) -> None:
    asyncio.run(sealed_and_caught_up(database_url))
    replay = ("replay", "--projection", name)
    told = production.answer(*replay, "--dry-run")
    assert told.startswith(f"{name}: 6 leaves in ")
    assert told.endswith(": no difference\n")
    meddling = {
        "audit_events": "UPDATE audit_events SET address = '203.0.113.99' WHERE leaf_index = 3",
        "audit_sessions": "UPDATE audit_sessions SET address = '203.0.113.99' "
        "WHERE family_id IN (SELECT min(family_id::text)::uuid FROM audit_sessions)",
        "security_hours": "DELETE FROM security_hours",
    }
    owner.execute(meddling[name].encode())
    found = production.run(*replay, "--dry-run")
    assert found.status == 1
    first, last = found.out.splitlines()[0], found.out.splitlines()[-1]
    assert first.startswith(f"{name} ")
    assert first.endswith(": is missing" if name == "security_hours" else ": address differ")
    assert last.endswith(": 1 differences")
    assert "203.0.113.99" not in found.out
    summary = json.loads(production.run(*replay, "--dry-run", "--json").out)
    assert (summary["leaves"], summary["differences"], summary["dry_run"]) == (6, 1, True)

    mended = production.answer(*replay)
    assert mended.endswith(": version 2 is live\n")
    assert production.run(*replay, "--dry-run").status == 0
