"""Verifying the whole ledger: what is signed, the log, and every stream; on all cores, and in parts."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from api.database import unhurried_connection
from api.in_processes import in_processes
from ledger.archived_months import leaves_of, read_archived_months
from ledger.checkpoint import CheckpointBody, CheckpointError
from ledger.log_key_ring import LogKeyRing
from ledger.signed_note import NoteError
from ledger.sql_files import sql
from ledger.tree_verification import Problem, Vouched, beyond, verify_tree
from projections.active_tokens.rebuild import Difference
from projections.active_tokens.verification import Streams, Verified, verify_streams

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
"""Below and above every stream."""
_EVENTS_A_PART = 25_000
_STREAMS_A_PART = 2_000
_NO_SUCH_ROW = (psycopg.DataError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading raises where somebody wrote into a row what no program of the ledger writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What the log is held to."""

    size: int
    """Of the log when verifying began, by the state of the sealer."""
    leaves: int
    """What the log holds, whatever that state says."""
    note: str
    """The checkpoint of the database; empty: there is none."""
    vouched: Vouched
    problems: tuple[Problem, ...]
    unsigned: str | None
    """Why the database's own checkpoint vouches for nothing; None: it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Since the last one."""

    leaves: int = 0
    unrecorded: int = 0
    """Of the leaves, those whose recording nothing vouches for."""
    part: int | None = None
    """Of the streams, that was verified."""
    verified: Verified | None = None
    problems: tuple[Problem, ...] = ()
    roots: tuple[tuple[int, bool], ...] = ()
    """Sizes with a signed root, and whether it came out."""
    clean: bool = True
    """Of a part: whether nothing is wrong with it."""


async def read_signed(connection: AsyncConnection[Any], keys: LogKeyRing, notes: Mapping[str, str]) -> Signed:
    """The database's checkpoint, and others that were kept, by where they are from.

    A checkpoint that none of the log's keys signed is a problem, and so is one that covers more than the log.
    """
    cursor = await connection.execute(sql("ledger", "log_held"))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    next_index, root_hash, origin, note, leaves = row
    size = next_index or leaves
    roots: dict[int, bytes] = {}
    recordings: dict[int, bytes] = {}
    problems: list[Problem] = []
    unsigned = None
    if note is not None and origin is not None:
        try:
            body = keys.open(note, origin)
        except (NoteError, CheckpointError) as error:
            unsigned = f"the checkpoint of the database: {error}"
        else:
            if (body.size, body.root) != (next_index, root_hash):
                what = "the checkpoint of the database is not of its log"
                problems.append(Problem(index=min(body.size, next_index), what=what))
            _keep(roots, recordings, body)
    elif size or next_index is None:
        unsigned = "the log has lost its signed checkpoint"
    for where, kept in notes.items():
        named = kept.partition("\n")[0]
        try:
            body = keys.open(kept, named)
        except (NoteError, CheckpointError) as error:
            problems.append(Problem(index=0, what=f"the checkpoint of {where}: {error}"))
            continue
        if origin is not None and body.origin != origin:
            what = f"the checkpoint of {where} is of the log {body.origin}, not of {origin}"
            problems.append(Problem(index=0, what=what))
        elif body.size > size:
            what = f"the checkpoint of {where} covers {body.size} events, the log has {size}"
            problems.append(Problem(index=size, what=what))
        elif not _keep(roots, recordings, body):
            what = f"the checkpoint of {where} and another one differ on {body.size} events"
            problems.append(Problem(index=0, what=what))
    vouched = Vouched(roots=roots, recordings=recordings)
    return Signed(
        size=size,
        leaves=leaves,
        note=note or "",
        vouched=vouched,
        problems=tuple(problems),
        unsigned=unsigned,
    )


def _keep(roots: dict[int, bytes], recordings: dict[int, bytes], body: CheckpointBody) -> bool:
    """Add what a checkpoint vouches for; False where another one says otherwise."""
    chain = body.recordings
    agrees = roots.setdefault(body.size, body.root) == body.root
    return agrees and (chain is None or recordings.setdefault(body.size, chain) == chain)


