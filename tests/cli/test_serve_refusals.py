"""What keeps `token-ledger serve` from starting is one line that says what to do, and status 2."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest

from tests.cli.command_line import (
    NOWHERE,
    OTHER_SECRET_KEY,
    SECRET_KEY,
    CommandLine,
    password_of,
    with_password,
)


@pytest.fixture
def far_away(bare: CommandLine) -> CommandLine:
    """In production, with a database that nobody serves: only what comes before it is refused."""
    return bare.given(DATABASE_URL=NOWHERE, SECRET_KEY=SECRET_KEY, ISSUER="https://login.example.com")


def refused(command_line: CommandLine, *options: str) -> str:
    """The line of a server that has set up its logs before it is refused, so that it needs a process."""
    return command_line.as_process().refusal("serve", "--port", "0", *options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:swordfish@db/ledger"),
        ("MIGRATION_DATABASE_URL", "swordfish"),
        ("DIRECT_DATABASE_URL", "swordfish"),
        ("READ_DATABASE_URL", "swordfish"),
        ("DATA_DIR", ""),
        ("CHECKPOINT_FILE", "/"),
        ("ISSUER", "http://login.example.com"),
        ("AUDIENCE", "a b"),
        ("SECRET_KEY", "swordfish"),
        ("ALLOWED_ORIGINS", "*"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("COOKIE_NAME", "__Host-a"),
        ("COOKIE_SECURE", "off"),
        ("METRICS_ALLOW", "on"),
        ("ACCESS_TOKEN_TTL", "31d"),
        ("REFRESH_IDLE_TTL", "0"),
        ("REFRESH_ABSOLUTE_TTL", "long"),
        ("GRACE_PERIOD", "61"),
        ("LOST_RESPONSE_WINDOW", "8d"),
        ("REFRESH_RATE_PER_FAMILY", "20"),
        ("REFRESH_RATE_PER_ADDRESS", "300/fortnight"),
        ("UNKNOWN_TOKEN_RATE", "20/0s"),
        ("HIDE_REUSE", "yes"),
        ("RETENTION", "1d"),
        ("DEVELOPMENT", "maybe"),
        ("INTROSPECTION", "2"),
        ("LOG_FORMAT", "text"),
        ("ACCESS_TOKEN_ALGORITHM", "HS256"),
        ("SECRET_KEY_FILE", "/nonexistent"),
        ("GRACE_PERIODS", "10"),
    ],
)
def test_a_wrong_variable_is_named(far_away: CommandLine, name: str, value: str) -> None:
    told = far_away.given(**{name: value}).refusal("serve", "--port", "0")
    assert f"TOKEN_LEDGER_{name}" in told
    assert "swordfish" not in told


def test_all_that_is_missing_in_production_is_named(bare: CommandLine) -> None:
    told = bare.given(DEVELOPMENT="off").as_process().refusal("serve")
    assert "TOKEN_LEDGER_DATABASE_URL, TOKEN_LEDGER_SECRET_KEY, TOKEN_LEDGER_ISSUER must be given" in told
    assert not (bare.directory / "home").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "ledger.example.com"])  # noqa: S104 - it is refused
def test_development_is_for_loopback_addresses(bare: CommandLine, host: str) -> None:
    told = bare.given(DEVELOPMENT="on").refusal("serve", "--host", host)
    assert told.startswith("TOKEN_LEDGER_DEVELOPMENT must be off")


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid", "a" * 70])
def test_an_address_that_is_not_of_this_machine_is_named(far_away: CommandLine, host: str) -> None:
    told = far_away.as_process().refusal("serve", "--host", host)
    assert told.startswith(f"cannot listen on {host} port 8000 (")


def test_a_port_that_is_taken_is_named(far_away: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = far_away.as_process().refusal("serve", "--port", port)
    assert told.startswith(f"cannot listen on 127.0.0.1 port {port} (Address already in use)")


def test_a_file_of_trusted_issuers_that_is_not_there_is_named(far_away: CommandLine) -> None:
    assert "TOKEN_LEDGER_TRUSTED_ISSUERS" in refused(far_away.given(TRUSTED_ISSUERS="/nonexistent"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_file_of_trusted_issuers_that_is_wrong_stops_all_workers(
    production: CommandLine, tmp_path: Path, workers: str
) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text("[[issuer]]\n")
    told = refused(production.given(TRUSTED_ISSUERS=str(file)), "--workers", workers)
    assert told.startswith("TOKEN_LEDGER_TRUSTED_ISSUERS")


def test_a_database_that_does_not_answer_is_told_within_seconds(far_away: CommandLine) -> None:
    told = refused(far_away)
    assert told.startswith("the database does not answer: ")
    assert "Connection refused" in told
    assert told.endswith("(TOKEN_LEDGER_DATABASE_URL)")
    assert "swordfish" not in told


def test_the_variable_of_the_address_that_does_not_answer_is_named(production: CommandLine) -> None:
    told = refused(production.given(MIGRATION_DATABASE_URL=NOWHERE))
    assert told.endswith("(TOKEN_LEDGER_MIGRATION_DATABASE_URL)")


def test_a_database_that_is_not_there_is_named(production: CommandLine, database_url: str) -> None:
    url = with_password(database_url).replace("/token_ledger_test_", "/no_such_")
    told = refused(production.given(DATABASE_URL=url))
    assert "no_such_" in told
    assert "does not exist" in told


def test_a_wrong_password_is_not_repeated(production: CommandLine, database_url: str) -> None:
    url = with_password(database_url)
    password = password_of(url)
    assert password is not None
    wrong = production.given(DATABASE_URL=url.replace(password, "swordfish"))
    done = wrong.run("keys", "list")  # ends, too, on a server that asks for no password
    assert "swordfish" not in done.out + done.err


def test_migrations_that_are_missing_in_production_are_told(
    production: CommandLine, empty_database_url: str
) -> None:
    told = refused(production.given(DATABASE_URL=with_password(empty_database_url)))
    assert told.startswith("migrations 1 to ")
    assert told.endswith(" are missing: run token-ledger migrate")


def test_a_database_that_is_newer_is_told(production: CommandLine, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'x', '')")
    assert "upgrade the program" in refused(production)


def test_another_secret_key_is_named(production: CommandLine) -> None:
    production.prepare()
    told = refused(production.given(SECRET_KEY=OTHER_SECRET_KEY))
    assert told.startswith("TOKEN_LEDGER_SECRET_KEY does not open the keys of this database")


@pytest.mark.parametrize("place", ["file/below", "file"])
def test_a_data_directory_that_cannot_be_written_is_named(
    bare: CommandLine, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    told = bare.given(DATA_DIR=str(tmp_path / place)).refusal("serve", "--port", "0")
    assert told.startswith("TOKEN_LEDGER_DATA_DIR must be a directory that can be written")
