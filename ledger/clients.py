"""Clients: registered and changed together with the administrative event that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from ledger import administrative
from ledger.canonical import Json, canonical_json, require_canonical
from ledger.events import ClientChanged, ClientRegistered
from ledger.sql_files import sql


class ClientConflictError(Exception):
    """A client of this id exists and is of the other kind; the message says what to do."""


async def register(
    connection: AsyncConnection[Any],
    *,
    client_id: str,
    confidential: bool,
    policy: Mapping[str, Json],
    now: datetime,
    random: Callable[[int], bytes],
    actor: str = "operator",
) -> bool:
    """Register a client, or replace the policy of one that exists; in the caller's transaction if any.

    `policy` holds what the client has of its own, durations in seconds, keys as in
    `projections.active_tokens.client_policy`. Gives False, and does nothing, where the client is so already.

    Raises:
        ClientConflictError: a client of this id exists, and whether it is confidential cannot be changed.
        ValueError: the id is empty or holds a NUL or a lone surrogate, or the policy has no canonical JSON.
    """
    _check(client_id, policy)
    parameters = {"client_id": client_id, "policy": canonical_json(policy).decode()}
    async with connection.transaction():
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(
            sql("ledger", "clients_insert"), {**parameters, "confidential": confidential, "now": now}
        )
        event: ClientRegistered | ClientChanged
        if await cursor.fetchone() is not None:
            event = ClientRegistered(client_id=client_id, confidential=confidential, policy=policy)
        elif await _is_so(connection, parameters, confidential=confidential):
            return False
        else:
            await cursor.execute(sql("ledger", "clients_set_policy"), parameters)
            event = ClientChanged(client_id=client_id, policy=policy)
        await administrative.append(connection, event, actor=actor, now=now, random=random)
    return True


def _check(client_id: str, policy: Mapping[str, Json]) -> None:
    try:
        require_canonical(client_id)
    except ValueError as error:
        raise ValueError(f"the client id {error}") from None
    if not client_id:
        raise ValueError("the client id is empty")
    try:
        require_canonical(policy)
    except ValueError as error:
        raise ValueError(f"the policy {error}") from None


async def _is_so(
    connection: AsyncConnection[Any], parameters: Mapping[str, str], *, confidential: bool
) -> bool:
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("ledger", "clients_lock"), parameters)
    row = await cursor.fetchone()
    if row is None:  # no command deletes clients
        raise ClientConflictError(f"the client {parameters['client_id']!r} was removed meanwhile: try again")
    if row[0] is not confidential:
        kind = "confidential" if row[0] else "public"
        raise ClientConflictError(
            f"the client {parameters['client_id']!r} is {kind} and stays so: register one under another id"
        )
    return bool(row[1])
