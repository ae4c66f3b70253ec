"""One PostgreSQL a session, one migrated database a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.migrator import migrate
from tests.postgres_server import postgres_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first and the shortest last, so that the processes end at the same time."""
    items.sort(key=lambda item: {"property": 0, "unit": 2}.get(item.path.parent.name, 1))


@dataclass(slots=True)
class Copies:
    """Copies of a template. One that a test leaves is dropped when the next test leaves its own.

    By then nobody is connected to it: where a connection has yet to end, the server looks again only after a
    tenth of a second.
    """

    maintenance: psycopg.Connection[Any]
    template: str
    left: str | None = None

    def make(self) -> str:
        """A copy, by its name."""
        name = f"token_ledger_test_{uuid4().hex}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self.maintenance.execute(copy.format(sql.Identifier(name), sql.Identifier(self.template)))
        return name

    def leave(self, name: str) -> None:
        """Nobody uses the copy any more."""
        self.drop_the_last()
        self.left = name

    def drop_the_last(self) -> None:
        """What was left and is there yet goes."""
        if self.left is not None:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            self.maintenance.execute(drop.format(sql.Identifier(self.left)))
            self.left = None


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


@pytest.fixture(scope="session")
def copies(server_url: str, template: str) -> Iterator[Copies]:
    """Where tests get their databases from."""
    with psycopg.connect(server_url, autocommit=True) as maintenance:
        made = Copies(maintenance, template)
        yield made
        made.drop_the_last()


@pytest.fixture
def database_url(server_url: str, copies: Copies) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = copies.make()
    yield make_conninfo(server_url, dbname=name)
    copies.leave(name)
