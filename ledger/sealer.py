"""The sealer: gives every committed event a place in the log, and signs what the log has become.

One process seals at a time (`ledger.leadership`), about ten times a second. A tick is one REPEATABLE READ
transaction: events that its snapshot shows and the previous tick's did not are numbered in the order of their
positions. Positions alone would not do, as transactions commit in another order than they draw them. Two
sealers at once do no harm: the second cannot change the row of the first.

It recomputes every leaf from the stored row, and signs nothing that is inconsistent with the checkpoint that
is kept outside the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import kwargs_row, tuple_row
from psycopg.sql import SQL, Literal

from ledger.binary_array import bigints, byte_strings, integers, smallints, timestamps, uuids
from ledger.checkpoint import CheckpointBody, CheckpointError
from ledger.checkpoint_file import CheckpointFile, CheckpointFileError
from ledger.leadership import Connect, lead, wait
from ledger.leaf import leaf_bytes, leaf_hash
from ledger.log_key_ring import LogKeyRing
from ledger.log_tree import FullTile, LogTree
from ledger.recordings import RecordingChain, read_recordings
from ledger.signed_note import NoteError
from ledger.sql_files import sql
from ledger.tree_reader import read_root, read_tree

LOCK = 0x7365616C6572
"""Of the leader; any number that others are unlikely to lock."""

# A signed checkpoint must not be forgotten by a crash of the database, as the sweeper's notes may.
_SETTINGS = (
    "SET synchronous_commit = on; SET statement_timeout = '10min'; "
    "SET idle_in_transaction_session_timeout = '1min'"
)
_AT_ONCE = 250
"""Leaves that are recomputed before others have a turn: about 3 ms."""

_log = structlog.get_logger("token_ledger")


class SealRefusedError(Exception):
    """Nothing may be signed until an operator has looked; one line that says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often, and how much at a time."""

    rest: timedelta = timedelta(milliseconds=100)
    """Between two ticks."""
    events_a_step: int = 5_000
    """In one transaction; a tick that finds more takes several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    next_index: int
    snapshot: str
    bound: str
    after_position: int
    is_pending: bool
    anchor_position: int
    anchored: bool
    cluster: str | None
    cluster_now: str | None
    from_the_future: bool
    latest: datetime | None
    lateness: timedelta
    origin: str | None
    note: str | None

    @property
    def must_anchor(self) -> bool:
        """Whether its transaction ids are of another cluster, as after a logical restore."""
        return self.cluster is None or self.cluster != self.cluster_now or self.from_the_future


_Row = tuple[Any, ...]
"""Position, stream, version, type, and so on: as the statements that find events give them."""
_POSITION, _STREAM_ID, _VERSION, _OCCURRED_AT, _LEAF_HASH, _RECORDING_HASH = 0, 1, 2, 5, 13, 14


@dataclass(frozen=True, slots=True)
class _Edge:
    """All that is needed to append to the log."""

    tree: LogTree
    recordings: RecordingChain

    @property
    def size(self) -> int:
        return self.tree.size


def _is_intact(row: _Row) -> bool:
    (
        _, stream_id, version, type_name, schema_version, occurred_at, actor, client_id, correlation_id,
        causation, payload, personal_data, previous, stored_hash, _,
    ) = row  # fmt: skip
    leaf = leaf_bytes(
        stream_id=stream_id,
        version=version,
        type_name=type_name,
        schema_version=schema_version,
        occurred_at=occurred_at,
        actor=actor,
        client_id=client_id,
        correlation_id=correlation_id,
        causation=causation,
        payload=payload,
        personal_data=personal_data,
        previous=previous,
    )
    return bool(leaf_hash(leaf) == stored_hash)


