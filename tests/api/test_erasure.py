"""Subjects erased and held: by whom, what is left of them, and that it is for good."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from ledger.recorded_event import RecordedEvent, read_stream
from tests.api.server import LOGIN, Server
from tests.api.test_administration import (
    NOT_BEFORE,
    REACTIVATE,
    REVOKE_ALL,
    SUSPEND,
    admin,
    administrative,
    ask,
)
from tests.api.test_issue_session import backend, issue
from tests.api.test_subject import auditor
from tests.api.test_tokens import granted, refused

SUBJECT = "__typename ... on Subject { id status legalHold } ... on RequestProblem { code message requestId }"
ERASE = (
    f"mutation ($s: ID!, $reason: String) {{ eraseSubject(subject: $s, reason: $reason) {{ {SUBJECT} }} }}"
)
HOLD = (
    "mutation ($s: ID!, $held: Boolean!, $reason: String!) "
    f"{{ setLegalHold(subject: $s, held: $held, reason: $reason) {{ {SUBJECT} }} }}"
)
SESSION = """
query ($id: ID!) {
  session(id: $id) {
    status endedReason deviceLabel ipAddress userAgent
    events(first: 500) { edges { node { type actor ipAddress userAgent reason erased leafHash } } }
  }
}
"""
KNOWN = "query ($s: ID!) { subject(id: $s) { id status legalHold } }"


async def officer(server: Server, name: str = "dpo") -> str:
    """The access token of a person who may erase."""
    given = {"assertion": server.assertion(name, scope="subjects:erase"), "transport": "BODY"}
    pair = granted((await server.http.graphql(LOGIN, {"input": given})).of("login"), "ISSUED")
    return str(pair["accessToken"])


async def events_of(server: Server, stream_id: UUID) -> list[RecordedEvent]:
    async with await psycopg.AsyncConnection.connect(server.database_url) as connection:
        return await read_stream(connection, stream_id, maximum=1000)


def acts(server: Server) -> list[tuple[str, str | None]]:
    """Type and reason of what was done about subjects."""
    return [
        (kind, personal.get("reason"))
        for kind, _, _, personal in administrative(server)
        if kind not in ("ClientRegistered", "AuditRead")
    ]


def personal_of(server: Server, subject: str) -> int:
    """How many events of the subject's sessions have personal data beside them."""
    ((count,),) = server.execute(
        "SELECT count(*) FROM personal_data JOIN active_tokens ON family_id = stream_id WHERE subject = %s",
        subject,
    )
    return int(count)


async def test_an_erased_subject_has_no_session_and_nothing_personal(server: Server) -> None:
    token = await officer(server)
    living, over = await server.login(deviceLabel="laptop"), await server.login(deviceLabel="phone")
    await server.logout(over["refreshToken"])
    living = await server.refresh(living["refreshToken"])
    bob = await server.login("bob", deviceLabel="laptop")
    assert await ask(server, ERASE, token, s="ada", reason="request 17") == {
        "__typename": "Subject",
        "id": "ada",
        "status": "ERASED",
        "legalHold": False,
    }
    assert personal_of(server, "ada") == 0
    rows = server.execute(
        "SELECT status, device_label, claims, address, user_agent, bookkeeping::text, windows"
        " FROM active_tokens WHERE subject = 'ada'"
    )
    assert rows == [("revoked", None, None, None, None, "{}", b"")] * 2
    assert personal_of(server, "bob") == 1
    told = refused(await server.refresh(living["refreshToken"]), "SESSION_REVOKED")
    assert told["endedReason"] == "ERASURE"
    granted(await server.refresh(bob["refreshToken"]), "ROTATED")


async def test_what_was_erased_shows_as_erased_and_every_leaf_stays_as_it_was(server: Server) -> None:
    token, reader = await officer(server), await auditor(server)
    pair = await server.login(deviceLabel="laptop")
    await server.refresh(pair["refreshToken"])
    session_id = pair["session"]["id"]
    before = (await server.http.graphql(SESSION, {"id": session_id}, access_token=reader)).of("session")
    await ask(server, ERASE, token, s="ada")
    after = (await server.http.graphql(SESSION, {"id": session_id}, access_token=reader)).of("session")
    assert {name: after[name] for name in after if name != "events"} == {
        "status": "REVOKED",
        "endedReason": "ERASURE",
        "deviceLabel": None,
        "ipAddress": None,
        "userAgent": None,
    }
    old, new = ([one["node"] for one in told["events"]["edges"]] for told in (before, after))
    assert [one["leafHash"] for one in new[:2]] == [one["leafHash"] for one in old]
    assert [one["ipAddress"] for one in old] == ["192.0.2.7", "192.0.2.7"]
    assert [
        (one["type"], one["erased"], one["ipAddress"], one["userAgent"], one["reason"]) for one in new
    ] == [
        ("TOKEN_ISSUED", True, None, None, None),
        ("TOKEN_ROTATED", True, None, None, None),
        ("TOKEN_REVOKED", False, None, None, None),
    ]
    assert new[-1]["actor"] == "subject:dpo"
    recorded = await events_of(server, UUID(session_id))
    assert [one.is_intact() for one in recorded] == [True] * 3
    assert all(next_one.previous == one.leaf_hash for one, next_one in pairwise(recorded))


