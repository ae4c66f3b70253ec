"""A group commit on a real database, and short ways to drive it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger.batch import Assertion, Committed, Submission
from ledger.bookkeeping import Fingerprint
from ledger.commands import Command, Issue, Logout, Presented, Refresh
from ledger.events import Transport
from ledger.group_commit import GroupCommit
from ledger.personal_data import PersonalData
from ledger.policy import Policy
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from ledger.stores import FamilyView
from ledger.uuid7 import uuid7
from projections.active_tokens.view import ActiveTokens

HOME = Fingerprint(agent=b"firefox.", prefix=b"home....")
PERSONAL = PersonalData(
    address="192.0.2.7", user_agent="Mozilla/5.0", device_label="laptop", claims={"email": "ada@example.org"}
)


def new_id() -> UUID:
    """An id of now."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


@dataclass(slots=True)
class Harness:
    """`elapsed` is added to the database's clock."""

    commit: GroupCommit
    pool: AsyncConnectionPool[AsyncConnection[Any]]
    elapsed: timedelta = timedelta(0)

    async def submit(self, command: Command, assertion: Assertion | None = None) -> Committed:
        request = Request(correlation_id=new_id(), actor="subject:ada", personal_data=PERSONAL)
        return await self.commit.submit(Submission(command=command, request=request, assertion=assertion))

    async def issue(
        self, subject: str = "ada", client_id: str = "web", assertion: Assertion | None = None
    ) -> Committed:
        command = Issue(
            family_id=new_id(),
            subject=subject,
            client_id=client_id,
            transport=Transport.BODY,
            scope=("audit:read", "sessions:admin"),
            secret=os.urandom(32),
        )
        return await self.submit(command, assertion)

    async def refresh(
        self, token: RefreshToken, who: Fingerprint = HOME, *, by_cookie: bool = False
    ) -> Committed:
        presented = Presented(token=token, fingerprint=who)
        return await self.submit(Refresh(presented=presented, by_cookie=by_cookie, nonce=os.urandom(32)))

    async def logout(self, token: RefreshToken) -> Committed:
        return await self.submit(Logout(presented=Presented(token=token, fingerprint=HOME)))

    async def rows(self, statement: str, *parameters: object) -> list[Any]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall()


@asynccontextmanager
async def harness(
    database_url: str,
    policy: Policy | None = None,
    view: Callable[[Policy], FamilyView] = ActiveTokens,
    **options: Any,
) -> AsyncIterator[Harness]:
    """Open a pool as the service's role and a group commit on it."""
    policy = policy or Policy()

    async def configure(connection: AsyncConnection[Any]) -> None:
        await connection.set_autocommit(True)
        await connection.execute("SET ROLE token_ledger_service")

    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        database_url, min_size=2, max_size=6, configure=configure, open=False
    )
    await pool.open()
    elapsed: list[Harness] = []

    def clock(now: datetime) -> datetime:
        return now + elapsed[0].elapsed

    commit = GroupCommit(
        pool=pool,
        view=view(policy),
        default_policy=policy,
        clock=clock,
        random=os.urandom,
        **options,
    )
    elapsed.append(Harness(commit, pool))
    try:
        yield elapsed[0]
    finally:
        await commit.close()
        await pool.close()