class Sealer:
    """Seals while this process leads."""

    def __init__(
        self,
        *,
        connect: Connect,
        keys: Callable[[], LogKeyRing],
        origin: str,
        checkpoint_file: CheckpointFile | None,
        now: Callable[[], datetime],
        who: str,
        pace: Pace | None = None,
    ) -> None:
        """`keys` gives the log's keys of the moment; `origin` names a log that is yet to begin.

        `who` names this process. Without a `checkpoint_file` a database that lost its newest events, or was
        exchanged, goes unnoticed here.
        """
        self._connect = connect
        self._keys = keys
        self._origin = origin
        self._file = checkpoint_file
        self._now = now
        self._who = who
        self._pace = pace or Pace()
        self._edge: _Edge | None = None
        self._has_backlog = False
        """Whether the connection holds a cursor over what is left of a long tick."""
        self._signed_by: str | None = None
        self._told: str | None = None
        self._file_told: str | None = None
        self.leads = False
        """Whether this process seals now."""

    async def run(self) -> None:
        """Lead and seal whenever no other process does; for ever."""
        await lead(self._connect, LOCK, self._keep_sealing)

    async def seal(self, connection: AsyncConnection[Any]) -> int:
        """One step; gives how many events it sealed: as many as `events_a_step` where more are left.

        Raises:
            SealRefusedError: a stored event is not what was hashed, or the log is not the one signed before.
            psycopg.Error: the connection is gone, another sealer was faster, or a statement failed.
        """
        edge, self._edge = self._edge, None
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)  # of what follows; no round trip
        try:
            return await self._step(connection, edge)
        except Exception:
            if not connection.closed:
                await self._forget_backlog(connection)
            raise

    async def _step(self, connection: AsyncConnection[Any], edge: _Edge | None) -> int:
        async with connection.transaction():
            state = await _read_state(connection)
            if state.must_anchor:
                await _anchor(connection)
                return 0
            if edge is None or edge.size != state.next_index:
                await self._forget_backlog(connection)
                edge = await self._read_edge(connection, state)
            rows = await self._unsealed(connection, state)
            note = None
            if rows:
                note = await self._append(connection, state, edge, rows)
            elif not state.anchored:
                await connection.execute(sql("ledger", "log_anchored"))
            elif edge.size and self._signed_by != self._keys().current.kid:  # another key signs since
                note = await self._save(
                    connection, state, edge, rows, latest=state.latest, lateness=state.lateness
                )
            elif state.is_pending:
                await connection.execute(sql("ledger", "log_seen"), {"snapshot": state.bound})
        self._edge = edge
        if note is not None:
            await self._keep_outside(note)
        return len(rows)

    async def _keep_sealing(self, connection: AsyncConnection[Any]) -> None:
        """Until it is refused: then another process, which may find it otherwise, can lead."""
        await connection.execute(_SETTINGS)
        if self._told is None:
            _log.info("this process seals", leader=self._who)
        self._edge, self._has_backlog = None, False  # what there was went with the connection
        self.leads = True
        try:
            await self._seal_on(connection)
        finally:
            self.leads = False

    async def _seal_on(self, connection: AsyncConnection[Any]) -> None:
        while True:
            try:
                sealed = await self.seal(connection)
            except SealRefusedError as error:
                if str(error) != self._told:
                    _log.error("nothing is sealed until this is mended", reason=str(error))
                self._told = str(error)
                return
            except psycopg.errors.SerializationFailure:  # another sealer, still alive for a moment
                await wait(connection, self._pace.rest.total_seconds())
            else:
                self._told = None
                if sealed < self._pace.events_a_step:
                    await wait(connection, self._pace.rest.total_seconds())

    async def _unsealed(self, connection: AsyncConnection[Any], state: _State) -> list[_Row]:
        """The next events to seal. More than a step's are sorted once, and then fetched step by step."""
        maximum = self._pace.events_a_step
        cursor = connection.cursor(row_factory=tuple_row)
        if not self._has_backlog and not state.is_pending and state.anchored:
            query, parameters = _finding(state, maximum)
            await cursor.execute(query, parameters, binary=True)
            return await cursor.fetchall()
        if not self._has_backlog:
            query, parameters = _finding(state, None)
            await cursor.execute("DECLARE backlog NO SCROLL CURSOR WITH HOLD FOR " + query, parameters)
            self._has_backlog = True
        await cursor.execute(SQL("FETCH {} FROM backlog").format(Literal(maximum)), binary=True)
        rows = await cursor.fetchall()
        if len(rows) < maximum:
            await self._forget_backlog(connection)
        return rows

    async def _forget_backlog(self, connection: AsyncConnection[Any]) -> None:
        """The cursor may be there, or have gone with the transaction that declared it."""
        if self._has_backlog:
            self._has_backlog = False
            await connection.execute("CLOSE ALL")

    async def _append(
        self, connection: AsyncConnection[Any], state: _State, edge: _Edge, rows: Sequence[_Row]
    ) -> str:
        """Append to tree and log, sign; gives the note."""
        tree, recordings = edge.tree, edge.recordings
        latest, lateness = state.latest, state.lateness
        filled: list[FullTile] = []
        chained: list[bytes | None] = []
        times: list[tuple[int, datetime]] = []
        for number, row in enumerate(rows, start=1):
            occurred_at: datetime = row[_OCCURRED_AT]
            if not _is_intact(row):
                raise SealRefusedError(
                    f"event {row[_STREAM_ID]}:{row[_VERSION]} was changed after it was recorded: its stored "
                    "hash is not that of the stored row; restore the row from a backup"
                )
            latest = max(latest or occurred_at, occurred_at)
            lateness = max(lateness, latest - occurred_at)
            recordings.append(row[_RECORDING_HASH])
            if full := tree.append(row[_LEAF_HASH]):
                filled += full
                chained += [recordings.closed, *[None] * (len(full) - 1)]
                times.append((tree.size, latest))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        # First the one row of the state: a second sealer waits there, and then fails to serialise.
        note = await self._save(connection, state, edge, rows, latest=latest, lateness=lateness)
        await connection.execute(
            sql("ledger", "log_append"),
            {
                "first_index": state.next_index,
                "stream_id": uuids([row[_STREAM_ID] for row in rows]),
                "version": integers([row[_VERSION] for row in rows]),
                "leaf_hash": byte_strings([row[_LEAF_HASH] for row in rows]),
                "recording_hash": byte_strings([row[_RECORDING_HASH] for row in rows]),
            },
        )
        if filled:
            await self._store_tiles(connection, filled, chained, times)
        return note

    async def _store_tiles(
        self,
        connection: AsyncConnection[Any],
        filled: Sequence[FullTile],
        chained: Sequence[bytes | None],
        times: Sequence[tuple[int, datetime]],
    ) -> None:
        await connection.execute(
            sql("ledger", "tiles_append"),
            {
                "level": smallints([one.tile.level for one in filled]),
                "tile_index": bigints([one.tile.index for one in filled]),
                "hashes": byte_strings([one.hashes for one in filled]),
                "root": byte_strings([one.root for one in filled]),
                "recordings": byte_strings(chained),
            },
        )
        await connection.execute(
            sql("ledger", "log_times_append"),
            {
                "leaf_index": bigints([index for index, _ in times]),
                "latest": timestamps([latest for _, latest in times]),
            },
        )

    async def _save(
        self,
        connection: AsyncConnection[Any],
        state: _State,
        edge: _Edge,
        rows: Sequence[_Row],
        *,
        latest: datetime | None,
        lateness: timedelta,
    ) -> str:
        origin = state.origin or self._origin
        root, ring = edge.tree.root(), self._keys()
        try:
            signer = ring.signer(origin)
        except NoteError as error:
            raise SealRefusedError(
                f"the log cannot be named {origin!r} after TOKEN_LEDGER_ISSUER: {error}"
            ) from None
        note = signer.sign(CheckpointBody(origin, edge.size, root, edge.recordings.value()).encode())
        self._signed_by = ring.current.kid
        finished = state.anchored and len(rows) < self._pace.events_a_step
        pending = state.anchored and not finished
        await connection.execute(
            sql("ledger", "log_state_save"),
            {
                "next_index": edge.size,
                "snapshot": state.bound if finished else state.snapshot,
                "pending": state.bound if pending else None,
                "pending_position": rows[-1][_POSITION] if pending else None,
                "latest": latest,
                "lateness": lateness,
                "origin": origin,
                "root_hash": root,
                "signed_at": self._now(),
                "note": note,
            },
        )
        return note

    async def _read_edge(self, connection: AsyncConnection[Any], state: _State) -> _Edge:
        """The stored edge, unless it is not the one that was signed, here or outside the database."""
        try:
            tree = await read_tree(connection, state.next_index)
        except ValueError as error:
            raise SealRefusedError(f"the stored log is damaged: {error}; run token-ledger verify") from None
        edge = _Edge(tree, await read_recordings(connection, tree.size))
        if state.note is not None:
            body = self._open(state.note, state.origin or self._origin, "of the database")
            recorded = body.recordings in (None, edge.recordings.value())
            if (body.size, body.root) != (tree.size, tree.root()) or not recorded:
                raise SealRefusedError(
                    "the stored log is not the one that was signed; run token-ledger verify"
                )
        elif tree.size:
            raise SealRefusedError("the log has lost its signed checkpoint; run token-ledger verify")
        outside = None if self._file is None else self._read_file(self._file)
        if outside is None:
            return edge
        body = self._open(outside, state.origin or self._origin, "kept outside")
        if body.size > tree.size:
            raise SealRefusedError(
                f"the checkpoint kept outside covers {body.size} events, the database holds {tree.size}: the "
                "newest were lost, as by a restore; restore a later state, or set a not-before for everyone, "
                "keep that checkpoint as evidence and begin another log"
            )
        if body.size and await read_root(connection, body.size) != body.root:
            raise SealRefusedError(
                "the log is not the one of the checkpoint kept outside: its history was changed; run "
                "token-ledger verify with that checkpoint"
            )
        kept = body.recordings
        if kept is not None and (await read_recordings(connection, body.size)).value() != kept:
            raise SealRefusedError(
                "the log has other recordings than the checkpoint kept outside; run token-ledger verify with "
                "that checkpoint"
            )
        return edge

    def _open(self, note: str, origin: str, which: str) -> CheckpointBody:
        try:
            return self._keys().open(note, origin)
        except (NoteError, CheckpointError) as error:
            raise SealRefusedError(
                f"the checkpoint {which} is not of this log ({error}): give another "
                "TOKEN_LEDGER_CHECKPOINT_FILE if it is of another deployment"
            ) from None

    @staticmethod
    def _read_file(file: CheckpointFile) -> str | None:
        try:
            return file.read()
        except CheckpointFileError as error:
            raise SealRefusedError(str(error)) from None

    async def _keep_outside(self, note: str) -> None:
        if self._file is None:
            return
        try:
            await asyncio.to_thread(self._file.write, note)
        except CheckpointFileError as error:
            if str(error) != self._file_told:
                _log.warning("the checkpoint is kept in the database only", reason=str(error))
            self._file_told = str(error)
        else:
            self._file_told = None

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            _log.error("nothing is sealed until this is mended", reason=reason)
        self._told = reason


