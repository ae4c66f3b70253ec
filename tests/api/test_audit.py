"""The audit queries over HTTP: filters, pages, refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.canonical import timestamp
from tests.api.callers import Callers
from tests.api.http import Answer

EVENTS = """
query ($filter: EventFilter, $order: EventOrder, $first: Int, $after: Cursor) {
  events(filter: $filter, order: $order, first: $first, after: $after) {
    edges { cursor node { id type sessionId subject clientId actor ipAddress logIndex occurredAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
SESSIONS = """
query ($filter: SessionFilter, $first: Int, $after: Cursor) {
  sessions(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id subject status generation ipAddress } }
    pageInfo { hasNextPage startCursor endCursor }
  }
}
"""
SUMMARY = """
query ($since: DateTime!, $until: DateTime, $interval: SummaryInterval) {
  securitySummary(since: $since, until: $until) {
    activeSessions issued rotated replayed reuseDetected revoked expired
    series(interval: $interval) { start issued rotated replayed reuseDetected revoked expired }
  }
}
"""


async def asked(callers: Callers, document: str, **variables: Any) -> Answer:
    """By an auditor."""
    headers = await callers.client("audit:read")
    return await callers.server.http.graphql(document, variables, headers=headers)


async def told(callers: Callers, document: str, **variables: Any) -> Any:
    answer = await asked(callers, document, **variables)
    assert answer.status == 200, answer.body
    (value,) = answer.json["data"].values()
    return value


async def test_events_are_found_as_the_projection_has_them(callers: Callers) -> None:
    server = callers.server
    pair = await server.login("ada")
    await server.refresh(pair["refreshToken"])
    await server.login("bob")
    assert (await told(callers, EVENTS))["edges"] == []  # none is sealed
    await server.sealed()

    page = await told(callers, EVENTS, filter={"subject": "ada"}, order="OLDEST_FIRST")
    nodes = [one["node"] for one in page["edges"]]
    assert [one["type"] for one in nodes] == ["TOKEN_ISSUED", "TOKEN_ROTATED"]
    assert {one["sessionId"] for one in nodes} == {pair["session"]["id"]}
    assert {one["subject"] for one in nodes} == {"ada"}
    assert [one["cursor"] for one in page["edges"]][-1] == page["pageInfo"]["endCursor"]
    assert page["pageInfo"]["hasNextPage"] is False
    newest = await told(callers, EVENTS, filter={"types": ["TOKEN_ISSUED", "TOKEN_ROTATED"]}, first=2)
    assert [one["node"]["subject"] for one in newest["edges"]] == ["bob", "ada"]
    assert newest["pageInfo"]["hasNextPage"] is True
    in_one_sitting = {"filter": {"sessionId": pair["session"]["id"], "actor": "subject:ada"}}
    assert len((await told(callers, EVENTS, **in_one_sitting))["edges"]) == 2


async def test_cursors_walked_to_the_end_give_each_event_once(callers: Callers) -> None:
    for _ in range(7):
        await callers.server.login("ada")
    await callers.server.sealed()
    everything = [one["node"]["id"] for one in (await told(callers, EVENTS, first=500))["edges"]]
    assert len(everything) >= 7
    for order in ("NEWEST_FIRST", "OLDEST_FIRST"):
        found: list[str] = []
        after = None
        more = True
        while more:
            page = await told(callers, EVENTS, order=order, first=3, after=after)
            found += [one["node"]["id"] for one in page["edges"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert found == (everything if order == "NEWEST_FIRST" else everything[::-1])


async def test_an_empty_page_in_the_order_of_the_log_tells_where_to_go_on(callers: Callers) -> None:
    wanted = {"filter": {"subject": "carol"}, "order": "OLDEST_FIRST"}
    await callers.server.login("ada")
    await callers.server.sealed()
    empty = await told(callers, EVENTS, **wanted)
    assert (empty["edges"], empty["pageInfo"]["hasNextPage"]) == ([], False)
    await callers.server.login("carol")
    await callers.server.sealed()
    page = await told(callers, EVENTS, **wanted, after=empty["pageInfo"]["endCursor"])
    assert [one["node"]["subject"] for one in page["edges"]] == ["carol"]


async def test_a_cursor_is_of_its_filter_and_order_alone(callers: Callers) -> None:
    await callers.server.login("ada")
    await callers.server.login("ada")
    await callers.server.sealed()
    page = await told(callers, EVENTS, filter={"subject": "ada", "types": ["TOKEN_ISSUED"]}, first=1)
    cursor = page["pageInfo"]["endCursor"]
    same = {"subject": "ada", "types": ["TOKEN_ISSUED"], "clientId": None}
    assert len((await told(callers, EVENTS, filter=same, after=cursor))["edges"]) == 1
    others: list[dict[str, Any]] = [
        {"filter": {"subject": "ada"}},
        {"filter": {"subject": "bob", "types": ["TOKEN_ISSUED"]}},
        {"filter": same, "order": "OLDEST_FIRST"},
        {},
    ]
    for other in others:
        await refused(callers, EVENTS, "`after` must be a cursor", **other, after=cursor)
    await refused(callers, SESSIONS, "`after` must be a cursor", after=cursor)
    for broken in ("", "x", cursor[:-1], cursor + "A"):
        await refused(callers, EVENTS, "`after` must be a cursor", filter=same, after=broken)


async def refused(callers: Callers, document: str, message: str, **variables: Any) -> None:
    answer = await asked(callers, document, **variables)
    (error,) = answer.json["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT", error
    assert message in error["message"]
    assert not answer.json.get("data")


NOW = "2026-11-23T12:00:00Z"
LATER = "2026-11-23T13:00:00Z"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (EVENTS, {"filter": {"since": NOW, "until": NOW}}, "`filter.until` must be later than"),
    (EVENTS, {"filter": {"fromIndex": 5, "toIndex": 5}}, "`filter.toIndex` must be greater"),
    (EVENTS, {"filter": {"types": []}}, "`filter.types` must hold one type at least"),
    (EVENTS, {"filter": {"types": ["TOKEN_STOLEN"]}}, "does not fit its type"),
    (EVENTS, {"filter": {"sessionId": "x"}}, "`filter.sessionId` must be the id of a session"),
    (EVENTS, {"filter": {"ipAddress": "203.0.113"}}, "`filter.ipAddress` must be an address, or"),
    (EVENTS, {"filter": {"ipAddress": "203.0.113.5/24"}}, "`filter.ipAddress` must be an address, or"),
    (EVENTS, {"filter": {"ipAddress": "fe80::1%eth0"}}, "`filter.ipAddress` must be an address, or"),
    (EVENTS, {"filter": {"ipAddress": ""}}, "`filter.ipAddress` must be an address, or"),
    (EVENTS, {"filter": {"subject": ""}}, "`filter.subject` must be a text of 1 to 255"),
    (EVENTS, {"filter": {"actor": ""}}, "`filter.actor` must be a text of 1 to 300"),
    (EVENTS, {"filter": {"clientId": "a" * 256}}, "`filter.clientId` must be a text of 1 to 255"),
    (EVENTS, {"first": 0}, "`first` must be from 1 to 500"),
    (SESSIONS, {"filter": {"ids": []}}, "`filter.ids` must hold 1 to 500 ids"),
    (SESSIONS, {"filter": {"ids": ["x"]}}, "`filter.ids` must hold ids of sessions"),
    (SESSIONS, {"filter": {"ipAddress": "x"}}, "`filter.ipAddress` must be an address, or"),
    (SESSIONS, {"filter": {"createdAfter": LATER, "createdBefore": NOW}}, "`filter.createdBefore` must be"),
    (SUMMARY, {"since": LATER, "until": NOW}, "`until` must be later than `since`"),
    (SUMMARY, {"since": "9999-12-31T23:59:59Z"}, "`since` must be in the past"),
    (SUMMARY, {"since": "2020-01-01T00:00:00Z", "until": NOW}, "`series` has at most 1,000 buckets"),
]


async def test_what_contradicts_itself_or_is_no_value_is_refused_with_what_it_may_be(
    callers: Callers,
) -> None:
    for document, variables, message in REFUSED:
        await refused(callers, document, message, **variables)


async def test_sessions_are_as_they_are_now_and_found_by_what_they_have_in_common(callers: Callers) -> None:
    server = callers.server
    first = await server.login("ada")
    second = await server.login("bob")
    third = await server.login("ada", deviceLabel="laptop")
    await server.sealed()
    await server.refresh(third["refreshToken"])  # not sealed: the state is of now all the same
    await server.logout(second["refreshToken"])
    ids = [one["session"]["id"] for one in (third, second, first)]

    page = await told(callers, SESSIONS, first=2, filter={"ids": ids})
    assert [one["node"]["id"] for one in page["edges"]] == ids[:2]
    assert page["edges"][0]["node"]["generation"] == 1
    assert page["edges"][1]["node"]["status"] == "REVOKED"
    rest = await told(callers, SESSIONS, filter={"ids": ids[::-1]}, after=page["pageInfo"]["endCursor"])
    assert [one["node"]["id"] for one in rest["edges"]] == ids[2:]
    assert rest["pageInfo"]["hasNextPage"] is False
    for wanted, expected in (
        ({"subject": "ada"}, [ids[0], ids[2]]),
        ({"deviceLabel": "laptop"}, ids[:1]),
        ({"status": "ACTIVE", "subject": "bob"}, []),
        ({"status": "REVOKED", "subject": "bob"}, [ids[1]]),
    ):
        found = await told(callers, SESSIONS, filter=wanted)
        assert [one["node"]["id"] for one in found["edges"]] == expected, wanted


async def test_a_summary_counts_what_was_sealed_and_what_is_active(callers: Callers) -> None:
    server = callers.server
    began = datetime.now(UTC)
    await server.sealed()
    before = await told(callers, SUMMARY, since=timestamp(began - timedelta(days=1)))
    pair = await server.login("ada")
    again = await server.refresh(pair["refreshToken"])
    await server.refresh(pair["refreshToken"])
    await server.login("bob")
    await server.logout(again["refreshToken"])
    await server.sealed()

    after = await told(callers, SUMMARY, since=timestamp(began - timedelta(days=1)))
    assert {name: after[name] - before[name] for name in before if name != "series"} == {
        "activeSessions": 1,
        "issued": 2,
        "rotated": 1,
        "replayed": 1,
        "reuseDetected": 0,
        "revoked": 1,
        "expired": 0,
    }
    assert len(after["series"]) == 25
    assert sum(one["issued"] for one in after["series"]) == after["issued"]
    days = await told(callers, SUMMARY, since=timestamp(began - timedelta(days=1)), interval="DAY")
    assert [one["start"][11:] for one in days["series"]] == ["00:00:00.000000Z"] * 2
    assert sum(one["rotated"] for one in days["series"]) == after["rotated"]


async def test_who_suspends_and_what_a_boundary_ends_shows_in_the_number_of_active_sessions(
    callers: Callers,
) -> None:
    server = callers.server
    since = timestamp(server.now() - timedelta(hours=1))
    for subject in ("zoe", "zoe", "yan"):
        await server.login(subject)
    active = (await told(callers, SUMMARY, since=since))["activeSessions"]
    server.set_subject("zoe", status="suspended")
    server.set_subject("yan", not_before=server.now())
    assert (await told(callers, SUMMARY, since=since))["activeSessions"] == active - 3
