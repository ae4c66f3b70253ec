"""The sealer: every committed event gets one place in the order of its stream, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from api.leader_connection import leader_connection
from ledger import recorder
from ledger.checkpoint import CheckpointBody
from ledger.checkpoint_file import CheckpointFile
from ledger.events import SubjectSuspended
from ledger.log_key_ring import LogKeyRing, open_checkpoint
from ledger.merkle_tree import Frontier
from ledger.sealer import Sealer, SealRefusedError
from ledger.sealer_lag import read_lag
from ledger.signing_algorithm import SigningAlgorithm, SigningKey
from tests.ledger_harness import new_id
from tests.mortal import Mortal
from tests.sealing import ORIGIN, log_keys, sealed_all, sealer_of

WRITERS = 14
ROUNDS = int(os.environ.get("SEAL_ROUNDS", "12"))
"""Transactions of each writer."""
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(slots=True)
class Stream:
    """A stream that a writer appends to, as a family's row lock would let it."""

    stream_id: UUID = field(default_factory=new_id)
    version: int = 0
    head: bytes | None = None

    def next_row(self) -> dict[str, Any]:
        """The row of the next event; the stream counts it as written."""
        self.version += 1
        row = recorder.event_row(
            SubjectSuspended(subject=f"subject {self.version}"),
            stream_id=self.stream_id,
            version=self.version,
            occurred_at=NOW + timedelta(seconds=self.version),
            actor="operator",
            client_id=None,
            correlation_id=new_id(),
            previous=self.head,
        )
        self.head = row["leaf_hash"]
        return row


async def append(connection: AsyncConnection[Any], *streams: Stream) -> None:
    """One event more of each stream, in the caller's transaction."""
    await recorder.append(connection, [stream.next_row() for stream in streams])


@dataclass(frozen=True, slots=True)
class Sealed:
    """The log as it is stored."""

    rows: list[tuple[int, UUID, int, bytes]]
    """Leaf index, stream, version, hash."""
    committed: list[tuple[UUID, int, bytes]]
    note: str | None
    recording_hashes: list[bytes | None]

    def check(self, keys: LogKeyRing) -> None:
        """Sealed is what was committed, dense, in the order of each stream, and signed."""
        assert [index for index, *_ in self.rows] == list(range(len(self.rows)))
        assert sorted(row[1:] for row in self.rows) == sorted(self.committed)
        versions: dict[UUID, int] = {}
        for _, stream_id, version, _ in self.rows:
            assert version == versions.get(stream_id, 0) + 1
            versions[stream_id] = version
        tree = Frontier()
        for *_, leaf_hash in self.rows:
            tree.append(leaf_hash)
        assert self.note is not None
        assert keys.open(self.note, ORIGIN) == CheckpointBody(
            ORIGIN, len(self.rows), tree.root(), chained(self.recording_hashes)
        )


def chained(recording_hashes: list[bytes | None]) -> bytes:
    """The chain, written down from its definition: a link each 256 leaves, and one for what is left."""
    chain = bytes(32)
    for start in range(0, len(recording_hashes), 256):
        link = recording_hashes[start : start + 256]
        if any(link):
            hashes = b"".join(one or bytes(32) for one in link)
            chain = sha256(chain + (start // 256).to_bytes(8, "big") + hashes).digest()
    return chain


async def read_log(database_url: str) -> Sealed:
    async with await AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            "SELECT leaf_index, stream_id, version, leaf_hash FROM log ORDER BY leaf_index"
        )
        rows = await cursor.fetchall()
        cursor = await connection.execute("SELECT recording_hash FROM log ORDER BY leaf_index")
        recording_hashes = [row[0] for row in await cursor.fetchall()]
        cursor = await connection.execute("SELECT stream_id, version, leaf_hash FROM events")
        committed = await cursor.fetchall()
        cursor = await connection.execute("SELECT note FROM log_state")
        note = (await cursor.fetchall())[0][0]
    return Sealed(rows, committed, note, recording_hashes)


@pytest.fixture
def keys() -> LogKeyRing:
    return log_keys()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    async with leader_connection(database_url) as made:
        yield made


@pytest.fixture
def sealer(database_url: str, keys: LogKeyRing) -> Sealer:
    return sealer_of(database_url, keys)


# ------------------------------------------------------------------------------------------------ the order


@dataclass(slots=True)
class Writer:
    """Appends to streams that others append to as well; the outcome of each transaction is known to it."""

    database_url: str
    streams: list[Stream]
    locks: dict[UUID, asyncio.Lock]
    chance: random.Random

    async def run(self) -> None:
        for _ in range(ROUNDS):
            chosen = self.chance.sample(self.streams, k=self.chance.randint(1, 3))
            for stream in sorted(chosen, key=lambda one: one.stream_id):
                await self.locks[stream.stream_id].acquire()
            try:
                await self._transaction(chosen)
            finally:
                for stream in chosen:
                    self.locks[stream.stream_id].release()

    async def _transaction(self, streams: list[Stream]) -> None:
        before = [(stream.version, stream.head) for stream in streams]
        end = self.chance.choice(["commit", "commit", "commit", "savepoint", "rollback", "killed"])
        connection = await AsyncConnection.connect(self.database_url)
        committed = False
        try:
            await append(connection, *streams)
            await self._pause()
            if end == "savepoint":
                within = [(stream.version, stream.head) for stream in streams]
                await connection.execute("SAVEPOINT here")
                await append(connection, *streams)
                await connection.execute("ROLLBACK TO here")
                _restore(streams, within)
                await append(connection, streams[0])
                await self._pause()
            if end == "killed":
                await _terminate(self.database_url, connection)
            if end == "rollback":
                await connection.rollback()
            else:
                await connection.commit()
                committed = True
        except psycopg.OperationalError:
            assert end == "killed"
        finally:
            await connection.close()
            if not committed:
                _restore(streams, before)

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.choice([0, 0, 0.002, 0.01, 0.04]))


