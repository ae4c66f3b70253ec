"""`token-ledger clients`: made, shown and changed, each time with an event; a secret is printed once."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.cli.command_line import TOKEN_LEDGER, CommandLine


def created(command_line: CommandLine, *arguments: str) -> Any:
    """What `clients create … --json` prints."""
    return json.loads(command_line.answer("clients", "create", *arguments, "--json"))


def listed(command_line: CommandLine) -> dict[str, Any]:
    """The clients that `clients list --json` prints, by their ids."""
    return {one["client_id"]: one for one in json.loads(command_line.answer("clients", "list", "--json"))}


def recorded(database_url: str) -> list[tuple[str, Any]]:
    """Type and payload of the events of clients, each a stream of its own by an operator."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT type, payload, actor, version FROM events WHERE type LIKE 'Client%' ORDER BY position"
        ).fetchall()
    assert {(actor, version) for _, _, actor, version in rows} <= {("operator", 1)}
    return [(type_name, json.loads(payload)) for type_name, payload, _, _ in rows]


def everything_stored(database_url: str) -> str:
    """All rows of all tables, as text."""
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "current_schema()::regnamespace"
        ).fetchall()
        rows = [
            connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name))).fetchall()
            for (name,) in names
        ]
    return str(rows)


def test_a_confidential_client_gets_a_secret_of_which_a_hash_is_kept(
    command_line: CommandLine, database_url: str
) -> None:
    process = command_line.as_process()
    made = created(
        process, "backend", "--scope", "sessions:issue", "--scope", "audit:read", "--set", "grace=3s"
    )
    assert list(made) == ["client_id", "client_secret"]
    assert made["client_id"] == "backend"
    prefix, _, encoded = made["client_secret"].partition("_")
    assert prefix == "tlcs"
    assert len(base64.urlsafe_b64decode(encoded + "=")) == 32
    stored = everything_stored(database_url)
    assert made["client_secret"] not in stored
    assert hashlib.sha256(made["client_secret"].encode()).hexdigest() in stored
    assert recorded(database_url) == [
        (
            "ClientRegistered",
            {
                "client_id": "backend",
                "confidential": True,
                "policy": {"grace": 3},
                "scopes": ["audit:read", "sessions:issue"],
            },
        )
    ]
    assert listed(process)["backend"] | {"created_at": ""} == {
        "client_id": "backend",
        "kind": "confidential",
        "scopes": ["audit:read", "sessions:issue"],
        "policy": {"grace": 3},
        "not_before": None,
        "created_at": "",
    }


def test_a_public_client_has_no_secret(command_line: CommandLine, database_url: str) -> None:
    assert created(command_line, "mobile", "--public") == {"client_id": "mobile", "client_secret": None}
    assert command_line.answer("clients", "create", "tv", "--public") == "client id      tv\n"
    assert [payload["confidential"] for _, payload in recorded(database_url)] == [False, False]
    told = command_line.refusal("clients", "rotate-secret", "mobile")
    assert told == "the client 'mobile' is public: it has no secret"
    told = command_line.refusal("clients", "create", "radio", "--public", "--scope", "audit:read")
    assert "public" in told
    told = command_line.refusal("clients", "update", "mobile", "--scope", "audit:read")
    assert "public" in told
    assert len(recorded(database_url)) == 2


def test_a_secret_is_shown_to_a_person_once_with_a_warning(command_line: CommandLine) -> None:
    told = command_line.answer("clients", "create", "backend").splitlines()
    assert told[0] == "client id      backend"
    assert told[1].startswith("client secret  tlcs_")
    assert told[2] == "Keep the secret: it is not shown again."
    secret = told[1].split()[-1]
    for arguments in (["list"], ["list", "--json"], ["update", "backend", "--set", "shadow=on"]):
        assert secret not in command_line.answer("clients", *arguments)


def test_every_list_is_without_hashes(command_line: CommandLine) -> None:
    secret = created(command_line, "backend", "--set", "rate_per_family=10/minute")["client_secret"]
    digest = hashlib.sha256(secret.encode()).hexdigest()
    for arguments in (["list"], ["list", "--json"]):
        told = command_line.answer("clients", *arguments)
        assert digest not in told
        assert "hash" not in told
    table = command_line.answer("clients", "list")
    assert "rate_per_family=10/1m" in table
    assert "confidential" in table
    assert list(listed(command_line)) == ["web", "backend"]


