"""`token-ledger keys`: shown without private parts; rotated while a server goes on."""

from __future__ import annotations

import json
from typing import Any

import jwt
import psycopg
import pytest

from tests.cli.command_line import OTHER_SECRET_KEY, SECRET_KEY, CommandLine, Running, eventually


def listed(command_line: CommandLine) -> list[Any]:
    """The keys as `keys list --json` shows them."""
    found = json.loads(command_line.answer("keys", "list", "--json"))
    assert isinstance(found, list)
    return found


def kids(command_line: CommandLine, kind: str) -> dict[str, str]:
    """The keys of a kind by their states; retiring ones with their kid."""
    return {
        one["state"] if one["state"] != "retiring" else one["kid"]: one["kid"]
        for one in listed(command_line)
        if one["kind"] == kind
    }


def test_both_kinds_rotate_while_a_server_goes_on_and_what_they_made_stays_good(
    command_line: CommandLine, database_url: str
) -> None:
    with command_line.serving() as running:
        pair = running.login()
        for kind in ("access", "refresh"):
            before = kids(command_line, kind)
            told = command_line.as_process().answer("keys", "rotate", "--kind", kind)
            after = kids(command_line, kind)
            assert after["current"] == before["next"]
            assert after[before["current"]] == before["current"]
            assert told == (
                f"{kind}: {after['current']} replaces {before['current']}; next is {after['next']}\n"
            )
            assert recorded(database_url)[-1] == {
                "kind": kind,
                "key_id": after["current"],
                "replaced_key_id": before["current"],
                "next_key_id": after["next"],
            }
        assert running.me(pair["accessToken"]) == "ada"
        second = running.refresh(pair["refreshToken"])
        assert second["outcome"] == "ROTATED"
        current = kids(command_line, "access")["current"]
        eventually(lambda: kid_of(running.login()["accessToken"]) == current)
        assert running.me(pair["accessToken"]) == "ada"
        assert running.refresh(second["refreshToken"])["outcome"] == "ROTATED"


