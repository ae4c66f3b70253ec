"""`token-ledger export` and `verify-export`: from a served ledger to an auditor who has files alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.command_line import TOKEN_LEDGER, CommandLine, eventually
from tests.made_exports import OTHER_SIGNER, SIGNER, made_log, written


@pytest.fixture
def sealed(command_line: CommandLine, database_url: str) -> int:
    """How many events a server has recorded and sealed."""
    with command_line.serving() as running, psycopg.connect(database_url, autocommit=True) as connection:
        pair = running.login("ada")
        running.refresh(pair["refreshToken"])
        running.login("eve")

        def is_sealed() -> bool:
            statement = "SELECT next_index = (SELECT count(*) FROM events) FROM log_state"
            return connection.execute(statement).fetchall() == [(True,)]

        eventually(is_sealed)
        row = connection.execute("SELECT next_index FROM log_state").fetchone()
    assert row is not None
    return int(row[0])


def summary(command_line: CommandLine, *arguments: str) -> dict[str, Any]:
    answer = json.loads(command_line.answer(*arguments, "--json"))
    assert isinstance(answer, dict)
    return answer


def test_an_export_is_verified_by_whoever_has_its_files_and_the_key(
    command_line: CommandLine, bare: CommandLine, sealed: int, tmp_path: Path
) -> None:
    directory = tmp_path / "export"
    told = command_line.as_process().answer("export", str(directory))
    assert told.startswith(f"{sealed} events, leaves 0 to {sealed - 1} of ")
    keys = tmp_path / "log.vkey"
    keys.write_text("\n".join(command_line.answer("keys", "list").splitlines()[-2:]))
    manifest_hash = told.splitlines()[-1].rpartition(" ")[2]

    verified = bare.as_process().answer("verify-export", str(directory), "--vkey", str(keys))
    assert verified.startswith(f"verified: {sealed} events, leaves 0 to {sealed - 1} of ")
    assert manifest_hash in verified
    assert "is the export's own" not in verified
    found = summary(bare, "verify-export", str(directory), "--vkey", str(keys))
    assert (found["verified"], found["origin_proved"], found["count"]) == (True, True, sealed)

    unkeyed = bare.answer("verify-export", str(directory))
    assert "this shows that the export agrees with itself, not whose it is" in unkeyed
    assert summary(bare, "verify-export", str(directory))["origin_proved"] is False


def test_the_same_command_again_says_what_is_there_and_what_came_since(
    command_line: CommandLine, database_url: str, sealed: int, tmp_path: Path
) -> None:
    directory = str(tmp_path / "export")
    first = summary(command_line, "export", directory, "--from-index", "1", "--format", "ocsf")
    assert (first["new"], first["count"], first["written"]) == (True, sealed - 1, sealed - 1)
    again = summary(command_line, "export", directory, "--from-index", "1", "--format", "ocsf")
    assert again == {**first, "new": False, "written": 0, "seconds": again["seconds"]}
    with command_line.serving(), psycopg.connect(database_url, autocommit=True) as connection:
        statement = "SELECT next_index > %s FROM log_state"  # the event that tells of the export
        eventually(lambda: connection.execute(statement, (sealed,)).fetchall() == [(True,)])
    told = command_line.answer("export", directory, "--from-index", "1", "--format", "ocsf")
    assert f"another directory with --from-index {sealed}" in told
    assert "holds an export in the format ocsf from index 1" in command_line.refusal("export", directory)


def test_one_session_is_exported_with_its_proof(
    command_line: CommandLine, bare: CommandLine, sealed: int, tmp_path: Path
) -> None:
    session = json.loads(command_line.answer("sessions", "list", "--subject", "ada", "--json"))["id"]
    told = summary(command_line, "export", str(tmp_path / "ada"), "--session", session)
    assert (told["session"], told["count"]) == (session, 2)
    keys = tmp_path / "log.vkey"
    keys.write_text("\n".join(command_line.answer("keys", "list").splitlines()[-2:]))
    verified = bare.answer("verify-export", str(tmp_path / "ada"), "--vkey", str(keys))
    assert verified.startswith(f"verified: 2 events of session {session}, from its first one on\n")
    assert "personal data: 2 records" in verified
    assert told["sha256"] in verified
    found = summary(bare, "verify-export", str(tmp_path / "ada"))
    assert (found["verified"], found["origin_proved"], found["count"]) == (True, False, 2)

    both = command_line.run("export", str(tmp_path / "both"), "--session", session, "--from-index", "0")
    assert (both.status, both.out) == (2, "")
    assert "--session goes with neither" in both.err
    (tmp_path / "ada" / "session.json").write_text("{}")
    assert bare.run("verify-export", str(tmp_path / "ada")).line == "session.json: names no version"


def test_a_disk_that_is_full_is_one_line_and_the_same_command_goes_on(
    command_line: CommandLine, bare: CommandLine, sealed: int, tmp_path: Path
) -> None:
    directory = tmp_path / "export"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 1; exec {TOKEN_LEDGER} export {directory}"],
        env=command_line.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("token-ledger: ")
    assert line.endswith("run the same command again when it can be: what is complete is kept")
    assert summary(command_line, "export", str(directory))["count"] == sealed
    assert bare.run("verify-export", str(directory)).status == 0


def test_nothing_is_exported_of_a_log_that_was_changed(
    command_line: CommandLine, database_url: str, sealed: int, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER append_only")
        connection.execute("UPDATE events SET actor = 'subject:mallory' WHERE version = 2")
    done = command_line.run("export", str(tmp_path / "export"))
    assert done.status == 1
    assert "is not the one that was sealed: run token-ledger verify" in done.line


def test_verifying_needs_no_settings_and_minds_no_wrong_ones(bare: CommandLine, tmp_path: Path) -> None:
    written(tmp_path / "export", made_log(seed=3, count=12))
    wrong = bare.given(DATABASE_URL="nonsense", NO_SUCH_VARIABLE="1")
    assert wrong.run("verify-export", str(tmp_path / "export")).status == 0
    assert not (tmp_path / "home").exists()


def test_what_is_wrong_is_one_line_and_status_1(bare: CommandLine, tmp_path: Path) -> None:
    directory = tmp_path / "export"
    written(directory, made_log(seed=3, count=12))
    file = directory / "events-000000000010.jsonl"
    file.write_bytes(file.read_bytes().replace(b"ada", b"eve", 1))
    done = bare.run("verify-export", str(directory))
    assert done.status == 1
    assert (
        done.line == f"{file.name}, leaf 10: the leaf was changed: it has another hash than the one beside it"
    )
    in_json = bare.run("verify-export", str(directory), "--json")
    assert in_json.status == 1
    assert json.loads(in_json.out) == {
        "verified": False,
        "file": file.name,
        "leaf_index": 10,
        "problem": "the leaf was changed: it has another hash than the one beside it",
    }


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (str(SIGNER.verifier), 0, ""),
        (f"\n verifier key of the log, current: {OTHER_SIGNER.verifier}\nnext: {SIGNER.verifier}\n", 0, ""),
        (str(OTHER_SIGNER.verifier), 1, "is not the one given"),
        ("", 2, "holds no verifier key"),
        ("ledger.example.com/log+00000000+AAAA", 2, "--vkey"),
        ("\N{EM DASH}", 2, "--vkey"),
    ],
)
def test_the_key_file_may_hold_the_lines_of_keys_list(
    bare: CommandLine, tmp_path: Path, content: str, status: int, told: str
) -> None:
    written(tmp_path / "export", made_log(seed=3, count=12))
    (tmp_path / "key").write_text(content, "utf-8")
    done = bare.run("verify-export", str(tmp_path / "export"), "--vkey", str(tmp_path / "key"))
    assert done.status == status, done
    assert told in done.err
    assert "Traceback" not in done.err
