"""Sessions renamed and revoked, subjects suspended, boundaries set: by whom, and with which events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.api.http import Http
from tests.api.server import LOGIN, Server
from tests.api.test_tokens import granted, refused

PROBLEM = "... on RequestProblem { code message requestId }"
SESSION = f"__typename ... on Session {{ id status endedReason deviceLabel }} {PROBLEM}"
SUBJECT = "__typename ... on Subject { id status notBefore } ... on RequestProblem { code message }"
BULK = """
  __typename
  ... on BulkRevocation { matched revoked remaining dryRun sample { id } }
  ... on RequestProblem { code message }
"""
RENAME = (
    f"mutation ($id: ID!, $label: String!) {{ renameSession(id: $id, deviceLabel: $label) {{ {SESSION} }} }}"
)
REVOKE = f"mutation ($id: ID!, $reason: String) {{ revokeSession(id: $id, reason: $reason) {{ {SESSION} }} }}"
REVOKE_ALL = (
    "mutation ($filter: SessionFilter!, $reason: String!, $dryRun: Boolean!, $most: Int) "
    "{ revokeSessions(filter: $filter, reason: $reason, dryRun: $dryRun, expectAtMost: $most) { "
    + BULK
    + "}}"
)
SUSPEND = (
    f"mutation ($s: ID!, $reason: String!) {{ suspendSubject(subject: $s, reason: $reason) {{ {SUBJECT} }} }}"
)
REACTIVATE = f"mutation ($s: ID!) {{ reactivateSubject(subject: $s) {{ {SUBJECT} }} }}"
NOT_BEFORE = """
mutation ($time: DateTime!, $s: ID, $c: ID) {
  setNotBefore(time: $time, subject: $s, clientId: $c, reason: "breach") {
    __typename ... on NotBefore { subject clientId time } ... on RequestProblem { code message }
  }
}
"""
UNKNOWN = "01a211b7-633c-7fa0-9a85-f1a0d26e26a1"


async def admin(server: Server) -> str:
    """The access token of an administrator."""
    given = {"assertion": server.assertion("root", scope="sessions:admin"), "transport": "BODY"}
    pair = granted((await server.http.graphql(LOGIN, {"input": given})).of("login"), "ISSUED")
    return str(pair["accessToken"])


async def ask(server: Server, query: str, token: str, **variables: Any) -> Any:
    """The only root field of the answer."""
    answer = await server.http.graphql(query, variables, access_token=token)
    assert answer.status == 200, answer.body
    (told,) = answer.json["data"].values()
    return told


def administrative(server: Server) -> list[tuple[str, str, Any, Any]]:
    """Type, actor, payload and personal data of administrative events."""
    rows = server.execute(
        "SELECT e.type, e.actor, e.payload, p.data FROM events AS e LEFT JOIN personal_data AS p "
        "USING (stream_id, version) WHERE version = 1 AND type <> 'TokenIssued' ORDER BY e.position"
    )
    return [
        (kind, actor, orjson.loads(payload), orjson.loads(data or "{}"))
        for kind, actor, payload, data in rows
    ]


async def test_a_subject_renames_its_session_and_the_label_lies_beside_the_event(server: Server) -> None:
    pair = await server.login()
    told = await ask(server, RENAME, pair["accessToken"], id=pair["session"]["id"], label="Küche")
    assert told["deviceLabel"] == "Küche"
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "SessionRenamed"]
    rows = server.execute("SELECT payload FROM events WHERE type = 'SessionRenamed'")
    assert rows == [("{}",)]
    await server.refresh(pair["refreshToken"])
    again = await ask(server, RENAME, pair["accessToken"], id=pair["session"]["id"], label="x" * 100)
    assert again["deviceLabel"] == "x" * 100


@pytest.mark.parametrize("label", ["", "x" * 101])
async def test_a_label_that_cannot_be_kept_is_refused(server: Server, label: str) -> None:
    pair = await server.login()
    told = await ask(server, RENAME, pair["accessToken"], id=pair["session"]["id"], label=label)
    assert told["code"] == "INVALID_ARGUMENT"
    assert "deviceLabel" in told["message"]
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued"]


async def test_a_session_that_has_ended_is_not_renamed(server: Server) -> None:
    pair, other = await server.login(), await server.login()
    await server.logout(other["refreshToken"])
    told = await ask(server, RENAME, pair["accessToken"], id=other["session"]["id"], label="x")
    assert told["code"] == "INVALID_ARGUMENT"


async def test_anothers_session_is_as_unknown_as_none(server: Server) -> None:
    pair, bobs = await server.login(), await server.login("bob")
    for query, more in ((RENAME, {"label": "x"}), (REVOKE, {})):
        told = [
            await ask(server, query, pair["accessToken"], id=one, **more)
            for one in (bobs["session"]["id"], UNKNOWN, "x", "", bobs["session"]["id"].upper())
        ]
        assert {one["code"] for one in told} == {"NOT_FOUND"}
        assert len({one["message"] for one in told}) == 1
    assert server.recorded(bobs["session"]["id"]) == ["TokenIssued"]


async def test_revoking_ones_own_sessions_says_why_they_ended_and_is_idempotent(server: Server) -> None:
    own, other = await server.login(), await server.login()
    told = await ask(server, REVOKE, own["accessToken"], id=other["session"]["id"], reason="lost it")
    assert (told["status"], told["endedReason"]) == ("REVOKED", "SUBJECT")
    again = await ask(server, REVOKE, own["accessToken"], id=other["session"]["id"])
    assert again == told
    refused(await server.refresh(other["refreshToken"]), "SESSION_REVOKED")
    (event,) = (await server.events(other["session"]["id"], own["accessToken"]))[1:]
    assert (event["type"], event["actor"]) == ("TOKEN_REVOKED", "subject:ada")
    reasons = server.execute("SELECT data::json ->> 'reason' FROM personal_data WHERE version = 2")
    assert reasons == [("lost it",)]
    told = await ask(server, REVOKE, own["accessToken"], id=own["session"]["id"])
    assert told["endedReason"] == "LOGOUT"


async def test_an_administrator_revokes_any_session(server: Server) -> None:
    pair = await server.login()
    told = await ask(server, REVOKE, await admin(server), id=pair["session"]["id"], reason="incident 7")
    assert (told["status"], told["endedReason"]) == ("REVOKED", "ADMIN")
    assert refused(await server.refresh(pair["refreshToken"]), "SESSION_REVOKED")["endedReason"] == "ADMIN"
    rows = server.execute("SELECT actor FROM events WHERE type = 'TokenRevoked'")
    assert rows == [("subject:root",)]


SCOPED = [
    (REVOKE_ALL, {"filter": {"subject": "ada"}, "reason": "x", "dryRun": False}),
    (SUSPEND, {"s": "ada", "reason": "x"}),
    (REACTIVATE, {"s": "ada"}),
    (NOT_BEFORE, {"time": "2026-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("query", "variables"), SCOPED)
async def test_without_the_scope_the_answer_is_403_and_nothing_is_done(
    server: Server, query: str, variables: dict[str, Any]
) -> None:
    pair = await server.login()
    answer = await server.http.graphql(query, variables, access_token=pair["accessToken"])
    assert answer.status == 403
    assert answer.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "data" not in answer.json
    assert answer.header("www-authenticate") == 'Bearer error="insufficient_scope", scope="sessions:admin"'
    assert (await server.http.graphql(query, variables)).status == 401
    assert administrative(server) == []
    granted(await server.refresh(pair["refreshToken"]), "ROTATED")


async def test_a_scope_is_missing_for_the_request_as_a_whole(server: Server) -> None:
    pair = await server.login()
    query = """
    mutation ($id: ID!) {
      a: renameSession(id: $id, deviceLabel: "x") { __typename }
      b: reactivateSubject(subject: "ada") { __typename }
    }
    """
    variables = {"id": pair["session"]["id"]}
    answer = await server.http.graphql(query, variables, access_token=pair["accessToken"])
    assert answer.status == 403
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued"]


async def test_a_scope_that_no_issuer_grants_is_not_given(server: Server) -> None:
    given = {"assertion": server.assertion("ada", scope="subjects:erase openid"), "transport": "BODY"}
    pair = (await server.http.graphql(LOGIN, {"input": given})).of("login")
    assert (await server.http.graphql(REACTIVATE, {"s": "x"}, access_token=pair["accessToken"])).status == 403


async def test_suspending_and_reactivating_are_events_once_each(server: Server) -> None:
    pair, root = await server.login(), await admin(server)
    for _ in range(2):
        told = await ask(server, SUSPEND, root, s="ada", reason="fraud")
        assert told == {"__typename": "Subject", "id": "ada", "status": "SUSPENDED", "notBefore": None}
    refused(await server.refresh(pair["refreshToken"]), "SUBJECT_INACTIVE")
    for _ in range(2):
        assert (await ask(server, REACTIVATE, root, s="ada"))["status"] == "ACTIVE"
    granted(await server.refresh(pair["refreshToken"]), "ROTATED")
    first, second = administrative(server)
    assert first[:3] == ("SubjectSuspended", "subject:root", {"subject": "ada"})
    assert first[3]["reason"] == "fraud"
    assert second[:3] == ("SubjectReactivated", "subject:root", {"subject": "ada"})


async def test_a_subject_never_seen_can_be_suspended(server: Server) -> None:
    root = await admin(server)
    assert (await ask(server, SUSPEND, root, s="ghost", reason="x"))["status"] == "SUSPENDED"
    refused((await server.login_answer("ghost")).of("login"), "SUBJECT_INACTIVE")


@pytest.mark.parametrize("subject", ["", "x" * 256])
async def test_a_subject_that_cannot_be_one_is_refused(server: Server, subject: str) -> None:
    root = await admin(server)
    for query, more in (
        (SUSPEND, {"reason": "x"}),
        (REACTIVATE, {}),
        (NOT_BEFORE, {"time": "2026-01-01T00:00:00Z"}),
    ):
        assert (await ask(server, query, root, s=subject, **more))["code"] == "INVALID_ARGUMENT"
    assert administrative(server) == []


async def test_a_boundary_refuses_what_was_opened_before_and_never_moves_back(server: Server) -> None:
    old = await server.login()
    root = await admin(server)
    before = datetime.now(UTC)
    told = await ask(server, NOT_BEFORE, root, time="2036-01-01T00:00:00+01:00", s="ada")
    boundary = datetime.fromisoformat(told["time"])
    assert before <= boundary <= datetime.now(UTC)
    assert (told["subject"], told["clientId"]) == ("ada", None)
    assert (
        refused(await server.refresh(old["refreshToken"]), "SESSION_REVOKED")["endedReason"] == "NOT_BEFORE"
    )
    new = await server.login()
    assert (await ask(server, NOT_BEFORE, root, time="2026-01-01T00:00:00Z", s="ada"))["time"] == told["time"]
    granted(await server.refresh(new["refreshToken"]), "ROTATED")
    assert [one[0] for one in administrative(server)] == ["NotBeforeSet"]


async def test_a_boundary_of_a_client_and_of_everyone(server: Server) -> None:
    root = await admin(server)
    now = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert (await ask(server, NOT_BEFORE, root, time=now, c="web"))["clientId"] == "web"
    assert (await ask(server, NOT_BEFORE, root, time=now, c="nobody"))["code"] == "NOT_FOUND"
    assert (await ask(server, NOT_BEFORE, root, time=now, c="web", s="ada"))["code"] == "INVALID_ARGUMENT"
    old = await server.login()
    told = await ask(server, NOT_BEFORE, root, time=datetime.now(UTC).isoformat())
    assert (told["subject"], told["clientId"]) == (None, None)
    refused(await server.refresh(old["refreshToken"]), "SESSION_REVOKED")
    answer = await server.http.graphql(REACTIVATE, {"s": "x"}, access_token=root)
    assert answer.status == 401  # the administrator's own session was opened before, too


@pytest.mark.parametrize(
    "time", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", 7]
)
async def test_a_time_that_is_none_is_refused(server: Server, time: object) -> None:
    answer = await server.http.graphql(NOT_BEFORE, {"time": time}, access_token=await admin(server))
    assert answer.status == 422
    assert answer.json["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_bulk_run_after_its_dry_run(server: Server) -> None:
    pairs = [await server.login("ada") for _ in range(12)]
    bobs = await server.login("bob")
    root = await admin(server)
    given = {"filter": {"subject": "ada"}, "reason": "stolen laptop"}
    dry = await ask(server, REVOKE_ALL, root, **given, dryRun=True)
    assert (dry["matched"], dry["revoked"], dry["remaining"], dry["dryRun"]) == (12, 0, 12, True)
    assert [one["id"] for one in dry["sample"]] == [pair["session"]["id"] for pair in pairs[:1:-1]]
    assert administrative(server) == []
    told = await ask(server, REVOKE_ALL, root, **given, dryRun=False, most=11)
    assert told["code"] == "TOO_MANY_MATCHES"
    granted(await server.refresh(pairs[0]["refreshToken"]), "ROTATED")
    told = await ask(server, REVOKE_ALL, root, **given, dryRun=False, most=12)
    assert (told["matched"], told["revoked"], told["remaining"]) == (12, 12, 0)
    told = await ask(server, REVOKE_ALL, root, **given, dryRun=False, most=12)
    assert (told["matched"], told["revoked"], told["remaining"]) == (0, 0, 0)
    granted(await server.refresh(bobs["refreshToken"]), "ROTATED")
    ended = server.execute(
        "SELECT count(*), count(DISTINCT stream_id) FROM events WHERE type = 'TokenRevoked'"
    )
    assert ended == [(12, 12)]
    first = administrative(server)[0]
    assert first[:3] == (
        "BulkRevocationExecuted",
        "subject:root",
        {"filter": {"subject": "ada"}, "matched": 12, "revoked": 12},
    )
    assert first[3]["reason"] == "stolen laptop"


async def test_every_field_of_the_filter_counts_and_what_is_personal_lies_beside_the_event(
    server: Server,
) -> None:
    root = await admin(server)
    phone = Http(server.application, address="203.0.113.9")
    wanted = await server.login("ada", deviceLabel="phone")
    await server.refresh(wanted["refreshToken"], phone)
    other = await server.login("ada", deviceLabel="laptop")
    now = datetime.now(UTC)
    given = {
        "ids": [wanted["session"]["id"], other["session"]["id"]],
        "subject": "ada",
        "clientId": "web",
        "deviceLabel": "phone",
        "ipAddress": "203.0.113.0/24",
        "status": "ACTIVE",
        "createdAfter": (now - timedelta(hours=1)).isoformat(),
        "createdBefore": (now + timedelta(hours=1)).isoformat(),
        "lastUsedBefore": (now + timedelta(hours=1)).isoformat(),
    }
    for field, nothing in (
        ("subject", "bob"),
        ("clientId", "other"),
        ("deviceLabel", "phon"),
        ("ipAddress", "203.0.114.0/24"),
        ("status", "SUSPENDED"),
        ("createdAfter", (now + timedelta(minutes=50)).isoformat()),
        ("createdBefore", (now - timedelta(minutes=50)).isoformat()),
        ("lastUsedBefore", (now - timedelta(hours=1)).isoformat()),
        ("ids", [other["session"]["id"]]),
    ):
        none = await ask(server, REVOKE_ALL, root, filter=given | {field: nothing}, reason="x", dryRun=True)
        assert none["matched"] == 0, field
    told = await ask(server, REVOKE_ALL, root, filter=given, reason="x", dryRun=False)
    assert (told["matched"], told["revoked"]) == (1, 1)
    (event,) = administrative(server)
    assert "phone" not in orjson.dumps(event[2]).decode()
    assert event[3]["filter"] == {"device_label": "phone", "ip_address": "203.0.113.0/24"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "filter"),
        ({"ids": []}, "filter.ids"),
        ({"ids": ["x"]}, "filter.ids"),
        ({"ids": [UNKNOWN] * 501}, "filter.ids"),
        ({"subject": ""}, "filter.subject"),
        ({"deviceLabel": "x" * 256}, "filter.deviceLabel"),
        ({"ipAddress": "nowhere"}, "filter.ipAddress"),
        ({"ipAddress": "10.0.0.1/8"}, "filter.ipAddress"),
        ({"status": "REVOKED"}, "filter.status"),
        ({"status": "EXPIRED"}, "filter.status"),
        (
            {"createdAfter": "2026-02-01T00:00:00Z", "createdBefore": "2026-01-01T00:00:00Z"},
            "filter.createdBefore",
        ),
        ({"subject": None, "ids": None}, "filter"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    server: Server, given: dict[str, Any], named: str
) -> None:
    root = await admin(server)
    for dry_run in (True, False):
        told = await ask(server, REVOKE_ALL, root, filter=given, reason="x", dryRun=dry_run)
        assert told["code"] == "INVALID_ARGUMENT"
        assert named in told["message"]
    assert administrative(server) == []


async def test_a_reason_and_a_number_that_cannot_be_are_refused(server: Server) -> None:
    root = await admin(server)
    for more in ({"reason": ""}, {"reason": "x" * 1001}, {"reason": "x", "most": -1}):
        given = {"filter": {"subject": "ada"}, "dryRun": False, **more}
        assert (await ask(server, REVOKE_ALL, root, **given))["code"] == "INVALID_ARGUMENT"


async def test_what_has_ended_or_expired_already_does_not_match(server: Server) -> None:
    for _ in range(2):
        await server.login("ada")
    server.elapsed = timedelta(days=8)
    ended = await server.login("ada")
    await server.logout(ended["refreshToken"])
    await server.login("ada")
    told = await ask(
        server, REVOKE_ALL, await admin(server), filter={"subject": "ada"}, reason="x", dryRun=False
    )
    assert (told["matched"], told["revoked"]) == (1, 1)