def _restore(streams: list[Stream], states: list[tuple[int, bytes | None]]) -> None:
    for stream, (version, head) in zip(streams, states, strict=True):
        stream.version, stream.head = version, head


async def _terminate(database_url: str, connection: AsyncConnection[Any]) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as killer:
        await killer.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))


async def read_by_position(connection: AsyncConnection[Any], seen: set[tuple[UUID, int]], last: int) -> int:
    """What a reader sees that goes on after the last position: the control of the test below."""
    cursor = await connection.execute(
        "SELECT stream_id, version, position FROM events WHERE position > %s ORDER BY position", (last,)
    )
    for stream_id, version, position in await cursor.fetchall():
        seen.add((stream_id, version))
        last = position
    return last


@pytest.mark.parametrize("events_a_step", [3, 20_000])
async def test_every_committed_event_is_sealed_once_in_the_order_of_its_stream(
    database_url: str,
    connection: AsyncConnection[Any],
    keys: LogKeyRing,
    events_a_step: int,
) -> None:
    """Beside it a reader by position loses events: so hard are the writers to follow."""
    sealer = sealer_of(database_url, keys, events_a_step=events_a_step)
    seed = random.randrange(2**32)  # noqa: S311 - told when the test fails
    streams = [Stream() for _ in range(2 * WRITERS)]
    locks = {stream.stream_id: asyncio.Lock() for stream in streams}
    writers = [
        Writer(database_url, streams, locks, random.Random(f"{seed} {number}"))  # noqa: S311 - as above
        for number in range(WRITERS)
    ]
    held_stream, seen, last, ticks = Stream(), set[tuple[UUID, int]](), 0, 0
    async with (
        await AsyncConnection.connect(database_url) as held,
        await AsyncConnection.connect(database_url, autocommit=True) as reader,
    ):
        await append(held, held_stream)  # a writing transaction that stays open all the while
        running = asyncio.gather(*(writer.run() for writer in writers))
        while not running.done():
            await sealer.seal(connection)
            last = await read_by_position(reader, seen, last)
            ticks += 1
            await asyncio.sleep(0.001)
        await running
        await sealed_all(sealer, connection)
        await append(held, held_stream)
        await held.commit()
        await sealed_all(sealer, connection)
        await read_by_position(reader, seen, last)
    log = await read_log(database_url)
    log.check(keys)
    assert ticks > WRITERS, f"seed {seed}"
    assert [row[1] for row in log.rows[-2:]] == [held_stream.stream_id] * 2
    lost = {(stream_id, version) for stream_id, version, _ in log.committed} - seen
    assert lost, f"seed {seed}: the control lost nothing"


async def test_a_backlog_is_sealed_in_steps_while_events_go_on_to_come(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing
) -> None:
    sealer = sealer_of(database_url, keys, events_a_step=7)
    streams = [Stream() for _ in range(10)]
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        for _ in range(5):
            await append(writer, *streams)
        while await sealer.seal(connection) != 7:
            pass
        await append(writer, *reversed(streams))
        await append(writer, streams[3])
        await sealed_all(sealer, connection)
    (await read_log(database_url)).check(keys)


