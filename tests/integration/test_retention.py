"""Retention: a month goes when nothing of it is lost by that; all else stays verified, whatever happens."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from api.database import unhurried_connection
from ledger import administrative
from ledger.answers import RefusalCode, Refused
from ledger.archived_months import MonthOfStreams
from ledger.event_codec import decode_payload
from ledger.events import (
    AdministrativeEvent,
    BulkRevocationExecuted,
    LegalHoldSet,
    NotBeforeSet,
    PartitionArchived,
    SubjectErased,
)
from ledger.export.verification import verify_export
from ledger.log_key_ring import LogKeyRing
from ledger.partitions import create_months_ahead
from ledger.retention.archive import ArchiveError
from ledger.retention.removal import Removal
from ledger.retention.run import Fate, RetentionError
from projections.active_tokens.rebuild import FIRST, LAST
from projections.active_tokens.verification import Streams, Verified, verify_streams
from tests.exporting import NOW, export, rows, seal
from tests.ledger_harness import harness
from tests.retaining import (
    FEBRUARY,
    JANUARY,
    act,
    count,
    fates,
    log_keys_of,
    open_session,
    partitions,
    reasons,
    record_month,
    replayed,
    retained,
    verified,
)
from tests.sealing import ORIGIN

SEED = int(os.environ.get("RETENTION_SEED", "1"))
OLD = {f"{table}_2024_0{number}" for table in ("events", "personal_data") for number in (1, 2)}


@pytest.fixture
async def keys(database_url: str) -> LogKeyRing:
    return await log_keys_of(database_url)


@pytest.fixture
async def size(database_url: str, keys: LogKeyRing) -> int:
    """Of a log of two months that are over age and a present one, all sealed."""
    await record_month(database_url, JANUARY, "alf", "bob")
    await record_month(database_url, FEBRUARY, "bob", "eve")
    async with harness(database_url) as ledger:
        for subject in ("alf", "dan"):
            await ledger.refresh(await open_session(ledger, subject))
    return await seal(database_url, keys)


def files_in(path: Path) -> list[Path]:
    return sorted(path.rglob("*"))


async def as_it_was(database_url: str, size: int) -> None:
    """Nothing was removed, and nothing looks damaged."""
    assert partitions(database_url) >= OLD
    assert count(database_url, "archived_months") == 0
    assert count(database_url, "active_tokens") == 6
    assert await verified(database_url) == ([], 0, 0)


async def test_a_month_goes_and_everything_else_stays_verified(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.REMOVED, "2024-02": Fate.REMOVED}
    assert not partitions(database_url) & OLD
    assert rows(database_url, "SELECT subject FROM active_tokens ORDER BY 1") == [("alf",), ("dan",)]
    await seal(database_url, keys)
    assert count(database_url, "log") == size + 3  # the export, and both months
    gone = sum(one.events for one in told.months)
    assert gone == 2 * (2 * 4 + 1)
    assert await verified(database_url) == ([], 0, gone)
    assert await replayed(database_url) == []
    for path in told.exported:
        found = verify_export(path, keys.verifiers(ORIGIN), report=lambda _done, _total: None)
        assert (found.removed, found.without_personal_data) == (0, 0)
    assert await retained(database_url, keys, tmp_path) == await retained(database_url, keys, tmp_path)
    assert count(database_url, "archived_months") == 2


async def test_the_log_is_told_what_was_removed_and_what_holds_it(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    statement = (
        "SELECT min(leaf_index), max(leaf_index) FROM log JOIN events_2024_01 USING (stream_id, version)"
    )
    ((first, last),) = rows(database_url, statement)
    told = await retained(database_url, keys, tmp_path)
    manifest = (tmp_path / "leaves-000000000000" / "manifest.json").read_bytes()
    found = rows(
        database_url, "SELECT payload FROM events WHERE type = 'PartitionArchived' ORDER BY position"
    )
    assert decode_payload("PartitionArchived", 1, found[0][0]) == PartitionArchived(
        month="2024-01",
        events=9,
        first_index=first,
        last_index=last,
        manifest_hashes=(hashlib.sha256(manifest).digest(),),
    )
    assert [one.exports for one in told.months] == [(tmp_path / "leaves-000000000000",)] * 2


async def test_a_later_run_exports_what_came_since_and_proves_what_is_removed(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await retained(database_url, keys, tmp_path)
    await record_month(database_url, date(2024, 3, 1), "alf")
    await seal(database_url, keys)
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-03": Fate.REMOVED}
    assert told.exported == (tmp_path / f"leaves-{size:012}",)
    await seal(database_url, keys)
    assert await verified(database_url) == ([], 0, 18 + 5)
    month = MonthOfStreams.of(date(2024, 3, 1))
    assert [one.month for one in told.months] == [month]


async def test_an_archived_month_is_not_made_anew(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await retained(database_url, keys, tmp_path)
    rows(database_url, "SELECT create_month('2024-01-17'), create_month('2024-04-01')")
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await create_months_ahead(connection)
    assert not partitions(database_url) & OLD
    assert "events_2024_04" in partitions(database_url)


async def test_a_month_without_events_goes_without_an_archive(
    database_url: str, keys: LogKeyRing, tmp_path: Path
) -> None:
    rows(database_url, "SELECT create_month('2024-04-01')")
    told = await retained(database_url, keys, tmp_path / "none")
    assert fates(told) == {"2024-04": Fate.REMOVED}
    assert not (tmp_path / "none").exists()


async def test_a_dry_run_changes_nothing(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    rows(database_url, "INSERT INTO subjects (subject, legal_hold) VALUES ('alf', true)")
    told = await retained(database_url, keys, tmp_path, dry_run=True)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.TO_BE_REMOVED}
    assert files_in(tmp_path) == []
    await as_it_was(database_url, size)


async def test_a_month_stays_until_its_age_is_over(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    """By the clock of the database, and counted from the end of the month."""
    ((now,),) = rows(database_url, "SELECT now()")
    age = (
        now - MonthOfStreams.of(FEBRUARY).lower_ends_at if False else now - MonthOfStreams.of(JANUARY).ends_at
    )
    told = await retained(database_url, keys, tmp_path, dry_run=True, retention=age)
    assert fates(told) == {"2024-01": Fate.TO_BE_REMOVED}
    assert told.next_month is not None
    assert told.next_month[0] == MonthOfStreams.of(FEBRUARY)


# ------------------------------------------------------------------------------------------- what keeps it


def hold(database_url: str, subject: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO subjects (subject, legal_hold) VALUES (%s, true)"
            " ON CONFLICT (subject) DO UPDATE SET legal_hold = true",
            (subject,),
        )


async def test_a_month_with_a_living_session_stays(
    database_url: str, keys: LogKeyRing, tmp_path: Path
) -> None:
    await record_month(database_url, JANUARY, "alf", ended=False)
    await record_month(database_url, FEBRUARY, "alf")
    await seal(database_url, keys)
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}
    assert reasons(told) == [
        "1 session of it have not ended: token-ledger serve ends those whose time is over"
    ]
    await seal(database_url, keys)
    assert await verified(database_url) == ([], 0, 5)


async def test_a_month_with_an_event_that_is_not_sealed_stays(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await act(database_url, JANUARY, NotBeforeSet(time=NOW))
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}
    assert reasons(told) == ["1 event not sealed yet: token-ledger serve seals"]
    await seal(database_url, keys)
    assert fates(await retained(database_url, keys, tmp_path)) == {"2024-01": Fate.REMOVED}


@pytest.mark.parametrize(
    ("event", "actor"),
    [
        (SubjectErased(subject="eva"), "operator"),
        (NotBeforeSet(time=NOW, subject="eva"), "operator"),
        (BulkRevocationExecuted(filter={"subject": "eva"}, matched=1, revoked=1), "operator"),
        (NotBeforeSet(time=NOW), "subject:eva"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
async def test_what_was_done_about_or_by_somebody_who_is_held_stays(
    database_url: str,
    keys: LogKeyRing,
    tmp_path: Path,
    event: AdministrativeEvent,
    actor: str,
) -> None:
    await record_month(database_url, JANUARY, "alf")
    await record_month(database_url, FEBRUARY, "alf")
    await act(database_url, JANUARY, event, actor=actor)
    await seal(database_url, keys)
    hold(database_url, "eva")
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}
    assert reasons(told) == ["a legal hold keeps what is of eva"]
    assert [one.held for one in told.months] == [("eva",), ()]


async def test_the_sessions_of_whoever_is_held_stay(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    for subject in ("alf", "eve", "dan"):
        hold(database_url, subject)
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.KEPT}
    assert reasons(told) == [f"a legal hold keeps what is of {one}" for one in ("alf", "eve")]
    assert told.exported == ()
    await as_it_was(database_url, size)


async def test_of_many_who_are_held_ten_are_named(
    database_url: str, keys: LogKeyRing, tmp_path: Path
) -> None:
    subjects = [f"user {number:02}" for number in range(13)]
    await record_month(database_url, JANUARY, *subjects)
    await seal(database_url, keys)
    for subject in subjects:
        hold(database_url, subject)
    (reason,) = reasons(await retained(database_url, keys, tmp_path))
    assert reason.endswith(", user 09 and 3 more")


async def test_events_that_are_not_those_of_the_log_keep_a_month(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    """They would be lost without a trace: a loss must not become an archived month."""
    rows(database_url, "ALTER TABLE events DISABLE TRIGGER append_only")
    rows(database_url, "DELETE FROM events_2024_01 WHERE version = 4")
    rows(database_url, "UPDATE events_2024_02 SET leaf_hash = sha256('x') WHERE version = 4")
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.KEPT}
    assert all("2 events are not those that were sealed" in one for one in reasons(told))
    assert all(reason.is_fault for one in told.months for reason in one.reasons)


@pytest.mark.parametrize(
    ("damage", "told_of"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"alf", b"eva", 1)), "was changed"),
    ],
)
async def test_an_archive_that_is_not_what_was_signed_keeps_its_months(
    database_url: str,
    size: int,
    keys: LogKeyRing,
    tmp_path: Path,
    damage: Callable[[Path], object],
    told_of: str,
) -> None:
    await export(database_url, keys, tmp_path / "leaves-000000000000")
    damage(tmp_path / "leaves-000000000000" / "events-000000000000.jsonl")
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.KEPT}
    assert all(told_of in one for one in reasons(told))
    assert all(reason.is_fault for one in told.months for reason in one.reasons)
    await seal(database_url, keys)
    await as_it_was(database_url, size)


async def test_without_the_files_of_personal_data_a_month_stays_unless_they_were_erased(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await export(database_url, keys, tmp_path / "leaves-000000000000", events_a_file=1000)
    (file,) = (tmp_path / "leaves-000000000000").glob("personal-data-*")
    file.unlink()
    rows(database_url, "DELETE FROM personal_data_2024_02")
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}
    (reason,) = reasons(told)
    assert reason.startswith(
        "the archive holds the personal data of 0 of its events, the database that of 9:"
    )


async def test_leaves_that_are_not_in_the_archive_keep_a_month(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    """As where an earlier export lies elsewhere."""
    await export(database_url, keys, tmp_path / "leaves-000000000004", first_index=4)
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}
    assert reasons(told) == ["the archive holds 5 of its 9 events"]


async def test_an_archive_with_a_gap_or_of_another_log_is_refused(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await export(database_url, keys, tmp_path / "gap" / "leaves-000000000000")
    await record_month(database_url, date(2024, 3, 1), "alf")
    await seal(database_url, keys)
    await export(database_url, keys, tmp_path / "gap" / "leaves-000000000025", first_index=25)
    with pytest.raises(ArchiveError, match=r"leaves-000000000025 does not follow on .*leaves-000000000000"):
        await retained(database_url, keys, tmp_path / "gap")
    await export(database_url, keys, tmp_path / "named" / "leaves-000000000000", first_index=3)
    with pytest.raises(ArchiveError, match="not what its name says"):
        await retained(database_url, keys, tmp_path / "named")
    await export(database_url, keys, tmp_path / "other" / "leaves-000000000000")
    rows(database_url, "ALTER TABLE log DISABLE TRIGGER append_only")
    rows(database_url, "ALTER TABLE tiles DISABLE TRIGGER append_only")
    rows(
        database_url,
        "WITH other AS (SELECT stream_id, version FROM events WHERE type = 'TokenIssued' ORDER BY stream_id "
        "DESC LIMIT 1) UPDATE log SET leaf_hash = sha256('x') FROM other "
        "WHERE log.stream_id = other.stream_id AND log.version = other.version",
    )
    with pytest.raises(RetentionError, match="another history"):
        await retained(database_url, keys, tmp_path / "other")


async def test_one_run_at_a_time(database_url: str, size: int, keys: LogKeyRing, tmp_path: Path) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as other:
        await other.execute("SELECT pg_advisory_lock(%s)", (0x726574656E74,))
        with pytest.raises(RetentionError, match="another retention run"):
            await retained(database_url, keys, tmp_path)


# ------------------------------------------------------------------------------------------------ meanwhile


async def test_a_hold_that_comes_after_the_last_look_keeps_the_month(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = Removal._drop_at_once

    async def held_first(self: Removal, month: MonthOfStreams, *rest: Any) -> None:
        hold(database_url, "alf")
        await drop(self, month, *rest)

    monkeypatch.setattr(Removal, "_drop_at_once", held_first)
    told = await retained(database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}
    assert "alf" in reasons(told)[0]
    assert rows(database_url, "SELECT count(*) FROM active_tokens WHERE subject = 'alf'") == [(2,)]
    await seal(database_url, keys)
    assert await verified(database_url) == ([], 0, 9)


async def waits_for_all_months(connection: AsyncConnection[Any], *, waiting: int = 1) -> None:
    for _ in range(500):
        cursor = await connection.execute(
            "SELECT count(*) >= %s FROM pg_locks WHERE relation = 'events'::regclass AND NOT granted",
            (waiting,),
        )
        if await cursor.fetchone() == (True,):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waited")


async def test_a_hold_that_is_being_set_is_waited_for(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    """Its transaction has appended, and is not committed."""
    async with (
        await AsyncConnection.connect(database_url, autocommit=True) as officer,
        await AsyncConnection.connect(database_url, autocommit=True) as other,
    ):
        async with officer.transaction():
            await officer.execute("INSERT INTO subjects (subject, legal_hold) VALUES ('alf', true)")
            await administrative.append(
                officer, LegalHoldSet(subject="alf"), actor="operator", now=NOW, random=bytes
            )
            run = asyncio.create_task(retained(database_url, keys, tmp_path))
            await waits_for_all_months(other)
        told = await run
    assert fates(told) == {"2024-01": Fate.KEPT, "2024-02": Fate.REMOVED}


async def test_other_sessions_are_refreshed_while_a_month_waits_to_be_dropped(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    """Somebody reads for long; whoever appends never waits as long as a batch waits for a lock."""
    slowest = 0.0
    async with (
        harness(database_url) as ledger,
        await AsyncConnection.connect(database_url, autocommit=True) as reader,
    ):
        token = await open_session(ledger, "alf")
        loop = asyncio.get_running_loop()
        async with reader.transaction():
            await reader.execute("SELECT count(*) FROM events")
            run = asyncio.create_task(retained(database_url, keys, tmp_path))
            for _ in range(3):
                await waits_for_all_months(reader)
                started = loop.time()
                token = (await ledger.refresh(token)).answer.token  # type: ignore[union-attr]
                slowest = max(slowest, loop.time() - started)
            assert not run.done()
        assert set(fates(await run).values()) == {Fate.REMOVED}
        await ledger.refresh(token)
    assert slowest < 0.4


async def test_who_presents_a_token_of_the_month_meanwhile_finds_it_unknown(
    database_url: str, keys: LogKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first late replay after an end would be an event, for which there is no partition any more."""
    (token,) = await record_month(database_url, JANUARY, "alf")
    await seal(database_url, keys)
    drop = Removal._drop_at_once
    async with harness(database_url) as ledger:
        presented: list[asyncio.Task[Any]] = []

        async def first_presented(self: Removal, *rest: Any) -> None:
            presented.append(asyncio.create_task(ledger.refresh(token)))
            await asyncio.sleep(0.1)
            assert not presented[0].done()
            await drop(self, *rest)

        monkeypatch.setattr(Removal, "_drop_at_once", first_presented)
        assert fates(await retained(database_url, keys, tmp_path)) == {"2024-01": Fate.REMOVED}
        answer = (await presented[0]).answer
    assert isinstance(answer, Refused)
    assert answer.code is RefusalCode.TOKEN_UNKNOWN


