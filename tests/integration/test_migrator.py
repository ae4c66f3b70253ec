"""Migrations: applied once, in order, whole or not at all; what does not fit is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.migrator import Migration, MigrationError, check, migrate, packaged_migrations, pending

ONE = Migration(number=1, name="one", statements="CREATE TABLE one (n integer)")
TWO = Migration(number=2, name="two", statements="CREATE TABLE two (n integer)")
EDITED = Migration(number=1, name="one", statements="CREATE TABLE one (n bigint)")
RELEASED = [
    "21ac92cadf3414c8",
    "e2fd961731c98075",
    "f6594a725c515137",
    "2c890ba8f981fac3",
    "b3564334a521435d",
    "daa0c3e76c2819c3",
    "8b06785019d3a0f9",
    "2e20ce0552215c31",
    "69ae238c8189eb6c",
    "842dfc49a8737b96",
    "bfef37f67dc139a7",
]
"""How the checksums of the packaged migrations begin. A line is added with a file and never changed:
databases that have applied it would be refused."""
BROKEN = Migration(number=2, name="two", statements="CREATE TABLE two (n integer); SELECT 1 / 0")


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A database without any migration."""
    name = sql.Identifier(f"token_ledger_test_{uuid4().hex}")
    with psycopg.connect(server_url, autocommit=True) as maintenance:
        maintenance.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield make_conninfo(server_url, dbname=name.as_string().strip('"'))
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def connection(empty_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to it, in autocommit mode."""
    with psycopg.connect(empty_url, autocommit=True) as connected:
        yield connected


def test_what_is_missing_is_applied_once(connection: psycopg.Connection[Any]) -> None:
    told: list[Migration] = []
    assert migrate(connection, migrations=[ONE], on_applied=told.append) == [ONE]
    assert pending(connection, migrations=[ONE, TWO]) == [TWO]
    assert migrate(connection, migrations=[ONE, TWO], on_applied=told.append) == [TWO]
    assert migrate(connection, migrations=[ONE, TWO]) == []
    assert told == [ONE, TWO]
    check(connection, migrations=[ONE, TWO])


def test_a_file_that_fails_leaves_nothing_behind(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(connection, migrations=[ONE, BROKEN])
    assert pending(connection, migrations=[ONE, TWO]) == [TWO]
    assert migrate(connection, migrations=[ONE, TWO]) == [TWO]


@pytest.mark.parametrize(
    ("applied", "expected", "message"),
    [
        ([], [ONE], "migration 1 is missing: run token-ledger migrate"),
        ([], [ONE, TWO], "migrations 1 to 2 are missing: run token-ledger migrate"),
        (
            [ONE],
            [EDITED],
            "migration 0001 of this database is not this program's: use the program that made it, or a new",
        ),
        ([ONE, TWO], [ONE], r"the database is newer \(2\) than this program \(1\)"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    connection: psycopg.Connection[Any],
    applied: list[Migration],
    expected: list[Migration],
    message: str,
) -> None:
    migrate(connection, migrations=applied)
    with pytest.raises(MigrationError, match=message) as refused:
        check(connection, migrations=expected)
    assert "\n" not in str(refused.value)


def test_programs_that_migrate_at_once_wait_for_each_other(empty_url: str) -> None:
    def run(_: int) -> list[Migration]:
        with psycopg.connect(empty_url, autocommit=True) as connected:
            return migrate(connected, migrations=[ONE, TWO])

    with ThreadPoolExecutor(4) as executor:
        applied = list(executor.map(run, range(4)))
    assert sorted(len(one) for one in applied) == [0, 0, 0, 2]


def test_a_gap_in_the_files_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "0002_two.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="0001 is missing"):
        packaged_migrations(tmp_path)


def test_a_released_migration_is_never_edited() -> None:
    assert [one.checksum.hex()[:16] for one in packaged_migrations()] == RELEASED


def test_an_included_function_is_part_of_its_migration(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    function = tmp_path / "functions" / "f.sql"
    function.write_text("SELECT 'first'")
    (tmp_path / "0001_one.sql").write_text("-- above\n-- include: functions/f.sql\n-- below\n")
    (before,) = packaged_migrations(tmp_path)
    assert before.statements == "-- above\nSELECT 'first'\n-- below\n"
    function.write_text("SELECT 'second'")
    (after,) = packaged_migrations(tmp_path)
    assert after.checksum != before.checksum


def test_the_packaged_migrations_fit_their_own_database(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connected:
        check(connected)
        connected.execute("SELECT create_months_ahead(6)")
        rows = connected.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
        ).fetchone()
    assert rows == (8,)


def test_tiles_of_an_older_version_say_that_no_recording_is_signed_yet(
    connection: psycopg.Connection[Any],
) -> None:
    migrate(connection, migrations=packaged_migrations()[:10])
    insert = "INSERT INTO tiles (level, tile_index, hashes, root) VALUES (0, %s, %s, sha256('a'))"
    connection.execute(insert, (0, bytes(8192)))
    migrate(connection)
    connection.execute(insert, (1, bytes(8192)))
    cursor = connection.execute("SELECT recordings FROM tiles ORDER BY tile_index")
    assert cursor.fetchall() == [(bytes(32),), (None,)]