# --------------------------------------------------------------------------------------- crashes of a sealer


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("prior", [0, 250, 600])
async def test_a_sealer_that_dies_between_any_two_statements_leaves_no_gap_and_no_fork(
    database_url: str, keys: LogKeyRing, tmp_path: Path, before: bool, prior: int
) -> None:
    file = tmp_path / "checkpoint"
    dead = 0
    async with (
        await AsyncConnection.connect(database_url, autocommit=True) as writer,
        leader_connection(database_url) as healthy,
    ):
        if prior:
            await append_many(writer, prior)
            await sealed_all(sealer_of(database_url, keys, file=file), healthy)
        for dies_at in range(1, 40):
            stream = Stream()
            await append(writer, stream)
            await append_many(writer, 40)
            await append(writer, stream)
            sealer = sealer_of(database_url, keys, file=file)
            mortal = await Mortal.connect(database_url, autocommit=True)
            await mortal.execute("SET ROLE token_ledger_service")
            mortal.trips, mortal.dies_at, mortal.before = 0, dies_at, before
            try:
                await sealed_all(sealer, mortal, quiet_steps=2)
            except psycopg.OperationalError:
                dead += 1
            await mortal.close()
            await sealed_all(sealer_of(database_url, keys, file=file), healthy)
            (await read_log(database_url)).check(keys)
            if mortal.trips < dies_at:
                break
    assert dead > 5
    assert mortal.trips < dies_at  # it was killed at each of its round trips
    assert keys.open(file.read_text(), ORIGIN).size > 0


async def append_many(connection: AsyncConnection[Any], count: int) -> None:
    await append(connection, *(Stream() for _ in range(count)))


async def test_two_sealers_at_once_do_no_harm(database_url: str, keys: LogKeyRing) -> None:
    async def keep_sealing() -> int:
        sealer, lost = sealer_of(database_url, keys), 0
        async with leader_connection(database_url) as connection:
            while not writing.done():
                try:
                    await sealer.seal(connection)
                except psycopg.errors.SerializationFailure:
                    lost += 1
            await asyncio.sleep(0)
        return lost

    async def write() -> None:
        async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
            for _ in range(120):
                await append_many(connection, 5)

    writing = asyncio.create_task(write())
    lost = await asyncio.gather(keep_sealing(), keep_sealing(), keep_sealing())
    await writing
    async with leader_connection(database_url) as connection:
        await sealed_all(sealer_of(database_url, keys), connection)
    (await read_log(database_url)).check(keys)
    assert sum(lost) > 0  # they did meet


# ---------------------------------------------------------------------------------------- what is not signed


async def test_an_event_that_was_changed_is_not_sealed_nor_is_what_came_with_it(
    database_url: str, connection: AsyncConnection[Any], sealer: Sealer, keys: LogKeyRing
) -> None:
    stream = Stream()
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append(writer, stream)
        await sealed_all(sealer, connection)
        row = stream.next_row()
        await recorder.append(writer, [row | {"actor": "somebody else"}])
        with pytest.raises(SealRefusedError, match=f"{stream.stream_id}:2 was changed"):
            await sealed_all(sealer, connection)
        assert len((await read_log(database_url)).rows) == 1
        await meddle(database_url, "DELETE FROM events WHERE version = 2")
        await recorder.append(writer, [row])
    await sealed_all(sealer, connection)
    (await read_log(database_url)).check(keys)


async def meddle(database_url: str, *statements: str) -> None:
    """With all rights, and no trigger in the way."""
    async with await AsyncConnection.connect(database_url) as connection:
        tables = "SELECT DISTINCT tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0"
        guarded = [row[0] for row in await (await connection.execute(tables)).fetchall()]
        for table in guarded:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        for statement in statements:
            await connection.execute(statement.encode())
        for table in guarded:
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


