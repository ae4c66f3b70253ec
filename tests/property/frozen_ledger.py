"""The application as the machine drives it: over GraphQL, at a time that stands still until it is moved."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from psycopg import AsyncConnection

from api.application import Application, Surroundings
from api.development_issuer import development_secret, sign_development_assertion
from api.settings import Settings
from ledger import key_store, refresh_token
from ledger.batch import Committed, Submission
from ledger.commands import Command
from ledger.key_sealing import SecretKey
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from ledger.signing_algorithm import SigningAlgorithm
from ledger.uuid7 import uuid7
from projections.active_tokens import rebuild
from tests.api.http import Answer, Http
from tests.api.server import settings_of
from tests.property.table_model import Presenter

AGENTS = {
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl": "curl/8.14.1",
}
NETWORKS = {"home": 1, "work": 2, "cafe": 3, "train": 4, "hotel": 5, "beach": 6}
IMPATIENT = 0xFFFF
"""The host of one address that everybody in a network may share."""
REQUESTS_AN_ADDRESS = 5
"""A minute."""


@dataclass(slots=True)
class Clock:
    """The time of the whole application. It never runs back, as the limits of a process would notice."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen(Surroundings):
    """Ids alone are of the real time: rows lie in the partitions of their ids. Nothing sweeps by itself."""

    clock: Clock

    def now(self) -> datetime:
        return self.clock.now

    def database_time(self, now: datetime) -> datetime:
        return self.clock.now


@dataclass(slots=True, kw_only=True)
class FrozenLedger:
    """A running application; requests come from an address of their own in the presenter's network."""

    settings: Settings
    clock: Clock
    application: Application
    connection: AsyncConnection[Any]
    """Of the database's owner."""
    requests: int = 0

    async def graphql(
        self,
        query: str,
        given: Mapping[str, Any],
        who: Presenter,
        *,
        host: int | None = None,
        **options: Any,
    ) -> Answer:
        """One operation with an input; `host` makes the address one that was used before."""
        self.requests += 1
        host = self.requests % IMPATIENT if host is None else host
        address = f"2001:db8:{NETWORKS[who.network]:x}:{host:x}::7"
        http = Http(self.application, address=address, user_agent=AGENTS[who.agent])
        return await http.graphql(query, {"input": given} if given else None, **options)

    def assertion(self, subject: str) -> str:
        """A fresh assertion of the development issuer."""
        return sign_development_assertion(
            development_secret(self.settings),
            subject=subject,
            audience=self.settings.issuer,
            claims={},
            now=self.clock.now,
            jti=str(uuid4()),
        )

    def read(self, text: str) -> RefreshToken:
        """What a refresh token of ours says."""
        token = refresh_token.decode(text, key=self.application._keys.loaded.rings.refresh.key)
        assert token is not None
        return token

    def forge(self, family_id: UUID, generation: int) -> str:
        """A token with a right mac and a secret that was never issued."""
        ring = self.application._keys.loaded.rings.refresh
        token = RefreshToken(family_id=family_id, generation=generation, secret=os.urandom(32))
        return refresh_token.encode(token, key_number=ring.current_number, key=ring.current)

    async def submit(self, command: Command) -> Committed:
        """A command that no operation stands for yet."""
        request = Request(correlation_id=new_id(), actor="operator")
        return await self.application._commit.submit(Submission(command=command, request=request))

    async def execute(self, statement: str, *parameters: object) -> None:
        await self.connection.execute(statement.encode(), parameters)

    async def events_after(self, known: Mapping[UUID, int]) -> list[tuple[UUID, str, dict[str, Any]]]:
        """Families, types and payloads of events beyond a version of each family, by family and version."""
        cursor = await self.connection.execute(
            """
            SELECT e.stream_id, e.type, e.payload
            FROM unnest(%s::uuid[], %s::integer[]) AS known (stream_id, version)
            JOIN events AS e ON e.stream_id = known.stream_id AND e.version > known.version
            ORDER BY e.stream_id, e.version
            """,
            (list(known), list(known.values())),
        )
        return [(row[0], row[1], orjson.loads(row[2])) for row in await cursor.fetchall()]

    async def differences(self, families: Sequence[UUID]) -> Sequence[rebuild.Difference]:
        """Where the live rows of families that were opened one after the other are not as the events say."""
        after = UUID(int=min(families).int - 1)
        async with self.connection.transaction():
            step = await rebuild.compared(self.connection, after=after, until=max(families))
        assert step.families == len(families)
        return step.differences


def new_id() -> UUID:
    """An id of now."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


@asynccontextmanager
async def frozen_ledger(database_url: str) -> AsyncIterator[FrozenLedger]:
    """The application between its start and its end; addresses are limited, unknown tokens are not."""
    settings = settings_of(
        database_url, {"TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": f"{REQUESTS_AN_ADDRESS}/minute"}
    )
    clock = Clock()
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await key_store.ensure(
            connection,
            SecretKey.parse(settings.secret_key),
            algorithm=SigningAlgorithm(settings.access_token_algorithm),
            now=clock.now,
        )
        application = Application(settings, database_url, surroundings=Frozen(clock=clock, sweeping=None))
        async with application.lifespan():
            yield FrozenLedger(settings=settings, clock=clock, application=application, connection=connection)
