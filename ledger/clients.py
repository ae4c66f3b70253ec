"""Clients: registered and changed together with the administrative event that says so.

A secret is shown once, to whoever makes it. The ledger keeps its SHA-256, which is enough for 256 random
bits, and neither is ever in an event.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from ledger import administrative
from ledger.canonical import Json, canonical_json, require_canonical
from ledger.events import ClientChanged, ClientRegistered
from ledger.sql_files import sql

SECRET_PREFIX = "tlcs_"  # noqa: S105 - lets scanners find leaked secrets
_SECRET_LENGTH = 32
LONGEST_CLIENT_ID = 255


class ClientConflictError(Exception):
    """A client of this id is not what was asked for; the message says what to do."""


class UnknownClientError(Exception):
    """There is no client of this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredClient:
    """A client as it is shown: without what it proves itself with."""

    client_id: str
    confidential: bool
    policy: Mapping[str, Json]
    """What it has of its own, as stored: keys as in `projections.active_tokens.client_policy`."""
    scopes: tuple[str, ...]
    not_before: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How a client proves itself, and what it may ask for."""

    confidential: bool
    secret_hash: bytes | None = field(repr=False)
    """None: nothing proves it."""
    scopes: tuple[str, ...]
    policy: str
    """JSON, as stored."""

    def proved_by(self, secret: str) -> bool:
        """Whether this is the secret, in constant time."""
        given = _hash_of(secret)
        return hmac.compare_digest(given, self.secret_hash or given[::-1]) and self.secret_hash is not None


async def create(
    connection: AsyncConnection[Any],
    *,
    client_id: str,
    confidential: bool,
    policy: Mapping[str, Json],
    scopes: Sequence[str] = (),
    now: datetime,
    random: Callable[[int], bytes],
    actor: str = "operator",
) -> str | None:
    """Register a client; gives the secret of a confidential one. In the caller's transaction if any.

    Raises:
        ClientConflictError: there is a client of this id.
        ValueError: the id is empty, too long or holds a control character, or the policy has no canonical
            JSON.
    """
    _check(client_id, policy)
    secret = _new_secret(random) if confidential else None
    row = _row(client_id, policy, scopes, secret)
    event = ClientRegistered(
        client_id=client_id, confidential=confidential, policy=policy, scopes=tuple(scopes)
    )
    async with connection.transaction():
        if not await _insert(connection, row, confidential=confidential, now=now):
            raise ClientConflictError(f"there is a client {client_id!r} already: choose another name")
        await administrative.append(connection, event, actor=actor, now=now, random=random)
    return secret


async def register(
    connection: AsyncConnection[Any],
    *,
    client_id: str,
    policy: Mapping[str, Json],
    now: datetime,
    random: Callable[[int], bytes],
    actor: str = "operator",
) -> bool:
    """See that there is a public client with this policy; in the caller's transaction if any.

    Gives False, and does nothing, where it is so already.

    Raises:
        ClientConflictError: there is a confidential client of this id.
        ValueError: as `create`.
    """
    _check(client_id, policy)
    async with connection.transaction():
        if await _insert(connection, _row(client_id, policy, (), None), confidential=False, now=now):
            event = ClientRegistered(client_id=client_id, confidential=False, policy=policy)
            await administrative.append(connection, event, actor=actor, now=now, random=random)
            return True
        client = await lock(connection, client_id)
        if client.confidential:
            raise ClientConflictError(
                f"the client {client_id!r} is confidential and stays so: register one under another id"
            )
        return await change(
            connection, client, policy=policy, scopes=client.scopes, now=now, random=random, actor=actor
        )


async def lock(connection: AsyncConnection[Any], client_id: str) -> RegisteredClient:
    """Lock a client until the caller's transaction ends.

    Raises:
        UnknownClientError: there is none of this id.
    """
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("ledger", "clients_lock"), {"client_id": client_id})
    row = await cursor.fetchone()
    if row is None:
        raise UnknownClientError(f"there is no client {client_id!r}")
    return _client(row)


async def change(
    connection: AsyncConnection[Any],
    client: RegisteredClient,
    *,
    policy: Mapping[str, Json],
    scopes: Sequence[str],
    now: datetime,
    random: Callable[[int], bytes],
    actor: str = "operator",
) -> bool:
    """Replace policy and scopes of a client that is locked; False, and no event, where it has them already.

    Raises:
        ValueError: the policy has no canonical JSON.
    """
    _check(client.client_id, policy)
    if policy == client.policy and tuple(scopes) == client.scopes:
        return False
    await _change(connection, client, policy, scopes, None)
    event = ClientChanged(client_id=client.client_id, policy=policy, scopes=tuple(scopes))
    await administrative.append(connection, event, actor=actor, now=now, random=random)
    return True


async def rotate_secret(
    connection: AsyncConnection[Any],
    client_id: str,
    *,
    now: datetime,
    random: Callable[[int], bytes],
    actor: str = "operator",
) -> str:
    """Replace the secret of a confidential client; the one before is worth nothing from now on.

    Raises:
        ClientConflictError: the client is public.
        UnknownClientError: there is none of this id.
    """
    secret = _new_secret(random)
    async with connection.transaction():
        client = await lock(connection, client_id)
        if not client.confidential:
            raise ClientConflictError(f"the client {client_id!r} is public: it has no secret")
        await _change(connection, client, client.policy, client.scopes, secret)
        event = ClientChanged(
            client_id=client_id, policy=client.policy, scopes=client.scopes, secret_rotated=True
        )
        await administrative.append(connection, event, actor=actor, now=now, random=random)
    return secret


async def list_clients(connection: AsyncConnection[Any]) -> list[RegisteredClient]:
    """All clients, the oldest first. One round trip; the reader's rights are enough."""
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("ledger", "clients_list"))
    return [_client(row) for row in await cursor.fetchall()]


