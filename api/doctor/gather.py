"""Gathers the facts: one connection, which changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from api import migrator
from api.database import Database, become_service, login_connection, owner_connection
from api.doctor.facts import SWEPT_WITHIN, Durability, Facts, LedgerFacts, Login, Protection, Upkeep
from api.settings import Settings
from api.trusted_issuers import load_trusted_issuers
from ledger import clients, key_store
from ledger.clients import RegisteredClient
from ledger.key_sealing import KeySealingError, SecretKey
from ledger.key_store import KeyStoreError
from ledger.partitions import months_ahead
from ledger.sql_files import sql
from ledger.sweeper import LOCK
from ledger.sweeper_run import read_run

_CLOCK_READINGS = 3
_SEARCH_MILLISECONDS = 3_000
"""For statements that look through a whole table."""


def schema_problem(database: Database) -> str | None:
    """Why the schema is not the one of this program; None: it is.

    Raises:
        DatabaseError: the database does not answer.
    """
    with owner_connection(database) as connection:
        try:
            migrator.check(connection)
        except migrator.MigrationError as error:
            return str(error)
    return None


async def gather(
    settings: Settings,
    url: str,
    *,
    schema: str | None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Facts:
    """The facts of a deployment whose database is at `url`; `schema` as `schema_problem` gives it.

    Raises:
        SettingsError: the file of trusted issuers cannot be used.
        DatabaseError: the database does not answer, or its login may not take the service's role.
    """
    issuers = (
        ()
        if settings.trusted_issuers is None
        else load_trusted_issuers(settings.trusted_issuers, audience=settings.issuer)
    )
    async with login_connection(url) as connection:
        now, ahead, doubt = await _clocks(connection, clock)
        login = _login(await _row(connection, "login"))
        durability = await _durability(connection)
        ledger = None
        if schema is None:
            protection = await _protection(connection)
            await become_service(connection)
            ledger = await _ledger(connection, settings, protection, now=now)
    return Facts(
        settings=settings,
        issuers=issuers,
        now=now,
        clock_ahead=ahead,
        clock_doubt=doubt,
        login=login,
        durability=durability,
        schema=schema,
        ledger=ledger,
    )


async def _clocks(
    connection: AsyncConnection[Any], clock: Callable[[], datetime]
) -> tuple[datetime, timedelta, timedelta]:
    """The database's time, how far the other clock is ahead, and half of the round trip: of the fastest."""
    readings = []
    for _ in range(_CLOCK_READINGS):
        before = clock()
        cursor = await connection.execute(sql("ledger", "clock"))
        after = clock()
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has a row
        half = (after - before) / 2
        readings.append((half, row[0], before + half - row[0]))
    doubt, now, ahead = min(readings)
    return now, ahead, doubt


def _login(row: Sequence[Any]) -> Login:
    name, superuser, create_role, create_db, replication, bypass_rls, roles = row
    attributes = {
        "SUPERUSER": superuser,
        "CREATEROLE": create_role,
        "CREATEDB": create_db,
        "REPLICATION": replication,
        "BYPASSRLS": bypass_rls,
    }
    return Login(
        name=name,
        superuser=superuser,
        attributes=tuple(attribute for attribute, has in attributes.items() if has),
        roles=tuple(roles),
    )


async def _durability(connection: AsyncConnection[Any]) -> Durability:
    fsync, full_page_writes, commit, standby_names, standbys = await _row(connection, "durability")
    return Durability(
        fsync=fsync,
        full_page_writes=full_page_writes,
        synchronous_commit=commit,
        synchronous_standby_names=standby_names,
        standbys=standbys,
    )


async def _protection(connection: AsyncConnection[Any]) -> Protection:
    owner, owned, changers, unguarded = await _row(connection, "protection")
    return Protection(owner=owner, owned=owned, changers=tuple(changers), unguarded=tuple(unguarded))


async def _ledger(
    connection: AsyncConnection[Any], settings: Settings, protection: Protection, *, now: datetime
) -> LedgerFacts:
    known = await clients.list_clients(connection)
    keys = await key_store.list_keys(connection)
    return LedgerFacts(
        protection=protection,
        upkeep=await _upkeep(connection, now=now),
        clients=tuple(known),
        shadow_since=await _shadow_since(connection, known),
        keys=tuple(keys),
        keys_open=await _keys_open(connection, settings),
    )


async def _upkeep(connection: AsyncConnection[Any], *, now: datetime) -> Upkeep:
    overdue = await _search(connection, sql("api.doctor", "overdue"), {"before": now - SWEPT_WITHIN})
    (led,) = await _row(connection, "swept", {"lock": LOCK})
    return Upkeep(
        months_ahead=await months_ahead(connection),
        run=await read_run(connection),
        led=led,
        overdue=overdue is not None and overdue[0][0],
    )


async def _shadow_since(
    connection: AsyncConnection[Any], known: Sequence[RegisteredClient]
) -> Mapping[str, datetime]:
    shadowed = [one.client_id for one in known if one.policy.get("shadow")]
    if not shadowed:
        return {}
    return dict(await _search(connection, sql("api.doctor", "shadow_since"), {"client_ids": shadowed}) or [])


async def _keys_open(connection: AsyncConnection[Any], settings: Settings) -> bool:
    try:
        await key_store.load(connection, SecretKey.parse(settings.secret_key))
    except KeySealingError:
        return False
    except KeyStoreError:  # none to open, which is another question
        return True
    return True


async def _row(
    connection: AsyncConnection[Any], name: str, parameters: Mapping[str, object] | None = None
) -> Sequence[Any]:
    """The one row of a statement of this package."""
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("api.doctor", name), parameters)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - each has one
    return row


async def _search(
    connection: AsyncConnection[Any], statement: LiteralString, parameters: Mapping[str, object]
) -> list[tuple[Any, ...]] | None:
    """The rows; None: a table is too large for that to be found in time."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = {_SEARCH_MILLISECONDS}")
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(statement, parameters)
            return await cursor.fetchall()
    except psycopg.errors.QueryCanceled:
        return None
