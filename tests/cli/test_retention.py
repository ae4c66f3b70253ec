"""`token-ledger retention run`: from old months to an archive, and a ledger that stays verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.cli.command_line import CommandLine, Running, eventually, with_password
from tests.retaining import FEBRUARY, JANUARY, record_month


@pytest.fixture
async def old(command_line: CommandLine, database_url: str) -> int:
    """How many events a server has sealed: those of two old months, and a session of now."""
    await record_month(database_url, JANUARY, "alf")
    await record_month(database_url, FEBRUARY, "eve")
    with command_line.serving() as running:
        running.login("dan")
        return sealed(running, database_url)


def sealed(running: Running, database_url: str) -> int:
    """Once everything is."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        unsealed = (
            "SELECT FROM events AS e LEFT JOIN log AS l USING (stream_id, version) WHERE l.version IS NULL"
        )
        eventually(lambda: connection.execute(unsealed).fetchone() is None, alive=running.process)
        row = connection.execute("SELECT next_index FROM log_state").fetchone()
    assert row is not None
    return int(row[0])


def run(command_line: CommandLine, archive: Path, *options: str, status: int = 0) -> Any:
    done = command_line.run("retention", "run", "--archive", str(archive), "--json", *options)
    assert done.status == status, done
    return json.loads(done.out)


def test_old_months_go_and_log_and_archive_are_verified(
    command_line: CommandLine, bare: CommandLine, database_url: str, old: int, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    dry = command_line.answer("retention", "run", "--archive", str(archive), "--dry-run")
    assert [line.partition(",")[0] for line in dry.splitlines()] == [
        "2024-01: to be removed",
        "2024-02: to be removed",
    ]
    assert not archive.exists()
    told = command_line.as_process().answer("retention", "run", "--archive", str(archive)).splitlines()
    assert told[0] == f"exported: {archive / 'leaves-000000000000'}"
    assert told[1].startswith("2024-01: removed, 5 events, leaves ")
    assert told[1].endswith(", in leaves-000000000000")
    assert len(told) == 3
    again = command_line.answer("retention", "run", "--archive", str(archive))
    assert again.startswith("no month is old enough: ")
    with command_line.serving() as running:
        assert sealed(running, database_url) == old + 3
    verified = command_line.answer("verify")
    assert "\n10 leaves of archived months: hash alone\nverified: " in verified
    assert json.loads(command_line.answer("verify", "--json"))["archived"] == 10
    assert "no difference" in command_line.answer("replay", "--dry-run")
    keys = tmp_path / "log.vkey"
    keys.write_text("\n".join(command_line.answer("keys", "list").splitlines()[-2:]))
    assert bare.answer("verify-export", str(archive / "leaves-000000000000"), "--vkey", str(keys))


def test_a_month_that_is_kept_is_no_failure_and_a_damaged_archive_is(
    command_line: CommandLine, database_url: str, old: int, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO subjects (subject, legal_hold) VALUES ('alf', true)")
    export = tmp_path / "leaves-000000000000"
    command_line.answer("export", str(export))
    file = export / "events-000000000000.jsonl"
    good = file.read_bytes()
    file.write_bytes(good.replace(b"eve", b"eva", 1))
    told = run(command_line, tmp_path, status=1)
    assert [one["fate"] for one in told["months"]] == ["kept", "kept"]
    assert told["months"][0]["held"] == ["alf"]
    (reason,) = told["months"][1]["reasons"]
    assert "leaves-000000000000/events-000000000000.jsonl" in reason
    assert "the leaf was changed" in reason
    file.write_bytes(good)
    told = run(command_line, tmp_path)
    assert [one["fate"] for one in told["months"]] == ["kept", "removed"]
    assert told["months"][1]["exports"] == ["leaves-000000000000"]
    assert told["next_month"] is not None


def test_what_cannot_be_done_is_one_line(
    command_line: CommandLine, database_url: str, old: int, tmp_path: Path
) -> None:
    done = command_line.run("retention", "run")
    assert (done.status, "--archive" in done.err) == (2, True)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (0x726574656E74,))
        told = command_line.refusal("retention", "run", "--archive", str(tmp_path))
    assert told == "another retention run is under way on this database"
    (tmp_path / "leaves-000000000007").mkdir()
    told = command_line.refusal("retention", "run", "--archive", str(tmp_path))
    assert "is not complete and does not follow on the newest export: remove it" in told


def test_a_login_that_does_not_own_the_tables_is_told_what_to_give(
    command_line: CommandLine, database_url: str, old: int, tmp_path: Path
) -> None:
    name = f"teller_{uuid4().hex}"
    role = sql.Identifier(name)
    with psycopg.connect(database_url, autocommit=True) as owner:
        roles = "CREATE ROLE {} LOGIN PASSWORD 'swordfish' IN ROLE token_ledger_service, token_ledger_reader"
        owner.execute(sql.SQL(roles).format(role))
        parts = conninfo_to_dict(database_url)
        parts.pop("passfile", None)
        url = with_password(make_conninfo("", **{**parts, "user": name, "password": "swordfish"}))
        teller = command_line.given(DATABASE_URL=url, MIGRATION_DATABASE_URL=None)
        try:
            done = teller.run("retention", "run", "--archive", str(tmp_path / "archive"))
            assert (done.status, done.out) == (2, "")
            assert done.err.endswith("give TOKEN_LEDGER_MIGRATION_DATABASE_URL\n")
            both = teller.given(MIGRATION_DATABASE_URL=with_password(database_url))
            assert [one["fate"] for one in run(both, tmp_path / "archive")["months"]] == [
                "removed",
                "removed",
            ]
        finally:
            owner.execute(sql.SQL("DROP ROLE {}").format(role))
