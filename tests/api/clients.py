"""Clients of a test's server, made as the command line makes them."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import psycopg

from api.client_policy_keys import assigned
from ledger import clients
from tests.api.server import Server


async def new_client(
    server: Server, client_id: str, *rules: str, public: bool = False, scopes: Sequence[str] = ()
) -> str:
    """A client with rules as in `--set`; gives its secret, nothing of a public one."""
    async with await psycopg.AsyncConnection.connect(server.database_url, autocommit=True) as connection:
        secret = await clients.create(
            connection,
            client_id=client_id,
            confidential=not public,
            policy=assigned({}, rules, ()),
            scopes=scopes,
            now=datetime.now(UTC),
            random=os.urandom,
        )
    return secret or ""


async def changed(server: Server, client_id: str, *rules: str, unset: Sequence[str] = ()) -> None:
    """Other rules of a client from now on."""
    async with await psycopg.AsyncConnection.connect(server.database_url, autocommit=True) as connection:
        await change(connection, client_id, *rules, unset=unset, now=datetime.now(UTC))


async def change(
    connection: psycopg.AsyncConnection[Any],
    client_id: str,
    *rules: str,
    unset: Sequence[str] = (),
    now: datetime,
) -> None:
    """The same on a connection, at a time of the caller's."""
    async with connection.transaction():
        client = await clients.lock(connection, client_id)
        await clients.change(
            connection,
            client,
            policy=assigned(client.policy, rules, unset),
            scopes=client.scopes,
            now=now,
            random=os.urandom,
        )


async def new_secret(server: Server, client_id: str) -> str:
    """Another secret of a client."""
    async with await psycopg.AsyncConnection.connect(server.database_url, autocommit=True) as connection:
        return await clients.rotate_secret(connection, client_id, now=datetime.now(UTC), random=os.urandom)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header by which a client proves itself (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def opened(answer: Any) -> Any:
    """The pair of a login or refresh that was granted."""
    assert answer["__typename"] == "TokenPair", answer
    return answer
