"""Migrations: the numbered SQL files of the package `migrations`, each applied once and in its order.

A line `-- include: functions/NAME.sql` in a file stands for that file's text, so that a function has a file
of its own and still belongs to the migration that made it. What was applied is known by number and checksum.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from psycopg import Connection

OLDEST_SERVER = 150000
_LOCK = 0x746F6B656E  # any number that others are unlikely to lock
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_INCLUDE = re.compile(r"^-- include: (functions/\w+\.sql)$", re.MULTILINE)
_LOCK_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


class MigrationError(Exception):
    """The database and this program do not fit; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file with its includes."""

    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> bytes:
        """SHA-256 of the statements."""
        return hashlib.sha256(self.statements.encode()).digest()


def packaged_migrations(folder: Traversable | None = None) -> list[Migration]:
    """The migrations of a folder, by default those of this program.

    Raises:
        MigrationError: a number is missing or stands twice.
    """
    folder = folder or files("migrations")
    found = []
    for entry in folder.iterdir():
        if name := _NAME.fullmatch(entry.name):
            text = _INCLUDE.sub(lambda include: _read(folder, include[1]), entry.read_text(encoding="utf-8"))
            found.append(Migration(number=int(name[1]), name=name[2], statements=text))
    found.sort(key=lambda one: one.number)
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(f"the files of the migrations are damaged: {expected:04} is missing")
    return found


def migrate(
    connection: Connection[Any],
    *,
    migrations: list[Migration] | None = None,
    on_applied: Callable[[Migration], None] = lambda _: None,
) -> list[Migration]:
    """Apply what is missing, each file in a transaction of its own; gives what was applied.

    The connection is in autocommit mode. Several programs may do it at once: they wait for each other.

    Raises:
        MigrationError: an old server, an edited file, a newer database, or somebody else is still migrating.
        psycopg.Error: a statement failed; its file left nothing behind.
    """
    migrations = packaged_migrations() if migrations is None else migrations
    _require_server(connection)
    _lock(connection)
    try:
        connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
              number integer PRIMARY KEY,
              name text NOT NULL,
              checksum bytea NOT NULL,
              applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
            )
            """
        )
        missing = _missing(connection, migrations)
        for migration in missing:
            with connection.transaction():
                connection.execute(migration.statements.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
                    (migration.number, migration.name, migration.checksum),
                )
            on_applied(migration)
        return missing
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def pending(connection: Connection[Any], *, migrations: list[Migration] | None = None) -> list[Migration]:
    """What `migrate` would apply.

    Raises:
        MigrationError: as `migrate`.
    """
    migrations = packaged_migrations() if migrations is None else migrations
    _require_server(connection)
    return _missing(connection, migrations)


def check(connection: Connection[Any], *, migrations: list[Migration] | None = None) -> None:
    """Make sure that the database is the one that this program expects.

    Raises:
        MigrationError: it is not.
    """
    missing = pending(connection, migrations=migrations)
    if missing:
        first, last = missing[0].number, missing[-1].number
        which = f"migration {first} is" if first == last else f"migrations {first} to {last} are"
        raise MigrationError(f"{which} missing: run token-ledger migrate")


def _missing(connection: Connection[Any], migrations: list[Migration]) -> list[Migration]:
    table = connection.execute("SELECT to_regclass('schema_migrations')").fetchone()
    if table is None or table[0] is None:
        return migrations
    rows = connection.execute("SELECT number, checksum FROM schema_migrations ORDER BY number").fetchall()
    applied = dict(rows)
    newest = max(applied, default=0)
    if newest > len(migrations):
        raise MigrationError(
            f"the database is newer ({newest}) than this program ({len(migrations)}): upgrade the program"
        )
    for migration in migrations[:newest]:
        if migration.number not in applied:
            raise MigrationError(f"the database lacks migration {migration.number} below its newest one")
        if applied[migration.number] != migration.checksum:
            raise MigrationError(
                f"migration {migration.number:04} of this database is not this program's: use the program "
                "that made it, or a new database (TOKEN_LEDGER_DATABASE_URL, or TOKEN_LEDGER_DATA_DIR if it "
                "is embedded)"
            )
    return migrations[newest:]


def _require_server(connection: Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        version = connection.info.server_version // 10000
        raise MigrationError(f"PostgreSQL {version} is too old: 15 or newer is needed")


def _lock(connection: Connection[Any]) -> None:
    """Poll: to wait inside the server would hold a snapshot and can deadlock with concurrent index builds."""
    give_up_at = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if row is not None and row[0]:
            return
        if time.monotonic() > give_up_at:
            raise MigrationError(
                "somebody else has been migrating this database for a minute: try again later"
            )
        time.sleep(_POLL_SECONDS)


def _read(folder: Traversable, path: str) -> str:
    return folder.joinpath(*path.split("/")).read_text(encoding="utf-8")
