"""Acts of somebody with all rights on the database, each with the first leaf that verify must name."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from ledger.leaf import leaf_bytes, leaf_hash
from ledger.log_key_ring import LogKeyRing
from ledger.sealer import CheckpointBody
from tests.sealing import ORIGIN, log_keys

Act = Callable[["Tampering"], int | range]
"""Does something; gives the first leaf that cannot be vouched for any more. Where whatever could tell it was
changed as well, a range: verify must not name a leaf above the one that was changed."""


@dataclass(slots=True)
class Tampering:
    """A connection on which no trigger is in the way, and the chance that chooses what is done."""

    connection: psycopg.Connection[Any]
    chance: random.Random
    size: int
    kept: int
    """How many leaves a checkpoint outside the database vouches for."""
    notes: tuple[tuple[int, str], ...]
    """Older checkpoints by their sizes: somebody may have kept those, too."""

    def execute(self, statement: str, *parameters: object) -> list[Any]:
        cursor = self.connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def leaf(self, condition: str = "true") -> tuple[int, Any, int]:
        """Index, stream and version of some leaf whose event holds to a condition."""
        rows = self.execute(
            "SELECT leaf_index, l.stream_id, l.version FROM log AS l JOIN events AS e"
            f" USING (stream_id, version) WHERE {condition} ORDER BY leaf_index"
        )
        index, stream, version = self.chance.choice(rows)
        return index, stream, version

    def two(self) -> tuple[tuple[int, Any, int], tuple[int, Any, int]]:
        """Two leaves, the earlier one first."""
        one = self.leaf()
        other = self.leaf(f"leaf_index <> {one[0]}")
        return (one, other) if one[0] < other[0] else (other, one)


_CHANGES = {
    "type": "CASE type WHEN 'TokenRotated' THEN 'TokenReplayed' ELSE 'TokenRotated' END",
    "schema_version": "schema_version + 1",
    "occurred_at": "occurred_at - interval '1 microsecond'",
    "actor": "coalesce(actor, '') || 'x'",
    "client_id": "CASE WHEN client_id IS NULL THEN 'web' END",
    "correlation_id": "gen_random_uuid()",
    "causation": "coalesce(causation, '') || ':1'",
    "payload": "overlay(payload PLACING ' ' FROM 2 FOR 0)",
    "personal_data": "CASE WHEN personal_data IS NULL THEN sha256('x') END",
    "leaf_hash": "sha256(leaf_hash)",
    "position": "position + 1000000",
    "xid": "(xid::text::bigint + 1)::text::xid8",
    "recorded_at": "recorded_at - interval '1 microsecond'",
}


def change_a_column(world: Tampering) -> int:
    index, stream, version = world.leaf()
    column = world.chance.choice(list(_CHANGES))
    world.execute(
        f"UPDATE events SET {column} = {_CHANGES[column]} WHERE stream_id = %s AND version = %s",
        stream,
        version,
    )
    return index


def change_what_it_follows_on(world: Tampering) -> int:
    index, stream, version = world.leaf("version > 1")
    world.execute(
        "UPDATE events SET previous = sha256('x') WHERE stream_id = %s AND version = %s", stream, version
    )
    return index


def change_a_version(world: Tampering) -> int:
    index, stream, version = world.leaf()
    world.execute(
        "UPDATE events SET version = version + 1000 WHERE stream_id = %s AND version = %s AND version > 1",
        stream,
        version,
    )
    if version == 1:
        world.execute("DELETE FROM events WHERE stream_id = %s AND version = 1", stream)
    return index


def move_to_another_stream(world: Tampering) -> int:
    index, stream, version = world.leaf()
    world.execute(
        "UPDATE events SET stream_id = overlay(stream_id::text PLACING 'ffff' FROM 33)::uuid"
        " WHERE stream_id = %s AND version = %s",
        stream,
        version,
    )
    return index


def delete(world: Tampering) -> int:
    index, stream, version = world.leaf()
    world.execute("DELETE FROM events WHERE stream_id = %s AND version = %s", stream, version)
    return index


def delete_with_its_place(world: Tampering) -> int:
    index = delete(world)
    world.execute("DELETE FROM log WHERE leaf_index = %s", index)
    return index


def delete_with_its_place_and_close_the_gap(world: Tampering) -> int | range:
    index = delete_with_its_place(world)
    for (above,) in world.execute("SELECT leaf_index FROM log WHERE leaf_index > %s ORDER BY 1", index):
        world.execute("UPDATE log SET leaf_index = leaf_index - 1 WHERE leaf_index = %s", above)
    if world.chance.random() < 0.5:
        world.execute("UPDATE log_state SET next_index = next_index - 1")
    # Told by the tiles, or, beyond the last full one, by roots and holes alone.
    return index if index < world.size // 256 * 256 else _vouched(world, index)


def _vouched(world: Tampering, index: int) -> range:
    """Where only roots are left to tell: from the largest size below that a checkpoint was kept of."""
    return range(max((size for size, _ in world.notes if size <= index), default=0), index + 1)


def delete_a_session(world: Tampering) -> int:
    _, stream, _ = world.leaf()
    world.execute("DELETE FROM events WHERE stream_id = %s", stream)
    world.execute("DELETE FROM active_tokens WHERE family_id = %s", stream)
    return int(world.execute("SELECT min(leaf_index) FROM log WHERE stream_id = %s", stream)[0][0])


def swap_payloads(world: Tampering) -> int:
    (first, *one), (_, *other) = world.two()
    payload = "SELECT payload FROM events WHERE stream_id = %s AND version = %s"
    left, right = world.execute(payload, *one)[0][0], world.execute(payload, *other)[0][0]
    if left == right:
        return change_a_column(world)
    for key, value in ((one, right), (other, left)):
        world.execute("UPDATE events SET payload = %s WHERE stream_id = %s AND version = %s", value, *key)
    return first


def swap_places(world: Tampering) -> int:
    """The hashes stay where they are, so that the tree is unharmed."""
    (first, *one), (second, *other) = world.two()
    world.execute("DELETE FROM log_swap")
    for index, key in ((first, other), (second, one)):
        world.execute(
            "INSERT INTO log_swap"
            " SELECT %s, %s, %s, leaf_hash, recording_hash FROM log WHERE leaf_index = %s",
            index,
            *key,
            index,
        )
    world.execute("DELETE FROM log WHERE leaf_index IN (%s, %s)", first, second)
    world.execute("INSERT INTO log SELECT * FROM log_swap")
    return first


def insert_into_a_stream(world: Tampering) -> int:
    """After its newest event, with the hash of that one as its own."""
    _, stream, _ = world.leaf()
    world.execute(
        "INSERT INTO events (stream_id, version, type, schema_version, occurred_at, payload, previous,"
        " leaf_hash) SELECT stream_id, version + 1, type, schema_version, occurred_at, payload, leaf_hash,"
        " leaf_hash FROM events WHERE stream_id = %s ORDER BY version DESC LIMIT 1",
        stream,
    )
    return world.size


def insert_a_stream(world: Tampering) -> int:
    world.execute(
        "INSERT INTO events (stream_id, version, type, schema_version, occurred_at, payload, leaf_hash)"
        " SELECT overlay(stream_id::text PLACING 'ffff' FROM 33)::uuid, 1, type, schema_version, occurred_at,"
        " payload, leaf_hash FROM events WHERE version = 1 ORDER BY random() LIMIT 1"
    )
    return world.size


def insert_into_the_log(world: Tampering) -> int:
    insert_a_stream(world)
    world.execute(
        "INSERT INTO log SELECT %s, stream_id, version, leaf_hash FROM events"
        " WHERE NOT EXISTS (SELECT FROM log WHERE log.stream_id = events.stream_id)",
        world.size,
    )
    return world.size


def cut_off_the_tail_of_events(world: Tampering) -> int:
    first = world.chance.randrange(world.size * 3 // 4, world.size)
    world.execute(
        "DELETE FROM events USING log WHERE log.stream_id = events.stream_id"
        " AND log.version = events.version AND leaf_index >= %s",
        first,
    )
    return first


def cut_off_the_tail(world: Tampering) -> int:
    first = cut_off_the_tail_of_events(world)
    world.execute("DELETE FROM log WHERE leaf_index >= %s", first)
    return first


def roll_back(world: Tampering) -> int:
    """As a restored older dump: all that came later is gone, and what was signed then is in its place."""
    size, note = world.chance.choice([one for one in world.notes if one[0] < world.size])
    world.execute(
        "DELETE FROM events USING log WHERE log.stream_id = events.stream_id"
        " AND log.version = events.version AND leaf_index >= %s",
        size,
    )
    world.execute("DELETE FROM log WHERE leaf_index >= %s", size)
    world.execute("DELETE FROM tiles WHERE (tile_index + 1) * 256 > %s", size)
    root = CheckpointBody.decode(note.partition("\n\n")[0] + "\n").root
    world.execute("UPDATE log_state SET next_index = %s, note = %s, root_hash = %s", size, note, root)
    return size


def edit_a_tile(world: Tampering) -> int:
    place = world.chance.randrange(256)
    world.execute(
        "UPDATE tiles SET hashes = set_byte(hashes, %s, 255 - get_byte(hashes, %s)) WHERE tile_index = 0",
        place * 32,
        place * 32,
    )
    return place


def edit_a_tiles_root(world: Tampering) -> int:
    world.execute("UPDATE tiles SET root = sha256(root)")
    return 0


def delete_a_tile(world: Tampering) -> int:
    world.execute("DELETE FROM tiles")
    return 0


def add_a_tile(world: Tampering) -> int:
    world.execute("INSERT INTO tiles SELECT level, tile_index + 9, hashes, root, recordings FROM tiles")
    return 9 * 256


def edit_a_hash_of_the_log(world: Tampering) -> int:
    index = world.chance.randrange(world.size)
    world.execute("UPDATE log SET leaf_hash = sha256(leaf_hash) WHERE leaf_index = %s", index)
    return index


def edit_the_checkpoint(world: Tampering) -> int:
    note: str = world.execute("SELECT note FROM log_state")[0][0]
    place = world.chance.randrange(len(note) - 1)
    letter = world.chance.choice([one for one in "aA0=\n" if one != note[place]])
    world.execute("UPDATE log_state SET note = %s", note[:place] + letter + note[place + 1 :])
    return world.kept


def sign_with_another_key(world: Tampering) -> int:
    other: LogKeyRing = log_keys()
    root = world.execute("SELECT root_hash FROM log_state")[0][0]
    note = other.signer(ORIGIN).sign(CheckpointBody(ORIGIN, world.size, root).encode())
    world.execute("UPDATE log_state SET note = %s", note)
    return world.kept


def put_an_older_checkpoint(world: Tampering) -> int:
    size, note = world.chance.choice([one for one in world.notes if one[0] < world.size])
    world.execute("UPDATE log_state SET note = %s", note)
    return size


def record_at_another_time(world: Tampering) -> int | range:
    """What the log has of it agrees, or is gone; the chain that was signed does not."""
    index, stream, version = world.leaf()
    world.execute(
        "UPDATE events SET recorded_at = recorded_at - interval '1 day'"
        " WHERE stream_id = %s AND version = %s",
        stream,
        version,
    )
    recorded = "sha256(int8send(position) || timestamptz_send(recorded_at) || xid8send(xid))"
    made = world.chance.choice([recorded, "NULL"])
    world.execute(
        f"UPDATE log SET recording_hash = {made} FROM events AS e"
        " WHERE leaf_index = %s AND e.stream_id = log.stream_id AND e.version = log.version",
        index,
    )
    return _vouched(world, index)


def edit_the_hash_of_a_recording(world: Tampering) -> int:
    index = world.chance.randrange(world.size)
    world.execute("UPDATE log SET recording_hash = sha256(recording_hash) WHERE leaf_index = %s", index)
    return index


def edit_a_tiles_recordings(world: Tampering) -> int:
    world.execute("UPDATE tiles SET recordings = sha256(recordings)")
    return 0


def claim_another_root(world: Tampering) -> int:
    world.execute("UPDATE log_state SET root_hash = sha256(root_hash)")
    return world.size


def claim_another_size(world: Tampering) -> int:
    world.execute("UPDATE log_state SET next_index = next_index - 1")
    return world.size - 1


def rewrite_with_all_its_hashes(world: Tampering) -> int | range:
    """The row, its hash and its place agree; what follows on it, the tiles or the root do not."""
    index, stream, version = world.leaf()
    world.execute(
        "UPDATE events SET actor = 'mallory' WHERE stream_id = %s AND version = %s", stream, version
    )
    made = rehashed(world, stream, version)
    for table in ("events", "log"):
        world.execute(
            f"UPDATE {table} SET leaf_hash = %s WHERE stream_id = %s AND version = %s",
            made,
            stream,
            version,
        )
    followed = world.execute("SELECT FROM events WHERE stream_id = %s AND version = %s", stream, version + 1)
    if followed or index < world.size // 256 * 256:
        return index
    return _vouched(world, index)


def rehashed(world: Tampering, stream: Any, version: int) -> bytes:
    """The hash that an event has now."""
    row = world.execute(
        "SELECT type, schema_version, occurred_at, actor, client_id, correlation_id, causation, payload,"
        " personal_data, previous FROM events WHERE stream_id = %s AND version = %s",
        stream,
        version,
    )[0]
    names = (
        "type_name", "schema_version", "occurred_at", "actor", "client_id", "correlation_id", "causation",
        "payload", "personal_data", "previous",
    )  # fmt: skip
    columns = dict(zip(names, row, strict=True))
    return leaf_hash(leaf_bytes(stream_id=stream, version=version, **columns))


def change_personal_data(world: Tampering) -> int:
    column = world.chance.choice(["data = data || ' '", "salt = sha256(salt)"])
    index, stream, version = world.leaf(
        "EXISTS (SELECT FROM personal_data AS p WHERE p.stream_id = e.stream_id AND p.version = e.version)"
    )
    world.execute(f"UPDATE personal_data SET {column} WHERE stream_id = %s AND version = %s", stream, version)
    return index


def add_personal_data(world: Tampering) -> int:
    _, stream, _ = world.leaf()
    world.execute("INSERT INTO personal_data VALUES (%s, 500, sha256('x'), '{}')", stream)
    return world.size


def lose_the_checkpoint(world: Tampering) -> int:
    world.execute("UPDATE log_state SET note = NULL")
    return world.kept


def lose_the_state(world: Tampering) -> int:
    world.execute("DELETE FROM log_state")
    return world.kept


def backdate(world: Tampering) -> int:
    """A right event with a transaction id that no tick will look at again."""
    insert_a_stream(world)
    (stream,) = world.execute(
        "SELECT stream_id FROM events AS e"
        " WHERE NOT EXISTS (SELECT FROM log WHERE log.stream_id = e.stream_id)"
    )[0]
    world.execute(
        "UPDATE events SET xid = '3', leaf_hash = %s WHERE stream_id = %s", rehashed(world, stream, 1), stream
    )
    return world.size


def write_what_cannot_be_read(world: Tampering) -> int:
    """No program reads such a row; the first leaf of its stream is named."""
    index, stream, version = world.leaf("e.version = 1")
    world.execute(
        "UPDATE events SET occurred_at = 'infinity' WHERE stream_id = %s AND version = %s", stream, version
    )
    return index


def add_a_tile_beyond_all_numbers(world: Tampering) -> int:
    world.execute("INSERT INTO tiles SELECT 7, 9, hashes, root FROM tiles")
    return 9 * 256**8


def shorten_a_hash_of_the_log(world: Tampering) -> int:
    index, _, _ = world.leaf()
    world.execute("ALTER TABLE log DROP CONSTRAINT IF EXISTS log_leaf_hash_check")
    world.execute("UPDATE log SET leaf_hash = 'x' WHERE leaf_index = %s", index)
    return index


ACTS: tuple[Act, ...] = (
    lose_the_checkpoint,
    lose_the_state,
    backdate,
    write_what_cannot_be_read,
    add_a_tile_beyond_all_numbers,
    shorten_a_hash_of_the_log,
    change_a_column,
    change_a_column,
    change_a_column,
    change_what_it_follows_on,
    change_a_version,
    move_to_another_stream,
    delete,
    delete_with_its_place,
    delete_with_its_place_and_close_the_gap,
    delete_a_session,
    swap_payloads,
    swap_places,
    insert_into_a_stream,
    insert_a_stream,
    insert_into_the_log,
    cut_off_the_tail_of_events,
    cut_off_the_tail,
    roll_back,
    edit_a_tile,
    edit_a_tiles_root,
    delete_a_tile,
    add_a_tile,
    edit_a_hash_of_the_log,
    edit_the_checkpoint,
    sign_with_another_key,
    put_an_older_checkpoint,
    record_at_another_time,
    edit_the_hash_of_a_recording,
    edit_a_tiles_recordings,
    claim_another_root,
    claim_another_size,
    rewrite_with_all_its_hashes,
    change_personal_data,
    add_personal_data,
)
