"""The composition root: everything that one worker process is made of, and its life from start to end."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.address_limits import AddressLimiter
from api.assertions import AssertionVerifier
from api.authentication import Authenticator
from api.bulk_revocation import BulkRevocation
from api.client_authentication import ClientAuthenticator
from api.cookies import SessionCookie
from api.development_issuer import DEVELOPMENT_SCOPES, development_issuer, development_secret
from api.graphiql_page import GraphiQLPage
from api.graphql.context import Services
from api.graphql.cursors import Cursors
from api.graphql.schema import executable, make_schema
from api.graphql_endpoint import GraphQLEndpoint
from api.health import Health
from api.leader_connection import leader_connection
from api.live_connections import LiveConnections, LiveLimits
from api.live_endpoint import LiveEndpoint
from api.log_endpoint import LogEndpoint
from api.oauth_token import OAuthTokenEndpoint
from api.origins import Origins
from api.pool import committing_pool, reading_pool
from api.prepared_operation import Operations
from api.sealed_feed import SealedFeed
from api.settings import Settings, log_origin
from api.trusted_issuers import TrustedIssuer, load_trusted_issuers
from api.web_files import WebFiles
from ledger import sealer
from ledger.administration import Administration
from ledger.audit_reading import AuditReading
from ledger.checkpoint_file import CheckpointFile
from ledger.client_tokens import ClientTokens
from ledger.erasure import Erasure
from ledger.gcra import Rate
from ledger.group_commit import GroupCommit, UnavailableError
from ledger.key_sealing import SecretKey
from ledger.keys_in_use import RELOADED_EVERY, KeysInUse
from ledger.policy import Policy
from ledger.sealer import Sealer
from ledger.sessions import Sessions
from ledger.sweeper import Pace, Sweeper
from ledger.uuid7 import uuid7
from projections import runner
from projections.active_tokens.due import DueFamilies
from projections.active_tokens.erasing import ErasableTokens
from projections.active_tokens.sessions import unended_of
from projections.active_tokens.view import ActiveTokens
from projections.audit_events.reading import next_index
from projections.erasure import forget
from projections.runner import Runner

Scope = MutableMapping[str, Any]
AsgiApplication = Callable[[Scope, Any, Any], Awaitable[None]]

_FORGERIES = Rate(limit=60, period=timedelta(minutes=1))
_DRAINED_WITHIN_SECONDS = 2
_TASKS_END_WITHIN_SECONDS = 1
_MILLISECOND = timedelta(milliseconds=1)
_KEYS_AGAIN_AFTER_SECONDS = 0.5

_log = structlog.get_logger("token_ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a worker takes from outside. Tests compose a clock with an offset; no setting does."""

    random: Callable[[int], bytes] = os.urandom
    offset: Callable[[], timedelta] = field(default=timedelta)
    """Added to every clock, the database's too."""
    sweeping: Pace | None = field(default_factory=Pace)
    """None: this process never sweeps."""
    sealing: sealer.Pace | None = field(default_factory=sealer.Pace)
    """None: this process never seals."""
    live_limits: LiveLimits = field(default_factory=LiveLimits)
    projecting: runner.Pace | None = field(default_factory=runner.Pace)
    """None: this process never keeps the projections."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC) + self.offset()

    def database_time(self, now: datetime) -> datetime:
        """The ledger's time at a time of the database."""
        return now + self.offset()

    def new_id(self) -> UUID:
        """A UUIDv7 of the present."""
        offset = self.offset()
        milliseconds = time.time_ns() // 1_000_000 + (offset // _MILLISECOND if offset else 0)
        return uuid7(milliseconds, self.random(10))


def default_policy(settings: Settings) -> Policy:
    """The rules of clients that have none of their own."""
    return Policy(
        access_lifetime=settings.access_token_ttl,
        idle_lifetime=settings.refresh_idle_ttl,
        absolute_lifetime=settings.refresh_absolute_ttl,
        grace=settings.grace_period,
        lost_response_window=settings.lost_response_window,
        rate_per_family=settings.refresh_rate_per_family,
    )


def issuers_of(settings: Settings) -> tuple[TrustedIssuer, ...]:
    """Whose assertions open sessions.

    Raises:
        SettingsError: the file of trusted issuers cannot be used.
    """
    trusted: tuple[TrustedIssuer, ...] = ()
    if settings.trusted_issuers is not None:
        trusted = load_trusted_issuers(settings.trusted_issuers, audience=settings.issuer)
    if settings.development:
        own = development_issuer(
            development_secret(settings), audience=settings.issuer, scopes=DEVELOPMENT_SCOPES
        )
        trusted = (*trusted, own)
    return trusted


