"""Each check of `doctor` finds its fault in a real database or setting, and nothing where there is none."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from api.database import Database
from api.doctor.examine import CHECKS, examine
from api.doctor.gather import gather, schema_problem
from api.settings import load_settings
from ledger import clients, key_store
from ledger.key_sealing import SecretKey
from ledger.signing_algorithm import SigningAlgorithm
from ledger.sweeper import LOCK
from tests.cli.command_line import with_password
from tests.ledger_harness import harness
from tests.postgres_server import postgres_server

OF_THE_TEST_SERVER = frozenset({"durability"})
"""The server that tests share has fsync off, to be fast; the last test has one of its own."""


def random_key(seed: int) -> str:
    """A secret key that looks random, always the same one."""
    return base64.b64encode(hashlib.sha256(bytes([seed])).digest()).decode()


SECRET_KEY = random_key(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A database with keys, and a login that may no more than the service needs."""

    owner: psycopg.Connection[Any]
    url: str
    login: str

    async def told(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        **variables: str,
    ) -> dict[str, list[str]]:
        """What is found in production with some variables given, by check."""
        given = {
            "DATABASE_URL": self.url,
            "SECRET_KEY": SECRET_KEY,
            "ISSUER": "https://login.example.com",
            **variables,
        }
        environ = {f"TOKEN_LEDGER_{name}": value for name, value in given.items()}
        settings = load_settings({"HOME": "/nonexistent", **environ})
        with Database(settings) as database:
            facts = await gather(settings, database.url, schema=schema_problem(database), clock=clock)
        found: dict[str, list[str]] = {}
        for one in examine(facts):
            assert one.message.isprintable()
            for secret in (*settings.secret_key.split(","), "made-up"):
                assert secret not in one.message
            found.setdefault(one.check, []).append(one.message)
        return found

    async def only(self, check: str, **variables: str) -> str:
        """The one thing that is found, by a check that finds nothing in what is well."""
        found = await self.told(**variables)
        assert set(found) - OF_THE_TEST_SERVER == {check}
        (message,) = found[check]
        return message

    def execute(self, statement: str, *parameters: object) -> None:
        """Change something as the owner; `{login}` is the service's."""
        self.owner.execute(sql.SQL(statement).format(login=sql.Identifier(self.login)), parameters or None)


@pytest.fixture
def unused(database_url: str) -> Iterator[Deployment]:
    """A deployment whose server was never started."""
    login = f"service_{uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as owner:
        name = sql.Identifier(login)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'made-up'").format(name))
        owner.execute(sql.SQL("GRANT token_ledger_service, token_ledger_reader TO {}").format(name))
        try:
            url = make_conninfo(with_password(database_url), user=login, password="made-up")
            yield Deployment(owner=owner, url=url, login=login)
        finally:
            owner.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
            owner.execute(sql.SQL("DROP OWNED BY {}").format(name))
            owner.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
async def deployment(unused: Deployment) -> Deployment:
    """A deployment in which all is well."""
    async with await AsyncConnection.connect(unused.url, autocommit=True) as connection:
        await connection.execute("SET ROLE token_ledger_service")
        await key_store.ensure(
            connection,
            SecretKey.parse(SECRET_KEY),
            algorithm=SigningAlgorithm.EDDSA,
            now=datetime.now(UTC),
        )
    return unused


async def test_nothing_is_found_where_all_is_well(deployment: Deployment) -> None:
    assert set(await deployment.told()) <= OF_THE_TEST_SERVER


async def test_nothing_is_found_before_the_first_start(unused: Deployment) -> None:
    assert set(await unused.told()) <= OF_THE_TEST_SERVER


