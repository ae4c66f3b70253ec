"""One PostgreSQL a session, one migrated database a test."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.migrator import migrate
from tests.postgres_server import postgres_server

_ORDER = {"web": 0, "property": 1, "unit": 3}
"""Of the folders of tests; the others come between."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first and the shortest last, so that the processes end at the same time."""
    here = Path(__file__).parent
    items.sort(key=lambda item: _ORDER.get(item.path.relative_to(here).parts[0], 2))


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
        _wait_until_left(maintenance, name)
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _wait_until_left(maintenance: psycopg.Connection[Any], name: str) -> None:
    """Give connections to a database that were closed a moment to end: a server that meets one when it drops
    the database looks again only after a tenth of a second."""
    connected = "SELECT FROM pg_stat_activity WHERE datname = %s"
    for _ in range(25):
        if not maintenance.execute(connected, (name,)).rowcount:
            return
        time.sleep(0.004)


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server on which databases may be made: TOKEN_LEDGER_DATABASE_URL's, else one of our own."""
    given = os.environ.get("TOKEN_LEDGER_DATABASE_URL")
    if given:
        yield given
        return
    proofs = any(item.get_closest_marker("proof") for item in request.session.items)  # of a million events
    with postgres_server(large=proofs) as url:
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
