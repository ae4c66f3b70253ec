"""A running server behind the fault proxy, as a browser finds it: frontend and `/graphql` on one origin."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

from ledger import clients
from tests.served import NO_LIMITS, Served, free_port, served
from tests.web.fault_proxy import FaultProxy, fault_proxy

APP = "/app"
"""Where the frontend of the tests lives: an empty page that may import what it likes."""
EMPTY_PAGE: tuple[str, Mapping[str, str]] = (
    '<!doctype html><html lang="en"><title>app</title><link rel="icon" href="data:,">',
    {},
)
"""It, and its headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What browsers see is the proxy; what is behind it is a `token-ledger serve`."""

    server: Served
    proxy: FaultProxy
    origin: str
    """Of the proxy, which the server knows as an allowed one."""
    frontend: str
    """Another origin that is allowed, of the same site; nobody listens there."""
    database_url: str

    @property
    def app(self) -> str:
        """The address of the frontend's page."""
        return self.origin + APP

    def begin(self) -> None:
        """Leave nothing of the test before."""
        self.proxy.reset()
        self.proxy.pages[APP] = EMPTY_PAGE

    def assertion(self, subject: str | None = None, **claims: Any) -> str:
        """A fresh assertion, of a new subject unless one is named."""
        return self.server.assertion(subject or f"subject-{uuid4().hex[:12]}", **claims)

    async def client(self, **policy: Any) -> str:
        """The id of a new public client with this policy."""
        client_id = f"client-{uuid4().hex[:12]}"
        await self.set_policy(client_id, **policy)
        return client_id

    async def set_policy(self, client_id: str, **policy: Any) -> None:
        """The policy of a public client from now on, as it is stored: durations in seconds."""
        async with await psycopg.AsyncConnection.connect(self.database_url) as connection:
            await clients.register(
                connection, client_id=client_id, policy=policy, now=datetime.now(UTC), random=os.urandom
            )

    def recorded(self, session_id: str) -> list[str]:
        """The types of the events of a session, oldest first."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT type FROM events WHERE stream_id = %s ORDER BY version", (session_id,)
            )
            return [row[0] for row in rows]


@asynccontextmanager
async def site_on(database_url: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[Site]:
    """A server on a database, and the proxy before it."""
    port = free_port()
    origin, frontend = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    around = {**NO_LIMITS, "TOKEN_LEDGER_ALLOWED_ORIGINS": f"{origin},{frontend}", **(environ or {})}
    with served(database_url, around) as server:
        async with fault_proxy(port=port, upstream_port=server.settings.port) as proxy:
            yield Site(
                server=server, proxy=proxy, origin=origin, frontend=frontend, database_url=database_url
            )
