"""The application as the machine drives it: over GraphQL, at a time that stands still until it is moved."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from psycopg import AsyncConnection

from api.application import Application, Surroundings, default_policy
from api.development_issuer import development_secret, sign_development_assertion
from api.leader_connection import leader_connection
from api.settings import Settings
from ledger import clients, key_store, refresh_token
from ledger.batch import Committed, Submission
from ledger.commands import Command
from ledger.key_sealing import SecretKey
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from ledger.signing_algorithm import SigningAlgorithm
from ledger.sweeper import Pace, Sweeper
from ledger.sweeper_run import Run
from ledger.uuid7 import uuid7
from projections.active_tokens import rebuild
from projections.active_tokens.due import DueFamilies
from tests.api.clients import basic, change
from tests.api.http import Answer, Http
from tests.api.server import settings_of
from tests.property.known import Fact, Presenter, Rules

AGENTS = {
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl": "curl/8.14.1",
}
NETWORKS = {"home": 1, "work": 2, "cafe": 3, "train": 4, "hotel": 5, "beach": 6}
IMPATIENT = 0xFFFF
"""The host of one address that everybody in a network may share."""
REQUESTS_AN_ADDRESS = 5
"""A minute."""
CLIENTS = ("web", "mobile")
BACKEND = "backend"
"""The confidential client that administers, and opens sessions for others."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """The time of the whole application. It never runs back, as the limits of a process would notice."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen(Surroundings):
    """Ids of sessions are of the real time. Nothing sweeps by itself."""

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
    leader: AsyncConnection[Any]
    """The sweeper's."""
    secret: str = field(repr=False)
    """The backend's."""
    requests: int = 0
    access: tuple[datetime, str] | None = field(default=None, repr=False)
    """The backend's access token, and when it expires."""

    async def graphql(
        self,
        query: str,
        given: Mapping[str, Any],
        who: Presenter,
        *,
        host: int | None = None,
        **options: Any,
    ) -> Answer:
        """One operation; `host` makes the address one that was used before."""
        self.requests += 1
        host = self.requests % IMPATIENT if host is None else host
        http = Http(self.application, address=address_in(who.network, host), user_agent=AGENTS[who.agent])
        return await http.graphql(query, given, **options)

    async def access_token(self) -> str:
        """One of the backend's own, which no boundary and no suspension concerns."""
        if self.access is None or self.access[0] <= self.clock.now:
            headers = {"content-type": "application/x-www-form-urlencoded", **basic(BACKEND, self.secret)}
            answer = await Http(self.application).send(
                "POST", "/oauth/token", body=b"grant_type=client_credentials", headers=headers
            )
            assert answer.status == 200, answer.body
            lifetime = timedelta(seconds=answer.json["expires_in"] - 1)
            self.access = self.clock.now + lifetime, answer.json["access_token"]
        return self.access[1]

    async def change_client(self, client_id: str, rules: Rules) -> None:
        """As the command line does it."""
        await change(self.connection, client_id, *rules.written(), now=self.clock.now)

    async def sweep(self) -> Run:
        """One whole run of the sweeper, without its pauses."""
        sweeper = Sweeper(
            connect=lambda: leader_connection(self.settings.database_url or ""),
            commit=self.application._commit,
            find_due=DueFamilies(default_policy(self.settings)),
            clock=lambda _: self.clock.now,
            new_id=new_id,
            who="test",
            pace=Pace(looking=1, deciding=1),
        )
        return await sweeper.sweep(self.leader)

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

    async def events_after(self, known: Mapping[UUID, int]) -> list[tuple[UUID, Fact]]:
        """Events beyond a version of each family, by family and version."""
        cursor = await self.connection.execute(
            """
            SELECT e.stream_id, e.type, e.actor, e.payload,
              coalesce(p.data::json ->> 'reason', p.data::json ->> 'device_label')
            FROM unnest(%s::uuid[], %s::integer[]) AS known (stream_id, version)
            JOIN events AS e ON e.stream_id = known.stream_id AND e.version > known.version
            LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
            ORDER BY e.stream_id, e.version
            """,
            (list(known), list(known.values())),
        )
        return [(row[0], _fact(*row[1:])) for row in await cursor.fetchall()]

    async def acts_since(self, at: datetime) -> list[tuple[Fact, str | None]]:
        """Administrative events in their order, each with the client through which it was done.

        Ids of sessions are below theirs, as the clock is ahead of the real time.
        """
        cursor = await self.connection.execute(
            """
            SELECT e.client_id, e.type, e.actor, e.payload, p.data::json ->> 'reason'
            FROM events AS e
            LEFT JOIN personal_data AS p ON p.stream_id = e.stream_id AND p.version = e.version
            WHERE e.stream_id >= %s
            ORDER BY e.position
            """,
            (UUID(int=(at - _EPOCH) // timedelta(milliseconds=1) << 80),),
        )
        return [(_fact(*row[1:]), row[0]) for row in await cursor.fetchall()]

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


def address_in(network: str, host: int) -> str:
    """An address in one of the networks."""
    return f"2001:db8:{NETWORKS[network]:x}:{host:x}::7"


def _fact(kind: str, actor: str, payload: str, said: str | None) -> Fact:
    return Fact(kind=kind, actor=actor, payload=orjson.loads(payload), said=said)


@asynccontextmanager
async def frozen_ledger(database_url: str) -> AsyncIterator[FrozenLedger]:
    """The application between its start and its end; addresses are limited, unknown tokens are not."""
    settings = settings_of(
        database_url, {"TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": f"{REQUESTS_AN_ADDRESS}/minute"}
    )
    clock = Clock()
    async with (
        await AsyncConnection.connect(database_url, autocommit=True) as connection,
        leader_connection(database_url) as leader,
    ):
        await key_store.ensure(
            connection,
            SecretKey.parse(settings.secret_key),
            algorithm=SigningAlgorithm(settings.access_token_algorithm),
            now=clock.now,
        )
        secret = await _prepare(connection, clock.now)
        application = Application(
            settings,
            database_url,
            surroundings=Frozen(clock=clock, sweeping=None, sealing=None, projecting=None),
        )
        async with application.lifespan():
            yield FrozenLedger(
                settings=settings,
                clock=clock,
                application=application,
                connection=connection,
                leader=leader,
                secret=secret,
            )


async def _prepare(connection: AsyncConnection[Any], now: datetime) -> str:
    """Make the clients, and partitions for acts of years to come; gives the secret of the backend."""
    for table in ("events", "personal_data"):
        await connection.execute(f"CREATE TABLE {table}_later PARTITION OF {table} DEFAULT".encode())
    given: dict[str, Any] = {"policy": {}, "now": now, "random": os.urandom}
    await clients.create(connection, client_id="mobile", confidential=False, **given)
    secret = await clients.create(
        connection,
        client_id=BACKEND,
        confidential=True,
        scopes=("sessions:admin", "sessions:issue"),
        **given,
    )
    assert secret is not None
    return secret
