"""`token-ledger sessions`: every filter, pages, a session's history, with the reader's rights alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from ledger.answers import Granted
from ledger.batch import Submission
from ledger.commands import Issue
from ledger.events import Transport
from ledger.personal_data import PersonalData
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from tests.cli.command_line import CommandLine
from tests.ledger_harness import Harness, harness, new_id

HOSTILE = "[/red]\x1b]0;owned\x07 [bold]x\u202ey"
"""A label that would break markup, set a terminal's title and turn the text around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Sessions by name, oldest first."""

    ids: Mapping[str, str]
    opened_at: Mapping[str, datetime]


async def opened(ledger: Harness, subject: str, personal: PersonalData, client_id: str) -> RefreshToken:
    """The token of a new session."""
    issue = Issue(
        family_id=new_id(),
        subject=subject,
        client_id=client_id,
        transport=Transport.BODY,
        scope=(),
        secret=os.urandom(32),
    )
    request = Request(correlation_id=new_id(), actor=f"subject:{subject}", personal_data=personal)
    committed = await ledger.commit.submit(Submission(command=issue, request=request, assertion=None))
    assert isinstance(committed.answer, Granted)
    return committed.answer.token


@pytest.fixture
async def recorded(database_url: str) -> Recorded:
    """Three of ada, one of them logged out, and one of eve's from another network and client."""
    ids, times = {}, {}
    people = {
        "laptop": ("ada", PersonalData(address="192.0.2.7", device_label="laptop"), "web"),
        "phone": ("ada", PersonalData(address="2001:db8::1", user_agent="Mozilla/5.0"), "mobile"),
        "ended": ("ada", PersonalData(address="192.0.2.8"), "web"),
        "eve": ("eve", PersonalData(address="198.51.100.3", device_label=HOSTILE), "web"),
    }
    execute(database_url, "INSERT INTO clients (client_id) VALUES ('mobile')")
    async with harness(database_url) as ledger:
        for name, (subject, personal, client_id) in people.items():
            token = await opened(ledger, subject, personal, client_id)
            if name == "laptop":
                rotated = (await ledger.refresh(token)).answer
                assert isinstance(rotated, Granted)
            if name == "ended":
                await ledger.logout(token)
            ids[name] = str(token.family_id)
            (row,) = await ledger.rows(
                "SELECT opened_at FROM active_tokens WHERE family_id = %s", token.family_id
            )
            times[name] = row[0].astimezone(UTC)
    return Recorded(ids=ids, opened_at=times)


def listed(command_line: CommandLine, *options: str) -> list[str]:
    """Ids in the order of the list."""
    told = command_line.answer("sessions", "list", "--json", *options)
    return [json.loads(line)["id"] for line in told.splitlines()]


def test_each_option_narrows_the_list(production: CommandLine, recorded: Recorded) -> None:
    ids = recorded.ids
    between = (recorded.opened_at["ended"]).isoformat()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    expected: dict[tuple[str, ...], list[str]] = {
        (): ["eve", "ended", "phone", "laptop"],
        ("--subject", "eve"): ["eve"],
        ("--subject", "ada", "--status", "active"): ["phone", "laptop"],
        ("--client-id", "mobile"): ["phone"],
        ("--device-label", "laptop"): ["laptop"],
        ("--device-label", "lap"): [],
        ("--ip-address", "192.0.2.0/24"): ["ended", "laptop"],
        ("--ip-address", "2001:db8::1"): ["phone"],
        ("--status", "revoked"): ["ended"],
        ("--status", "expired"): [],
        ("--created-before", between): ["phone", "laptop"],
        ("--created-after", between): ["eve", "ended"],
        ("--last-used-before", tomorrow): ["eve", "ended", "phone", "laptop"],
        ("--last-used-before", "2020-01-01T00:00:00Z"): [],
        ("--id", ids["eve"], "--id", ids["laptop"], "--id", str(uuid4())): ["eve", "laptop"],
        ("--after", ids["phone"]): ["laptop"],
    }
    for options, names in expected.items():
        assert listed(production, *options) == [ids[name] for name in names], options