# -------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("check", "variables", "words"),
    [
        (
            "development",
            {"DEVELOPMENT": "on"},
            "TOKEN_LEDGER_DEVELOPMENT is on, and TOKEN_LEDGER_ISSUER is not a loopback address",
        ),
        (
            "development",
            {
                "DEVELOPMENT": "on",
                "ISSUER": "http://127.0.0.1:8000",
                "COOKIE_SECURE": "on",
                "ALLOWED_ORIGINS": "https://app.example.com,http://localhost:3000",
            },
            "TOKEN_LEDGER_ALLOWED_ORIGINS lets https://app.example.com in",
        ),
        ("introspection", {"INTROSPECTION": "on"}, "TOKEN_LEDGER_INTROSPECTION is on outside development"),
        (
            "cookies",
            {"DEVELOPMENT": "on", "ISSUER": "https://localhost:8000", "COOKIE_SECURE": "off"},
            "TOKEN_LEDGER_COOKIE_SECURE is off",
        ),
        (
            "origins",
            {"ALLOWED_ORIGINS": "http://app.example.com,https://app.example.com"},
            "plain http (http://app.example.com)",
        ),
        ("metrics", {"METRICS_ALLOW": "10.0.0.0/8,0.0.0.0/0"}, "TOKEN_LEDGER_METRICS_ALLOW holds every"),
        ("metrics", {"METRICS_ALLOW": "::/0"}, "TOKEN_LEDGER_METRICS_ALLOW holds every"),
        ("proxies", {"TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, "TOKEN_LEDGER_TRUSTED_PROXIES holds every"),
        (
            "lost_response_window",
            {"LOST_RESPONSE_WINDOW": "2d"},
            "TOKEN_LEDGER_LOST_RESPONSE_WINDOW is 2d, and a stolen token",
        ),
    ],
)
async def test_an_unsafe_setting_is_named(
    deployment: Deployment, check: str, variables: dict[str, str], words: str
) -> None:
    assert words in await deployment.only(check, **variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"DEVELOPMENT": "on", "ISSUER": "http://127.0.0.1:8000"},
        {"DEVELOPMENT": "on", "ISSUER": "http://localhost:8000", "ALLOWED_ORIGINS": "http://localhost:3000"},
        {"INTROSPECTION": "off"},
        {"ALLOWED_ORIGINS": "https://app.example.com,http://localhost:3000"},
        {"TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8"},
        {"LOST_RESPONSE_WINDOW": "1d"},
        {"SECRET_KEY": f"{SECRET_KEY},{random_key(2)}"},
    ],
)
async def test_a_sound_setting_is_left_alone(deployment: Deployment, variables: dict[str, str]) -> None:
    assert set(await deployment.told(**variables)) <= OF_THE_TEST_SERVER


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (bytes(32), "is the same byte over and over"),
        (b"\xaa" * 32, "is the same byte over and over"),
        (bytes(range(32)), "counts up or down"),
        (bytes(range(255, 191, -2)), "counts up or down"),
        (b"correct horse battery staple 123", "is text, not random bytes"),
        (b"\x81\x02\xf3\x74\x05\xe6\x97\x18" * 4, "repeats itself"),
        (hashlib.sha256(b"x").digest()[:16] * 2, "repeats itself"),
    ],
    ids=["zeros", "one byte", "up", "down by two", "text", "eight bytes", "sixteen bytes"],
)
async def test_a_secret_key_that_can_be_guessed_is_noticed(
    unused: Deployment, value: bytes, words: str
) -> None:
    weak = base64.b64encode(value).decode()
    assert f"TOKEN_LEDGER_SECRET_KEY {words}" in await unused.only("secret_key", SECRET_KEY=weak)
    second = await unused.only("secret_key", SECRET_KEY=f"{SECRET_KEY},{weak}")
    assert words in second


async def test_random_secret_keys_are_hardly_ever_suspected(unused: Deployment) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    assert "secret_key" not in await unused.told(SECRET_KEY=key)


async def test_a_secret_key_given_twice_is_noticed(deployment: Deployment) -> None:
    told = await deployment.only("secret_key", SECRET_KEY=f"{SECRET_KEY},{SECRET_KEY}")
    assert told.startswith("TOKEN_LEDGER_SECRET_KEY holds the same value twice")


@pytest.mark.parametrize(
    ("jwks_url", "found"),
    [("http://127.0.0.1:9000/jwks.json", True), ("https://login.example.com/jwks.json", False)],
)
async def test_keys_of_an_issuer_that_come_in_the_clear_are_noticed(
    deployment: Deployment, tmp_path: Path, jwks_url: str, found: bool
) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(f'[[issuer]]\nissuer = "https://idp.example.com"\njwks_url = "{jwks_url}"\n')
    told = await deployment.told(TRUSTED_ISSUERS=str(file))
    assert ("issuers" in told) is found
    if found:
        assert "the keys of https://idp.example.com come by plain http" in told["issuers"][0]


