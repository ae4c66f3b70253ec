"""What the resolvers of one request work with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.address_limits import AddressLimiter
from api.assertions import AssertionVerifier
from api.bulk_revocation import BulkRevocation
from api.client_authentication import ClientAuthenticator
from api.cookies import SessionCookie
from api.graphql.cursors import Cursors
from api.origins import Origins
from api.sealed_feed import SealedFeed
from ledger.administration import Administration
from ledger.answers import RefusalCode
from ledger.audit_reading import AuditReading
from ledger.erasure import Erasure
from ledger.sessions import Caller, Sessions

_CONNECTIONS = 2
"""That one request uses at a time, so that many pages in one query keep nobody else waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Made once by the composition root, shared by all requests."""

    sessions: Sessions
    administration: Administration
    audit_reading: AuditReading
    bulk: BulkRevocation
    erasure: Erasure
    clients: ClientAuthenticator
    verifier: AssertionVerifier
    pool: AsyncConnectionPool[AsyncConnection[Any]]
    """For reading."""
    feed: SealedFeed
    cursors: Cursors
    origins: Origins
    cookie: SessionCookie
    address_limiter: AddressLimiter
    unknown_limiter: AddressLimiter
    hide_reuse: bool
    refused: Callable[[RefusalCode], None]
    """Counts a refusal of tokens."""
    now: Callable[[], datetime]
    """Aware UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whoever an access token speaks for."""

    subject: str | None
    """None: a client for itself."""
    client_id: str
    session_id: UUID | None
    scopes: frozenset[str]
    expires_at: datetime
    """Of the access token, exclusive."""
    ended: bool = False
    """Whether its session has ended: then only a logout gets this far."""


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """One request. `set_cookie` is the header that its answer shall carry."""

    services: Services
    caller: Caller
    origin: str | None
    marked: bool
    """Whether it carries the header that no cross-site form or image can send."""
    cookie: str | None
    """The refresh token of the cookie."""
    viewer: Viewer | None = None
    set_cookie: str | None = None
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONNECTIONS))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection to read by.

        Raises:
            psycopg.OperationalError: there is none; a database that is gone, or too many that wait.
        """
        async with self._turns, self.services.pool.connection() as connection:
            yield connection

    @property
    def request_id(self) -> str:
        """As the caller is told, and as events and logs have it."""
        return str(self.caller.request_id)
