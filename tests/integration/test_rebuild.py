"""The view rebuilt from events alone is the live one; what differs is found, field by field, and mended."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from ledger.answers import Granted
from ledger.commands import Expire
from ledger.policy import Policy
from ledger.refresh_token import RefreshToken
from projections.active_tokens.rebuild import Difference, rebuild
from tests.ledger_harness import Harness, harness


async def differences(database_url: str, *, dry_run: bool = True) -> list[Difference]:
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        return [one async for step in rebuild(connection, dry_run=dry_run) for one in step.differences]


async def live(ledger: Harness) -> RefreshToken:
    """Sessions in every state; gives the current token of one that lives."""
    tokens = []
    for _ in range(5):
        first = (await ledger.issue()).answer
        assert isinstance(first, Granted)
        second = (await ledger.refresh(first.token)).answer
        assert isinstance(second, Granted)
        await ledger.refresh(first.token)
        tokens.append((first.token, second.token))
    await ledger.logout(tokens[0][1])
    ledger.elapsed = timedelta(minutes=1)
    await ledger.refresh(tokens[1][0])
    await ledger.refresh(tokens[0][0])
    await ledger.refresh(RefreshToken(family_id=tokens[2][0].family_id, generation=9, secret=b"x" * 32))
    ledger.elapsed = timedelta(days=8)
    await ledger.submit(Expire(family_id=tokens[3][0].family_id))
    ledger.elapsed = timedelta(minutes=2)
    return tokens[4][1]


async def test_the_rebuilt_view_is_the_live_one(database_url: str) -> None:
    async with harness(database_url) as ledger:
        await live(ledger)
    assert await differences(database_url) == []


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("generation = generation + 1", "generation"),
        ("status = 'active', ended_at = NULL, ended_reason = NULL", "status"),
        ("address = '198.51.100.1'", "address"),
        ("claims = '{}'", "claims"),
        ("idle_expires_at = idle_expires_at + interval '1 day'", "idle_expires_at"),
    ],
)
async def test_a_changed_row_is_found_mended_and_keeps_its_bookkeeping(
    database_url: str, change: str, column: str
) -> None:
    async with harness(database_url) as ledger:
        token = await live(ledger)
        before = await bookkeeping(ledger)
        async with ledger.pool.connection() as connection:
            await connection.execute(b"UPDATE active_tokens SET " + change.encode())
        assert column in {one.column for one in await differences(database_url)}
        assert await differences(database_url, dry_run=False) != []
        assert await differences(database_url) == []
        assert await bookkeeping(ledger) == before
        assert isinstance((await ledger.refresh(token)).answer, Granted)


async def test_a_lost_row_is_rebuilt_and_one_without_events_is_removed(database_url: str) -> None:
    async with harness(database_url) as ledger:
        token = await live(ledger)
        async with ledger.pool.connection() as connection:
            await connection.execute("DELETE FROM active_tokens WHERE status <> 'expired'")
            await connection.execute(
                "UPDATE active_tokens SET family_id = gen_random_uuid()"  # as if its events were gone
            )
        found = await differences(database_url)
        assert {one.column for one in found} == {"family_id"}
        await differences(database_url, dry_run=False)
        assert await differences(database_url) == []
        assert isinstance((await ledger.refresh(token)).answer, Granted)


async def test_rebuilding_while_sessions_are_opened_and_refreshed_finds_nothing(database_url: str) -> None:
    async with harness(database_url) as ledger:

        async def keep_going(ledger: Harness) -> None:
            for _ in range(10):
                issued = (await ledger.issue()).answer
                assert isinstance(issued, Granted)
                token = issued.token
                for _ in range(5):
                    refreshed = (await ledger.refresh(token)).answer
                    assert isinstance(refreshed, Granted)
                    token = refreshed.token

        load = asyncio.gather(*(keep_going(ledger) for _ in range(8)))
        found: list[Any] = []
        while not load.done():
            found += await differences(database_url, dry_run=False)
        await load
    assert found == []
    assert await differences(database_url) == []


async def bookkeeping(ledger: Harness) -> list[Any]:
    return await ledger.rows("SELECT family_id, windows, bookkeeping::text FROM active_tokens ORDER BY 1")


async def test_mending_rows_signs_nobody_out_who_refreshes_meanwhile(database_url: str) -> None:
    async with harness(database_url) as ledger:
        tokens = []
        for _ in range(40):
            issued = (await ledger.issue()).answer
            assert isinstance(issued, Granted)
            tokens.append(issued.token)

        async def keep_going(token: RefreshToken) -> None:
            for _ in range(8):
                refreshed = (await ledger.refresh(token)).answer
                assert isinstance(refreshed, Granted), refreshed
                token = refreshed.token

        async with ledger.pool.connection() as connection:
            await connection.execute("UPDATE active_tokens SET device_label = 'wrong'")
        load = asyncio.gather(*(keep_going(token) for token in tokens))
        found = await differences(database_url, dry_run=False)
        await load
        assert {one.column for one in found} == {"device_label"}
        assert await differences(database_url) == []


async def test_a_step_is_bounded_by_its_events(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.active_tokens.rebuild._EVENTS_A_STEP", 12)
    async with harness(database_url, Policy(rate_per_family=None)) as ledger:
        for _ in range(4):
            issued = (await ledger.issue()).answer
            assert isinstance(issued, Granted)
            token = issued.token
            for _ in range(7):
                refreshed = (await ledger.refresh(token)).answer
                assert isinstance(refreshed, Granted)
                token = refreshed.token
        async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
            steps = [(one.families, one.events) async for one in rebuild(connection, dry_run=True)]
    assert steps == [(2, 16), (2, 16), (0, 0)]  # whole families, so that no more than one goes beyond
