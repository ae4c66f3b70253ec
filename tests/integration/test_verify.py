"""Verify: a ledger as it was made is verified; each act against it is found, with the right first leaf."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.database import unhurried_connection
from api.leader_connection import leader_connection
from api.verification import parts_of, read_signed, verify
from ledger import key_store
from ledger.answers import Granted
from ledger.checkpoint import CheckpointBody
from ledger.commands import Rename
from ledger.key_sealing import SecretKey
from ledger.log_key_ring import LogKeyRing
from ledger.signing_algorithm import SigningAlgorithm
from ledger.tree_verification import Problem
from projections.active_tokens.verification import Streams
from tests.ledger_harness import Harness, harness
from tests.sealing import ORIGIN, sealed_all, sealer_of
from tests.tampering import ACTS, Act, Tampering, delete_with_its_place_and_close_the_gap

TAMPERINGS = int(os.environ.get("TAMPERINGS", "1000"))
SECRET = SecretKey(values=(b"s" * 32,))


@dataclass(frozen=True, slots=True)
class Made:
    """A ledger with sessions of every fate, sealed in several ticks."""

    database_url: str
    keys: LogKeyRing
    notes: tuple[tuple[int, str], ...]
    """Every checkpoint by its size."""
    outside: str
    """The one that was kept outside the database."""


async def grown(ledger: Harness, chance: random.Random, sessions: int) -> None:
    for number in range(sessions):
        ledger.elapsed += timedelta(seconds=1)
        answer = (await ledger.issue(f"user {number % 7}")).answer
        assert isinstance(answer, Granted)
        token = first = answer.token
        for _ in range(chance.randrange(6)):
            ledger.elapsed += timedelta(seconds=30)
            refreshed = (await ledger.refresh(token)).answer
            assert isinstance(refreshed, Granted)
            token = refreshed.token
        match number % 4:
            case 0:
                await ledger.logout(token)
            case 1:
                ledger.elapsed += timedelta(seconds=30)
                await ledger.refresh(first)
            case 2:
                await ledger.submit(Rename(family_id=token.family_id))
            case _:
                pass


@pytest.fixture
async def made(database_url: str, tmp_path: Path) -> Made:
    file = tmp_path / "checkpoint"
    chance = random.Random(7)  # noqa: S311 - the same ledger each time
    notes: dict[int, str] = {}
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await key_store.ensure(connection, SECRET, algorithm=SigningAlgorithm.EDDSA, now=datetime.now(UTC))
        keys = (await key_store.load(connection, SECRET)).log
    sealer = sealer_of(database_url, keys, file=file)
    async with harness(database_url) as ledger, leader_connection(database_url) as connection:
        for sessions in (20, 30, 40, 9):
            await grown(ledger, chance, sessions)
            await sealed_all(sealer, connection)
            note = file.read_text()
            notes[keys.open(note, "ledger.example.com/log").size] = note
    assert max(notes) > 300
    return Made(database_url, keys, tuple(notes.items()), file.read_text())


async def problems_of(
    database_url: str, *notes: str, first: int = 0, workers: int | None = None, size: int | None = None
) -> tuple[list[Problem], int]:
    """What verify finds, and in how many fields the view differs."""
    async with unhurried_connection(database_url) as connection:
        keys = await key_store.load_log_keys(connection, SECRET)
        kept = {f"file {number}": one for number, one in enumerate(notes)}
        signed = await read_signed(connection, keys, kept)
        parts = await parts_of(connection, signed.size, first=first)
    problems, differing = list(signed.problems), 0
    if workers is not None:
        parts = halved(parts)
    async for step in verify(database_url, signed, dict(enumerate(parts)), first=first, workers=workers):
        problems += step.problems
        differing += 0 if step.verified is None else len(step.verified.differences)
    return sorted(problems), differing


def halved(parts: list[Streams]) -> list[Streams]:
    (whole,) = parts
    middle = UUID(int=(0x019 << 116) + (1 << 115))
    return [
        Streams(after=whole.after, until=middle),
        Streams(after=middle, until=whole.until),
    ]


async def test_a_ledger_as_it_was_made_is_verified(made: Made) -> None:
    every = [note for _, note in made.notes]
    assert await problems_of(made.database_url, *every) == ([], 0)
    assert await problems_of(made.database_url, *every, workers=2) == ([], 0)
    for first in (1, 255, 256, 300):
        assert await problems_of(made.database_url, *every, first=first) == ([], 0)


async def test_events_that_are_not_sealed_yet_are_verified_as_well(made: Made) -> None:
    async with harness(made.database_url) as ledger:
        ledger.elapsed += timedelta(days=1)
        await ledger.issue("late")
    assert await problems_of(made.database_url) == ([], 0)


async def test_a_log_that_an_older_version_began_is_vouched_for_from_where_recordings_begin(
    unguarded: Made, tmp_path: Path
) -> None:
    size = await begun_by_an_older_version(unguarded, tmp_path)
    assert await problems_of(unguarded.database_url) == ([], 0)
    assert await unrecorded(unguarded.database_url) == size
    with psycopg.connect(unguarded.database_url) as owner:
        for changed in (size - 1, size + 700):
            record_a_day_earlier(owner, changed)
    problems, _ = await problems_of(unguarded.database_url)
    assert [one.index for one in problems] == [size + 700]


async def test_a_recording_vouches_for_its_own_leaf_alone_where_an_older_version_sealed_those_before(
    unguarded: Made, tmp_path: Path
) -> None:
    size = await begun_by_an_older_version(unguarded, tmp_path)
    assert size % 256
    with psycopg.connect(unguarded.database_url) as owner:
        # The newer leaf's recording becomes the older one's, in the row as in the log: nothing is left of it.
        owner.execute(
            "UPDATE events AS e SET position = n.position, recorded_at = n.recorded_at, xid = n.xid"
            " FROM log AS l, log AS m JOIN events AS n ON n.stream_id = m.stream_id AND n.version = m.version"
            " WHERE l.leaf_index = %s AND m.leaf_index = %s"
            " AND e.stream_id = l.stream_id AND e.version = l.version",
            (size - 1, size),
        )
        owner.execute(
            "UPDATE log SET recording_hash = (SELECT recording_hash FROM log WHERE leaf_index = %s)"
            " WHERE leaf_index = %s",
            (size, size - 1),
        )
        owner.execute("UPDATE log SET recording_hash = NULL WHERE leaf_index = %s", (size,))
        record_a_day_earlier(owner, size)
    problems, _ = await problems_of(unguarded.database_url)
    assert problems
    assert problems[0].index <= size


async def begun_by_an_older_version(unguarded: Made, tmp_path: Path) -> int:
    """As if what there is had been sealed before recordings were signed, and more since; how much it was."""
    size = max(size for size, _ in unguarded.notes)
    with psycopg.connect(unguarded.database_url) as owner:
        owner.execute("UPDATE log SET recording_hash = NULL")
        owner.execute("UPDATE tiles SET recordings = NULL")
        root = owner.execute("SELECT root_hash FROM log_state").fetchone()
        assert root is not None
        note = unguarded.keys.signer(ORIGIN).sign(CheckpointBody(ORIGIN, size, root[0]).encode())
        owner.execute("UPDATE log_state SET note = %s", (note,))
    (tmp_path / "checkpoint").unlink()
    sealer = sealer_of(unguarded.database_url, unguarded.keys, file=tmp_path / "checkpoint")
    async with harness(unguarded.database_url) as ledger:
        for _ in range(3):  # the second goes on within a tile, the third after a full one
            await grown(ledger, random.Random(1), 80)  # noqa: S311 - the same ledger each time
            async with leader_connection(unguarded.database_url) as connection:
                await sealed_all(sealer, connection)
            sealer = sealer_of(unguarded.database_url, unguarded.keys, file=tmp_path / "checkpoint")
    return size


async def test_recordings_are_vouched_for_on_both_sides_of_what_an_older_version_sealed(
    unguarded: Made, tmp_path: Path
) -> None:
    """As where servers of two versions run at once, and the older one seals for a while."""
    url, keys, size = unguarded.database_url, unguarded.keys, max(size for size, _ in unguarded.notes)
    chance = random.Random(2)  # noqa: S311 - the same ledger each time
    async with harness(url) as ledger, leader_connection(url) as connection:
        await grown(ledger, chance, 100)
        await sealed_all(sealer_of(url, keys), connection)
        with psycopg.connect(url) as owner:
            owner.execute("UPDATE log SET recording_hash = NULL WHERE leaf_index >= %s", (size,))
            owner.execute("UPDATE tiles SET recordings = NULL WHERE (tile_index + 1) * 256 > %s", (size,))
            state = owner.execute("SELECT next_index, root_hash FROM log_state").fetchone()
            assert state is not None
            note = keys.signer(ORIGIN).sign(CheckpointBody(ORIGIN, *state).encode())
            owner.execute("UPDATE log_state SET note = %s", (note,))
        await grown(ledger, chance, 100)
        await sealed_all(sealer_of(url, keys, file=tmp_path / "checkpoint"), connection)
    notes = [note for _, note in unguarded.notes]
    assert state[0] - size > 256
    assert await problems_of(url, *notes) == ([], 0)
    for first in (size, state[0], state[0] + 1):
        assert await problems_of(url, *notes, first=first) == ([], 0)
    for changed in (state[0] + 7, size - 1):
        with psycopg.connect(url) as owner:
            record_a_day_earlier(owner, changed)
            owner.execute(RERECORD, (changed,))
        problems, _ = await problems_of(url, *notes)
        assert problems
        assert problems[0].index <= changed


def record_a_day_earlier(owner: psycopg.Connection[Any], leaf_index: int) -> None:
    owner.execute(
        "UPDATE events AS e SET recorded_at = recorded_at - interval '1 day' FROM log AS l"
        " WHERE l.leaf_index = %s AND l.stream_id = e.stream_id AND l.version = e.version",
        (leaf_index,),
    )


RERECORD = (
    "UPDATE log AS l SET recording_hash ="
    " sha256(int8send(e.position) || timestamptz_send(e.recorded_at) || xid8send(e.xid)) FROM events AS e"
    " WHERE l.leaf_index = %s AND e.stream_id = l.stream_id AND e.version = l.version"
)


async def test_what_else_is_wrong_does_not_hide_a_recording_that_is_not_the_signed_one(
    unguarded: Made,
) -> None:
    with psycopg.connect(unguarded.database_url) as owner:
        record_a_day_earlier(owner, 10)
        owner.execute(RERECORD, (10,))
        owner.execute(
            "UPDATE events AS e SET actor = 'mallory' FROM log AS l WHERE l.leaf_index = 40"
            " AND e.stream_id = l.stream_id AND e.version = l.version"
        )
    problems, _ = await problems_of(unguarded.database_url)
    assert problems[0].index <= 10
    assert 40 in [one.index for one in problems]


async def test_recordings_are_held_to_what_was_signed_where_verifying_begins_at_the_end(
    unguarded: Made,
) -> None:
    size = max(size for size, _ in unguarded.notes)
    with psycopg.connect(unguarded.database_url) as owner:
        record_a_day_earlier(owner, size - 1)
        owner.execute(RERECORD, (size - 1,))
    for first in (size - 1, size):
        problems, _ = await problems_of(unguarded.database_url, first=first)
        assert problems, first
        assert problems[0].index <= size - 1


async def unrecorded(database_url: str) -> int:
    """How many leaves verify says have no recording that anything vouches for."""
    async with unhurried_connection(database_url) as connection:
        keys = await key_store.load_log_keys(connection, SECRET)
        signed = await read_signed(connection, keys, {})
        parts = await parts_of(connection, signed.size)
    return sum([step.unrecorded async for step in verify(database_url, signed, dict(enumerate(parts)))])


async def test_a_view_that_was_changed_is_told_and_blames_no_event(made: Made) -> None:
    with psycopg.connect(made.database_url, autocommit=True) as owner:
        owner.execute("UPDATE active_tokens SET generation = generation + 1 WHERE subject = 'user 1'")
    problems, differing = await problems_of(made.database_url)
    assert problems == []
    assert differing == len_of(made.database_url, "user 1")


def len_of(database_url: str, subject: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM active_tokens WHERE subject = %s", (subject,)
        ).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def a_copy(database_url: str) -> Iterator[str]:
    """Of the whole database, for one act."""
    name, source = f"token_ledger_test_{uuid4().hex}", str(conninfo_to_dict(database_url)["dbname"])
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as maintenance:
        copied = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        maintenance.execute(copied.format(sql.Identifier(name), sql.Identifier(source)))
        yield make_conninfo(database_url, dbname=name)
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def unguarded(made: Made) -> Made:
    """Without the triggers that refuse changes, as an owner can make it."""
    with psycopg.connect(made.database_url) as owner:
        for (table,) in owner.execute(
            "SELECT DISTINCT tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0"
        ).fetchall():
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        owner.execute("CREATE TABLE log_swap (LIKE log)")
        owner.execute("ALTER TABLE events DROP CONSTRAINT chained_from_the_first")
    return made


async def tampered(made: Made, act: Act, seed: str) -> None:
    size = max(size for size, _ in made.notes)
    with a_copy(made.database_url) as database_url:
        with psycopg.connect(database_url) as owner:
            chance = random.Random(seed)  # noqa: S311 - told when the test fails
            expected = act(Tampering(owner, chance, size, size, made.notes))
        problems, differing = await problems_of(database_url, *(note for _, note in made.notes))
        assert problems, (act.__name__, seed, differing)
        right = (
            problems[0].index in expected if isinstance(expected, range) else problems[0].index == expected
        )
        assert right, (act.__name__, seed, expected, problems[:3])


@pytest.mark.parametrize("act", dict.fromkeys(ACTS), ids=lambda act: act.__name__)
async def test_each_act_is_found_with_the_right_first_leaf(unguarded: Made, act: Act) -> None:
    await tampered(unguarded, act, f"{act.__name__} {random.randrange(2**32)}")  # noqa: S311


async def test_what_is_missing_is_not_looked_for_where_a_root_vouches_for_all(unguarded: Made) -> None:
    """The first event of a stream, with its place: it could be anywhere but for the roots."""
    await tampered(unguarded, delete_with_its_place_and_close_the_gap, "3814646853 302")


async def test_what_is_wrong_after_the_log_does_not_explain_a_root_of_it(unguarded: Made) -> None:
    """An event near the end and its place are gone, and the state of the sealer agrees."""
    await tampered(unguarded, delete_with_its_place_and_close_the_gap, "4055360218 5")


@pytest.mark.proof
async def test_a_thousand_random_acts_are_found_with_the_right_first_leaf(unguarded: Made) -> None:
    run = random.randrange(2**32)  # noqa: S311 - told when the test fails
    for number in range(TAMPERINGS):
        chance = random.Random(f"{run} {number}")  # noqa: S311 - as above
        await tampered(unguarded, chance.choice(ACTS), f"{run} {number}")


async def test_only_the_checkpoint_outside_tells_of_a_restored_older_state(unguarded: Made) -> None:
    size, note = unguarded.notes[0]
    with a_copy(unguarded.database_url) as database_url:
        with psycopg.connect(database_url) as owner:
            owner.execute(
                "DELETE FROM events USING log WHERE log.stream_id = events.stream_id"
                " AND log.version = events.version AND leaf_index >= %s",
                (size,),
            )
            owner.execute("DELETE FROM log WHERE leaf_index >= %s", (size,))
            owner.execute(
                "DELETE FROM personal_data AS p WHERE NOT EXISTS (SELECT FROM events AS e"
                " WHERE e.stream_id = p.stream_id AND e.version = p.version)"
            )
            owner.execute("DELETE FROM tiles")
            owner.execute(
                "UPDATE log_state SET next_index = %s, note = %s, root_hash = %s",
                (size, note, unguarded.keys.open(note, "ledger.example.com/log").root),
            )
        assert (await problems_of(database_url))[0] == []
        (problem,) = (await problems_of(database_url, unguarded.outside))[0]
        assert problem.index == size
        assert "covers" in problem.what