async def test_the_end_of_each_session_says_which_erasure_caused_it(server: Server) -> None:
    token = await officer(server)
    pair = await server.login()
    await ask(server, ERASE, token, s="ada", reason="request 17")
    (erased,) = server.execute("SELECT stream_id, correlation_id FROM events WHERE type = 'SubjectErased'")
    (revoked,) = server.execute(
        "SELECT stream_id, causation, correlation_id, payload::json ->> 'reason' FROM events"
        " WHERE type = 'TokenRevoked'"
    )
    assert revoked == (UUID(pair["session"]["id"]), f"{erased[0]}:1", erased[1], "erasure")


async def test_an_erasure_is_an_event_once_with_who_and_why(server: Server) -> None:
    token = await officer(server)
    for _ in range(3):
        assert (await ask(server, ERASE, token, s="ada", reason="request 17"))["status"] == "ERASED"
    ((kind, actor, payload, personal),) = administrative(server)
    assert (kind, actor, payload) == ("SubjectErased", "subject:dpo", {"subject": "ada"})
    assert (personal["reason"], personal["address"]) == ("request 17", "192.0.2.7")


async def test_whoever_erases_themselves_leaves_only_that(server: Server) -> None:
    token = await officer(server, "ada")
    assert (await ask(server, ERASE, token, s="ada", reason="my own"))["status"] == "ERASED"
    assert administrative(server) == [("SubjectErased", "subject:ada", {"subject": "ada"}, {})]
    answer = await server.http.graphql(ERASE, {"s": "ada"}, access_token=token)
    assert answer.status == 401


async def test_nobody_signs_in_as_an_erased_subject_and_nothing_brings_it_back(server: Server) -> None:
    token, root = await officer(server), await admin(server)
    await ask(server, ERASE, token, s="ada")
    told = (await server.login_answer()).of("login")
    assert refused(told, "SUBJECT_INACTIVE")["terminal"] is False
    shop = await backend(server, "sessions:issue")
    refused((await issue(server, shop)).of("issueSession"), "SUBJECT_INACTIVE")
    told = await ask(server, REACTIVATE, root, s="ada")
    assert (told["code"], told["message"]) == (
        "INVALID_ARGUMENT",
        "`subject` must not be of a subject that was erased: erasing is for good.",
    )
    assert (await ask(server, SUSPEND, root, s="ada", reason="fraud"))["status"] == "ERASED"
    refused((await server.login_answer()).of("login"), "SUBJECT_INACTIVE")
    assert acts(server) == [("SubjectErased", None)]


async def test_a_subject_never_seen_and_a_suspended_one_can_be_erased(server: Server) -> None:
    token, root, reader = await officer(server), await admin(server), await auditor(server)
    assert (await ask(server, ERASE, token, s="ghost"))["status"] == "ERASED"
    assert await ask(server, KNOWN, reader, s="ghost") == {
        "id": "ghost",
        "status": "ERASED",
        "legalHold": False,
    }
    await server.login()
    await ask(server, SUSPEND, root, s="ada", reason="fraud")
    assert (await ask(server, ERASE, token, s="ada"))["status"] == "ERASED"
    assert personal_of(server, "ada") == 0


@pytest.mark.parametrize(
    "given", [{"s": ""}, {"s": "x" * 256}, {"s": "ada", "reason": ""}, {"s": "ada", "reason": "x" * 1001}]
)
async def test_an_argument_that_cannot_be_used_erases_and_holds_nothing(
    server: Server, given: dict[str, Any]
) -> None:
    token = await officer(server)
    pair = await server.login()
    assert (await ask(server, ERASE, token, **given))["code"] == "INVALID_ARGUMENT"
    told = await ask(server, HOLD, token, **{"reason": "x", **given}, held=True)
    assert told["code"] == "INVALID_ARGUMENT"
    assert administrative(server) == []
    granted(await server.refresh(pair["refreshToken"]), "ROTATED")


async def test_a_held_subject_is_not_erased_until_it_is_released(server: Server) -> None:
    token, reader = await officer(server), await auditor(server)
    pair = await server.login(deviceLabel="laptop")
    for _ in range(2):
        told = await ask(server, HOLD, token, s="ada", held=True, reason="case 4711")
        assert (told["status"], told["legalHold"]) == ("ACTIVE", True)
    told = await ask(server, ERASE, token, s="ada", reason="request 17")
    assert (told["code"], told["message"]) == (
        "LEGAL_HOLD",
        "The subject is held: release it with `setLegalHold`.",
    )
    assert (await ask(server, KNOWN, reader, s="ada"))["legalHold"] is True
    assert personal_of(server, "ada") == 1
    pair = granted(await server.refresh(pair["refreshToken"]), "ROTATED")
    for _ in range(2):
        told = await ask(server, HOLD, token, s="ada", held=False, reason="case closed")
        assert told["legalHold"] is False
    assert acts(server) == [
        ("LegalHoldSet", "case 4711"),
        ("LegalHoldReleased", "case closed"),
    ]
    assert (await ask(server, ERASE, token, s="ada", reason="request 17"))["status"] == "ERASED"
    assert acts(server) == [
        ("LegalHoldSet", None),
        ("LegalHoldReleased", None),
        ("SubjectErased", "request 17"),
    ]


