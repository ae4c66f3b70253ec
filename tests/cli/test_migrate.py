"""`token-ledger migrate`: once, again, without doing it, and what it refuses."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.migrator import packaged_migrations
from tests.cli.command_line import SECRET_KEY, CommandLine, with_password

ALL = [f"{one.number:04} {one.name}" for one in packaged_migrations()]


@pytest.fixture
def on_empty(bare: CommandLine, empty_database_url: str) -> CommandLine:
    """In production, on a database in which nothing is."""
    return bare.given(
        DATABASE_URL=with_password(empty_database_url),
        SECRET_KEY=SECRET_KEY,
        ISSUER="https://login.example.com",
    )


def execute(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_it_applies_what_is_missing_and_says_when_nothing_is(
    on_empty: CommandLine, empty_database_url: str
) -> None:
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert on_empty.answer("migrate", "--dry-run").splitlines() == [f"would apply {one}" for one in ALL]
    assert execute(empty_database_url, tables) == [(0,)]
    assert on_empty.as_process().answer("migrate").splitlines() == [f"applied {one}" for one in ALL]
    assert on_empty.answer("migrate") == "the schema is up to date\n"
    assert on_empty.answer("migrate", "--dry-run") == "the schema is up to date\n"
    assert on_empty.run("keys", "list").status == 0


@pytest.mark.parametrize("command", ["keys list", "sessions list", "replay --dry-run"])
def test_other_commands_say_when_it_comes_first(on_empty: CommandLine, command: str) -> None:
    assert on_empty.refusal(*command.split()).endswith(": run token-ledger migrate")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE schema_migrations SET checksum = '' WHERE number = 1",
            "migration 0001 of this database is not this",
        ),
        (
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'x', '')",
            "the database is newer (9999)",
        ),
        ("DELETE FROM schema_migrations WHERE number = 1", "the database lacks migration 1"),
    ],
)
def test_a_database_that_does_not_fit_is_left_alone(
    production: CommandLine, database_url: str, change: str, told: str
) -> None:
    execute(database_url, change)
    before = execute(database_url, "SELECT * FROM schema_migrations ORDER BY number")
    assert production.as_process().refusal("migrate").startswith(told)
    assert production.refusal("migrate", "--dry-run").startswith(told)
    assert execute(database_url, "SELECT * FROM schema_migrations ORDER BY number") == before


def test_a_migration_that_fails_leaves_nothing_behind(on_empty: CommandLine, empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE TABLE clients (client_id text)")
    told = on_empty.refusal("migrate")
    assert told == 'the database refused: relation "clients" already exists'
    assert execute(empty_database_url, "SELECT count(*) FROM schema_migrations") == [(0,)]


def test_another_login_than_the_owners_can_serve_after_it(
    on_empty: CommandLine, empty_database_url: str
) -> None:
    owner_url = with_password(empty_database_url)
    name = f"service_{uuid4().hex}"
    login = sql.Identifier(name)
    with psycopg.connect(empty_database_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'made-up'").format(login))
        try:
            url = make_conninfo(owner_url, user=name, password="made-up")
            as_service = on_empty.given(DATABASE_URL=url, MIGRATION_DATABASE_URL=owner_url)
            assert as_service.answer("migrate").splitlines() == [f"applied {one}" for one in ALL]
            with psycopg.connect(url, autocommit=True) as service:
                service.execute("SET ROLE token_ledger_service")
                service.execute("SELECT count(*) FROM active_tokens")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    service.execute("DROP TABLE events")
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(login))
            owner.execute(sql.SQL("DROP ROLE {}").format(login))