class Application:
    """One worker: an ASGI application with a lifespan."""

    def __init__(
        self,
        settings: Settings,
        url: str,
        *,
        workers: int = 1,
        surroundings: Surroundings | None = None,
        watch_database: Callable[[], object] | None = None,
    ) -> None:
        """`watch_database` is called every second, in a thread: it starts the embedded one when it died.

        Raises:
            SettingsError: a file that a setting names cannot be used.
        """
        around = surroundings or Surroundings()
        policy = default_policy(settings)
        self._watch_database = watch_database
        self._committing = committing_pool(url)
        self._reading = reading_pool(url)
        self._keys = KeysInUse(
            pool=self._committing,
            secret_key=SecretKey.parse(settings.secret_key),
            issuer=settings.issuer,
            audience=settings.audience,
            default_policy=policy,
        )
        self._commit = GroupCommit(
            pool=self._committing,
            view=ActiveTokens(policy),
            default_policy=policy,
            clock=around.database_time,
            random=around.random,
            forgery_rate=Rate(limit=-(-_FORGERIES.limit // workers), period=_FORGERIES.period),
        )
        self._sweeper: Sweeper | None = None
        if around.sweeping is not None:
            self._sweeper = Sweeper(
                connect=partial(leader_connection, settings.direct_database_url or url),
                commit=self._commit,
                find_due=DueFamilies(policy),
                clock=around.database_time,
                new_id=around.new_id,
                who=f"{socket.gethostname()}:{os.getpid()}",
                pace=around.sweeping,
            )
        self.sealer = Sealer(
            connect=partial(leader_connection, settings.direct_database_url or url),
            keys=lambda: self._keys.loaded.rings.log,
            origin=log_origin(settings),
            checkpoint_file=None
            if settings.checkpoint_file is None
            else CheckpointFile(settings.checkpoint_file),
            now=around.now,
            who=f"{socket.gethostname()}:{os.getpid()}",
            pace=around.sealing,
        )
        self._seals = around.sealing is not None
        self._runner: Runner | None = None
        if around.projecting is not None:
            self._runner = Runner(
                connect=partial(leader_connection, settings.direct_database_url or url),
                who=f"{socket.gethostname()}:{os.getpid()}",
                pace=around.projecting,
            )
        schema = executable(make_schema())
        graphiql = GraphiQLPage() if settings.introspection else None
        origins = Origins(
            settings.allowed_origins,
            issuer=settings.issuer,
            development=settings.development,
            port=settings.port,
        )
        sessions = Sessions(
            commit=self._commit,
            keys=self._keys,
            families_of=self._unended_of,
            new_id=around.new_id,
            random=around.random,
        )
        administration = Administration(
            pool=self._committing, clock=around.database_time, random=around.random
        )
        client_authenticator = ClientAuthenticator(self._reading)
        self._feed = SealedFeed(
            connect=partial(leader_connection, settings.direct_database_url or url), look=self._leaves
        )
        services = Services(
            sessions=sessions,
            clients=client_authenticator,
            administration=administration,
            audit_reading=AuditReading(
                pool=self._committing,
                now=around.now,
                clock=around.database_time,
                random=around.random,
            ),
            bulk=BulkRevocation(
                sessions=sessions, administration=administration, pool=self._reading, now=around.now
            ),
            erasure=Erasure(
                sessions=sessions,
                administration=administration,
                families=ErasableTokens(),
                pool=self._committing,
                forget=forget,
            ),
            verifier=AssertionVerifier(issuers_of(settings), now=around.now),
            pool=self._reading,
            feed=self._feed,
            cursors=Cursors(lambda: self._keys.loaded.rings.cursor),
            origins=origins,
            cookie=SessionCookie(name=settings.cookie_name, secure=settings.cookie_secure),
            address_limiter=AddressLimiter(
                settings.refresh_rate_per_address, workers=workers, clock=around.now
            ),
            unknown_limiter=AddressLimiter(settings.unknown_token_rate, workers=workers, clock=around.now),
            hide_reuse=settings.hide_reuse,
            now=around.now,
        )
        operations = Operations(schema, introspection=settings.introspection)
        authenticator = Authenticator(
            keys=self._keys,
            pool=self._reading,
            issuer=settings.issuer,
            audience=settings.audience,
            now=around.now,
        )
        self._live_connections = LiveConnections(
            around.live_limits, ended=authenticator.ended, now=around.now
        )
        self._live = LiveEndpoint(
            schema=schema,
            operations=operations,
            services=services,
            authenticator=authenticator,
            connections=self._live_connections,
            trusted_proxies=settings.trusted_proxies,
            new_id=around.new_id,
            suggestions=settings.introspection,
        )
        self._graphql = GraphQLEndpoint(
            schema=schema,
            operations=operations,
            services=services,
            authenticator=authenticator,
            client_authenticator=client_authenticator,
            trusted_proxies=settings.trusted_proxies,
            new_id=around.new_id,
            suggestions=settings.introspection,
            page=None if graphiql is None else graphiql.html,
        )
        self._oauth_token = OAuthTokenEndpoint(
            services=services,
            client_authenticator=client_authenticator,
            client_tokens=ClientTokens(keys=self._keys, now=around.now, new_id=around.new_id),
            default_policy=policy,
            trusted_proxies=settings.trusted_proxies,
            new_id=around.new_id,
        )
        health = Health(self._reading)
        self._others = Starlette(
            routes=[
                Route("/healthz", health.lives),
                Route("/readyz", health.ready),
                Route("/.well-known/jwks.json", self._jwks),
                *LogEndpoint(self._reading).routes,
                *(() if graphiql is None else graphiql.routes),
                *WebFiles(example=settings.development).routes,
            ],
            lifespan=self.lifespan,
        )
        self._now = around.now

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """GraphQL first, as it is what nearly all requests are for."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self._graphql(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/oauth/token":
            await self._oauth_token(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == "/graphql":
            await self._live(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        await self._committing.open()
        await self._reading.open()
        await self._load_keys()  # where the database is gone, 503 is answered until they are there
        tasks = [
            asyncio.create_task(self._keep_keys_fresh()),
            asyncio.create_task(self._feed.run()),
            asyncio.create_task(self._live_connections.run()),
        ]
        if self._sweeper is not None:
            tasks.append(asyncio.create_task(self._sweeper.run()))
        if self._seals:
            tasks.append(asyncio.create_task(self.sealer.run()))
        if self._runner is not None:
            tasks.append(asyncio.create_task(self._runner.run()))
        if self._watch_database is not None:
            tasks.append(asyncio.create_task(_every_second(self._watch_database)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            _, late = await asyncio.wait(tasks, timeout=_TASKS_END_WITHIN_SECONDS)
            for task in late:
                task.cancel()  # once more: only then a server that stands still is not waited for
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAINED_WITHIN_SECONDS):
                    await self._commit.close()
            await self._reading.close(timeout=1)
            await self._committing.close(timeout=1)

    async def _keep_keys_fresh(self) -> None:
        read = True
        while True:
            await asyncio.sleep(RELOADED_EVERY.total_seconds() if read else _KEYS_AGAIN_AFTER_SECONDS)
            read = await self._load_keys()

    async def _load_keys(self) -> bool:
        try:
            await self._keys.load()
        except (psycopg.Error, PoolTimeout) as error:
            _log.warning("the keys could not be read", reason=str(error).partition("\n")[0])
        except Exception:  # noqa: BLE001 - whatever it is, the keys read before go on being used
            _log.exception("the keys could not be read")
        else:
            return True
        return False

    async def _leaves(self) -> int:
        async with self._reading.connection() as connection:
            return await next_index(connection)

    async def _unended_of(self, subject: str, maximum: int) -> list[UUID]:
        async with self._reading.connection() as connection:
            return await unended_of(connection, subject, maximum)

    async def _jwks(self, _: Request) -> Response:
        """RFC 7517 section 5. Kept so shortly that a revoked key is in no cache a minute later."""
        try:
            loaded = self._keys.loaded
        except UnavailableError:
            return JSONResponse({"status": "unavailable"}, 503, {"retry-after": "1"})
        keys = loaded.rings.access.jwks(now=self._now(), longest_lifetime=loaded.longest_lifetime)
        return JSONResponse(
            keys,
            media_type="application/jwk-set+json",
            headers={"cache-control": "public, max-age=30", "access-control-allow-origin": "*"},
        )


async def _every_second(action: Callable[[], object]) -> None:
    while True:
        await asyncio.sleep(1)
        try:
            await asyncio.to_thread(action)
        except Exception:  # noqa: BLE001 - it is tried again in a second
            _log.exception("the embedded PostgreSQL could not be looked after")