async def test_a_hold_that_came_after_an_erasure_refuses_to_go_on_with_it(server: Server) -> None:
    token = await officer(server)
    await ask(server, ERASE, token, s="ada")
    assert (await ask(server, HOLD, token, s="ada", held=True, reason="case 4711"))["legalHold"] is True
    assert (await ask(server, ERASE, token, s="ada"))["code"] == "LEGAL_HOLD"


async def test_acts_about_an_erased_subject_are_recorded_without_anything_personal(server: Server) -> None:
    token, root = await officer(server), await admin(server)
    await ask(server, ERASE, token, s="ada")
    await ask(server, HOLD, token, s="ada", held=True, reason="case of Ada Lovelace")
    await ask(server, NOT_BEFORE, root, s="ada", time="2026-01-01T00:00:00Z")
    found = await ask(
        server, REVOKE_ALL, root, filter={"subject": "ada", "deviceLabel": "x"}, reason="r", dryRun=False
    )
    assert found["matched"] == 0
    assert [(kind, personal) for kind, _, _, personal in administrative(server)[1:]] == [
        ("LegalHoldSet", {}),
        ("NotBeforeSet", {}),
        ("BulkRevocationExecuted", {}),
    ]


async def test_a_replay_of_an_erased_sessions_token_leaves_nothing_personal(server: Server) -> None:
    token = await officer(server)
    first = await server.login()
    await server.refresh(first["refreshToken"])
    await ask(server, ERASE, token, s="ada")
    server.elapsed = timedelta(minutes=1)
    refused(await server.refresh(first["refreshToken"]), "SESSION_REVOKED")
    assert server.recorded(first["session"]["id"])[-1] == "ReplayedAfterRevocation"
    assert personal_of(server, "ada") == 0


async def test_what_was_left_by_a_call_that_was_cut_off_is_erased_by_the_next(server: Server) -> None:
    token = await officer(server)
    pairs = [await server.login(deviceLabel=f"device {number}") for number in range(3)]
    server.set_subject(status="erased")
    assert personal_of(server, "ada") == 3
    assert (await ask(server, ERASE, token, s="ada"))["status"] == "ERASED"
    assert personal_of(server, "ada") == 0
    for pair in pairs:
        assert server.recorded(pair["session"]["id"]) == ["TokenIssued", "TokenRevoked"]


async def test_many_sessions_are_erased_in_steps(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.active_tokens.erasing._FAMILIES_A_STEP", 3)
    monkeypatch.setattr("projections.active_tokens.erasing._EVENTS_A_STEP", 4)
    token = await officer(server)
    for number in range(8):
        pair = await server.login()
        for _ in range(number % 4):
            pair = await server.refresh(pair["refreshToken"])
    assert personal_of(server, "ada") == 20
    await ask(server, ERASE, token, s="ada")
    assert personal_of(server, "ada") == 0
    assert server.execute("SELECT DISTINCT status, address FROM active_tokens WHERE subject = 'ada'") == [
        ("revoked", None)
    ]


async def test_what_an_erased_administrator_did_to_somebody_held_keeps_its_reason(server: Server) -> None:
    token, root = await officer(server), await admin(server)
    for subject in ("bob", "carol"):
        await server.login(subject)
        await ask(server, REVOKE_ALL, root, filter={"subject": subject}, reason="r", dryRun=False)
        await ask(server, SUSPEND, root, s=subject, reason=f"about {subject}")
    await ask(server, HOLD, token, s="bob", held=True, reason="case")

    def kept() -> list[Any]:
        return server.execute(
            "SELECT coalesce(a.subject, e.payload::json ->> 'subject') FROM events AS e JOIN personal_data"
            " USING (stream_id, version) LEFT JOIN active_tokens AS a ON a.family_id = stream_id"
            " WHERE type IN ('TokenRevoked', 'SubjectSuspended') ORDER BY 1"
        )

    assert kept() == [("bob",), ("bob",), ("carol",), ("carol",)]
    await ask(server, ERASE, token, s="root")
    assert kept() == [("bob",), ("bob",)]
    await ask(server, HOLD, token, s="bob", held=False, reason="closed")
    await ask(server, ERASE, token, s="root")
    assert kept() == []


@pytest.mark.parametrize(("query", "more"), [(ERASE, {}), (HOLD, {"held": True, "reason": "x"})])
async def test_another_scope_is_not_enough(server: Server, query: str, more: dict[str, Any]) -> None:
    answer = await server.http.graphql(query, {"s": "ada", **more}, access_token=await admin(server))
    assert answer.status == 403
    assert answer.header("www-authenticate") == 'Bearer error="insufficient_scope", scope="subjects:erase"'
    assert administrative(server) == []
