"""One PostgreSQL a session, one migrated database a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.migrator import migrate
from tests.postgres_server import postgres_server


@contextmanager
def database_copy(server_url: str, template: str) -> Iterator[str]:
    """A migrated database, dropped when the block ends."""
    name = f"token_ledger_test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as maintenance:
        maintenance.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield make_conninfo(server_url, dbname=name)
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server on which databases may be made: TOKEN_LEDGER_DATABASE_URL's, else one of our own."""
    given = os.environ.get("TOKEN_LEDGER_DATABASE_URL")
    if given:
        yield given
        return
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """Name of a migrated database to copy from."""
    name = f"token_ledger_template_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as maintenance:
        maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(make_conninfo(server_url, dbname=name), autocommit=True) as connection:
            migrate(connection)
        yield name
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with database_copy(server_url, template) as url:
        yield url
