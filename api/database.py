"""The database of a deployment: where it is, how connections to it are set up, and how it is made ready."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api import migrator
from api.embedded_postgres import EmbeddedPostgres
from api.pool import configure_connection
from api.redaction import redacted
from api.settings import Settings
from ledger import key_store
from ledger.key_sealing import SecretKey
from ledger.signing_algorithm import SigningAlgorithm

_LIMITS = {
    "connect_timeout": 4,
    "tcp_user_timeout": 5_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""Seconds, but for the second, which is milliseconds: a connection that a firewall forgot is noticed."""

_log = structlog.get_logger("token_ledger")


class DatabaseError(Exception):
    """The database cannot be used; one line that says what to do and holds no password."""


class Database:
    """The PostgreSQL that settings name, or the embedded one, kept running as long as it is open."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet."""
        self._embedded: EmbeddedPostgres | None = None
        self._migration_variable = "TOKEN_LEDGER_DATABASE_URL"
        if settings.database_url is None:
            self._embedded = EmbeddedPostgres(settings.data_dir / "postgres")
            self._url = self._migration_url = self._embedded.url
        else:
            self._url = settings.database_url
            self._migration_url = settings.migration_database_url or settings.database_url
            if settings.migration_database_url is not None:
                self._migration_variable = "TOKEN_LEDGER_MIGRATION_DATABASE_URL"

    @property
    def url(self) -> str:
        """For the service."""
        return with_timeout(self._url)

    @property
    def migration_url(self) -> str:
        """Of the owner of the tables."""
        return with_timeout(self._migration_url)

    @property
    def migration_variable(self) -> str:
        """What `migration_url` is told by."""
        return self._migration_variable

    @property
    def watch(self) -> Callable[[], None] | None:
        """To be called now and then, starts the embedded PostgreSQL when it died; None: nothing to do."""
        return None if self._embedded is None else self._look_after

    def _look_after(self) -> None:
        if self._embedded is not None and self._embedded.keep_running():
            _log.warning("the embedded PostgreSQL had died and was started again")

    def __enter__(self) -> Database:
        if self._embedded is not None:
            self._embedded.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._embedded is not None:
            self._embedded.close()


def with_timeout(url: str) -> str:
    """The address with limits to how long connecting and a silent network may take, where it sets none."""
    return make_conninfo(url, **{**_LIMITS, **conninfo_to_dict(url)})


@asynccontextmanager
async def service_connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """One connection with the rights of the service, in autocommit mode.

    Raises:
        DatabaseError: the database does not answer or lacks the service's role.
    """
    async with _connection(url, configure_connection) as connection:
        yield connection


@asynccontextmanager
async def reader_connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """One connection with the rights of the reader, in autocommit mode.

    Raises:
        DatabaseError: the database does not answer or lacks the reader's role.
    """
    async with _connection(url, _configure_reader) as connection:
        yield connection


@asynccontextmanager
async def unhurried_connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """As `service_connection`, for work that takes its time: no statement is ended for its length.

    Raises:
        DatabaseError: the database does not answer or lacks the service's role.
    """
    async with _connection(url, _configure_unhurried) as connection:
        yield connection


@asynccontextmanager
async def login_connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """One connection with all the rights of its login, in autocommit mode, to see which they are.

    Raises:
        DatabaseError: the database does not answer.
    """
    async with _connection(url, _configure_login) as connection:
        yield connection


async def become_service(connection: AsyncConnection[Any]) -> None:
    """Give up all rights of a connection but the service's.

    Raises:
        DatabaseError: its login may not take the service's role.
    """
    try:
        await configure_connection(connection)
    except psycopg.Error as error:
        raise _not_migrated(error) from None


@asynccontextmanager
async def _connection(
    url: str, configure: Callable[[AsyncConnection[Any]], Awaitable[None]]
) -> AsyncIterator[AsyncConnection[Any]]:
    try:
        connection = await AsyncConnection.connect(url, autocommit=True)
    except psycopg.OperationalError as error:
        raise _no_answer(error) from None
    async with connection:
        try:
            await configure(connection)
        except psycopg.Error as error:
            raise _not_migrated(error) from None
        yield connection


async def _configure_login(connection: AsyncConnection[Any]) -> None:
    await connection.execute("SET TimeZone = 'UTC'")


async def _configure_reader(connection: AsyncConnection[Any]) -> None:
    await connection.execute("SET ROLE token_ledger_reader; SET TimeZone = 'UTC'")


async def _configure_unhurried(connection: AsyncConnection[Any]) -> None:
    # Such work is done in parts, on as many cores as there are.
    await connection.execute(
        "SET ROLE token_ledger_service; SET TimeZone = 'UTC'; SET jit = off; SET statement_timeout = 0; "
        "SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
        "SET max_parallel_workers_per_gather = 0; SET work_mem = '64MB'"
    )


def owner_connection(database: Database) -> Connection[Any]:
    """A connection of the tables' owner, in autocommit mode.

    Raises:
        DatabaseError: the database does not answer.
    """
    try:
        return psycopg.connect(database.migration_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise _no_answer(error, database.migration_variable) from None


@asynccontextmanager
async def tables_owner_connection(database: Database) -> AsyncIterator[AsyncConnection[Any]]:
    """As `owner_connection`, for work in an event loop.

    Raises:
        DatabaseError: the database does not answer.
    """
    try:
        connection = await AsyncConnection.connect(database.migration_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise _no_answer(error, database.migration_variable) from None
    async with connection:
        await _configure_login(connection)
        yield connection


def let_service_in(connection: Connection[Any], database: Database) -> None:
    """Let the login of the service take its roles, where it is another than the owner of this connection.

    Raises:
        DatabaseError: the database does not answer to that login.
        psycopg.Error: the owner may not grant the roles.
    """
    try:
        with psycopg.connect(database.url, autocommit=True) as service:
            login = service.execute("SELECT session_user").fetchone()
    except psycopg.OperationalError as error:
        raise _no_answer(error) from None
    owner = connection.execute("SELECT session_user").fetchone()
    if login is not None and login != owner:
        roles = sql.SQL("GRANT token_ledger_service, token_ledger_reader TO {}")
        connection.execute(roles.format(sql.Identifier(login[0])))


async def prepare(settings: Settings, database: Database, *, now: datetime) -> None:
    """See that schema and keys are there before anything is served: in development the schema is migrated.

    Raises:
        DatabaseError: the database does not answer.
        MigrationError: migrations are missing outside development, or the database is not for this program.
        KeySealingError: SECRET_KEY does not open the keys of this database.
    """
    with owner_connection(database) as connection:
        if settings.development:
            migrator.migrate(connection)
            let_service_in(connection, database)
        else:
            migrator.check(connection)
    async with service_connection(database.url) as service:
        await key_store.ensure(
            service,
            SecretKey.parse(settings.secret_key),
            algorithm=SigningAlgorithm(settings.access_token_algorithm),
            now=now,
        )


def _no_answer(error: psycopg.Error, variable: str = "TOKEN_LEDGER_DATABASE_URL") -> DatabaseError:
    return DatabaseError(f"the database does not answer: {_line(error)} ({variable})")


def _not_migrated(error: psycopg.Error) -> DatabaseError:
    return DatabaseError(
        f"the database is not ready for the ledger's roles: {_line(error)}: run token-ledger migrate"
    )


def _line(error: psycopg.Error) -> str:
    return redacted(" ".join(str(error).split()))