# ------------------------------------------------------------------------------------------- the server


@pytest.mark.parametrize("attribute", ["SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"])
async def test_attributes_that_the_service_does_not_need_are_told(
    deployment: Deployment, attribute: str
) -> None:
    deployment.execute(f"ALTER ROLE {{login}} {attribute}")
    told = await deployment.only("login")
    assert told.startswith(f"the login {deployment.login} of TOKEN_LEDGER_DATABASE_URL has {attribute}, ")


async def test_roles_that_the_service_does_not_need_are_told(deployment: Deployment) -> None:
    deployment.execute("GRANT pg_read_all_data TO {login}")
    assert "is a member of pg_read_all_data" in await deployment.only("login")


async def test_the_owner_of_the_tables_is_told_when_it_is_the_services_login(deployment: Deployment) -> None:
    deployment.execute("ALTER TABLE events OWNER TO {login}")
    told = await deployment.only("login")
    assert f"may act as {deployment.login}, the owner of the tables" in told


async def test_whoever_is_a_member_of_the_owner_is_told_once(deployment: Deployment) -> None:
    name = f"owner_{uuid4().hex}"
    owner = sql.Identifier(name)
    deployment.owner.execute(sql.SQL("CREATE ROLE {}").format(owner))
    try:
        deployment.owner.execute(sql.SQL("ALTER TABLE events OWNER TO {}").format(owner))
        deployment.execute(f"GRANT {name} TO {{login}}")
        assert f"may act as {name}, the owner" in await deployment.only("login")
    finally:
        deployment.owner.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(owner))
        deployment.owner.execute(sql.SQL("DROP ROLE {}").format(owner))