def test_a_rotated_secret_is_another_and_the_event_says_so(
    command_line: CommandLine, database_url: str
) -> None:
    first = created(command_line, "backend", "--scope", "audit:read")
    second = json.loads(command_line.as_process().answer("clients", "rotate-secret", "backend", "--json"))
    assert second["client_id"] == "backend"
    assert second["client_secret"] != first["client_secret"]
    assert recorded(database_url)[1:] == [
        (
            "ClientChanged",
            {"client_id": "backend", "policy": {}, "scopes": ["audit:read"], "secret_rotated": True},
        )
    ]
    stored = everything_stored(database_url)
    assert hashlib.sha256(second["client_secret"].encode()).hexdigest() in stored
    assert hashlib.sha256(first["client_secret"].encode()).hexdigest() not in stored


def test_rules_and_scopes_are_changed_one_by_one_and_taken_back(
    command_line: CommandLine, database_url: str
) -> None:
    def update(*arguments: str) -> str:
        return command_line.answer("clients", "update", "web", *arguments)

    assert update("--set", "shadow=on", "--set", "lost_response_window=1h") == "web: changed\n"
    assert listed(command_line)["web"]["policy"] == {"shadow": True, "lost_response_window": 3600}
    assert update("--set", "shadow=on") == "web: it is so already\n"
    assert update("--unset", "shadow", "--set", "max_sessions=3") == "web: changed\n"
    assert listed(command_line)["web"]["policy"] == {"lost_response_window": 3600, "max_sessions": 3}
    assert [payload for _, payload in recorded(database_url)] == [
        {"client_id": "web", "policy": {"shadow": True, "lost_response_window": 3600}},
        {"client_id": "web", "policy": {"lost_response_window": 3600, "max_sessions": 3}},
    ]
    created(command_line, "backend", "--scope", "audit:read")
    command_line.as_process().answer("clients", "update", "backend", "--scope", "sessions:admin")
    assert listed(command_line)["backend"]["scopes"] == ["sessions:admin"]
    command_line.answer("clients", "update", "backend", "--no-scopes")
    assert listed(command_line)["backend"]["scopes"] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "web"], "there is a client 'web' already: choose another name"),
        (["update", "nobody", "--set", "grace=1"], "there is no client 'nobody'"),
        (["rotate-secret", "nobody"], "there is no client 'nobody'"),
        (["create", "x", "--set", "grace=2m"], "--set grace must be a duration from 0 to 60s"),
        (["create", "x", "--set", "garce=2"], "--set 'garce' is unknown: did you mean grace?"),
        (["update", "web", "--unset", "garce"], "--unset 'garce' is unknown: did you mean grace?"),
        (["update", "web", "--set", "idle_ttl=31d"], "idle_ttl must be at most absolute_ttl, which is 30d"),
        (
            ["update", "web", "--set", "dpop=on"],
            "--set dpop is not available yet: no session is bound to a key of its sender",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    command_line: CommandLine, database_url: str, arguments: list[str], told: str
) -> None:
    assert command_line.refusal("clients", *arguments) == told
    assert recorded(database_url) == []
    assert listed(command_line)["web"]["policy"] == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["update", "web"], "Nothing to change"),
        (["update", "web", "--scope", "a", "--no-scopes"], "contradict"),
        (["create", "x", "--scope", "two words"], "is not a scope"),
        (["create", "x\x07y"], "control characters"),
        (["create", "x" * 256], "1 to 255 characters"),
        (["create", ""], "not empty"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_usage(
    command_line: CommandLine, database_url: str, arguments: list[str], told: str
) -> None:
    done = command_line.run("clients", *arguments)
    assert (done.status, done.out) == (2, "")
    assert told in done.err
    assert recorded(database_url) == []


def test_the_deployments_lifetimes_bound_those_of_a_client(command_line: CommandLine) -> None:
    short = command_line.given(REFRESH_ABSOLUTE_TTL="1h", REFRESH_IDLE_TTL="1h")
    told = short.refusal("clients", "update", "web", "--set", "idle_ttl=2h")
    assert told == "idle_ttl must be at most absolute_ttl, which is 1h"
    assert short.answer("clients", "update", "web", "--set", "idle_ttl=2h", "--set", "absolute_ttl=2h")


def test_two_that_register_one_name_at_once_make_one_client(
    command_line: CommandLine, database_url: str
) -> None:
    started = [
        subprocess.Popen(
            [TOKEN_LEDGER, "clients", "create", "backend", "--json"],
            env=dict(command_line.environ),
            cwd=command_line.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    told = [one.communicate(timeout=60) for one in started]
    assert sorted(one.returncode for one in started) == [0, 2, 2]
    assert sum(bool(out) for out, _ in told) == 1
    assert len(recorded(database_url)) == 1
