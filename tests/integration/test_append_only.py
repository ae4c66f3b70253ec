"""What is recorded is never changed: refused by the database itself, for every role, on every partition."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ledger.answers import Granted
from tests.ledger_harness import harness

Connection = psycopg.Connection[Any]


@pytest.fixture
async def owner(database_url: str) -> Any:
    """The owner of the tables, on a ledger with one session."""
    async with harness(database_url) as ledger:
        issued = await ledger.issue()
        assert isinstance(issued.answer, Granted)
        await ledger.refresh(issued.answer.token)
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def partitions(connection: Connection, parent: str) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", (parent,)
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize("role", ["none", "token_ledger_service", "token_ledger_reader"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET payload = '{{}}'", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"]
)
def test_no_role_changes_an_event_on_the_table_or_any_partition(
    owner: Connection, role: str, statement: str
) -> None:
    names = ["events", *partitions(owner, "events")]
    assert len(names) >= 5
    used = owner.execute("SELECT DISTINCT tableoid::regclass::text FROM events").fetchall()
    owner.execute(f"SET ROLE {role}".encode())
    for name in names:
        if statement.startswith("TRUNCATE") or name == "events" or (name,) in used:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(statement.format(name).encode())
    owner.execute("RESET ROLE")
    assert owner.execute("SELECT count(*) FROM events").fetchone() == (2,)


def test_the_triggers_fire_also_for_a_replication_role(owner: Connection) -> None:
    owner.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("DELETE FROM events")


def test_personal_data_may_be_erased_but_not_changed(owner: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("UPDATE personal_data SET data = '{}'")
    owner.execute("SET ROLE token_ledger_service")
    assert owner.execute("DELETE FROM personal_data").rowcount == 2


def test_a_version_is_appended_once(owner: Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute("INSERT INTO events SELECT * FROM events WHERE version = 1")


def test_the_reader_reads_and_writes_nothing_and_sees_no_secret(owner: Connection) -> None:
    owner.execute("SET ROLE token_ledger_reader")
    owner.execute("SELECT * FROM events")
    owner.execute("SELECT family_id, address FROM active_tokens")
    for statement in (
        "SELECT bookkeeping FROM active_tokens",
        "SELECT windows FROM active_tokens",
        "SELECT secret_hash FROM active_tokens",
        "SELECT * FROM used_assertions",
        "INSERT INTO subjects (subject) VALUES ('x')",
        "UPDATE active_tokens SET generation = 0",
        "DELETE FROM personal_data",
        "SELECT nextval('event_position')",
        "SELECT create_months_ahead(3)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(statement.encode())


def test_rotations_update_the_view_in_place(owner: Connection) -> None:
    rows = owner.execute(
        """
        SELECT a.attname
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
        WHERE i.indrelid = 'active_tokens'::regclass
        """
    ).fetchall()
    rotating = {
        "version",
        "head",
        "last_event_at",
        "generation",
        "secret_hash",
        "last_used_at",
        "windows",
        "bookkeeping",
    }
    rotating |= {"idle_expires_at", "address", "user_agent", "device_label"}
    assert not rotating & {name for (name,) in rows}
    owner.execute("SELECT pg_stat_force_next_flush()")
    updates = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'active_tokens'"
    assert owner.execute(updates).fetchone() == (1, 1)
