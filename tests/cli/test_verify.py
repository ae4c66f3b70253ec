"""`token-ledger verify` and `checkpoint`: what an auditor runs, beside a server that goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.checkpoint import CheckpointBody
from ledger.log_key_ring import open_checkpoint
from ledger.signed_note import Verifier
from ledger.signing_algorithm import SigningAlgorithm, SigningKey
from tests.cli.command_line import CommandLine, Running, eventually
from tests.sealing import log_keys


@pytest.fixture
def running(command_line: CommandLine) -> Iterator[Running]:
    with command_line.serving() as made:
        yield made


def sessions(running: Running, count: int) -> None:
    for _ in range(count):
        running.refresh(running.login()["refreshToken"])


def verified(command_line: CommandLine, *options: str, status: int = 0) -> Any:
    done = command_line.run("verify", "--json", *options)
    assert done.status == status, done
    return json.loads(done.out)


def sealed(command_line: CommandLine, size: int) -> None:
    eventually(lambda: verified(command_line)["size"] == size)


def test_a_ledger_is_verified_while_its_server_goes_on(command_line: CommandLine, running: Running) -> None:
    sessions(running, 4)
    sealed(command_line, 8)
    told = verified(command_line)
    assert (told["leaves"], told["sessions"], told["problems"], told["view_differences"]) == (8, 4, 0, 0)
    assert told["checkpoints"] == [8]
    plain = command_line.as_process().answer("verify")
    assert plain.endswith("verified: the log is as it was signed at 8, and the view is what the events say\n")


def test_before_anything_is_sealed_there_is_nothing_to_verify(command_line: CommandLine) -> None:
    with command_line.serving():
        pass
    assert command_line.answer("verify").endswith("nothing is sealed yet\n")
    done = command_line.run("checkpoint")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("nothing is sealed yet")


def test_a_kept_checkpoint_must_be_the_beginning(
    command_line: CommandLine, running: Running, tmp_path: Path
) -> None:
    sessions(running, 2)
    sealed(command_line, 4)
    kept = tmp_path / "kept"
    kept.write_text(command_line.as_process().answer("checkpoint"))
    sessions(running, 2)
    sealed(command_line, 8)
    assert verified(command_line, "--checkpoint", str(kept))["checkpoints"] == [4, 8]
    (key,) = [
        one["verifier_key"]
        for one in json.loads(command_line.answer("keys", "list", "--json"))
        if one["kind"] == "log" and one["state"] == "current"
    ]
    assert key in command_line.answer("keys", "list")
    verifier = Verifier.parse(key)
    assert open_checkpoint(kept.read_text(), (verifier,)).size == 4
    other = tmp_path / "other"
    other.write_text(kept.read_text().replace("\n4\n", "\n3\n"))
    told = verified(command_line, "--checkpoint", str(other), status=1)
    assert (told["first_bad_index"], told["problems"]) == (0, 1)
    assert "does not fit the text" in told["first"][0]["what"]
    other.write_bytes(b"\xff\xfe")
    assert command_line.run("verify", "--checkpoint", str(other)).status == 2
    assert command_line.run("verify", "--checkpoint", str(tmp_path / "none")).status == 2


def test_the_file_outside_tells_of_a_rollback_that_the_database_does_not_show(
    command_line: CommandLine, running: Running, database_url: str, tmp_path: Path
) -> None:
    inside = command_line.given(CHECKPOINT_FILE=str(tmp_path / "outside"))
    sessions(running, 1)
    sealed(command_line, 2)
    older = command_line.answer("checkpoint")
    sessions(running, 1)
    sealed(command_line, 4)
    (tmp_path / "outside").write_text(command_line.answer("checkpoint"))
    running.process.terminate()
    running.process.wait()
    with psycopg.connect(database_url) as owner:
        for table in ("events", "log", "personal_data"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        for statement in (
            "DELETE FROM events WHERE stream_id IN (SELECT stream_id FROM log WHERE leaf_index >= 2)",
            "DELETE FROM personal_data WHERE stream_id NOT IN (SELECT stream_id FROM events)",
            "DELETE FROM active_tokens WHERE family_id NOT IN (SELECT stream_id FROM events)",
        ):
            owner.execute(statement.encode())
        owner.execute("DELETE FROM log WHERE leaf_index >= 2")
        owner.execute("UPDATE log_state SET next_index = 2, note = %s", (older,))
        owner.execute("UPDATE log_state SET root_hash = decode(split_part(note, chr(10), 3), 'base64')")
    assert verified(command_line.given(CHECKPOINT_FILE="off"))["size"] == 2
    told = verified(inside, status=1)
    assert told["first_bad_index"] == 2
    assert "TOKEN_LEDGER_CHECKPOINT_FILE covers 4 events" in told["first"][0]["what"]
    with inside.starting() as again:
        eventually(
            lambda: "nothing is sealed until this is mended" in [line["event"] for line in again.log()]
        )


def test_a_changed_event_is_named(command_line: CommandLine, running: Running, database_url: str) -> None:
    sessions(running, 3)
    sealed(command_line, 6)
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE events SET actor = 'mallory' WHERE (stream_id, version) ="
            " (SELECT stream_id, version FROM log WHERE leaf_index = 3)"
        )
    done = command_line.run("verify")
    assert done.status == 1
    assert done.out.splitlines()[0].startswith("leaf 3: event ")
    assert done.out.splitlines()[-1] == "NOT VERIFIED: 1 problems, the first at leaf 3"
    assert verified(command_line, status=1)["first_bad_index"] == 3


def test_only_what_is_new_can_be_verified(command_line: CommandLine, running: Running) -> None:
    sessions(running, 3)
    sealed(command_line, 6)
    told = verified(command_line, "--from-index", "4")
    assert (told["leaves"], told["events"], told["sessions"]) == (2, 2, 1)
    done = command_line.run("verify", "--from-index", "7")
    assert done.status == 2
    assert "at most 6" in done.err


def test_a_run_that_was_cut_off_goes_on_with_what_is_left_and_what_came_since(
    command_line: CommandLine, running: Running, tmp_path: Path
) -> None:
    sessions(running, 2)
    sealed(command_line, 4)
    file = tmp_path / "resume"
    bounds = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
    kept = {"size": 4, "checkpoint": command_line.answer("checkpoint"), "bounds": bounds, "done": [0]}
    sessions(running, 1)
    sealed(command_line, 6)
    file.write_text(json.dumps(kept))
    told = verified(command_line, "--resume", str(file))
    assert (told["events"], told["leaves"], told["checkpoints"]) == (2, 6, [4, 6])
    assert not file.exists()
    assert verified(command_line, "--resume", str(file))["events"] == 6
    assert not file.exists()
    for wrong in ({}, [], kept | {"bounds": bounds[:1]}, kept | {"checkpoint": None, "size": None}):
        file.write_text(json.dumps(wrong))
        done = command_line.run("verify", "--resume", str(file))
        assert done.status == 2
        assert "is not a file that verify wrote" in done.err
    for options in (("--resume", str(tmp_path / "none" / "file")), ("--resume", "x", "--from-index", "1")):
        assert command_line.run("verify", *options).status == 2


def test_a_log_that_lost_its_checkpoint_is_not_verified(
    command_line: CommandLine, running: Running, database_url: str, tmp_path: Path
) -> None:
    sessions(running, 2)
    sealed(command_line, 4)
    kept = tmp_path / "kept"
    kept.write_text(command_line.answer("checkpoint"))
    running.process.terminate()
    running.process.wait()
    without = command_line.given(CHECKPOINT_FILE="off")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("UPDATE log_state SET note = NULL")
        assert verified(without, status=1)["first_bad_index"] == 0
        assert verified(without, "--checkpoint", str(kept), status=1)["first_bad_index"] == 4
        owner.execute("DELETE FROM log_state")
        assert verified(without, status=1)["first_bad_index"] == 0
        for table in ("events", "log", "tiles"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        for table in ("log", "events", "personal_data", "active_tokens"):
            owner.execute(f"DELETE FROM {table}".encode())  # noqa: S608 - names from here
        owner.execute("INSERT INTO log_state DEFAULT VALUES")
        assert verified(without)["size"] == 0
        told = verified(without, "--checkpoint", str(kept), status=1)
    assert told["first_bad_index"] == 0
    assert "covers 4 events, the log has 0" in told["first"][0]["what"]


def test_the_keys_that_the_database_shows_are_not_trusted(
    command_line: CommandLine, running: Running, database_url: str
) -> None:
    sessions(running, 2)
    sealed(command_line, 4)
    running.process.terminate()
    running.process.wait()
    own = command_line.answer("keys", "list")
    with psycopg.connect(database_url, autocommit=True) as owner:
        other = SigningKey.generate(SigningAlgorithm.EDDSA)
        ((origin, size, root),) = owner.execute(
            "SELECT origin, next_index, root_hash FROM log_state"
        ).fetchall()
        forged = log_keys(other).signer(origin).sign(CheckpointBody(origin, size, root).encode())
        owner.execute("UPDATE keys SET public_jwk = %s WHERE kind = 'log'", (json.dumps(other.public.jwk()),))
        owner.execute("UPDATE log_state SET note = %s", (forged,))
    assert command_line.answer("keys", "list") == own
    told = verified(command_line.given(CHECKPOINT_FILE="off"), status=1)
    assert "no signature by" in told["first"][0]["what"]


def test_a_log_goes_on_when_its_key_was_revoked(command_line: CommandLine, running: Running) -> None:
    sessions(running, 2)
    sealed(command_line, 4)
    before = command_line.answer("checkpoint")
    (key,) = [
        one["kid"]
        for one in json.loads(command_line.answer("keys", "list", "--json"))
        if (one["kind"], one["state"]) == ("log", "current")
    ]
    command_line.answer("keys", "revoke", key, "--yes")
    eventually(lambda: command_line.answer("checkpoint") != before)
    sessions(running, 1)
    sealed(command_line, 7)  # with the event of the revocation
    assert verified(command_line)["problems"] == 0
