"""Erasing a subject while it signs in, refreshes and is acted upon: nothing personal is left by any of it.

Ledgers on one database, as several processes are. Rounds as in `ROUNDS`; `make prove` runs a hundred.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from ledger.administration import Act, Administration, LegalHoldError
from ledger.answers import Ended, Granted, RefusalCode, Refused, Renamed
from ledger.batch import Submission
from ledger.commands import Rename, Revoke
from ledger.erasure import Erasure
from ledger.events import BulkRevocationExecuted, RevocationReason
from ledger.personal_data import PersonalData
from ledger.policy import Policy
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from ledger.sessions import Caller, Sessions
from ledger.stored_family import StoredFamily
from projections.active_tokens.erasing import ErasableTokens
from projections.active_tokens.sessions import unended_of
from projections.active_tokens.view import ActiveTokens
from projections.erasure import forget
from tests.integration.test_rebuild import differences
from tests.ledger_harness import PERSONAL, Harness, harness, new_id

ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
ADMIN = RevocationReason.ADMIN
PATIENCE_SECONDS = 0.3
"""For so long nothing ends that should wait."""
LEFT = """
SELECT e.type, p.data
FROM personal_data AS p
JOIN events AS e USING (stream_id, version)
LEFT JOIN active_tokens AS a ON a.family_id = stream_id
WHERE a.subject = %(subject)s
  OR e.type = 'BulkRevocationExecuted'
  OR (e.type = 'TokenRevoked' AND e.actor = 'subject:' || %(subject)s::text)
"""
IN_ROWS = """
SELECT family_id, status
FROM active_tokens
WHERE subject = %s
  AND (status = 'active' OR coalesce(device_label, claims::text, address, user_agent) IS NOT NULL)