def recorded(database_url: str) -> list[Any]:
    """The payloads of the events SigningKeyRotated, all by an operator."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT payload, actor FROM events WHERE type = 'SigningKeyRotated' ORDER BY position"
        ).fetchall()
    assert {actor for _, actor in rows} == {"operator"}
    return [json.loads(payload) for payload, _ in rows]


def kid_of(access_token: str) -> str:
    """The key that signed it."""
    return str(jwt.get_unverified_header(access_token)["kid"])


def test_a_list_has_no_private_part(command_line: CommandLine, database_url: str) -> None:
    told = command_line.run("keys", "list")
    assert (told.status, told.out) == (0, "")
    assert told.err == "there are no keys yet: the server makes them when it starts\n"
    with command_line.serving():
        pass
    with psycopg.connect(database_url) as connection:
        sealed = [row[0] for row in connection.execute("SELECT sealed_private FROM keys")]
    shown = command_line.as_process().answer("keys", "list")
    in_full = command_line.answer("keys", "list", "--json")
    assert len(sealed) == 8
    for one in listed(command_line):
        assert one["kid"] in shown
        assert set(one["public_jwk"] or {}) <= {"kty", "crv", "x", "y", "n", "e", "alg", "use", "kid"}
    for private in sealed:
        assert private.hex() not in shown + in_full
        assert str(private) not in shown + in_full


def test_another_secret_key_rotates_nothing(command_line: CommandLine) -> None:
    command_line.prepare()
    before = listed(command_line)
    told = command_line.given(SECRET_KEY=OTHER_SECRET_KEY).refusal("keys", "rotate", "--kind", "access")
    assert told.startswith("TOKEN_LEDGER_SECRET_KEY does not open the keys of this database")
    assert listed(command_line) == before
    both = command_line.given(SECRET_KEY=f"{OTHER_SECRET_KEY},{SECRET_KEY}")
    assert both.answer("keys", "rotate", "--kind", "access").startswith("access: ")
    assert (
        command_line.given(SECRET_KEY=OTHER_SECRET_KEY).run("keys", "rotate", "--kind", "access").status == 0
    )


@pytest.mark.parametrize("command", [("retire",), ("revoke", "--yes")])
def test_a_kid_that_begins_with_a_dash_is_a_kid(command_line: CommandLine, command: tuple[str, ...]) -> None:
    for kid in ("-bWN4Kp", "--kWN4Kp", "-kWN4Kp"):
        told = command_line.refusal("keys", *command, kid)
        assert told.startswith("There is no key of this kid"), told


def is_refused(running: Running, access_token: str) -> bool:
    try:
        running.me(access_token)
    except ConnectionError as error:
        return str(error) == "401"
    return False


def test_a_revoked_key_is_replaced_and_what_it_made_is_worth_nothing(
    command_line: CommandLine, database_url: str
) -> None:
    with command_line.serving() as running:
        pair = running.login()
        stolen = kids(command_line, "access")["current"]
        told = command_line.as_process().answer("keys", "revoke", stolen, "--yes")
        assert told == f"access: {stolen} is revoked; {kids(command_line, 'access')['current']} is used\n"
        eventually(lambda: is_refused(running, pair["accessToken"]))
        again = running.refresh(pair["refreshToken"])
        assert running.me(again["accessToken"]) == "ada"
        mac = kids(command_line, "refresh")["current"]
        command_line.answer("keys", "revoke", mac, "--yes")
        eventually(lambda: running.refresh(again["refreshToken"]).get("code") == "TOKEN_UNKNOWN")
        assert running.refresh(running.login()["refreshToken"])["outcome"] == "ROTATED"
    assert [(one["replaced_key_id"], one["revoked"]) for one in recorded(database_url)] == [
        (stolen, True),
        (mac, True),
    ]


def test_revoking_asks_first_and_knows_its_keys(command_line: CommandLine) -> None:
    command_line.prepare()
    current = kids(command_line, "access")["current"]
    assert command_line.as_process().run("keys", "revoke", current).status == 130
    assert kids(command_line, "access")["current"] == current
    assert "There is no key of this kid" in command_line.refusal("keys", "revoke", "x", "--yes")


def test_a_retired_key_signs_no_more_and_what_it_made_stays_good(
    command_line: CommandLine, database_url: str
) -> None:
    with command_line.serving() as running:
        pair = running.login()
        for kind in ("access", "refresh"):
            before = kids(command_line, kind)
            told = command_line.as_process().answer("keys", "retire", before["current"])
            after = kids(command_line, kind)
            assert (after["current"], after[before["current"]]) == (before["next"], before["current"])
            assert told == (
                f"{kind}: {before['current']} retires, and what it made stays good; "
                f"{after['current']} is used; next is {after['next']}\n"
            )
            assert recorded(database_url)[-1] == {
                "kind": kind,
                "key_id": after["current"],
                "replaced_key_id": before["current"],
                "next_key_id": after["next"],
            }
        current = kids(command_line, "access")["current"]
        eventually(lambda: kid_of(running.login()["accessToken"]) == current)
        assert running.me(pair["accessToken"]) == "ada"
        assert running.refresh(pair["refreshToken"])["outcome"] == "ROTATED"


def test_the_current_key_of_a_kind_or_a_waiting_one_can_be_retired(
    command_line: CommandLine, database_url: str
) -> None:
    command_line.prepare()
    before = kids(command_line, "access")
    command_line.answer("keys", "retire", "--kind", "access")
    between = kids(command_line, "access")
    assert (between["current"], between[before["current"]]) == (before["next"], before["current"])
    told = command_line.answer("keys", "retire", between["next"])
    after = kids(command_line, "access")
    assert after["current"] == between["current"]
    assert after["revoked"] == between["next"] != after["next"]
    assert told == (
        f"access: {between['next']} is dropped before its use; {after['current']} is used; "
        f"next is {after['next']}\n"
    )
    assert recorded(database_url)[-1] == {
        "kind": "access",
        "key_id": after["current"],
        "replaced_key_id": between["next"],
        "next_key_id": after["next"],
        "revoked": True,
    }


def test_what_cannot_retire_is_told_and_recorded_nowhere(
    command_line: CommandLine, database_url: str
) -> None:
    assert "no current access key" in command_line.refusal("keys", "retire", "--kind", "access")
    command_line.prepare()
    assert "There is no key of this kid" in command_line.refusal("keys", "retire", "x")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE keys SET state = 'revoked', revoked_at = now() WHERE state = 'next'")
    only = kids(command_line, "access")
    refused = command_line.refusal("keys", "retire", only["current"])
    assert refused == (
        "This is the only access key in use, and no next one is there to replace it: "
        "run token-ledger keys rotate --kind access, which makes one"
    )
    assert "is revoked already" in command_line.refusal("keys", "retire", only["revoked"])
    command_line.answer("keys", "rotate", "--kind", "access")
    assert "is retiring already" in command_line.refusal("keys", "retire", only["current"])
    assert len(recorded(database_url)) == 1  # of the rotation
