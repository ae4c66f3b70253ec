"""Keys that a process works with: those that another process has just made are found in time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger import key_store
from ledger.group_commit import UnavailableError
from ledger.key_sealing import SecretKey
from ledger.keys_in_use import KeysInUse
from ledger.policy import Policy
from ledger.signing_algorithm import SigningAlgorithm

SECRET_KEY = SecretKey(values=(os.urandom(32),))
Pool = AsyncConnectionPool[AsyncConnection[Any]]


@asynccontextmanager
async def keys_of(database_url: str) -> AsyncIterator[tuple[KeysInUse, Pool]]:
    async with AsyncConnectionPool(database_url, open=False, kwargs={"autocommit": True}) as pool:
        async with pool.connection() as connection:
            await key_store.ensure(
                connection, SECRET_KEY, algorithm=SigningAlgorithm.EDDSA, now=datetime.now(UTC)
            )
        keys = KeysInUse(
            pool=pool,
            secret_key=SECRET_KEY,
            issuer="https://ledger.example.com",
            audience="https://ledger.example.com",
            default_policy=Policy(),
        )
        yield keys, pool


async def rotate(pool: Pool) -> None:
    async with pool.connection() as connection:
        await key_store.rotate(
            connection,
            SECRET_KEY,
            key_store.KeyKind.REFRESH,
            algorithm=SigningAlgorithm.EDDSA,
            now=datetime.now(UTC),
        )


async def test_before_they_are_read_there_are_none(database_url: str) -> None:
    async with keys_of(database_url) as (keys, _):
        with pytest.raises(UnavailableError):
            _ = keys.loaded


async def test_a_key_made_by_two_rotations_at_once_is_found_within_a_second(database_url: str) -> None:
    async with keys_of(database_url) as (keys, pool):
        await keys.load()
        known = set(keys.loaded.rings.refresh.keys)
        await rotate(pool)
        await rotate(pool)
        started = time.monotonic()
        await asyncio.gather(*(keys.load_anew() for _ in range(20)))
        assert time.monotonic() - started < 2
        assert keys.loaded.rings.refresh.current_number not in known


async def test_however_many_ask_they_are_read_once_a_second(database_url: str) -> None:
    async with keys_of(database_url) as (keys, _):
        reads = 0
        load = keys.load

        async def counted() -> None:
            nonlocal reads
            reads += 1
            await load()

        keys.load = counted  # type: ignore[method-assign]
        await keys.load()
        started = time.monotonic()
        while time.monotonic() - started < 1.5:
            await asyncio.gather(*(keys.load_anew() for _ in range(10)))
        assert reads <= 4
