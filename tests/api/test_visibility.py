"""Who sees what: one's own sessions and events in pages; another's answers like an unknown one."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.api.http import Answer
from tests.api.server import Server

ONE = "query ($id: ID!) { session(id: $id) { id } node(id: $id) { __typename id } }"
NODE = """
query ($id: ID!) {
  node(id: $id) {
    __typename
    id
    ... on Session { status subject clientId isCurrent generation }
    ... on Event { type version sessionId of: subject by: clientId actor correlationId leafHash erased }
  }
}
"""
SESSIONS = """
query ($status: SessionStatus, $first: Int = 50, $after: Cursor) {
  me {
    id status notBefore
    sessions(status: $status, first: $first, after: $after) {
      edges { cursor node { id status isCurrent endedReason } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
EVENTS = """
query ($id: ID!, $first: Int = 50, $after: Cursor) {
  session(id: $id) {
    events(first: $first, after: $after) {
      edges { cursor node { id version type } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
BROKEN = "`after` must be a cursor that this list gave with the same filter."


async def ask(server: Server, pair: Any, query: str, **variables: Any) -> Answer:
    return await server.http.graphql(query, variables, access_token=pair["accessToken"])


async def sessions_page(server: Server, pair: Any, **variables: Any) -> Any:
    return (await ask(server, pair, SESSIONS, **variables)).of("me")["sessions"]


async def events_page(server: Server, pair: Any, **variables: Any) -> Any:
    answer = await ask(server, pair, EVENTS, **({"id": pair["session"]["id"]} | variables))
    return answer.of("session")["events"]


def ids(page: Any) -> list[str]:
    return [edge["node"]["id"] for edge in page["edges"]]


async def refused_cursor(server: Server, pair: Any, query: str, **variables: Any) -> None:
    answer = await ask(server, pair, query, **variables)
    assert answer.status == 294, answer.body
    assert answer.json["data"] is None
    (error,) = answer.json["errors"]
    assert (error["message"], error["extensions"]["code"]) == (BROKEN, "BAD_USER_INPUT")


def without_request_id(answer: Answer) -> tuple[object, ...]:
    """Everything that a caller can tell an answer by."""
    headers = [(name, value) for name, value in answer.headers if name != "x-request-id"]
    request_id = answer.header("x-request-id") or ""
    return answer.status, headers, answer.body.replace(request_id.encode(), b"")


async def test_anothers_session_and_event_answer_exactly_as_unknown_ones(server: Server) -> None:
    ada, bob = await server.login("ada"), await server.login("bob")
    await server.refresh(bob["refreshToken"])
    ended = await server.login("bob")
    await server.logout(ended["refreshToken"])
    hers = bob["session"]["id"]
    unknown = str(uuid4())
    for query in (ONE, NODE):
        answer = await ask(server, ada, query, id=unknown)
        assert answer.of("node") is None
        expected = without_request_id(answer)
        for other in (
            hers,
            ended["session"]["id"],
            f"{hers}:1",
            f"{hers}:2",
            f"{hers}:3",
            f"{unknown}:1",
            hers.upper(),
            hers.replace("-", ""),
            "{" + hers + "}",
            f"urn:uuid:{hers}",
            "bob",
            "ada",
            "",
            ":",
            ":1",
        ):
            assert without_request_id(await ask(server, ada, query, id=other)) == expected, other
    assert (await ask(server, bob, ONE, id=hers)).of("session") == {"id": hers}


async def test_the_events_of_anothers_session_are_not_there(server: Server) -> None:
    ada, bob = await server.login("ada"), await server.login("bob")
    of_bob = await ask(server, ada, EVENTS, id=bob["session"]["id"])
    unknown = await ask(server, ada, EVENTS, id=str(uuid4()))
    assert without_request_id(of_bob) == without_request_id(unknown)
    assert of_bob.of("session") is None


async def test_a_cursor_of_anothers_list_is_a_broken_one(server: Server) -> None:
    ada, bob = await server.login("ada"), await server.login("bob")
    hers = await sessions_page(server, bob)
    cursor = hers["pageInfo"]["endCursor"]
    assert cursor
    await refused_cursor(server, ada, SESSIONS, after=cursor)
    theirs = (await events_page(server, bob))["pageInfo"]["endCursor"]
    await refused_cursor(server, ada, EVENTS, id=ada["session"]["id"], after=theirs)


async def test_an_event_has_one_id(server: Server) -> None:
    pair = await server.login()
    own = pair["session"]["id"]
    assert (await ask(server, pair, NODE, id=f"{own}:1")).of("node") is not None
    for version in ("0", "2", "-1", "01", "+1", "1 ", " 1", "1.0", "1e0", "9" * 30, "\u0661", "x", "", "1:1"):
        assert (await ask(server, pair, NODE, id=f"{own}:{version}")).of("node") is None, version


async def test_nodes_are_ones_own_sessions_and_their_events(server: Server) -> None:
    login = await server.login_answer()
    pair = login.of("login")
    own = pair["session"]["id"]
    session = (await ask(server, pair, NODE, id=own)).of("node")
    assert session == {
        "__typename": "Session",
        "id": own,
        "status": "ACTIVE",
        "subject": "ada",
        "clientId": "web",
        "isCurrent": True,
        "generation": 0,
    }
    event = (await ask(server, pair, NODE, id=f"{own}:1")).of("node")
    assert event["__typename"] == "Event"
    assert (event["id"], event["type"], event["version"]) == (f"{own}:1", "TOKEN_ISSUED", 1)
    assert (event["sessionId"], event["of"], event["by"]) == (own, "ada", "web")
    assert (event["erased"], event["actor"]) == (False, "subject:ada")
    assert event["correlationId"] == login.header("x-request-id")
    stored = server.execute("SELECT encode(leaf_hash, 'hex') FROM events WHERE stream_id = %s::uuid", own)
    assert stored == [(event["leafHash"],)]


async def test_a_session_shows_where_it_was_used_last(server: Server) -> None:
    query = "query ($id: ID!) { session(id: $id) { deviceLabel ipAddress userAgent lastUsedAt createdAt } }"
    pair = await server.login(deviceLabel="Work laptop")
    server.elapsed = timedelta(minutes=5)
    server.http.address, server.http.user_agent = "198.51.100.7", "Phone/1"
    pair = await server.refresh(pair["refreshToken"])
    shown = (await ask(server, pair, query, id=pair["session"]["id"])).of("session")
    opened, used = (datetime.fromisoformat(shown.pop(name)) for name in ("createdAt", "lastUsedAt"))
    assert timedelta(minutes=5) <= used - opened < timedelta(minutes=6)
    assert shown == {"deviceLabel": "Work laptop", "ipAddress": "198.51.100.7", "userAgent": "Phone/1"}


async def test_me_is_the_subject_with_its_boundary(server: Server) -> None:
    boundary = datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    server.set_subject(not_before=boundary)
    me = (await ask(server, await server.login(), SESSIONS)).of("me")
    assert (me["id"], me["status"], me["notBefore"]) == ("ada", "ACTIVE", "2020-01-02T03:04:05.678901Z")


async def test_a_suspended_subject_sees_that_it_is(server: Server) -> None:
    pair = await server.login()
    server.set_subject(status="suspended")
    me = (await ask(server, pair, SESSIONS)).of("me")
    assert me["status"] == "SUSPENDED"
    assert [edge["node"]["status"] for edge in me["sessions"]["edges"]] == ["SUSPENDED"]
    assert ids(await sessions_page(server, pair, status="ACTIVE")) == []
    assert len(ids(await sessions_page(server, pair, status="SUSPENDED"))) == 1


async def test_pages_of_sessions_are_newest_first_and_meet_without_a_gap(server: Server) -> None:
    pairs = [await server.login() for _ in range(7)]
    await server.login("bob")
    newest_first = [pair["session"]["id"] for pair in reversed(pairs)]
    seen: list[str] = []
    after = None
    pages = 0
    while True:
        page = await sessions_page(server, pairs[3], first=3, after=after)
        seen += ids(page)
        pages += 1
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is False
        assert info["startCursor"] == page["edges"][0]["cursor"]
        assert info["endCursor"] == page["edges"][-1]["cursor"]
        current = [edge["node"]["id"] for edge in page["edges"] if edge["node"]["isCurrent"]]
        assert current in ([], [pairs[3]["session"]["id"]])
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]
    assert (seen, pages) == (newest_first, 3)


async def test_a_session_opened_between_two_pages_neither_hides_nor_repeats_another(server: Server) -> None:
    pairs = [await server.login() for _ in range(4)]
    first = await sessions_page(server, pairs[0], first=2)
    await server.login()
    second = await sessions_page(server, pairs[0], first=2, after=first["pageInfo"]["endCursor"])
    assert ids(first) + ids(second) == [pair["session"]["id"] for pair in reversed(pairs)]


async def test_a_page_that_is_just_full_is_the_last_one(server: Server) -> None:
    pairs = [await server.login() for _ in range(2)]
    page = await sessions_page(server, pairs[0], first=2)
    assert page["pageInfo"]["hasNextPage"] is False
    after = await sessions_page(server, pairs[0], first=2, after=page["pageInfo"]["endCursor"])
    assert after == {
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


async def test_sessions_by_status(server: Server) -> None:
    own, out, old = await server.login(), await server.login(), await server.login()
    await server.logout(out["refreshToken"])
    server.execute(
        "UPDATE active_tokens SET idle_expires_at = now() - interval '1 minute' WHERE family_id = %s::uuid",
        old["session"]["id"],
    )
    of = {
        status: ids(await sessions_page(server, own, status=status))
        for status in ("ACTIVE", "REVOKED", "EXPIRED", None)
    }
    assert of == {
        "ACTIVE": [own["session"]["id"]],
        "REVOKED": [out["session"]["id"]],
        "EXPIRED": [old["session"]["id"]],
        None: [one["session"]["id"] for one in (old, out, own)],
    }
    server.execute("UPDATE active_tokens SET idle_expires_at = now() + interval '1 hour' WHERE true")
    server.execute("DELETE FROM active_tokens")
    server.execute("ALTER TABLE events DISABLE TRIGGER append_only")
    server.execute("DELETE FROM events")


async def test_a_cursor_is_of_use_with_the_same_filter_only(server: Server) -> None:
    pair = await server.login()
    await server.login()
    cursor = (await sessions_page(server, pair, first=1))["pageInfo"]["endCursor"]
    await refused_cursor(server, pair, SESSIONS, status="ACTIVE", after=cursor)
    active = (await sessions_page(server, pair, first=1, status="ACTIVE"))["pageInfo"]["endCursor"]
    await refused_cursor(server, pair, SESSIONS, after=active)
    assert len(ids(await sessions_page(server, pair, first=5, status="ACTIVE", after=active))) == 1


async def test_a_cursor_of_another_kind_of_list_is_refused(server: Server) -> None:
    pair = await server.login()
    await server.refresh(pair["refreshToken"])
    of_sessions = (await sessions_page(server, pair))["pageInfo"]["endCursor"]
    of_events = (await events_page(server, pair))["pageInfo"]["endCursor"]
    await refused_cursor(server, pair, EVENTS, id=pair["session"]["id"], after=of_sessions)
    await refused_cursor(server, pair, SESSIONS, after=of_events)
    other = await server.login()
    await refused_cursor(server, pair, EVENTS, id=other["session"]["id"], after=of_events)


async def test_a_cursor_that_was_changed_in_any_place_is_refused(server: Server) -> None:
    pair = await server.login()
    cursor = (await sessions_page(server, pair))["pageInfo"]["endCursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for at in range(0, len(raw), 5):
        changed = bytearray(raw)
        changed[at] ^= 1
        after = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        await refused_cursor(server, pair, SESSIONS, after=after)
    for after in ("", "x", "=", cursor[:-1], cursor + "A", cursor + "=", " " + cursor, "A" * 5000, "☂"):
        await refused_cursor(server, pair, SESSIONS, after=after)


async def test_a_timeline_is_paged_from_its_first_event_on(server: Server) -> None:
    server.set_policy(rate_per_family=None)
    pair = await server.login()
    token = pair["refreshToken"]
    for _ in range(6):
        token = (await server.refresh(token))["refreshToken"]
    versions: list[int] = []
    after = None
    for more in (True, True, False):
        page = await events_page(server, pair, first=3, after=after)
        versions += [edge["node"]["version"] for edge in page["edges"]]
        assert page["pageInfo"]["hasNextPage"] is more
        after = page["pageInfo"]["endCursor"]
    assert versions == [1, 2, 3, 4, 5, 6, 7]
    await server.refresh(token)
    page = await events_page(server, pair, first=3, after=after)
    assert [edge["node"]["version"] for edge in page["edges"]] == [8]


async def test_a_page_has_1_to_500(server: Server) -> None:
    pair = await server.login()
    out_of_range: list[object] = [0, -1, 501, None, 501.0]
    of_another_type: list[object] = [500.5, "50", True, [5]]
    for status, refused in ((294, out_of_range), (422, of_another_type)):
        for first in refused:
            for query in (SESSIONS, EVENTS):
                answer = await ask(server, pair, query, id=pair["session"]["id"], first=first)
                assert answer.status == status, (first, answer.body)
                assert answer.json["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    for allowed in (1, 500, 500.0):
        assert len(ids(await sessions_page(server, pair, first=allowed))) == 1


async def test_many_timelines_in_one_query_use_few_connections(server: Server) -> None:
    pairs = [await server.login() for _ in range(30)]
    query = "{ me { sessions { edges { node { events(first: 1) { edges { node { version } } } } } } } }"
    pool = server.application._graphql._services.pool
    before = pool.get_stats().get("requests_queued", 0)
    answer = await ask(server, pairs[0], query)
    edges = answer.of("me")["sessions"]["edges"]
    assert [edge["node"]["events"]["edges"][0]["node"]["version"] for edge in edges] == [1] * 30
    assert pool.get_stats().get("requests_queued", 0) == before
