"""A long history, made by the ledger's own decisions and batches, without HTTP and without waiting."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from multiprocessing import get_context
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger.answers import Granted
from ledger.batch import Committed, Submission
from ledger.bookkeeping import Fingerprint
from ledger.commands import Command, Issue, Logout, Presented, Refresh
from ledger.events import Transport
from ledger.group_commit import GroupCommit
from ledger.personal_data import PersonalData
from ledger.policy import Policy
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from ledger.uuid7 import uuid7
from projections.active_tokens.view import ActiveTokens

_AT_ONCE = 512
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def make_history(
    url: str,
    events: int,
    *,
    on_progress: Callable[[int], None],
    ago: timedelta = timedelta(0),
    step: timedelta = timedelta(minutes=10),
) -> float:
    """Add about so many events, on two processes; gives how long it took, in seconds.

    Sessions of 20,000 subjects, each refreshed up to some 40 times; one in ten is logged out, and of one in
    fifty an old token comes back. It begins `ago`, and between two refreshes of a session lies a `step`.
    """
    started = time.monotonic()
    share = events // 2
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(_part, url, share, seed, ago, step) for seed in range(2)]
        for part in parts:
            on_progress(part.result())
    return time.monotonic() - started


async def live_one_life(url: str, subject: str, personal: PersonalData, *, refreshes: int) -> None:
    """One session of a subject, refreshed so many times."""
    async with _committing(url, [timedelta(0)]) as commit:
        given = Request(correlation_id=_new_id(), personal_data=personal)
        issued = await commit.submit(Submission(command=_issue(subject), request=given))
        token = _token(issued)
        for _ in range(refreshes):
            command = Refresh(presented=_presented(token), by_cookie=False, nonce=os.urandom(32))
            token = _token(await commit.submit(Submission(command=command, request=given)))


def _part(url: str, events: int, seed: int, ago: timedelta, step: timedelta) -> int:
    return asyncio.run(_make(url, events, seed, ago, step))


async def _make(url: str, events: int, seed: int, ago: timedelta, step: timedelta) -> int:
    chance = random.Random(seed)  # noqa: S311 - the same history each time
    offset = [-ago]
    made = 0
    async with _committing(url, offset) as commit:
        while made < events:
            made += await _sessions(commit, chance, offset, step, min(_AT_ONCE, max(1, events - made)))
    return made


@asynccontextmanager
async def _committing(url: str, offset: list[timedelta]) -> AsyncIterator[GroupCommit]:
    """A group commit whose clock is ahead by the offset of the moment."""
    async with AsyncConnectionPool(
        url, min_size=2, max_size=4, kwargs={"autocommit": True}, configure=_configure, open=False
    ) as pool:
        policy = Policy(rate_per_family=None)
        commit = GroupCommit(
            pool=pool,
            view=ActiveTokens(policy),
            default_policy=policy,
            clock=lambda now: now + offset[0],
            random=os.urandom,
        )
        yield commit
        await commit.close()


def _new_id() -> UUID:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def _issue(subject: str) -> Issue:
    return Issue(
        family_id=_new_id(),
        subject=subject,
        client_id="web",
        transport=Transport.BODY,
        scope=(),
        secret=os.urandom(32),
    )


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.execute("SET ROLE token_ledger_service; SET plan_cache_mode = force_generic_plan")


async def _sessions(
    commit: GroupCommit, chance: random.Random, offset: list[timedelta], step: timedelta, count: int
) -> int:
    """Open some sessions and live them; gives how many events that were."""
    opened = await asyncio.gather(
        *(_submit(commit, chance, _issue(f"user-{chance.randrange(20_000)}")) for _ in range(count))
    )
    events = count
    tokens: list[RefreshToken] = [_token(one) for one in opened]
    firsts, lives = list(tokens), [chance.randrange(1, 40) for _ in tokens]
    for generation in range(max(lives)):
        offset[0] += step
        places = [place for place, life in enumerate(lives) if life > generation]
        answers = await asyncio.gather(*(_refresh(commit, chance, tokens[place]) for place in places))
        for place, answer in zip(places, answers, strict=True):
            tokens[place] = _token(answer)
        events += len(places)
    ends: list[Command] = [Logout(presented=_presented(token)) for token in tokens[::10]]
    stolen = [
        Refresh(presented=_presented(token), by_cookie=False, nonce=os.urandom(32)) for token in firsts[5::50]
    ]
    await asyncio.gather(*(_submit(commit, chance, one) for one in (*ends, *stolen)))
    return events + len(ends) + 2 * len(stolen)


def _token(committed: Committed) -> RefreshToken:
    answer = committed.answer
    if not isinstance(answer, Granted):
        raise TypeError(f"the ledger answered {answer}")
    return answer.token


def _presented(token: RefreshToken) -> Presented:
    return Presented(token=token, fingerprint=Fingerprint(agent=b"firefox.", prefix=b"home...."))


async def _refresh(commit: GroupCommit, chance: random.Random, token: RefreshToken) -> Committed:
    command = Refresh(presented=_presented(token), by_cookie=False, nonce=os.urandom(32))
    return await _submit(commit, chance, command)


async def _submit(commit: GroupCommit, chance: random.Random, command: Command) -> Committed:
    address = f"10.{chance.randrange(8)}.{chance.randrange(256)}.{chance.randrange(256)}"
    request = Request(
        correlation_id=_new_id(),
        personal_data=PersonalData(address=address, user_agent=_AGENT, device_label="laptop"),
    )
    return await commit.submit(Submission(command=command, request=request))