async def parts_of(connection: AsyncConnection[Any], size: int, *, first: int = 0) -> list[Streams]:
    """All streams, or those with something from a place in the log on, in parts for one worker each."""
    if first == 0:
        indexes = list(range(_EVENTS_A_PART, size, _EVENTS_A_PART))
        cursor = await connection.execute(sql("ledger", "streams_at"), {"indexes": indexes})
        bounds = [FIRST, *(row[0] for row in await cursor.fetchall()), LAST]
        return [Streams(after=after, until=until) for after, until in pairwise(bounds)]
    cursor = await connection.execute(sql("ledger", "streams_since"), {"first": first})
    ids = [row[0] for row in await cursor.fetchall()]
    return [_some(ids[start : start + _STREAMS_A_PART]) for start in range(0, len(ids), _STREAMS_A_PART)]


def _some(ids: Sequence[UUID]) -> Streams:
    return Streams(after=UUID(int=ids[0].int - 1), until=ids[-1], ids=tuple(ids))


async def verify(
    url: str, signed: Signed, parts: Mapping[int, Streams], *, first: int = 0, workers: int | None = None
) -> AsyncIterator[Progress]:
    """Verify the tree here and the parts of the streams in worker processes; what is done is told as it is.

    What does not say where comes last, and only if no problem of a leaf explains it: a root that did not come
    out and a checkpoint that none of the log's keys signed are of the first leaf that no root vouches for.

    Raises:
        DatabaseError: the database does not answer.
        psycopg.Error: it stopped answering.
    """
    roots: dict[int, bool] = {}
    located: list[Problem] = list(signed.problems)
    vague: list[Problem] = []
    async for step in _verify(url, signed, parts, first=first, workers=workers):
        roots |= dict(step.roots)
        located += [one for one in step.problems if one.last is None]
        vague += [one for one in step.problems if one.last is not None]
        yield replace(step, problems=tuple(one for one in step.problems if one.last is None))
    good = [size for size in sorted(signed.vouched.roots) if roots.get(size)]
    for size in signed.vouched.roots:
        if not roots.get(size):
            what = f"the root of the first {size} leaves is not the one that was signed"
            lower = max((one for one in good if one < size), default=0)
            vague.append(Problem(index=lower, what=what, last=size - 1))
    if signed.unsigned is not None:
        vague.append(Problem(index=max(good, default=0), what=signed.unsigned, last=signed.size))
    # What would come after the log is no leaf that could be the reason.
    of_any = sorted(one.index for one in located if one.index < signed.size)
    of_recordings = sorted(one.index for one in located if not one.of_leaves)
    unexplained = []
    for one in (_beyond(one, good) for one in vague):
        last = one.last or 0
        alone = not one.of_leaves and roots.get(last + 1, False)
        if not _any_between(of_recordings if alone else of_any, one.index, last):
            unexplained.append(one)
    yield Progress(problems=tuple(unexplained))


def _beyond(problem: Problem, good: Sequence[int]) -> Problem:
    """Not of a leaf that a root vouches for which came out."""
    if not problem.of_leaves:
        return problem
    vouched = max((size for size in good if size <= (problem.last or 0)), default=0)
    return replace(problem, index=max(problem.index, vouched))


def _any_between(located: Sequence[int], first: int, last: int) -> bool:
    place = bisect_left(located, first)
    return place < len(located) and located[place] <= last


async def _verify(
    url: str, signed: Signed, parts: Mapping[int, Streams], *, first: int, workers: int | None
) -> AsyncIterator[Progress]:
    log = partial(_in_loop, _verify_log, url, signed, first)
    streams = {
        number: partial(_in_loop, _verify_streams, url, number, part, signed.size)
        for number, part in parts.items()
    }
    async for _, progress in in_processes({-1: log, **streams}, processes=workers):
        yield progress


def _in_loop(work: Callable[..., Coroutine[Any, Any, Progress]], *arguments: Any) -> Progress:
    return asyncio.run(work(*arguments))


