"""Sessions as they are now, and the timeline of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from ledger.answers import Granted
from ledger.recorded_event import RecordedEvent, read_stream
from ledger.refresh_token import RefreshToken
from projections.active_tokens.sessions import (
    Session,
    SessionFilter,
    SessionStatus,
    read_session,
    read_sessions,
)
from tests.ledger_harness import PERSONAL, Harness, harness, new_id


async def open_session(ledger: Harness, subject: str = "ada") -> RefreshToken:
    answer = (await ledger.issue(subject)).answer
    assert isinstance(answer, Granted)
    return answer.token


async def session(ledger: Harness, token: RefreshToken, **later: float) -> Session:
    async with ledger.pool.connection() as connection:
        now = datetime.now(UTC) + timedelta(**later)
        found = await read_session(connection, token.family_id, now=now)
    assert found is not None
    return found


async def timeline(ledger: Harness, token: RefreshToken, **page: Any) -> list[RecordedEvent]:
    async with ledger.pool.connection() as connection:
        return await read_stream(connection, token.family_id, **{"maximum": 50, **page})


async def execute(ledger: Harness, statement: str) -> None:
    async with ledger.pool.connection() as connection:
        await connection.execute(statement.encode())


async def test_a_session_is_read_with_its_device_and_ended_when_time_is_over(database_url: str) -> None:
    async with harness(database_url) as ledger:
        token = await open_session(ledger)
        await ledger.refresh(token)
        now = await session(ledger, token)
        assert (now.status, now.generation, now.ended_at) == ("active", 1, None)
        assert (now.device_label, now.address) == (PERSONAL.device_label, PERSONAL.address)
        late = await session(ledger, token, days=8)
        assert (late.status, late.ended_reason, late.ended_at) == ("expired", "idle", late.idle_expires_at)


async def test_an_unknown_session_is_none(database_url: str) -> None:
    async with harness(database_url) as ledger, ledger.pool.connection() as connection:
        assert await read_session(connection, new_id(), now=datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("statement", "status", "reason"),
    [
        ("INSERT INTO subjects (subject, status) VALUES ('ada', 'suspended')", "suspended", None),
        ("UPDATE everyone SET not_before = clock_timestamp()", "revoked", "not_before"),
        ("UPDATE clients SET not_before = clock_timestamp()", "revoked", "not_before"),
    ],
)
async def test_suspension_and_not_before_show_at_once(
    database_url: str, statement: str, status: str, reason: str | None
) -> None:
    async with harness(database_url) as ledger:
        token = await open_session(ledger)
        await execute(ledger, statement)
        now = await session(ledger, token)
        assert (now.status, now.ended_reason) == (status, reason)


async def test_the_sessions_of_a_subject_come_newest_first_in_pages_and_by_status(database_url: str) -> None:
    async with harness(database_url) as ledger:
        tokens = [await open_session(ledger) for _ in range(5)]
        await open_session(ledger, "bob")
        await ledger.logout(tokens[2])
        now = datetime.now(UTC)
        newest_first = sorted((token.family_id for token in tokens), reverse=True)
        async with ledger.pool.connection() as connection:
            hers = SessionFilter(subject="ada")
            page = await read_sessions(connection, hers, now=now, maximum=3)
            rest = await read_sessions(connection, hers, now=now, maximum=3, before=page[-1].family_id)
            revoked = await read_sessions(
                connection,
                SessionFilter(subject="ada", status=SessionStatus.REVOKED),
                now=now,
                maximum=9,
            )
        assert [one.family_id for one in page + rest] == newest_first
        assert [one.family_id for one in revoked] == [tokens[2].family_id]


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, True),
        ({"client_id": "web"}, True),
        ({"client_id": "other"}, False),
        ({"device_label": "laptop"}, True),
        ({"device_label": "lap"}, False),
        ({"network": ip_network("192.0.2.0/24")}, True),
        ({"network": ip_network("192.0.2.7")}, True),
        ({"network": ip_network("192.0.3.0/24")}, False),
        ({"network": ip_network("2001:db8::/32")}, False),
        ({"created_before": MINUTE}, True),
        ({"created_before": -MINUTE}, False),
        ({"created_after": -MINUTE}, True),
        ({"created_after": MINUTE}, False),
        ({"last_used_before": MINUTE}, True),
        ({"last_used_before": -MINUTE}, False),
        ({"status": SessionStatus.ACTIVE, "subject": "ada"}, True),
        ({"status": SessionStatus.EXPIRED}, False),
    ],
)
async def test_what_a_filter_names_must_all_hold(
    database_url: str, wanted: dict[str, Any], found: bool
) -> None:
    async with harness(database_url) as ledger:
        token = await open_session(ledger)
        now = datetime.now(UTC)
        given = {key: now + one if isinstance(one, timedelta) else one for key, one in wanted.items()}
        async with ledger.pool.connection() as connection:
            sessions = await read_sessions(connection, SessionFilter(**given), now=now, maximum=9)
        assert [one.family_id for one in sessions] == ([token.family_id] if found else [])


async def test_an_address_that_is_not_known_is_in_no_network(database_url: str) -> None:
    async with harness(database_url) as ledger:
        await open_session(ledger)
        await execute(ledger, "UPDATE active_tokens SET address = 'unknown'")
        async with ledger.pool.connection() as connection:
            everywhere = SessionFilter(network=ip_network("0.0.0.0/0"))
            assert await read_sessions(connection, everywhere, now=datetime.now(UTC), maximum=9) == []


async def test_the_timeline_is_chained_intact_and_holds_no_personal_data_in_its_leaves(
    database_url: str,
) -> None:
    async with harness(database_url) as ledger:
        token = await open_session(ledger)
        await ledger.refresh(token)
        await ledger.refresh(token)
        events = await timeline(ledger, token)
        assert [one.type_name for one in events] == ["TokenIssued", "TokenRotated", "TokenReplayed"]
        assert all(one.is_intact() for one in events)
        assert [one.previous for one in events] == [None, *(one.leaf_hash for one in events[:-1])]
        assert events[0].personal_data == PERSONAL
        for one in events:
            leaf = one.leaf().decode()
            assert not any(word in leaf for word in ("192.0.2.7", "Mozilla", "laptop", "ada@example.org"))
        assert [one.version for one in await timeline(ledger, token, after=1, maximum=1)] == [2]


async def test_erased_personal_data_shows_as_erased_and_leaves_the_event_intact(database_url: str) -> None:
    async with harness(database_url) as ledger:
        token = await open_session(ledger)
        await execute(ledger, "DELETE FROM personal_data")
        (event,) = await timeline(ledger, token)
        assert event.erased
        assert event.is_intact()