async def test_nothing_is_signed_that_the_checkpoint_outside_does_not_lead_to(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing, tmp_path: Path
) -> None:
    file = tmp_path / "outside" / "checkpoint"
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 300)
        await sealed_all(sealer_of(database_url, keys, file=file), connection)
        kept = file.read_text()
        assert kept == (await read_log(database_url)).note

        forged = "UPDATE log SET leaf_hash = sha256('forged') WHERE leaf_index = 299"
        state = CheckpointBody(ORIGIN, 300, await forged_root(database_url, 299))
        note = keys.signer(ORIGIN).sign(state.encode())
        await meddle(database_url, forged)
        await writer.execute("UPDATE log_state SET note = %s", (note,))
        await append_many(writer, 1)
        with pytest.raises(SealRefusedError, match="its history was changed"):
            await sealed_all(sealer_of(database_url, keys, file=file), connection)

        lost = CheckpointBody(ORIGIN, 1000, b"r" * 32)
        file.write_text(keys.signer(ORIGIN).sign(lost.encode()))
        with pytest.raises(SealRefusedError, match="covers 1000 events, the database holds 300"):
            await sealed_all(sealer_of(database_url, keys, file=file), connection)

        file.write_text(log_keys().signer(ORIGIN).sign(lost.encode()))
        with pytest.raises(SealRefusedError, match="kept outside is not of this log"):
            await sealed_all(sealer_of(database_url, keys, file=file), connection)
        file.write_text(kept[:-5])
        with pytest.raises(SealRefusedError, match="kept outside is not of this log"):
            await sealed_all(sealer_of(database_url, keys, file=file), connection)
        file.write_bytes(b"\xff")
        with pytest.raises(SealRefusedError, match="cannot be read"):
            await sealed_all(sealer_of(database_url, keys, file=file), connection)
    assert len((await read_log(database_url)).rows) == 300


async def test_no_recordings_are_signed_that_the_checkpoint_outside_does_not_lead_to(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing, tmp_path: Path
) -> None:
    """Where the newest checkpoint says nothing of them, as one that an older version signed."""
    file = tmp_path / "checkpoint"
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 300)
        await sealed_all(sealer_of(database_url, keys, file=file), connection)
        state = keys.open(file.read_text(), ORIGIN)
        note = keys.signer(ORIGIN).sign(CheckpointBody(ORIGIN, 300, state.root).encode())
        await writer.execute("UPDATE log_state SET note = %s", (note,))
        await sealed_all(sealer_of(database_url, keys, file=file), connection)
        assert keys.open(file.read_text(), ORIGIN) == state

        await writer.execute("UPDATE log_state SET note = %s", (note,))
        await meddle(database_url, "UPDATE log SET recording_hash = NULL WHERE leaf_index = 299")
        await append_many(writer, 1)
        with pytest.raises(SealRefusedError, match="other recordings than the checkpoint kept outside"):
            await sealed_all(sealer_of(database_url, keys, file=file), connection)
    assert len((await read_log(database_url)).rows) == 300


async def forged_root(database_url: str, forged: int) -> bytes:
    tree = Frontier()
    for index, *_, leaf_hash in (await read_log(database_url)).rows:
        tree.append(sha256(b"forged").digest() if index == forged else leaf_hash)
    return tree.root()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET leaf_hash = sha256('x') WHERE leaf_index = 299",
        "DELETE FROM log WHERE leaf_index = 299",
        "UPDATE tiles SET root = sha256('x')",
        "UPDATE tiles SET recordings = sha256('x')",
        "UPDATE log SET recording_hash = sha256('x') WHERE leaf_index = 299",
        "UPDATE log_state SET next_index = 290",
        "UPDATE log_state SET note = replace(note, '300', '301')",
    ],
)
async def test_nothing_is_signed_on_top_of_a_stored_log_that_was_changed(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing, statement: str
) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 300)
        await sealed_all(sealer_of(database_url, keys), connection)
        before = await read_log(database_url)
        await meddle(database_url, statement)
        await append_many(writer, 1)
    with pytest.raises(SealRefusedError, match=r"token-ledger verify|is not of this log"):
        await sealed_all(sealer_of(database_url, keys), connection)
    assert len((await read_log(database_url)).rows) <= len(before.rows)


async def test_another_key_signs_at_once_what_a_revoked_one_had_signed(
    database_url: str, connection: AsyncConnection[Any], tmp_path: Path
) -> None:
    first, second = (SigningKey.generate(SigningAlgorithm.EDDSA) for _ in range(2))
    keys = [log_keys(first, second)]
    sealer = sealer_of(database_url, keys[0], file=tmp_path / "checkpoint")
    sealer._keys = lambda: keys[0]
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 3)
    await sealed_all(sealer, connection)
    for again in (sealer, sealer_of(database_url, log_keys(second), file=tmp_path / "checkpoint")):
        keys[0] = LogKeyRing(current=second, known=(second.public,), revoked=(first.public,))
        again._keys = lambda: keys[0]
        await sealed_all(again, connection)
        note = (tmp_path / "checkpoint").read_text()
        assert note == (await read_log(database_url)).note
        assert open_checkpoint(note, log_keys(second).verifiers(ORIGIN)).size == 3


async def test_nothing_is_signed_where_the_checkpoint_was_lost(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing
) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 3)
        await sealed_all(sealer_of(database_url, keys), connection)
        await writer.execute("UPDATE log_state SET note = NULL")
        await append_many(writer, 1)
    with pytest.raises(SealRefusedError, match="lost its signed checkpoint"):
        await sealed_all(sealer_of(database_url, keys), connection)