def _finding(state: _State, maximum: int | None) -> tuple[LiteralString, dict[str, Any]]:
    """The statement that finds unsealed events, and its parameters."""
    parameters: dict[str, Any] = {"anchor": state.anchor_position, "maximum": maximum}
    if not state.anchored:
        return sql("ledger", "events_lacking"), parameters
    difference = {"since": state.snapshot, "bound": state.bound, "after": state.after_position}
    return sql("ledger", "events_committed_since"), {**parameters, **difference}


async def _anchor(connection: AsyncConnection[Any]) -> None:
    cursor = await connection.execute(sql("ledger", "positions"))
    row = await cursor.fetchone()
    if row is not None and row[1] is not None and row[0] < row[1]:
        raise SealRefusedError(
            f"the sequence event_position is at {row[0]}, and there are events up to {row[1]}, as where "
            f"tables were copied without their sequences: SELECT setval('event_position', {row[1]})"
        )
    await connection.execute(sql("ledger", "log_anchor"))


async def _read_state(connection: AsyncConnection[Any]) -> _State:
    cursor = connection.cursor(row_factory=kwargs_row(_State))
    await cursor.execute(sql("ledger", "log_state"))
    state = await cursor.fetchone()
    assert state is not None  # noqa: S101 - the migration made the one row
    return state
