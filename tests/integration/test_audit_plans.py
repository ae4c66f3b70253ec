"""How audit queries find what is asked for: by the right index and a bounded look, however long the log."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from api.leader_connection import leader_connection
from api.pool import configure_reading
from projections.active_tokens.sessions import SessionFilter, SessionStatus
from projections.audit_events import reading as event_reading
from projections.audit_events.event_filter import EventFilter, EventOrder
from projections.audit_events.reading import read_events
from projections.audit_sessions import reading as session_reading
from projections.audit_sessions.reading import read_page
from projections.security_hours.reading import read_counts
from tests.auditing import caught_up, execute
from tests.bulk_history import make
from tests.explaining import Explaining, Plans

SHORT, LONG = 20_000, 1_000_000
BOTH = [SHORT, pytest.param(LONG, marks=pytest.mark.proof)]
_SPARE_ROWS = 600
"""A page, and one candidate more of each leg."""


async def made(database_url: str, events: int) -> tuple[Explaining, Any, datetime]:
    """A reader of a history, a session in the middle of it, and the time of it."""
    make(database_url, events)
    async with leader_connection(database_url) as leader:
        await caught_up(leader)
    execute(database_url, "VACUUM ANALYZE audit_events, audit_sessions, security_hours, security_minutes")
    row = execute(
        database_url, "SELECT stream_id, occurred_at FROM audit_events WHERE leaf_index = %s", events // 2 + 1
    )[0]
    connection = await Explaining.connect(database_url, autocommit=True)
    await configure_reading(connection)
    if events == SHORT:  # so few sessions are sooner read than looked up
        await connection.execute("SET enable_seqscan = off")
    return connection, *row


def of_events(session: Any, at: datetime) -> Iterable[tuple[dict[str, Any], str]]:
    """Filters, and by what index of the projection each is answered."""
    soon = at + timedelta(seconds=10)
    return [
        ({}, "pkey"),
        ({"session_id": session}, "pkey"),
        ({"subject": "27"}, "subject_leaf_index_idx"),
        ({"subject": "nobody"}, "subject_leaf_index_idx"),
        ({"network": ip_network("10.0.0.9")}, "address_leaf_index_idx"),
        ({"network": ip_network("10.0.0.0/25")}, "address_leaf_index_idx"),
        ({"network": ip_network("10.0.0.0/24")}, "address_leaf_index_idx"),
        ({"actor": "operator"}, "actor_leaf_index_idx"),
        ({"actor": "system"}, "actor_leaf_index_idx"),
        ({"types": frozenset({"ReuseDetected"})}, "type_leaf_index_idx"),
        ({"types": frozenset({"ReuseDetected", "TokenIssued"})}, "type_leaf_index_idx"),
        ({"types": frozenset({"SubjectSuspended"})}, "type_leaf_index_idx"),
        ({"types": frozenset({"TokenRotated"})}, "pkey"),
        ({"client_id": "rare"}, "client_id_leaf_index_idx"),
        ({"client_id": "web"}, "client_id_leaf_index_idx"),
        ({"client_id": "nobody"}, "client_id_leaf_index_idx"),
        ({"since": at, "until": soon}, "pkey"),
        ({"since": at, "until": soon, "types": frozenset({"ReuseDetected"})}, "type_leaf_index_idx"),
        ({"from_index": 1_000, "to_index": 9_000}, "pkey"),
        (
            {"client_id": "web", "actor": "system", "types": frozenset({"TokenRotated"})},
            "actor_leaf_index_idx",
        ),
        ({"subject": "27", "client_id": "nobody"}, "subject_leaf_index_idx"),
    ]


@pytest.mark.parametrize("events", BOTH)
async def test_events_are_found_by_the_most_selective_index_and_by_a_bounded_look(
    database_url: str, events: int
) -> None:
    connection, session, at = await made(database_url, events)
    async with connection:
        for wanted, index in of_events(session, at):
            for order in EventOrder:
                connection.plans = plans = Plans()
                page = await read_events(connection, EventFilter(**wanted), order=order, maximum=50)
                connection.plans = None
                told = (wanted, order, plans)
                assert plans.indexes("audit_events") <= {f"audit_events_{index}"}, told
                assert not plans.sequential("audit_events", "events", "personal_data", "log_", "log"), told
                assert plans.looked_at("audit_events") <= event_reading.MOST_EXAMINED + _SPARE_ROWS, told
                assert plans.looked_at("events") <= 51, told
                assert page.events or page.more or wanted.keys() & {"subject", "types", "client_id"}, told


@pytest.mark.parametrize("events", BOTH)
async def test_the_last_pages_look_at_no_more_than_the_first(database_url: str, events: int) -> None:
    connection, session, at = await made(database_url, events)
    seen: dict[str, int] = {}
    async with connection:
        for name, wanted in (
            ("all", EventFilter()),
            ("client", EventFilter(client_id="web")),
            ("session", EventFilter(session_id=session)),
            ("rotated", EventFilter(types=frozenset({"TokenRotated"}), until=at + timedelta(days=9))),
        ):
            for order in EventOrder:
                first = await read_events(connection, wanted, order=order, maximum=10)
                far = 60 if order is EventOrder.NEWEST_FIRST else events - 50
                if name == "session":
                    far = events // 2 + chance_of(order)
                for at_page, after in (("first", None), ("far", far)):
                    connection.plans = plans = Plans()
                    page = await read_events(connection, wanted, order=order, after=after, maximum=10)
                    connection.plans = None
                    seen[at_page] = plans.looked_at("audit_events", "log")
                    assert page.events, (name, order, at_page)
                assert first.events
                assert seen["far"] <= seen["first"] + 20, (name, order, seen)


def chance_of(order: EventOrder) -> int:
    """A place in the middle of the session in the middle."""
    return random.Random(order.value).randrange(200, 700)  # noqa: S311 - always the same


def of_sessions(session: Any, at: datetime) -> Iterable[tuple[dict[str, Any], str]]:
    return [
        ({}, "pkey"),
        ({"ids": [session]}, "none"),
        ({"subject": "27"}, "subject_family_id_idx"),
        ({"network": ip_network("10.0.0.9")}, "address_family_id_idx"),
        ({"network": ip_network("10.0.0.0/24")}, "address_family_id_idx"),
        ({"device_label": "label 7"}, "device_label_family_id_idx"),
        ({"client_id": "rare"}, "client_id_family_id_idx"),
        ({"client_id": "web"}, "client_id_family_id_idx"),
        ({"status": SessionStatus.ACTIVE}, "status_family_id_idx"),
        ({"status": SessionStatus.SUSPENDED}, "status_family_id_idx"),
        ({"status": SessionStatus.REVOKED}, "pkey"),
        ({"created_before": at}, "pkey"),
        ({"created_after": at}, "pkey"),
        ({"last_used_before": at}, "pkey"),
        ({"subject": "27", "status": SessionStatus.ACTIVE}, "subject_family_id_idx"),
    ]


@pytest.mark.parametrize("events", BOTH)
async def test_sessions_are_found_by_the_most_selective_index_and_by_a_bounded_look(
    database_url: str, events: int
) -> None:
    connection, session, at = await made(database_url, events)
    async with connection:
        for wanted, index in of_sessions(session, at):
            connection.plans = plans = Plans()
            page = await read_page(connection, SessionFilter(**wanted), now=at, maximum=50)
            connection.plans = None
            told = (wanted, plans)
            assert plans.indexes("audit_sessions") <= {f"audit_sessions_{index}"}, told
            assert plans.looked_at("audit_sessions") <= session_reading.MOST_EXAMINED + _SPARE_ROWS, told
            assert page.sessions or wanted.get("status") is SessionStatus.SUSPENDED, told


@pytest.mark.parametrize("events", BOTH)
async def test_a_summary_looks_at_the_events_of_two_minutes_at_the_most(
    database_url: str, events: int
) -> None:
    connection, _, at = await made(database_url, events)
    async with connection:
        connection.plans = plans = Plans()
        counts = await read_counts(connection, since=at - timedelta(days=3), until=at)
        connection.plans = None
        assert counts.issued + counts.rotated > events // 3
        assert plans.indexes("audit_events") == {"audit_events_pkey"}
        assert plans.looked_at("audit_events") <= 6_000 + 2 * 256 + 200  # a hundred a second