async def _verify_log(url: str, signed: Signed, first: int) -> Progress:
    leaves, unrecorded, problems, roots = 0, 0, list[Problem](), list[tuple[int, bool]]()
    async with unhurried_connection(url) as connection:
        if signed.size:
            # A root of more leaves than the state says, where the log has them, says that they are right.
            size = max([signed.size, *(one for one in signed.vouched.roots if one <= signed.leaves)])
            async for step in verify_tree(connection, signed.vouched, size=size, first=first):
                leaves += step.leaves
                unrecorded += step.unrecorded
                problems += step.problems
                roots += step.roots
        more = await beyond(connection)
        problems += await _verify_archived(connection, signed.size)
    if more is not None:
        problems.append(more)
    return Progress(leaves=leaves, unrecorded=unrecorded, problems=tuple(problems), roots=tuple(roots))


async def _verify_archived(connection: AsyncConnection[Any], size: int) -> list[Problem]:
    """What is said to be archived was recorded, and is what the log has of these months."""
    archived, doubts = await read_archived_months(connection)
    problems = []
    for doubt in doubts:
        _, index, _ = await leaves_of(connection, doubt.month)
        what = f"the month {doubt.month.name} is said to be archived: {doubt.what}"
        problems.append(Problem(index=size if index is None else index, what=what))
    for one in archived:
        told = (one.event.events, one.event.first_index, one.event.last_index)
        found = await leaves_of(connection, one.month)
        if found != told:
            what = f"the log has {found[0]} leaves of the month {one.month.name}, {told[0]} were archived"
            index = min((one for one in (told[1], found[1]) if one is not None), default=size)
            problems.append(Problem(index=index, what=what))
    return problems


async def _verify_streams(url: str, number: int, part: Streams, size: int) -> Progress:
    async with unhurried_connection(url) as connection:
        try:
            verified = await verify_streams(connection, part, size=size)
        except _NO_SUCH_ROW:
            verified = await _stream_by_stream(connection, part, size)
    clean = not (verified.problems or verified.differences)
    return Progress(part=number, verified=verified, problems=verified.problems, clean=clean)


async def _stream_by_stream(connection: AsyncConnection[Any], part: Streams, size: int) -> Verified:
    """Where some row cannot be read at all: which stream's it is, and the others as always."""
    bounds = {"after": part.after, "until": part.until}
    cursor = await connection.execute(sql("ledger", "streams_between"), bounds)
    ids = [row[0] for row in await cursor.fetchall()]
    found: list[Verified] = []
    for one in ids if part.ids is None else sorted(set(ids) & set(part.ids)):
        alone = Streams(after=UUID(int=one.int - 1), until=one)
        try:
            found.append(await verify_streams(connection, alone, size=size))
        except _NO_SUCH_ROW:
            found.append(await _unreadable(connection, alone, size))
    return Verified(
        events=sum(one.events for one in found),
        unsealed=sum(one.unsealed for one in found),
        families=sum(one.families for one in found),
        archived=sum(one.archived for one in found),
        problems=tuple(problem for one in found for problem in one.problems),
        differences=tuple(difference for one in found for difference in one.differences),
    )


async def _unreadable(connection: AsyncConnection[Any], alone: Streams, size: int) -> Verified:
    """One stream: the row that cannot be read is the view's, or one of its events."""
    try:
        verified = await verify_streams(connection, alone, size=size, with_view=False)
    except _NO_SUCH_ROW as error:
        cursor = await connection.execute(sql("ledger", "first_leaf_of"), {"stream_id": alone.until})
        row = await cursor.fetchone()
        index = size if row is None or row[0] is None else row[0]
        what = f"stream {alone.until} has a row that cannot be read ({type(error).__name__})"
        return Verified(
            events=0,
            unsealed=0,
            families=0,
            archived=0,
            problems=(Problem(index=index, what=what),),
            differences=(),
        )
    difference = Difference(family_id=alone.until, column="bookkeeping", live=None, rebuilt=None)
    return replace(verified, differences=(*verified.differences, difference))