"""


class Paused(ActiveTokens):
    """Stops between the decision of a batch and its COMMIT, as a process does that the system holds up."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def insert(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        await self._pause()
        await super().insert(connection, families)

    async def update(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        await self._pause()
        await super().update(connection, families)

    async def _pause(self) -> None:
        self.reached.set()
        await self.go_on.wait()


def administration_of(ledger: Harness) -> Administration:
    return Administration(pool=ledger.pool, clock=lambda now: now, random=os.urandom)


def act() -> Act:
    return Act(actor="client:dpo", client_id="dpo", correlation_id=new_id())


async def erase(ledger: Harness, subject: str = "ada") -> None:
    """As a process of its own erases."""

    async def families_of(whose: str, maximum: int) -> Any:
        async with ledger.pool.connection() as connection:
            return await unended_of(connection, whose, maximum)

    sessions = Sessions(
        commit=ledger.commit,
        keys=None,  # type: ignore[arg-type] - nothing is signed
        families_of=families_of,
        new_id=new_id,
        random=os.urandom,
    )
    erasure = Erasure(
        sessions=sessions,
        administration=administration_of(ledger),
        families=ErasableTokens(),
        pool=ledger.pool,
        forget=forget,
    )
    caller = Caller(
        request_id=new_id(), address="192.0.2.200", address_prefix="", user_agent="dpo", agent_family=""
    )
    await erasure.erase(subject, act(), caller)


async def left(ledger: Harness, subject: str = "ada") -> list[Any]:
    """What is personal of the subject, or lives."""
    async with ledger.pool.connection() as connection:
        events = await (await connection.execute(LEFT.encode(), {"subject": subject})).fetchall()
        rows = await (await connection.execute(IN_ROWS.encode(), (subject,))).fetchall()
    return [*events, *rows]


async def opened(ledger: Harness, subject: str = "ada") -> RefreshToken:
    answer = (await ledger.issue(subject)).answer
    assert isinstance(answer, Granted)
    return answer.token


@asynccontextmanager
async def paused(database_url: str) -> AsyncIterator[tuple[Harness, Paused]]:
    """A ledger that stops in its next batch that writes."""
    made: list[Paused] = []

    def view(policy: Policy) -> Paused:
        made.append(Paused(policy))
        return made[0]

    async with harness(database_url, view=view) as ledger:
        try:
            yield ledger, made[0]
        finally:
            made[0].go_on.set()


Late = Callable[[Harness, RefreshToken], Awaitable[Any]]


async def sign_in(ledger: Harness, _: RefreshToken) -> Any:
    return await ledger.issue()


async def refresh(ledger: Harness, token: RefreshToken) -> Any:
    return await ledger.refresh(token)


async def rename(ledger: Harness, token: RefreshToken) -> Any:
    return await ledger.submit(Rename(family_id=token.family_id))


@pytest.mark.parametrize("late", [sign_in, refresh, rename])
async def test_an_erasure_waits_for_whoever_read_the_status_before(database_url: str, late: Late) -> None:
    async with harness(database_url) as ledger, paused(database_url) as (slow, view):
        token = await opened(ledger)
        running = asyncio.ensure_future(late(slow, token))
        await view.reached.wait()
        erasing = asyncio.create_task(erase(ledger))
        done, _ = await asyncio.wait({erasing}, timeout=PATIENCE_SECONDS)
        assert not done
        view.go_on.set()
        assert isinstance((await running).answer, Granted | Renamed)
        await erasing
        assert await left(ledger) == []
    assert await differences(database_url) == []


async def test_an_erasure_waits_for_what_is_recorded_of_a_session_that_had_ended(database_url: str) -> None:
    async with harness(database_url) as ledger, paused(database_url) as (slow, view):
        first = await opened(ledger)
        second = (await ledger.refresh(first)).answer
        assert isinstance(second, Granted)
        await ledger.logout(second.token)
        slow.elapsed = timedelta(minutes=1)
        running = asyncio.create_task(slow.refresh(first))
        await view.reached.wait()
        erasing = asyncio.create_task(erase(ledger))
        done, _ = await asyncio.wait({erasing}, timeout=PATIENCE_SECONDS)
        assert not done
        view.go_on.set()
        assert isinstance((await running).answer, Refused)
        await erasing
        assert ("ReplayedAfterRevocation",) in await ledger.rows("SELECT type FROM events")
        assert await left(ledger) == []


async def test_an_erasure_of_somebody_who_ends_anothers_session_waits_for_it(database_url: str) -> None:
    """What lies beside the end of bob's session is from where ada ended it, and why."""
    async with harness(database_url) as ledger, paused(database_url) as (slow, view):
        of_bob = await opened(ledger, "bob")
        running = asyncio.create_task(slow.submit(Revoke(family_id=of_bob.family_id, reason=ADMIN)))
        await view.reached.wait()
        erasing = asyncio.create_task(erase(ledger))
        done, _ = await asyncio.wait({erasing}, timeout=PATIENCE_SECONDS)
        assert not done
        view.go_on.set()
        assert (await running).answer == Ended(ended=True)
        await erasing
        late = await slow.issue("carol")
        assert isinstance(late.answer, Granted)
        carols = late.answer.token.family_id
        assert (await slow.submit(Revoke(family_id=carols, reason=ADMIN))).answer == Ended(ended=True)
        assert [row for row in await left(ledger) if row[0] == "TokenRevoked"] == []


async def test_while_an_erasure_waits_nobody_waits_for_it(database_url: str) -> None:
    async with harness(database_url) as ledger, paused(database_url) as (slow, view):
        running = asyncio.create_task(slow.issue())
        await view.reached.wait()
        erasing = asyncio.create_task(erase(ledger))
        await asyncio.wait({erasing}, timeout=PATIENCE_SECONDS)
        async with asyncio.timeout(PATIENCE_SECONDS * 3):
            token = await opened(ledger, "bob")
            assert isinstance((await ledger.refresh(token)).answer, Granted)
            refused = (await ledger.issue()).answer
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.SUBJECT_INACTIVE
        view.go_on.set()
        await asyncio.gather(running, erasing)
        assert await left(ledger) == []


async def test_a_hold_that_is_set_during_an_erasure_stops_it(database_url: str) -> None:
    async with harness(database_url) as ledger, paused(database_url) as (slow, view):
        running = asyncio.create_task(slow.issue())
        await view.reached.wait()
        erasing = asyncio.create_task(erase(ledger))
        await asyncio.wait({erasing}, timeout=PATIENCE_SECONDS)
        assert await administration_of(ledger).set_legal_hold("ada", act(), held=True)
        view.go_on.set()
        assert isinstance((await running).answer, Granted)
        with pytest.raises(LegalHoldError):
            await erasing
        assert [kind for kind, *_ in await left(ledger)] == ["TokenIssued", *(await only_family(ledger))]
        assert await administration_of(ledger).set_legal_hold("ada", act(), held=False)
        await erase(ledger)
        assert await left(ledger) == []
    assert await differences(database_url) == []


async def only_family(ledger: Harness) -> list[Any]:
    return [row[0] for row in await ledger.rows("SELECT family_id FROM active_tokens")]


async def test_an_erasure_leaves_nothing_of_what_happens_at_the_same_time(database_url: str) -> None:
    """Logins, refreshes, new labels, ends and bulk runs go on over two ledgers until long after it."""
    policy = Policy(rate_per_family=None)
    async with harness(database_url, policy) as ledger, harness(database_url, policy) as other:
        for number in range(ROUNDS):
            subject = f"racer-{number}"
            tokens = [await opened(ledger, subject) for _ in range(2)]
            erased = asyncio.Event()
            storm = [
                asyncio.create_task(one)
                for each in (ledger, other)
                for one in (
                    keep_signing_in(each, subject, erased),
                    keep_signing_in(each, subject, erased),
                    keep_refreshing(each, tokens[0], erased),
                    keep_refreshing(each, tokens[1], erased),
                    keep_acting(each, subject, tokens[0], erased),
                )
            ]
            await asyncio.sleep(0.002 * (number % 10))
            await erase(other if number % 2 else ledger, subject)
            found = await left(ledger, subject)
            erased.set()
            await asyncio.gather(*storm)
            assert (found, await left(ledger, subject)) == ([], [])
        ((ends, families),) = await ledger.rows(
            "SELECT (SELECT count(*) FROM events WHERE type = 'TokenRevoked'),"
            " (SELECT count(*) FROM active_tokens)"
        )
    assert ends == families
    assert families > 2 * ROUNDS
    assert await differences(database_url) == []


async def keep_signing_in(ledger: Harness, subject: str, erased: asyncio.Event) -> None:
    """Until a login begun after the erasure was refused."""
    over = False
    while not over:
        over = erased.is_set()
        answer = (await ledger.issue(subject)).answer
        if over:
            assert isinstance(answer, Refused)
            assert answer.code is RefusalCode.SUBJECT_INACTIVE


async def keep_refreshing(ledger: Harness, token: RefreshToken, erased: asyncio.Event) -> None:
    over = False
    while not over:
        over = erased.is_set()
        answer = (await ledger.refresh(token)).answer
        if isinstance(answer, Granted):
            assert not over
            token = answer.token
        else:
            await asyncio.sleep(0)


async def keep_acting(ledger: Harness, subject: str, token: RefreshToken, erased: asyncio.Event) -> None:
    """The subject gives its device labels and ends sessions of its own; a bulk run speaks of it."""
    administration, over = administration_of(ledger), False
    while not over:
        over = erased.is_set()
        await ledger.submit(Rename(family_id=token.family_id))
        fresh = (await ledger.issue(subject)).answer
        if isinstance(fresh, Granted):
            request = Request(
                correlation_id=new_id(),
                actor=f"subject:{subject}",
                personal_data=replace(PERSONAL, reason="mine"),
            )
            command = Revoke(family_id=fresh.token.family_id, reason=RevocationReason.SUBJECT)
            await ledger.commit.submit(Submission(command=command, request=request))
        await administration.record_bulk_revocation(
            BulkRevocationExecuted(filter={"subject": subject}, matched=0, revoked=0),
            replace(act(), personal_data=PersonalData(filter={"device_label": "laptop"})),
            about={subject},
        )