async def streams_of(database_url: str, size: int) -> Verified:
    """What `verify` finds of all streams."""
    async with unhurried_connection(database_url) as connection:
        return await verify_streams(connection, Streams(after=FIRST, until=LAST), size=size)


async def test_who_begins_to_read_while_a_month_is_dropped_sees_its_row_as_well(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dropped partition is gone for snapshots that were taken before, too."""
    drop = Removal._drop_at_once
    readers: list[asyncio.Task[Any]] = []

    async def dropped(self: Removal, month: MonthOfStreams, *rest: Any) -> None:
        await drop(self, month, *rest)
        if not readers:
            async with await AsyncConnection.connect(database_url, autocommit=True) as other:
                readers.append(asyncio.create_task(streams_of(database_url, size)))
                await waits_for_all_months(other)
                readers.append(asyncio.create_task(replayed(database_url)))
                await waits_for_all_months(other, waiting=2)

    monkeypatch.setattr(Removal, "_drop_at_once", dropped)
    await retained(database_url, keys, tmp_path)
    read, differences = await asyncio.gather(*readers)
    assert (read.problems, read.differences, differences) == ((), (), [])
    assert read.archived in (9, 18)


async def killed_before(database_url: str, archive: Path, step: int) -> bool:
    """Whether a run came as far as this step, and was ended there by a signal that nothing catches."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.killed_retention", database_url, str(archive), str(step)
    )
    status = await child.wait()
    assert status in (0, -signal.SIGKILL)
    return status != 0


