"""Command lines: on a database of the test's own, in production, and with the embedded PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.embedded_watchdog import is_alive, postmaster
from tests.cli.command_line import SECRET_KEY, CommandLine, eventually, with_password
from tests.postgres_server import fastest_directory


@pytest.fixture
def bare(tmp_path: Path) -> CommandLine:
    """Nothing is given but a home."""
    return CommandLine(
        environ={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}, directory=tmp_path
    )


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of the test's own in which nothing is."""
    name = f"token_ledger_test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as maintenance:
        maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(server_url, dbname=name)
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def command_line(bare: CommandLine, database_url: str) -> CommandLine:
    """In development, on a migrated database."""
    return bare.given(DATABASE_URL=with_password(database_url), SECRET_KEY=SECRET_KEY, DEVELOPMENT="on")


@pytest.fixture
def production(command_line: CommandLine) -> CommandLine:
    """Outside development, on a migrated database."""
    return command_line.given(DEVELOPMENT="off", ISSUER="https://login.example.com")


@pytest.fixture
def embedded(bare: CommandLine) -> Iterator[CommandLine]:
    """With the embedded PostgreSQL, below a directory with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(
        prefix="tl-", dir=fastest_directory(), ignore_cleanup_errors=True
    ) as home:
        yield CommandLine(environ={**bare.environ, "HOME": home}, directory=bare.directory)
        server = postmaster(postgres_home(home))
        eventually(lambda: server is None or not is_alive(server), seconds=30)


def postgres_home(home: str) -> Path:
    """Where the embedded PostgreSQL of a home lies."""
    return Path(home) / ".local/share/token-ledger/postgres"