def test_pages_follow_one_another_to_the_end(production: CommandLine, recorded: Recorded) -> None:
    seen: list[str] = []
    after: list[str] = []
    while True:
        done = production.run("sessions", "list", "--json", "--first", "3", *after)
        seen += [json.loads(line)["id"] for line in done.out.splitlines()]
        if not done.err:
            break
        assert done.err == f"there are more: --after {seen[-1]}\n"
        after = ["--after", seen[-1]]
    assert seen == list(recorded.ids.values())[::-1]


def test_a_line_of_json_has_the_fields_of_a_session(production: CommandLine, recorded: Recorded) -> None:
    process = production.as_process()
    (line,) = process.answer("sessions", "list", "--json", "--device-label", "laptop").splitlines()
    found = json.loads(line)
    assert found | {"last_used_at": "", "idle_expires_at": "", "absolute_expires_at": ""} == {
        "id": recorded.ids["laptop"],
        "subject": "ada",
        "client_id": "web",
        "status": "active",
        "generation": 1,
        "device_label": "laptop",
        "ip_address": "192.0.2.7",
        "user_agent": "Mozilla/5.0",
        "created_at": recorded.opened_at["laptop"].isoformat().replace("+00:00", "Z"),
        "last_used_at": "",
        "idle_expires_at": "",
        "absolute_expires_at": "",
        "ended_at": None,
        "ended_reason": None,
    }


def test_the_table_shows_labels_as_they_stand_and_obeys_none(
    production: CommandLine, recorded: Recorded
) -> None:
    table = production.answer("sessions", "list")
    shown = production.answer("sessions", "show", recorded.ids["eve"])
    assert all(one in table for one in recorded.ids.values())
    for told in (table, shown):
        assert "\x1b" not in told
        assert "\x07" not in told
        assert "\u202e" not in told
    assert f"{'device_label':>20}  [/red]\\x1b]0;owned\\x07 [bold]x\\u202ey\n" in shown
    assert "[/red]" in table


def test_a_session_is_one_line_of_the_table_in_a_narrow_terminal_too(
    production: CommandLine, recorded: Recorded
) -> None:
    table = production.beside(COLUMNS="60").answer("sessions", "list")
    (line,) = [one for one in table.splitlines() if recorded.ids["laptop"] in one]
    opened = recorded.opened_at["laptop"].strftime("%Y-%m-%d %H:%M:%SZ")
    assert all(told in line for told in ("ada", "web", "active", opened, "192.0.2.7", "laptop"))


def test_an_empty_list_says_so(production: CommandLine) -> None:
    done = production.run("sessions", "list")
    assert (done.status, done.out, done.err) == (0, "", "no session is like that\n")
    assert production.answer("sessions", "list", "--json") == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--id", "42"),
        ("--subject", b"\xff"),
        ("--client-id", ""),
        ("--ip-address", "192.0.2.7/24"),
        ("--ip-address", "here"),
        ("--status", "gone"),
        ("--created-before", "yesterday"),
        ("--created-after", "2026-11-23T18:00:00"),
        ("--last-used-before", "0001-01-01T00:00:00+14:00"),
        ("--first", "0"),
        ("--first", "501"),
        ("--after", "x"),
    ],
)
def test_a_wrong_value_is_told_by_its_option(bare: CommandLine, option: str, value: str | bytes) -> None:
    done = bare.run("sessions", "list", option, value)
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith(f"Error: Invalid value for '{option}': ")


def test_a_session_is_shown_with_its_history(production: CommandLine, recorded: Recorded) -> None:
    shown = production.as_process().answer("sessions", "show", recorded.ids["laptop"])
    assert f"{'subject':>20}  ada\n" in shown
    assert f"{'generation':>20}  1\n" in shown
    assert shown.index("TokenIssued") < shown.index("TokenRotated")
    found = json.loads(production.answer("sessions", "show", recorded.ids["ended"], "--json"))
    assert found["status"] == "revoked"
    assert [(one["version"], one["type"], one["actor"]) for one in found["events"]] == [
        (1, "TokenIssued", "subject:ada"),
        (2, "TokenRevoked", "subject:ada"),
    ]
    assert found["events"][1]["data"]["reason"] == "logout"


