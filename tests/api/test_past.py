"""Sessions of the past over the API: whose, until when, in pages that meet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.canonical import timestamp
from projections.past_sessions import reading
from tests.api.callers import Callers
from tests.api.http import Answer

ONE = """
query ($id: ID!, $time: DateTime!) {
  sessionAsOf(id: $id, time: $time) {
    time sessionId subject clientId status generation deviceLabel ipAddress userAgent createdAt lastUsedAt
    idleExpiresAt absoluteExpiresAt
  }
}
"""
PAGE = """
query ($time: DateTime!, $filter: SessionFilter, $first: Int = 50, $after: Cursor) {
  sessionsAsOf(time: $time, filter: $filter, first: $first, after: $after) {
    edges { cursor node { sessionId status } }
    pageInfo { hasNextPage startCursor endCursor }
  }
}
"""


async def ask(callers: Callers, headers: dict[str, str], query: str, time: datetime, **more: Any) -> Answer:
    variables = {"time": timestamp(time), **more}
    return await callers.server.http.graphql(query, variables, headers=headers)


async def test_a_session_is_as_it_was_at_each_moment_and_null_before_it_began(callers: Callers) -> None:
    server = callers.server
    pair = await callers.session("ada")
    session = pair["session"]["id"]
    before_rotation = server.now()
    server.elapsed += timedelta(minutes=5)
    later = await server.refresh(pair["refreshToken"])
    after_rotation = server.now()
    server.elapsed += timedelta(minutes=5)
    await server.logout(later["refreshToken"])
    after_end = server.now()
    ada = await callers.person("ada")
    told = [
        (await ask(callers, ada, ONE, time, id=session)).of("sessionAsOf")
        for time in (before_rotation, after_rotation, after_end)
    ]
    assert [(one["status"], one["generation"]) for one in told] == [
        ("ACTIVE", 0),
        ("ACTIVE", 1),
        ("REVOKED", 1),
    ]
    assert told[0]["lastUsedAt"] == told[0]["createdAt"] < told[1]["lastUsedAt"] == told[2]["lastUsedAt"]
    assert told[0]["time"] == timestamp(before_rotation)
    began = datetime.fromisoformat(told[0]["createdAt"])
    assert (await ask(callers, ada, ONE, began, id=session)).of("sessionAsOf") is not None
    just_before = began - timedelta(microseconds=1)
    assert (await ask(callers, ada, ONE, just_before, id=session)).of("sessionAsOf") is None


async def test_a_session_is_over_at_its_deadline_though_its_event_comes_later(callers: Callers) -> None:
    session = (await callers.session("ada"))["session"]["id"]
    callers.server.elapsed += timedelta(days=8)
    ada = await callers.person("ada")
    now = callers.server.now()
    told = (await ask(callers, ada, ONE, now, id=session)).of("sessionAsOf")
    deadline = datetime.fromisoformat(told["idleExpiresAt"])
    assert told["status"] == "EXPIRED"
    assert callers.server.recorded(session) == ["TokenIssued"]
    for time, status in ((deadline, "EXPIRED"), (deadline - timedelta(microseconds=1), "ACTIVE")):
        assert (await ask(callers, ada, ONE, time, id=session)).of("sessionAsOf")["status"] == status


@pytest.mark.parametrize("query", [ONE, PAGE])
async def test_the_future_is_refused(callers: Callers, query: str) -> None:
    auditor = await callers.person("ada", "audit:read")
    more = {"id": "01a211b7-633c-7fa0-9a85-f1a0d26e26a1"} if query == ONE else {}
    answer = await ask(callers, auditor, query, callers.server.now() + timedelta(seconds=5), **more)
    assert answer.status == 294
    (error,) = answer.json["errors"]
    told = ("`time` must not be in the future.", "BAD_USER_INPUT")
    assert (error["message"], error["extensions"]["code"]) == told


async def test_pages_of_a_moment_meet_whatever_happens_meanwhile(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EXAMINED", 4)
    monkeypatch.setattr(reading, "_AT_ONCE", 2)
    auditor = await callers.person("ada", "audit:read")
    pairs = [await callers.session(name) for name in ("bob", "eve", "bob", "eve", "bob", "eve", "eve", "eve")]
    time = callers.server.now()
    wanted = {"subject": "bob"}
    expected = [one["session"]["id"] for one in pairs[4::-2]]
    nobody = ({"deviceLabel": "none"}, {"status": "REVOKED"})
    for meant, ids in ((wanted, expected), *((one, []) for one in nobody)):
        seen, after, pages = [], None, 0
        while True:
            answer = await ask(callers, auditor, PAGE, time, filter=meant, first=2, after=after)
            page = answer.of("sessionsAsOf")
            seen += [edge["node"]["sessionId"] for edge in page["edges"]]
            pages += 1
            await callers.server.logout((await callers.session("bob"))["refreshToken"])
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert seen == ids
        assert pages >= 2
    for other in ({"filter": {"subject": "eve"}}, {"filter": wanted, "time": timestamp(time - timedelta(1))}):
        given = {"filter": wanted, "first": 1}
        cursor = (await ask(callers, auditor, PAGE, time, **given)).of("sessionsAsOf")["pageInfo"][
            "endCursor"
        ]
        answer = await callers.server.http.graphql(
            PAGE, {"time": timestamp(time), "after": cursor, **other}, headers=auditor
        )
        assert answer.status == 294


async def test_before_everything_a_page_is_empty(callers: Callers) -> None:
    auditor = await callers.person("ada", "audit:read")
    long_ago = callers.server.now() - timedelta(days=400)
    page = (await ask(callers, auditor, PAGE, long_ago)).of("sessionsAsOf")
    info = {"hasNextPage": False, "startCursor": None, "endCursor": None}
    assert page == {"edges": [], "pageInfo": info}


@pytest.mark.parametrize(
    "meant", [{"ids": []}, {"ids": ["x"]}, {"subject": ""}, {"ipAddress": "x"}, {"deviceLabel": ""}]
)
async def test_a_filter_that_cannot_be_used_is_refused(callers: Callers, meant: dict[str, Any]) -> None:
    auditor = await callers.person("ada", "audit:read")
    answer = await ask(callers, auditor, PAGE, callers.server.now(), filter=meant)
    assert answer.status == 294
    assert answer.json["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
