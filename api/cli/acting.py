"""Commands that act on sessions: the ledger's own way, without a server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from api.application import Surroundings, default_policy
from api.bulk_revocation import BulkRevocation
from api.pool import committing_pool, reading_pool
from api.settings import Settings
from ledger.administration import Act, Administration
from ledger.group_commit import GroupCommit
from ledger.key_sealing import SecretKey
from ledger.keys_in_use import KeysInUse
from ledger.sessions import Caller, Sessions
from projections.active_tokens.sessions import unended_of
from projections.active_tokens.view import ActiveTokens


def operator() -> tuple[Act, Caller]:
    """Whoever sits at the command line; its address and program are not recorded."""
    request = uuid4()
    act = Act(actor="operator", client_id=None, correlation_id=request)
    caller = Caller(request_id=request, address="", address_prefix="", user_agent=None, agent_family="")
    return act, caller


@asynccontextmanager
async def bulk_revocation(settings: Settings, url: str) -> AsyncIterator[BulkRevocation]:
    """What a server's own bulk revocation is made of, for one command."""
    around, policy = Surroundings(), default_policy(settings)
    async with committing_pool(url) as committing, reading_pool(url) as reading:
        commit = GroupCommit(
            pool=committing,
            view=ActiveTokens(policy),
            default_policy=policy,
            clock=around.database_time,
            random=os.urandom,
        )
        keys = KeysInUse(
            pool=committing,
            secret_key=SecretKey.parse(settings.secret_key),
            issuer=settings.issuer,
            audience=settings.audience,
            default_policy=policy,
        )

        async def families_of(subject: str, maximum: int) -> list[UUID]:
            async with reading.connection() as connection:
                return await unended_of(connection, subject, maximum)

        yield BulkRevocation(
            sessions=Sessions(
                commit=commit,
                keys=keys,
                families_of=families_of,
                new_id=around.new_id,
                random=os.urandom,
            ),
            administration=Administration(pool=committing, clock=around.database_time, random=os.urandom),
            pool=reading,
            now=lambda: datetime.now(UTC),
        )
        await commit.close()