def test_erased_personal_data_are_shown_as_erased(
    production: CommandLine, recorded: Recorded, database_url: str
) -> None:
    execute(database_url, "DELETE FROM personal_data")
    found = json.loads(production.answer("sessions", "show", recorded.ids["laptop"], "--json"))
    assert [(one["erased"], one["ip_address"]) for one in found["events"]] == [(True, None)] * 2
    assert "erased" in production.answer("sessions", "show", recorded.ids["laptop"])


def test_a_session_that_is_not_there_is_status_1_as_the_question_was_right(production: CommandLine) -> None:
    unknown = str(uuid4())
    done = production.run("sessions", "show", unknown)
    assert (done.status, done.line) == (1, f"Error: there is no session {unknown}")


def test_it_reads_with_the_rights_of_the_reader_alone(
    production: CommandLine, recorded: Recorded, database_url: str
) -> None:
    execute(database_url, "REVOKE ALL ON active_tokens FROM token_ledger_reader")
    told = "the database refused: permission denied for table active_tokens"
    assert production.refusal("sessions", "list") == told
    assert production.refusal("sessions", "show", recorded.ids["eve"]) == told
    assert production.run("replay", "--dry-run").status == 0


def execute(database_url: str, statement: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as connection:
        return connection.execute(statement.encode()).rowcount


def test_revoke_counts_and_asks_first(
    command_line: CommandLine, recorded: Recorded, database_url: str
) -> None:
    assert command_line.answer("sessions", "revoke", "--subject", "ada", "--reason", "x", "--dry-run") == (
        "2 sessions match\n"
    )
    process = command_line.as_process()
    assert process.run("sessions", "revoke", "--subject", "ada", "--reason", "x").status == 130
    assert ended(database_url) == []


def test_revoke_ends_what_matches_each_with_its_event(
    command_line: CommandLine, recorded: Recorded, database_url: str
) -> None:
    told = command_line.as_process().answer(
        "sessions", "revoke", "--subject", "ada", "--client-id", "web", "--reason", "lost laptop", "--yes"
    )
    assert told == "ended 1 sessions\n"
    assert ended(database_url) == [(recorded.ids["laptop"], "operator", "admin", "lost laptop")]
    again = command_line.answer(
        "sessions", "revoke", "--subject", "ada", "--client-id", "web", "--reason", "x", "--yes"
    )
    assert again == "0 sessions match\n"
    with psycopg.connect(database_url) as connection:
        runs = connection.execute(
            "SELECT actor, payload FROM events WHERE type = 'BulkRevocationExecuted'"
        ).fetchall()
    assert runs == [("operator", '{"filter":{"client_id":"web","subject":"ada"},"matched":1,"revoked":1}')]


def test_revoke_wants_a_filter_of_sessions_that_can_be_ended(command_line: CommandLine) -> None:
    assert "in common" in command_line.run("sessions", "revoke", "--reason", "x", "--yes").err
    for status in ("expired", "revoked"):
        done = command_line.run("sessions", "revoke", "--status", status, "--reason", "x", "--yes")
        assert (done.status, "have ended" in done.err) == (2, True)
    assert command_line.run("sessions", "revoke", "--subject", "ada", "--yes").status == 2


def ended(database_url: str) -> list[Any]:
    """Sessions ended by decision of an administrator: id, actor, reason of the event, reason beside it."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT e.stream_id::text, e.actor, e.payload::json ->> 'reason', p.data::json ->> 'reason'"
            " FROM events AS e LEFT JOIN personal_data AS p USING (stream_id, version)"
            " WHERE e.type = 'TokenRevoked' AND e.payload LIKE '%\"admin\"%'"
        ).fetchall()