async def test_whatever_kills_a_run_leaves_a_whole_ledger_and_the_next_one_goes_on(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - where it ends
    kills = 0
    while await killed_before(database_url, tmp_path, chance.randint(8, 50)):
        kills += 1
        await seal(database_url, keys)
        problems, differing, _ = await verified(database_url)
        assert (problems, differing) == ([], 0)
        assert kills < 30
    assert kills > 2
    assert fates(await retained(database_url, keys, tmp_path)) == {}
    assert not partitions(database_url) & OLD
    acts = "SELECT type, count(*) FROM events WHERE type ~ 'Archived|Export' GROUP BY 1 ORDER BY 1"
    assert rows(database_url, acts) == [("ExportCompleted", 1), ("PartitionArchived", 2)]


@pytest.mark.proof
async def test_a_run_that_is_killed_before_any_step_leaves_a_whole_ledger(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    step = 1
    while await killed_before(database_url, tmp_path / str(step), step):
        await seal(database_url, keys)
        problems, differing, _ = await verified(database_url)
        assert (problems, differing) == ([], 0), step
        if count(database_url, "archived_months") == 2:
            break
        step += 1
    assert step > 40


# ---------------------------------------------------------------------------------------- what verify is told


def forge(database_url: str, month: date, *, leaf: str = "", stream: str = "") -> None:
    """A row that an owner made by hand."""
    made = MonthOfStreams.of(month)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO archived_months (month, lower_bound, upper_bound, stream_id, leaf)"
            " VALUES (%s, %s, %s, coalesce(nullif(%s, '')::uuid, gen_random_uuid()), %s)",
            (month, made.lower, made.upper, stream, leaf),
        )


def drop(database_url: str, month: date) -> None:
    rows(database_url, f"SELECT drop_month('{month}')")


async def test_a_month_that_was_dropped_without_its_row_is_a_loss(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await retained(database_url, keys, tmp_path)
    await record_month(database_url, date(2024, 3, 1), "alf")
    await seal(database_url, keys)
    assert (await verified(database_url))[0] == []
    drop(database_url, date(2024, 3, 1))
    problems, _, archived = await verified(database_url)
    assert (len(problems), archived) == (5, 18)
    assert "is in the log, and not among the events" in problems[0].what


async def test_a_row_that_no_event_of_the_log_vouches_for_is_no_excuse(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    drop(database_url, JANUARY)
    forge(database_url, JANUARY)
    problems, _, archived = await verified(database_url)
    assert archived == 0
    assert [one.index for one in problems if "is in the log, and not among" in one.what] == list(range(9))
    assert "the month 2024-01 is said to be archived: no event PartitionArchived of the log says so" in [
        one.what for one in problems
    ]


async def test_the_event_of_another_month_vouches_for_nothing(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    hold(database_url, "eve")
    await retained(database_url, keys, tmp_path)
    await seal(database_url, keys)
    ((stream, leaf),) = rows(database_url, "SELECT stream_id::text, leaf FROM archived_months")
    rows(database_url, "ALTER TABLE archived_months DROP CONSTRAINT archived_months_stream_id_key")
    drop(database_url, FEBRUARY)
    forge(database_url, FEBRUARY, leaf=leaf, stream=stream)
    problems, _, archived = await verified(database_url)
    assert archived == 9
    assert len(problems) == 10
    changed = json.loads(leaf)
    changed["payload"]["month"] = "2024-02"
    rows(database_url, "ALTER TABLE archived_months DISABLE TRIGGER append_only")
    rows(database_url, "DELETE FROM archived_months WHERE month = '2024-02-01'")
    forge(
        database_url,
        FEBRUARY,
        leaf=json.dumps(changed, separators=(",", ":"), sort_keys=True),
        stream=stream,
    )
    assert len((await verified(database_url))[0]) == 10


async def test_a_month_with_a_partition_is_not_archived_whatever_its_row_says(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await retained(database_url, keys, tmp_path)
    await seal(database_url, keys)
    month = MonthOfStreams.of(JANUARY)
    bounds = f"FROM ('{month.lower}') TO ('{month.upper}')"
    rows(database_url, f"CREATE TABLE events_again PARTITION OF events FOR VALUES {bounds}")
    problems, _, archived = await verified(database_url)
    assert archived == 9  # of the other month
    assert len(problems) == 10
    assert any("its partition is still there" in one.what for one in problems)


async def test_leaves_that_the_event_does_not_tell_of_are_told(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await retained(database_url, keys, tmp_path)
    await seal(database_url, keys)
    rows(database_url, "ALTER TABLE log DISABLE TRIGGER append_only")
    rows(
        database_url,
        "UPDATE log SET stream_id = overlay(stream_id::text PLACING '018cd000' FROM 1 FOR 8)::uuid"
        " WHERE leaf_index = (SELECT next_index - 1 FROM log_state)",
    )
    problems, _, _ = await verified(database_url)
    assert any("has 10 leaves of the month 2024-01, 9 were archived" in one.what for one in problems)


async def test_a_row_is_proved_also_once_its_event_is_archived_itself(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    hold(database_url, "eve")
    await retained(database_url, keys, tmp_path)
    await seal(database_url, keys)
    rows(database_url, "ALTER TABLE events DISABLE TRIGGER append_only")
    ((stream,),) = rows(
        database_url,
        "DELETE FROM events USING archived_months AS a WHERE a.stream_id = events.stream_id"
        " RETURNING a.stream_id::text",  # as if its month were gone
    )
    problems, _, archived = await verified(database_url)
    assert archived == 9
    assert [one.what for one in problems] == [f"event {stream}:1 is in the log, and not among the events"]


async def test_what_is_archived_is_said_for_good(
    database_url: str, size: int, keys: LogKeyRing, tmp_path: Path
) -> None:
    await retained(database_url, keys, tmp_path)
    for statement in (
        "DELETE FROM archived_months",
        "UPDATE archived_months SET leaf = ''",
        "TRUNCATE archived_months",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(database_url, statement)
    for role in ("token_ledger_service", "token_ledger_reader"):
        for statement in (
            "INSERT INTO archived_months SELECT * FROM archived_months",
            "DELETE FROM archived_months",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                rows(database_url, f"SET ROLE {role}; {statement}")
