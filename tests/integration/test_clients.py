"""Clients in the database: what is kept of a secret, who may read it, and events that stay readable."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, errors

from api.redaction import REDACTED, redacted
from ledger import clients
from ledger.clients import ClientConflictError, UnknownClientError
from ledger.event_codec import decode_payload
from ledger.events import ClientChanged, ClientRegistered
from ledger.sql_files import sql

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection with the rights of the service."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SET ROLE token_ledger_service")
        yield connection


async def create(connection: AsyncConnection[Any], client_id: str, **options: Any) -> str | None:
    given: dict[str, Any] = {"confidential": True, "policy": {}, "now": NOW, "random": os.urandom} | options
    return await clients.create(connection, client_id=client_id, **given)


async def events(connection: AsyncConnection[Any]) -> list[Any]:
    """What the events of clients say, decoded."""
    cursor = await connection.execute(
        "SELECT type, schema_version, payload FROM events WHERE type LIKE 'Client%' ORDER BY position"
    )
    return [decode_payload(*row) for row in await cursor.fetchall()]


async def test_the_ledger_keeps_a_hash_of_a_secret_of_256_bits(service: AsyncConnection[Any]) -> None:
    asked: list[int] = []

    def random(length: int) -> bytes:
        asked.append(length)
        return os.urandom(length)

    secret = await create(service, "backend", random=random)
    assert secret is not None
    assert 32 in asked
    found = await clients.read_credentials(service, "backend")
    assert found is not None
    assert found.secret_hash == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(found)
    assert redacted(f"client {secret} was created") == f"client {REDACTED} was created"
    assert str(found.secret_hash) not in repr(found)


@pytest.mark.parametrize("wrong", ["", "tlcs_", "\ud800", "tlcs_" + "A" * 43])
async def test_only_the_secret_proves_a_client(service: AsyncConnection[Any], wrong: str) -> None:
    secret = await create(service, "backend")
    await create(service, "mobile", confidential=False)
    backend = await clients.read_credentials(service, "backend")
    mobile = await clients.read_credentials(service, "mobile")
    assert backend is not None
    assert mobile is not None
    assert secret is not None
    assert backend.proved_by(secret)
    assert not backend.proved_by(wrong)
    assert not mobile.proved_by(wrong)
    assert not mobile.proved_by(secret)
    assert await clients.read_credentials(service, "nobody") is None


async def test_a_reader_sees_clients_but_no_hash(database_url: str, service: AsyncConnection[Any]) -> None:
    await create(service, "backend", scopes=["audit:read"])
    async with await AsyncConnection.connect(database_url, autocommit=True) as reader:
        await reader.execute("SET ROLE token_ledger_reader")
        listed = await clients.list_clients(reader)
        assert [(one.client_id, one.confidential, one.scopes) for one in listed] == [
            ("backend", True, ("audit:read",)),
            ("web", False, ()),
        ]
        for statement in ("SELECT secret_hash FROM clients", "SELECT * FROM clients"):
            with pytest.raises(errors.InsufficientPrivilege):
                await reader.execute(statement)


async def test_each_change_is_one_event_and_none_where_nothing_changes(
    service: AsyncConnection[Any],
) -> None:
    await create(service, "backend", policy={"grace": 3}, scopes=["a"])
    async with service.transaction():
        client = await clients.lock(service, "backend")
        for policy, scopes, changed in (
            ({"grace": 3}, ["a"], False),
            ({"grace": 3}, [], True),
        ):
            assert changed is await clients.change(
                service, client, policy=policy, scopes=scopes, now=NOW, random=os.urandom
            )
    await clients.rotate_secret(service, "backend", now=NOW, random=os.urandom)
    assert await events(service) == [
        ClientRegistered(client_id="backend", confidential=True, policy={"grace": 3}, scopes=("a",)),
        ClientChanged(client_id="backend", policy={"grace": 3}),
        ClientChanged(client_id="backend", policy={"grace": 3}, secret_rotated=True),
    ]


async def test_a_change_that_is_rolled_back_leaves_no_event(service: AsyncConnection[Any]) -> None:
    with pytest.raises(ClientConflictError):
        await create(service, "web")
    with pytest.raises(UnknownClientError):
        await clients.rotate_secret(service, "nobody", now=NOW, random=os.urandom)
    with pytest.raises(ClientConflictError):
        await clients.rotate_secret(service, "web", now=NOW, random=os.urandom)
    with pytest.raises(ValueError, match="the policy holds a float"):
        await create(service, "x", policy={"grace": 1.5})
    for client_id in ("", "x\x00", "\ud800", "x" * 256):
        with pytest.raises(ValueError, match="the client id must be"):
            await create(service, client_id)
    assert await events(service) == []
    assert len(await clients.list_clients(service)) == 1


def test_events_from_before_scopes_and_secrets_are_read_as_they_were() -> None:
    assert decode_payload(
        "ClientRegistered", 1, '{"client_id":"demo","confidential":false,"policy":{"grace":3}}'
    ) == ClientRegistered(client_id="demo", confidential=False, policy={"grace": 3})
    assert decode_payload("ClientChanged", 1, '{"client_id":"demo","policy":{}}') == ClientChanged(
        client_id="demo", policy={}
    )


async def test_a_public_client_cannot_be_given_a_secret_even_by_hand(service: AsyncConnection[Any]) -> None:
    with pytest.raises(errors.CheckViolation, match="public_clients_have_no_secret"):
        await service.execute(
            "UPDATE clients SET secret_hash = decode(repeat('00', 32), 'hex') WHERE client_id = 'web'"
        )


async def test_of_registrations_at_once_one_wins(database_url: str) -> None:
    async def attempt() -> str | None:
        async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
            return await create(connection, "backend")

    told = await asyncio.gather(*(attempt() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, str) for one in told) == 1
    assert sum(isinstance(one, ClientConflictError) for one in told) == 4


def test_a_login_finds_the_sessions_that_it_may_end_by_their_indexes(database_url: str) -> None:
    """Also with one plan for all logins, as the connections of batches have it."""
    statement = str(sql("projections.active_tokens", "lock_with_siblings"))
    for number, name in enumerate(("family_ids", "subject", "client_id"), start=1):
        statement = statement.replace(f"%({name})b", f"${number}")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO active_tokens
            SELECT
              gen_random_uuid(), 1, '\\x00', now(), 'active', 'subject ' || n % 5000, 'web', 'body', '{}',
              NULL, now(), 0, '\\x00', now(), now(), now(), NULL, NULL, false, NULL, NULL, NULL, NULL,
              '\\x', '{}'
            FROM generate_series(1, 20000) AS n
            """
        )
        connection.execute("ANALYZE active_tokens")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE locking (uuid[], text[], text[]) AS {statement}".encode())
        plan = connection.execute(
            "EXPLAIN EXECUTE locking (ARRAY[gen_random_uuid()], ARRAY['subject 7'], ARRAY['web'])"
        ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "Seq Scan on active_tokens" not in text, text
    assert "active_tokens_pkey" in text
    assert "active_tokens_by_subject" in text