async def read_credentials(connection: AsyncConnection[Any], client_id: str) -> Credentials | None:
    """What a client proves itself with; None: there is no such client. One round trip."""
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("ledger", "clients_credentials"), {"client_id": client_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    confidential, secret_hash, scopes, policy = row
    return Credentials(
        confidential=confidential,
        secret_hash=None if secret_hash is None else bytes(secret_hash),
        scopes=tuple(scopes),
        policy=policy,
    )


def can_be_client_id(text: str) -> bool:
    """Whether a client may be called so: 1 to 255 characters, none of them a control or half of one."""
    return 1 <= len(text) <= LONGEST_CLIENT_ID and not any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in text
    )


def _check(client_id: str, policy: Mapping[str, Json]) -> None:
    if not can_be_client_id(client_id):
        raise ValueError(
            f"the client id must be 1 to {LONGEST_CLIENT_ID} characters without control characters"
        )
    try:
        require_canonical(policy)
    except ValueError as error:
        raise ValueError(f"the policy {error}") from None


def _new_secret(random: Callable[[int], bytes]) -> str:
    return SECRET_PREFIX + urlsafe_b64encode(random(_SECRET_LENGTH)).rstrip(b"=").decode()


def _hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _row(
    client_id: str, policy: Mapping[str, Json], scopes: Sequence[str], secret: str | None
) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "policy": canonical_json(policy).decode(),
        "scopes": list(scopes),
        "secret_hash": None if secret is None else _hash_of(secret),
    }


async def _insert(
    connection: AsyncConnection[Any], row: Mapping[str, Any], *, confidential: bool, now: datetime
) -> bool:
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("ledger", "clients_insert"), {**row, "confidential": confidential, "now": now})
    return await cursor.fetchone() is not None


async def _change(
    connection: AsyncConnection[Any],
    client: RegisteredClient,
    policy: Mapping[str, Json],
    scopes: Sequence[str],
    secret: str | None,
) -> None:
    await connection.execute(sql("ledger", "clients_change"), _row(client.client_id, policy, scopes, secret))


def _client(row: Sequence[Any]) -> RegisteredClient:
    client_id, confidential, policy, scopes, not_before, created_at = row
    return RegisteredClient(
        client_id=client_id,
        confidential=confidential,
        policy=orjson.loads(policy),
        scopes=tuple(scopes),
        not_before=not_before,
        created_at=created_at,
    )
