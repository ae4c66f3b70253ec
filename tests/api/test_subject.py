"""`subject(id)`: an analyst looks at a user, at their sessions and at what happened to each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.http import Answer
from tests.api.server import Server
from tests.api.test_administration import NOT_BEFORE, REACTIVATE, SUSPEND, admin
from tests.api.test_administration import ask as ask_root
from tests.api.test_issue_session import backend
from tests.api.test_visibility import BROKEN, NODE, SESSIONS, ids

SUBJECT = """
query ($id: ID!, $status: SessionStatus, $first: Int = 50, $after: Cursor) {
  subject(id: $id) {
    id status notBefore
    sessions(status: $status, first: $first, after: $after) {
      edges { cursor node { id subject status isCurrent endedReason events(first: 5) {
        edges { node { type subject } }
      } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


async def auditor(server: Server) -> str:
    """The access token of a client that may read everything."""
    return await backend(server, "audit:read", name="auditor")


async def answer_of(server: Server, token: str, **variables: Any) -> Answer:
    return await server.http.graphql(SUBJECT, variables, access_token=token)


async def seen(server: Server, token: str, subject: str = "ada", **variables: Any) -> Any:
    return (await answer_of(server, token, id=subject, **variables)).of("subject")


async def test_an_analyst_sees_a_user_with_every_session_and_what_happened_to_it(server: Server) -> None:
    token = await auditor(server)
    first, second = await server.login(), await server.login()
    await server.login("bob")
    await server.refresh(first["refreshToken"])
    await server.logout(second["refreshToken"])
    told = await seen(server, token)
    assert (told["id"], told["status"], told["notBefore"]) == ("ada", "ACTIVE", None)
    assert [
        (
            edge["node"]["id"],
            edge["node"]["subject"],
            edge["node"]["status"],
            edge["node"]["endedReason"],
            [one["node"]["type"] for one in edge["node"]["events"]["edges"]],
        )
        for edge in told["sessions"]["edges"]
    ] == [
        (second["session"]["id"], "ada", "REVOKED", "LOGOUT", ["TOKEN_ISSUED", "TOKEN_REVOKED"]),
        (first["session"]["id"], "ada", "ACTIVE", None, ["TOKEN_ISSUED", "TOKEN_ROTATED"]),
    ]
    assert not any(edge["node"]["isCurrent"] for edge in told["sessions"]["edges"])


async def test_a_person_with_the_scope_sees_others_and_themselves(server: Server) -> None:
    given = server.assertion("eva", scope="audit:read")
    own = await server.login("eva", assertion=given)
    await server.login("ada")
    token = own["accessToken"]
    assert len(ids((await seen(server, token, "ada"))["sessions"])) == 1
    (edge,) = (await seen(server, token, "eva"))["sessions"]["edges"]
    assert (edge["node"]["id"], edge["node"]["isCurrent"]) == (own["session"]["id"], True)


async def test_what_was_decided_about_a_user_is_seen_at_once(server: Server) -> None:
    token, root = await auditor(server), await admin(server)
    await server.login()
    await ask_root(server, SUSPEND, root, s="ada", reason="fraud")
    told = await seen(server, token)
    assert told["status"] == "SUSPENDED"
    assert [edge["node"]["status"] for edge in told["sessions"]["edges"]] == ["SUSPENDED"]
    await ask_root(server, REACTIVATE, root, s="ada")
    boundary = await ask_root(server, NOT_BEFORE, root, s="ada", time="2036-01-01T00:00:00Z")
    told = await seen(server, token)
    assert (told["status"], told["notBefore"]) == ("ACTIVE", boundary["time"])
    assert [edge["node"]["endedReason"] for edge in told["sessions"]["edges"]] == ["NOT_BEFORE"]


async def test_a_user_exists_as_soon_as_anything_was_done_for_its_id(server: Server) -> None:
    token, root = await auditor(server), await admin(server)
    assert await seen(server, token, "ghost") is None
    await ask_root(server, SUSPEND, root, s="ghost", reason="x")
    told = await seen(server, token, "ghost")
    assert (told["id"], told["status"], told["sessions"]["edges"]) == ("ghost", "SUSPENDED", [])
    await ask_root(server, REACTIVATE, root, s="ghost")
    assert (await seen(server, token, "ghost"))["status"] == "ACTIVE"
    assert await seen(server, token, "bob") is None
    pair = await server.login("bob")
    await server.logout(pair["refreshToken"])
    server.elapsed = timedelta(seconds=1)
    assert len(ids((await seen(server, token, "bob"))["sessions"])) == 1


@pytest.mark.parametrize("subject", ["", "nobody", "ADA", "ada ", "x" * 255, "x" * 5000, "%", "ä", "*"])
async def test_an_id_for_which_nothing_was_done_is_nobodys(server: Server, subject: str) -> None:
    token = await auditor(server)
    await server.login()
    assert await seen(server, token, subject) is None


async def test_an_id_of_a_session_or_one_with_a_nul_is_nobodys(server: Server) -> None:
    token = await auditor(server)
    pair = await server.login()
    assert await seen(server, token, pair["session"]["id"]) is None
    answer = await server.http.graphql('{ subject(id: "a\\u0000da") { id } }', access_token=token)
    assert answer.of("subject") is None


async def test_pages_and_statuses_are_those_of_ones_own_list(server: Server) -> None:
    token = await auditor(server)
    pairs = [await server.login() for _ in range(5)]
    await server.logout(pairs[4]["refreshToken"])
    first = (await seen(server, token, first=2))["sessions"]
    second = (await seen(server, token, first=3, after=first["pageInfo"]["endCursor"]))["sessions"]
    assert ids(first) + ids(second) == [pair["session"]["id"] for pair in reversed(pairs)]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert ids((await seen(server, token, status="REVOKED"))["sessions"]) == [pairs[4]["session"]["id"]]
    own = await server.http.graphql(SESSIONS, {"first": 2}, access_token=pairs[0]["accessToken"])
    assert ids(own.of("me")["sessions"]) == ids(first)


async def test_a_cursor_of_another_user_or_of_another_filter_is_refused(server: Server) -> None:
    token = await auditor(server)
    for subject in ("ada", "ada", "bob", "bob"):
        await server.login(subject)
    cursor = (await seen(server, token, first=1))["sessions"]["pageInfo"]["endCursor"]
    for variables in ({"id": "bob"}, {"id": "ada", "status": "ACTIVE"}):
        answer = await answer_of(server, token, **variables, after=cursor)
        assert (answer.status, answer.json["data"]) == (294, None)
        (error,) = answer.json["errors"]
        assert (error["message"], error["extensions"]["code"]) == (BROKEN, "BAD_USER_INPUT")


async def test_without_the_scope_one_does_not_even_see_oneself(server: Server) -> None:
    pair = await server.login()
    await server.login("bob")
    for subject in ("ada", "bob", "nobody"):
        answer = await answer_of(server, pair["accessToken"], id=subject)
        assert answer.status == 403
        assert answer.header("www-authenticate") == 'Bearer error="insufficient_scope", scope="audit:read"'
        assert "data" not in answer.json


async def test_an_analyst_opens_any_session_and_any_of_its_events_by_id(server: Server) -> None:
    token = await auditor(server)
    pair = await server.login()
    await server.refresh(pair["refreshToken"])
    own = pair["session"]["id"]
    assert [one["type"] for one in await server.events(own, token)] == ["TOKEN_ISSUED", "TOKEN_ROTATED"]
    node = (await server.http.graphql(NODE, {"id": own}, access_token=token)).of("node")
    assert (node["id"], node["subject"], node["isCurrent"]) == (own, "ada", False)
    event = (await server.http.graphql(NODE, {"id": f"{own}:2"}, access_token=token)).of("node")
    assert (event["type"], event["of"]) == ("TOKEN_ROTATED", "ada")
    for unknown in (str(uuid4()), f"{own}:3", "ada", ""):
        answer = await server.http.graphql(NODE, {"id": unknown}, access_token=token)
        assert answer.of("node") is None, unknown
    root = await admin(server)
    assert (await server.http.graphql(NODE, {"id": own}, access_token=root)).of("node") is None