@pytest.mark.parametrize("right", ["UPDATE", "UPDATE (payload)", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("role", ["{login}", "token_ledger_service", "token_ledger_reader"])
@pytest.mark.parametrize("of_a_partition", [False, True])
async def test_rights_to_change_events_are_told(
    deployment: Deployment, right: str, role: str, of_a_partition: bool
) -> None:
    table = "events"
    if of_a_partition:
        row = deployment.owner.execute(
            "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'events'::regclass"
        ).fetchone()
        assert row is not None
        table = row[0]
    deployment.execute(f"GRANT {right} ON {table} TO {role}")
    named = deployment.login if role == "{login}" else role
    told = await deployment.only("events")
    assert named in told.partition(" may change or remove events: ")[0]


@pytest.mark.parametrize("change", ["DISABLE TRIGGER append_only", "ENABLE TRIGGER no_truncate"])
async def test_idle_triggers_are_told(deployment: Deployment, change: str) -> None:
    deployment.execute(f"ALTER TABLE events {change}")
    told = await deployment.only("events")
    assert told.startswith("the triggers that keep events unchanged are not all at work on events")


async def test_commits_that_do_not_wait_for_the_disk_are_told(deployment: Deployment) -> None:
    for value, found in (("on", False), ("remote_apply", False), ("off", True)):
        deployment.execute(f"ALTER ROLE {{login}} SET synchronous_commit = {value}")
        told = " ".join((await deployment.told()).get("durability", []))
        assert ("synchronous_commit is off" in told) is found


async def test_a_standby_that_follows_asynchronously_is_told(deployment: Deployment, server_url: str) -> None:
    with psycopg.connect(make_conninfo(server_url, replication="true"), autocommit=True):
        assert (await deployment.only("standby")).startswith("a standby follows asynchronously")
    assert "standby" not in await deployment.told()


@pytest.mark.parametrize(("seconds", "words"), [(3600, "is 3600.0 s ahead of"), (-3, "is 3.0 s behind")])
async def test_a_clock_that_differs_from_the_databases_is_told(
    deployment: Deployment, seconds: int, words: str
) -> None:
    told = await deployment.told(lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    assert words in told["clock"][0]


async def test_a_slow_answer_is_not_taken_for_a_wrong_clock(deployment: Deployment) -> None:
    assert "clock" not in await deployment.told(lambda: datetime.now(UTC) + timedelta(seconds=0.5))
    started, ticks = datetime.now(UTC), count()
    assert "clock" not in await deployment.told(lambda: started + timedelta(seconds=10) * next(ticks))


async def test_missing_migrations_are_all_that_is_said_of_a_schema(deployment: Deployment) -> None:
    deployment.execute(
        "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)"
    )
    deployment.execute("UPDATE clients SET scopes = '{{x}}'")
    assert (await deployment.only("schema")).endswith("is missing: run token-ledger migrate")
    deployment.execute("UPDATE schema_migrations SET checksum = '' WHERE number = 1")
    told = await deployment.only("schema")
    assert told.startswith("migration 0001 of this database is not this program's: ")


# ------------------------------------------------------------------------------------------- the ledger


async def set_policy(deployment: Deployment, policy: dict[str, Any], at: datetime) -> None:
    """Change the client `web` as the command line does, at a time."""
    async with await AsyncConnection.connect(deployment.url) as connection:
        await connection.execute("SET ROLE token_ledger_service")
        web = await clients.lock(connection, "web")
        assert await clients.change(
            connection, web, policy=policy, scopes=web.scopes, now=at, random=os.urandom
        )


async def test_shadow_mode_is_told_with_its_client_and_since_when(deployment: Deployment) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    await set_policy(deployment, {"shadow": True}, now - timedelta(days=20))
    assert "(20 days)" in await deployment.only("shadow")
    await set_policy(deployment, {"shadow": True, "grace": 5}, now - timedelta(days=15))
    assert "(20 days)" in await deployment.only("shadow")
    await set_policy(deployment, {"grace": 5}, now - timedelta(days=12))
    assert "shadow" not in await deployment.told()
    since = now - timedelta(days=4, hours=1)
    await set_policy(deployment, {"shadow": True}, since)
    told = await deployment.only("shadow")
    assert told.startswith(
        f"the client web is in shadow mode since {since:%Y-%m-%dT%H:%M:%S}.000000Z (4 days): "
    )
    assert "token-ledger clients update web --set shadow=off" in told


async def test_shadow_mode_is_told_though_no_event_says_since_when(deployment: Deployment) -> None:
    deployment.execute("UPDATE clients SET policy = %s", Jsonb({"shadow": True}))
    assert (await deployment.only("shadow")).startswith("the client web is in shadow mode: ")


async def test_a_search_that_takes_too_long_is_given_up(deployment: Deployment, database_url: str) -> None:
    await set_policy(deployment, {"shadow": True}, datetime.now(UTC))
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        told = await deployment.only("shadow")
    assert told.startswith("the client web is in shadow mode: ")


async def test_scopes_of_a_public_client_are_told(deployment: Deployment) -> None:
    deployment.execute("UPDATE clients SET scopes = '{{sessions:admin}}'")
    told = await deployment.only("client_scopes")
    assert told.startswith("the client web is public and has scopes (sessions:admin), ")
    deployment.execute("UPDATE clients SET confidential = true")
    assert "client_scopes" not in await deployment.told()


async def test_a_clients_own_long_window_is_told(deployment: Deployment) -> None:
    deployment.execute("UPDATE clients SET policy = %s", Jsonb({"lost_response_window": 7 * 86_400}))
    assert "web has a lost_response_window of 7d" in await deployment.only("client_windows")
    deployment.execute("UPDATE clients SET policy = %s", Jsonb({"lost_response_window": 3_600}))
    assert "client_windows" not in await deployment.told()


async def test_a_client_that_bears_any_number_of_foreign_replays_is_told(deployment: Deployment) -> None:
    deployment.execute("UPDATE clients SET policy = %s", Jsonb({"foreign_replays": None}))
    assert "web has no limit to replays from foreign networks" in await deployment.only("foreign_replays")
    deployment.execute("UPDATE clients SET policy = %s", Jsonb({"foreign_replays": 0}))
    assert "foreign_replays" not in await deployment.told()


async def test_a_command_that_is_advised_can_be_pasted_whatever_the_client_is_called(
    deployment: Deployment,
) -> None:
    deployment.execute("UPDATE clients SET client_id = 'a b; c', scopes = '{{x}}'")
    assert "clients update 'a b; c' --no-scopes" in await deployment.only("client_scopes")


@pytest.mark.parametrize("kind", ["access", "refresh"])
async def test_a_kind_without_a_next_key_is_told(deployment: Deployment, kind: str) -> None:
    deployment.execute(
        "UPDATE keys SET state = 'revoked', revoked_at = now() WHERE state = 'next' AND kind = %s", kind
    )
    assert (await deployment.only("keys")).startswith(f"there is no next {kind} key")


@pytest.mark.parametrize("kind", ["access", "refresh"])
async def test_a_key_in_use_for_more_than_a_year_is_told(deployment: Deployment, kind: str) -> None:
    aged = "UPDATE keys SET current_at = now() - interval '{} days' WHERE state = 'current' AND kind = %s"
    deployment.execute(aged.format(364), kind)
    assert "keys" not in await deployment.told()
    deployment.execute(aged.format(400), kind)
    assert await deployment.only("keys") == (
        f"the {kind} key has been in use for 400 days: token-ledger keys rotate --kind {kind}"
    )


async def test_a_secret_key_that_does_not_open_the_keys_is_told(deployment: Deployment) -> None:
    told = await deployment.only("keys", SECRET_KEY=random_key(3))
    assert told.startswith("TOKEN_LEDGER_SECRET_KEY does not open the keys of this database")


async def test_partitions_that_run_out_are_told(deployment: Deployment) -> None:
    for _ in range(2):
        row = deployment.owner.execute(
            "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'events'::regclass"
        ).fetchone()
        assert row is not None
        deployment.execute(f"DROP TABLE {row[0]}")
    assert (await deployment.only("partitions")).startswith("there are partitions for only 1 of the coming")


@pytest.fixture
async def overdue(deployment: Deployment, database_url: str) -> Deployment:
    """With a session whose idle deadline passed an hour ago, and no event that says so."""
    async with harness(database_url) as ledger:
        await ledger.issue()
    deployment.execute("UPDATE active_tokens SET idle_expires_at = now() - interval '1 hour'")
    return deployment


def swept(deployment: Deployment, started: str, finished: str | None) -> None:
    """The sweeper's last run began and ended so long ago; None: it is under way."""
    deployment.execute(
        "UPDATE sweeper_run SET leader = 'x', started_at = now() - %s::interval, "
        "finished_at = now() - %s::interval",
        started,
        finished,
    )


async def test_sessions_that_nobody_sweeps_are_told(overdue: Deployment) -> None:
    assert "and the sweeper has never run: " in await overdue.only("sweeper")
    swept(overdue, "3 hours", "150 minutes")
    assert "and the sweeper last ran 2 hours ago: " in await overdue.only("sweeper")
    swept(overdue, "3 hours", None)
    assert "and the sweeper last ran 3 hours ago: " in await overdue.only("sweeper")


async def test_a_sweeper_that_works_is_left_alone(overdue: Deployment, database_url: str) -> None:
    swept(overdue, "2 minutes", "1 minute")
    assert "sweeper" not in await overdue.told()
    swept(overdue, "3 hours", None)
    with psycopg.connect(database_url, autocommit=True) as leader:
        leader.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        assert "sweeper" not in await overdue.told()


async def test_a_sweeper_with_nothing_to_do_need_not_have_run(
    deployment: Deployment, database_url: str
) -> None:
    async with harness(database_url) as ledger:
        await ledger.issue()
    assert "sweeper" not in await deployment.told()
    deployment.execute("UPDATE active_tokens SET idle_expires_at = now() - interval '14 minutes'")
    swept(deployment, "1 day", "1 day")
    assert "sweeper" not in await deployment.told()


# -------------------------------------------------------------------------------------- all of them


@pytest.mark.embedded_only
async def test_a_server_that_can_lose_what_it_has_answered_is_told() -> None:
    careless = {"synchronous_standby_names": "elsewhere", "synchronous_commit": "local"}
    with postgres_server(careless) as url, psycopg.connect(url, autocommit=True) as owner:
        found = await Deployment(owner=owner, url=with_password(url), login="").told()
    assert [one.partition(" is off in PostgreSQL")[0] for one in found["durability"]] == [
        "fsync",
        "full_page_writes",
    ]
    assert found["standby"][0].startswith("synchronous_commit is local in PostgreSQL, which contradicts")
    assert "SUPERUSER" in found["login"][0]
    assert found["schema"][0].endswith("are missing: run token-ledger migrate")


def test_every_check_is_proved_here() -> None:
    source = Path(__file__).read_text("utf-8")
    assert [name for name in CHECKS if f'"{name}"' not in source] == []
