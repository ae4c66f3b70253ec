"""`export` writes what is sealed, goes on after whatever ended it, and tells the log of it once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, get_args
from uuid import UUID

import jsonschema_rs
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from psycopg import AsyncConnection

from ledger import administrative
from ledger.event_codec import decode_payload
from ledger.events import AdministrativeEvent, ExportCompleted, FamilyEvent, SubjectSuspended
from ledger.export.directory import PROGRESS_NAME, ExportDirectory, ExportError, open_directory
from ledger.export.fault import ExportFaultError
from ledger.export.manifest import MANIFEST_NAME, ExportFormat, spell
from ledger.export.ocsf import MAPPED_TYPES
from ledger.export.sealed_events import DamagedLogError
from ledger.export.session import (
    PERSONAL_DATA_NAME,
    SESSION_NAME,
    SessionExport,
    export_session,
    verify_session,
)
from ledger.export.verification import Verified, verify_export
from ledger.leaf import leaf_hash
from ledger.log_key_ring import LogKeyRing
from ledger.personal_data import SaltedPersonalData
from tests.exporting import export, record_some, rows, seal
from tests.made_exports import edit_line, made_log, written
from tests.sealing import ORIGIN, log_keys

SEED = int(os.environ.get("EXPORT_SEED", "1"))
EVENTS_A_FILE = 7


@pytest.fixture
def keys() -> LogKeyRing:
    return log_keys()


@pytest.fixture
async def size(database_url: str, keys: LogKeyRing) -> int:
    """Of a log of sessions and administrative acts, all sealed."""
    await record_some(database_url)
    return await seal(database_url, keys)


def verified(directory: Path, keys: LogKeyRing) -> Verified:
    return verify_export(directory, keys.verifiers(ORIGIN), report=lambda _done, _total: None)


def lines(directory: Path, kind: str) -> list[dict[str, Any]]:
    """Of all files of a kind, in order."""
    return [
        json.loads(line)
        for path in sorted(directory.glob(f"{kind}-*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]


def completed(database_url: str) -> list[ExportCompleted]:
    """The exports that the ledger tells of."""
    found = rows(database_url, "SELECT payload FROM events WHERE type = 'ExportCompleted' ORDER BY position")
    events = [decode_payload("ExportCompleted", 1, payload) for (payload,) in found]
    return [one for one in events if isinstance(one, ExportCompleted)]


async def test_every_sealed_event_is_a_line_with_its_leaf_byte_for_byte(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    exported = await export(database_url, keys, tmp_path / "export")
    stored = rows(
        database_url,
        "SELECT l.leaf_index, encode(l.leaf_hash, 'hex'), e.payload, e.stream_id::text, e.version, e.type "
        "FROM log AS l JOIN events AS e USING (stream_id, version) ORDER BY 1",
    )
    written = lines(tmp_path / "export", "events")
    assert [(one["leaf_index"], one["leaf_hash"]) for one in written] == [row[:2] for row in stored[:size]]
    for line, (*_, payload, stream, version, type_name) in zip(written, stored, strict=False):
        assert leaf_hash(line["leaf"].encode()).hex() == line["leaf_hash"]
        assert f'"payload":{payload}' in line["leaf"]
        leaf = json.loads(line["leaf"])
        assert (leaf["stream"], leaf["version"], leaf["type"]) == (stream, version, type_name)
    found = verified(tmp_path / "export", keys)
    assert (found.manifest.count, found.removed) == (size, 0)
    assert found.manifest_hash == exported.manifest_hash


async def test_personal_data_is_in_files_of_its_own_and_nowhere_else(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    directory = tmp_path / "export"
    await export(database_url, keys, directory)
    assert not any(b"192.0.2.7" in path.read_bytes() for path in directory.glob("[!p]*"))
    records = lines(directory, "personal-data")
    leaves = {one["leaf_index"]: json.loads(one["leaf"]) for one in lines(directory, "events")}
    assert len(records) == size
    for one in records:
        salted = SaltedPersonalData(salt=bytes.fromhex(one["salt"]), data=one["data"].encode())
        assert leaves[one["leaf_index"]]["personal_data"] == salted.commitment.hex()
    assert {path.name for path in directory.glob("personal-data-*")} == {
        one.name for one in verified(directory, keys).manifest.files if one.personal_data
    }
    for path in directory.glob("personal-data-*"):
        path.unlink()
    found = verified(directory, keys)
    assert (found.personal_data, found.without_personal_data) == (0, size)


async def test_files_are_for_their_owner_only(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    directory = tmp_path / "export"
    await export(database_url, keys, directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


async def test_erased_personal_data_is_absent(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    rows(database_url, "DELETE FROM personal_data WHERE version = 2")
    await export(database_url, keys, tmp_path / "export")
    found = verified(tmp_path / "export", keys)
    assert (found.personal_data, found.without_personal_data) == (size - 4, 4)


@pytest.mark.parametrize("wanted", ExportFormat)
async def test_of_a_month_that_retention_removed_the_hashes_are_exported(
    database_url: str, keys: LogKeyRing, tmp_path: Path, wanted: ExportFormat
) -> None:
    month = datetime.now(UTC).replace(day=1) - timedelta(days=9)
    async with await AsyncConnection.connect(database_url) as connection:
        await connection.execute("SELECT create_month(%s)", (month.date(),))
        for number in range(9):
            event = SubjectSuspended(subject=f"subject {number}")
            await administrative.append(connection, event, actor="operator", now=month, random=os.urandom)
    assert await seal(database_url, keys) == 9
    for parent in ("events", "personal_data"):
        rows(database_url, f"DROP TABLE {parent}_{month:%Y_%m}")
    await record_some(database_url, sessions=1)
    size = 9 + await seal(database_url, keys)
    exported = await export(database_url, keys, tmp_path / "export", wanted=wanted)
    assert (exported.removed, exported.manifest.count) == (9, size)
    told = lines(tmp_path / "export", "events" if wanted is ExportFormat.JSONL else "ocsf")
    assert all("leaf" not in one and "raw_data" not in one for one in told[:9])
    assert all("leaf" in one or "raw_data" in one for one in told[9:])
    found = verified(tmp_path / "export", keys)
    assert (found.removed, found.manifest.count) == (9, size)
    if wanted is ExportFormat.OCSF:
        validator = ocsf_validators()[0]
        assert [str(error) for one in told[:9] for error in validator.iter_errors(one)] == []
        assert abs(told[0]["time"] / 1000 - month.timestamp()) < 0.01


async def test_a_part_from_an_index_is_proved_from_its_left_edge(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    whole = await export(database_url, keys, tmp_path / "whole")
    await export(database_url, keys, tmp_path / "part", first_index=size - 9)
    found = verified(tmp_path / "part", keys)
    assert (found.manifest.first_index, found.manifest.count) == (size - 9, 9)
    assert found.checkpoint == verified(tmp_path / "whole", keys).checkpoint
    assert whole.manifest.left_edge == ()


async def test_an_export_can_be_continued_by_the_next_one(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    first = await export(database_url, keys, tmp_path / "first")
    await record_some(database_url, sessions=1)
    await seal(database_url, keys)
    second = await export(database_url, keys, tmp_path / "second", first_index=size)
    told = lines(tmp_path / "first", "events") + lines(tmp_path / "second", "events")
    assert [one["leaf_index"] for one in told] == list(range(size + second.manifest.count))
    assert verified(tmp_path / "second", keys).begun_before == 0
    acts = [json.loads(one["leaf"]) for one in lines(tmp_path / "second", "events")]
    (told_of,) = [one["payload"] for one in acts if one["type"] == "ExportCompleted"]
    assert told_of["manifest_hash"] == first.manifest_hash.hex()


async def test_the_log_is_told_of_a_complete_export_once(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    for new in (True, False):
        exported = await export(database_url, keys, tmp_path / "export", first_index=3)
        assert (exported.new, exported.written) == (new, (size - 3) * new)
    manifest = (tmp_path / "export" / MANIFEST_NAME).read_bytes()
    assert completed(database_url) == [
        ExportCompleted(
            format="jsonl", first_index=3, count=size - 3, manifest_hash=hashlib.sha256(manifest).digest()
        )
    ]
    assert not (tmp_path / "export" / PROGRESS_NAME).exists()


async def test_two_exports_of_one_range_are_the_same_bytes(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        await export(database_url, keys, tmp_path / name)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")
    )
    assert one == two


# ------------------------------------------------------------------------------------ ended before its end


class Stopped(Exception):  # noqa: N818 - by the test
    pass


@pytest.mark.parametrize("wanted", ExportFormat)
async def test_an_export_that_was_ended_anywhere_goes_on_against_its_checkpoint(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, wanted: ExportFormat
) -> None:
    chance = Random(SEED)  # noqa: S311 - where it ends
    directory = tmp_path / "export"
    for _ in range(3):
        stop_at = chance.randrange(size)

        def stop(done: int, _total: int, stop_at: int = stop_at) -> None:
            if done > stop_at:
                raise Stopped

        with pytest.raises(Stopped):
            await export(database_url, keys, directory, wanted=wanted, report=stop)
        with pytest.raises(ExportFaultError, match="not complete"):
            verified(directory, keys)
        await record_some(database_url, sessions=1)
        await seal(database_url, keys)
    exported = await export(database_url, keys, directory, wanted=wanted)
    found = verified(directory, keys)
    assert (found.manifest.count, found.checkpoint.size) == (size, size)
    assert exported.log_size > size
    assert [one.first_index for one in exported.manifest.files if not one.name.startswith("p")] == list(
        range(0, size, EVENTS_A_FILE)
    )


async def test_a_killed_export_goes_on_whatever_it_was_doing(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    """Killed just before a step that the disk or the database keeps, by a signal that nothing catches."""
    chance = Random(SEED)  # noqa: S311 - where it ends
    directory = tmp_path / "export"
    jwk = json.dumps(dict(keys.known[0].jwk()))
    kills = 0
    while True:
        step = chance.randint(1, 12) if kills else 2  # first of all when nothing has its name yet
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.killed_export", database_url, str(directory), jwk, str(step)
        )
        if await child.wait() == 0:
            break
        assert child.returncode == -signal.SIGKILL
        kills += 1
        assert kills < 30
    assert kills > 3
    assert verified(directory, keys).manifest.count == size
    assert len(completed(database_url)) == 1
    assert not (directory / PROGRESS_NAME).exists()


async def test_an_export_that_was_ended_when_its_event_was_recorded_does_not_record_it_again(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: ExportDirectory) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(ExportDirectory, "forget_progress", stop)
        with pytest.raises(Stopped):
            await export(database_url, keys, tmp_path / "export")
    assert (tmp_path / "export" / PROGRESS_NAME).exists()
    again = await export(database_url, keys, tmp_path / "export")
    assert (again.new, again.written) == (True, 0)
    assert len(completed(database_url)) == 1
    assert not (tmp_path / "export" / PROGRESS_NAME).exists()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As if the disk were full after that many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_on_a_full_disk_what_is_complete_is_kept_and_the_same_command_goes_on(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    directory = tmp_path / "export"

    def fill_up(done: int, _total: int) -> None:
        if done == 2 * EVENTS_A_FILE:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (
        largest_file(before[0]),
        pytest.raises(ExportError, match=r"cannot be written .*: what is complete is kept"),
    ):
        await export(database_url, keys, directory, report=fill_up)
    kept = {path.name for path in directory.iterdir()}
    assert kept == {
        PROGRESS_NAME,
        *(f"{kind}-{index:012}.jsonl" for kind in ("events", "personal-data") for index in (0, 7)),
    }
    exported = await export(database_url, keys, directory)
    assert exported.written == size - 2 * EVENTS_A_FILE
    assert verified(directory, keys).manifest.count == size


async def test_a_complete_file_that_was_changed_meanwhile_stops_the_export(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    directory = tmp_path / "export"

    def stop(done: int, _total: int) -> None:
        if done > EVENTS_A_FILE:
            raise Stopped

    with pytest.raises(Stopped):
        await export(database_url, keys, directory, report=stop)
    with (directory / "events-000000000000.jsonl").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ExportError, match="was changed since it was written"):
        await export(database_url, keys, directory)
    (directory / PROGRESS_NAME).write_bytes((directory / PROGRESS_NAME).read_bytes()[:-9])
    with pytest.raises(ExportError, match="begin in another directory"):
        await export(database_url, keys, directory)


# ------------------------------------------------------------------------------ what is refused and untouched


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("complete", [True, False])
async def test_another_range_format_or_log_in_the_directory_is_refused(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, complete: bool
) -> None:
    directory = tmp_path / "export"

    def stop(done: int, _total: int) -> None:
        if not complete and done > EVENTS_A_FILE:
            raise Stopped

    with contextlib.suppress(Stopped):
        await export(database_url, keys, directory, first_index=2, report=stop)
    before = contents(directory)
    with pytest.raises(ExportError, match="in the format jsonl from index 2: give the same options"):
        await export(database_url, keys, directory)
    with pytest.raises(ExportError, match="in the format jsonl from index 2: give the same options"):
        await export(database_url, keys, directory, wanted=ExportFormat.OCSF, first_index=2)
    assert contents(directory) == before


async def test_an_export_of_another_log_of_the_same_name_is_refused(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    written(tmp_path, made_log(seed=1, count=12))
    before = contents(tmp_path)
    with pytest.raises(ExportError, match="an export of another log"):
        await export(database_url, keys, tmp_path)
    assert contents(tmp_path) == before


async def test_a_directory_with_other_things_is_refused(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(ExportError, match="holds other things"):
        await export(database_url, keys, tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"the only copy"}


async def test_two_commands_cannot_write_to_one_directory(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    with open_directory(tmp_path), pytest.raises(ExportError, match="another export is being written"):
        await export(database_url, keys, tmp_path)


async def test_there_must_be_something_to_export(database_url: str, keys: LogKeyRing, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nothing is sealed yet"):
        await export(database_url, keys, tmp_path / "export")
    assert not (tmp_path / "export").exists()
    await record_some(database_url, sessions=1)
    size = await seal(database_url, keys)
    with pytest.raises(ExportError, match=f"the log has {size} sealed events: there is none from {size} on"):
        await export(database_url, keys, tmp_path / "export", first_index=size)


async def test_a_checkpoint_that_no_good_key_signed_is_refused(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="signed by no key of this deployment that is good"):
        await export(database_url, log_keys(), tmp_path / "export")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE events SET actor = 'eve' WHERE version = 3", "leaf [0-9]+, is not the one that was sealed"),
        ("UPDATE events SET leaf_hash = sha256('x') WHERE version = 3", None),
        (
            "UPDATE log SET leaf_hash = sha256('x') WHERE leaf_index = 9",
            "leaf 9, is not the one that was sealed",
        ),
        ("DELETE FROM log WHERE leaf_index = 9", "the log has no leaf 9"),
        ("DELETE FROM log WHERE leaf_index = 29", "the log has no leaf 29"),
        (
            "UPDATE log SET stream_id = repeat('f', 32)::uuid, leaf_hash = sha256('x') WHERE leaf_index = 9",
            "root that was signed",
        ),
        ("DELETE FROM events WHERE version = 3", "leaf [0-9]+, was deleted, and not by retention"),
        ("UPDATE log_state SET root_hash = sha256('x')", "is not the one that was signed"),
    ],
)
async def test_what_is_not_what_was_sealed_is_not_exported(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, change: str, told: str | None
) -> None:
    rows(
        database_url,
        "ALTER TABLE events DISABLE TRIGGER append_only; ALTER TABLE log DISABLE TRIGGER append_only",
    )
    rows(database_url, change)
    if told is None:  # the log has the hash that counts
        await export(database_url, keys, tmp_path / "export")
        assert verified(tmp_path / "export", keys).manifest.count == size
        return
    with pytest.raises(DamagedLogError, match=told):
        await export(database_url, keys, tmp_path / "export")
    assert not (tmp_path / "export" / MANIFEST_NAME).exists()
    assert completed(database_url) == []


# ----------------------------------------------------------------------------------------------------- OCSF

CLASSES = {
    0: "base_event",
    2004: "detection_finding",
    3001: "account_change",
    3002: "authentication",
    3004: "entity_management",
}


def ocsf_validators() -> dict[int, Any]:
    """By the id of the class."""
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.5.0"))
    return {uid: jsonschema_rs.validator_for(schemas.get_class_schema(name)) for uid, name in CLASSES.items()}


async def test_every_event_in_ocsf_is_valid_by_its_published_schema(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await export(database_url, keys, tmp_path / "export", wanted=ExportFormat.OCSF)
    validators = ocsf_validators()
    written_events = lines(tmp_path / "export", "ocsf")
    assert len(written_events) == size
    for one in written_events:
        assert [str(error) for error in validators[one["class_uid"]].iter_errors(one)] == []
        assert one["type_uid"] == one["class_uid"] * 100 + one["activity_id"]
        assert one["category_uid"] == one["class_uid"] // 1000
        for required in ("time", "severity_id"):
            assert not validators[one["class_uid"]].is_valid({**one, required: None})
    assert {one["class_uid"] for one in written_events} == set(CLASSES) - {0}


async def test_ocsf_tells_who_when_and_from_where_and_proves_its_leaves(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    exported = await export(database_url, keys, tmp_path / "export", wanted=ExportFormat.OCSF)
    assert all(one.personal_data for one in exported.manifest.files)
    opened, renewed, *_ = lines(tmp_path / "export", "ocsf")
    leaf = json.loads(renewed["raw_data"])
    assert (opened["activity_id"], renewed["activity_id"]) == (1, 5)
    assert renewed["user"] == {"uid": "subject 0"}
    assert renewed["session"] == {"uid": leaf["stream"]}
    assert renewed["src_endpoint"] == {"ip": "192.0.2.7"}
    assert renewed["http_request"] == {"user_agent": "Mozilla/5.0"}
    assert renewed["metadata"]["uid"] == f"{leaf['stream']}:2"
    assert renewed["metadata"]["log_name"] == ORIGIN
    assert renewed["unmapped"]["leaf_index"] == renewed["metadata"]["sequence"] == 1
    assert opened["unmapped"]["claims"] == {"email": "ada@example.org"}
    told = datetime.fromisoformat(leaf["occurred_at"])
    assert renewed["time"] == told.timestamp() * 1000 // 1
    assert verified(tmp_path / "export", keys).links > 0

    file = tmp_path / "export" / "ocsf-000000000000.jsonl"
    edit_line(file, 1, lambda line: line.update(raw_data=line["raw_data"].replace("web", "wEb")))
    with pytest.raises(ExportFaultError, match="leaf 1: the leaf was changed"):
        verified(tmp_path / "export", keys)


def test_every_type_of_event_has_its_ocsf_class() -> None:
    known = {one.__name__ for one in (*get_args(FamilyEvent), *get_args(AdministrativeEvent))}
    assert known <= set(MAPPED_TYPES)


# ----------------------------------------------------------------------------------------------- one session


async def export_one(database_url: str, keys: LogKeyRing, path: Path, session: UUID) -> SessionExport:
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SET ROLE token_ledger_service; SET TimeZone = 'UTC'")
        with open_directory(path) as directory:
            made, _ = await export_session(
                connection,
                directory,
                session,
                verifiers=keys.verifiers,
                now=datetime.now(UTC),
                random=os.urandom,
            )
    return made


def sessions(database_url: str) -> list[UUID]:
    return [one for (one,) in rows(database_url, "SELECT family_id FROM active_tokens ORDER BY 1")]


async def test_a_session_is_proved_by_its_newest_event_and_its_chain(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    statement = "SELECT stream_id, count(*), max(leaf_index) FROM log GROUP BY 1"
    in_log = {stream: (count, newest) for stream, count, newest in rows(database_url, statement)}
    for session in sessions(database_url):
        directory = tmp_path / str(session)
        made = await export_one(database_url, keys, directory, session)
        found = verify_session(directory, keys.verifiers(ORIGIN))
        stored = in_log[session]
        assert (len(made.leaves), made.leaf_index) == stored
        assert (found.personal_data, found.without_personal_data) == (stored[0], 0)
        assert (found.checkpoint.size, found.trusted) == (size, True)
        told = completed(database_url)[-1]
        assert (told.format, told.count, told.session_id) == ("session", stored[0], str(session))
        assert told.manifest_hash == hashlib.sha256((directory / SESSION_NAME).read_bytes()).digest()
        (directory / PERSONAL_DATA_NAME).unlink()
        assert verify_session(directory, None).without_personal_data == stored[0]


async def test_any_changed_byte_of_an_exported_session_is_found(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await export_one(database_url, keys, tmp_path, sessions(database_url)[0])
    chance = Random(SEED)  # noqa: S311 - where it is changed
    for path in (tmp_path / SESSION_NAME, tmp_path / PERSONAL_DATA_NAME):
        good = path.read_bytes()
        for place in chance.sample(range(len(good)), 250):
            changed = bytes([good[place] ^ 1 << chance.randrange(8)])
            path.write_bytes(good[:place] + changed + good[place + 1 :])
            with pytest.raises(ExportFaultError):
                verify_session(tmp_path, None)
        path.write_bytes(good)
    assert verify_session(tmp_path, None).personal_data > 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda made: {"leaves": made.leaves[1:]}, "event 1 of the session is missing"),
        (lambda made: {"leaves": made.leaves[:2] + made.leaves[3:]}, "event 3 of the session is missing"),
        (lambda made: {"leaves": made.leaves[:-1]}, "the newest event is not in the signed log"),
        (lambda made: {"leaves": ()}, "it holds no event"),
        (lambda made: {"leaves": ("[]", *made.leaves)}, "event 1 holds a leaf that is no JSON object"),
        (
            lambda made: {"leaves": (made.leaves[0].replace("web", "wEb"), *made.leaves[1:])},
            "event 2 is not chained to the one before",
        ),
        (lambda made: {"leaf_index": made.leaf_index + 1}, "the newest event is not in the signed log"),
        (lambda made: {"proof": made.proof[1:]}, "the newest event is not in the signed log"),
        (lambda made: {"session": UUID(int=1)}, "event 1 of the session is missing"),
        (lambda made: {"origin": "other"}, "the checkpoint is of the log"),
        (lambda made: {"version": 2}, "is of version 2"),
    ],
)
async def test_a_session_that_was_changed_is_told(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, change: Any, told: str
) -> None:
    made = await export_one(database_url, keys, tmp_path, sessions(database_url)[1])
    (tmp_path / SESSION_NAME).write_bytes(spell(replace(made, **change(made))))
    with pytest.raises(ExportFaultError, match=told):
        verify_session(tmp_path, None)


async def test_of_a_session_that_is_unknown_nothing_is_written(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="no sealed event of a session"):
        await export_one(database_url, keys, tmp_path, UUID(int=1))
    assert contents(tmp_path) == {}
    await export_one(database_url, keys, tmp_path, sessions(database_url)[0])
    with pytest.raises(ExportError, match="holds other things"):
        await export_one(database_url, keys, tmp_path, sessions(database_url)[0])
    assert len(completed(database_url)) == 1