async def test_nothing_is_anchored_behind_a_sequence_that_was_not_copied(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing
) -> None:
    sealer = sealer_of(database_url, keys)
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 3)
        await writer.execute("SELECT setval('event_position', 1, false)")
        with pytest.raises(SealRefusedError, match=r"setval\('event_position', 3\)"):
            await sealed_all(sealer, connection)
        await writer.execute("SELECT setval('event_position', 3)")
        await append_many(writer, 3)
    await sealed_all(sealer, connection)
    (await read_log(database_url)).check(keys)


async def test_a_step_of_a_backlog_that_fails_is_taken_again(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing
) -> None:
    sealer = sealer_of(database_url, keys, events_a_step=4)
    stream = Stream()
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 6)
        row = stream.next_row()
        await recorder.append(writer, [row | {"actor": "somebody else"}])
        await append_many(writer, 6)
        for _ in range(3):
            with pytest.raises(SealRefusedError, match="was changed"):
                await sealed_all(sealer, connection)
        await meddle(database_url, "DELETE FROM events WHERE actor = 'somebody else'")
        await recorder.append(writer, [row])
    await sealed_all(sealer, connection)
    (await read_log(database_url)).check(keys)


async def test_what_waits_is_told_before_the_log_has_begun_and_not_once_it_is_sealed(
    database_url: str, connection: AsyncConnection[Any], sealer: Sealer
) -> None:
    assert (await read_lag(connection)).unsealed_seconds == 0
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 3)
        lag = await read_lag(connection)
        assert (lag.unsealed_seconds > 0, lag.unsealed) == (True, 3)
        await sealed_all(sealer, connection)
        lag = await read_lag(connection)
        assert (lag.size, lag.unsealed_seconds, lag.unsealed) == (3, 0, 0)
        await append_many(writer, 2)
    lag = await read_lag(connection, counted=10)
    assert (lag.size, lag.unsealed_seconds > 0, lag.unsealed) == (3, True, 2)
    lag = await read_lag(connection)  # no more is read than is to be counted
    assert (lag.size, lag.unsealed_seconds > 0, lag.unsealed) == (3, True, 1)


async def test_an_older_checkpoint_does_not_replace_a_newer_one(tmp_path: Path, keys: LogKeyRing) -> None:
    file = CheckpointFile(tmp_path / "checkpoint")
    notes = [
        keys.signer(ORIGIN).sign(CheckpointBody(ORIGIN, size, b"r" * 32).encode()) for size in (9, 10, 10)
    ]
    for note in (notes[1], notes[0]):
        file.write(note)
        assert file.read() == notes[1]


async def test_a_file_that_cannot_be_written_stops_nothing(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no directory")
    sealer = sealer_of(database_url, keys, file=tmp_path / "file" / "checkpoint")
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append_many(writer, 1)
        with pytest.raises(SealRefusedError, match="cannot be read"):
            await sealed_all(sealer, connection)
    file = tmp_path / "checkpoint"
    file.mkdir()
    sealer = sealer_of(database_url, keys, file=file)
    with pytest.raises(SealRefusedError, match="cannot be read"):
        await sealed_all(sealer, connection)


# ---------------------------------------------------------------------------------------- another cluster


async def test_events_with_transaction_ids_of_another_cluster_are_sealed_once(
    database_url: str, connection: AsyncConnection[Any], keys: LogKeyRing
) -> None:
    """As after a logical restore: some sealed, some not, all with ids that this cluster has yet to give."""
    sealer = sealer_of(database_url, keys, events_a_step=11)
    streams = [Stream() for _ in range(20)]
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await append(writer, *streams)
        await sealed_all(sealer, connection)
        await append(writer, *streams)
    await meddle(
        database_url,
        "UPDATE events SET xid = (xid::text::bigint + 40)::text::xid8",
        "UPDATE log_state SET cluster = '1', snapshot = '900000000:900000000:'",
    )
    async with (
        await AsyncConnection.connect(database_url) as open_before,
        await AsyncConnection.connect(database_url, autocommit=True) as writer,
    ):
        late = Stream()
        await append(open_before, late)
        await sealed_all(sealer, connection)
        assert len((await read_log(database_url)).rows) == 40
        for _ in range(60):  # until the ids of what was restored come again
            await append(writer, *streams[:2])
            await sealer.seal(connection)
        await open_before.commit()
    await sealed_all(sealer, connection)
    (await read_log(database_url)).check(keys)
