"""Sessions found by filters: each is exactly what a look at all sessions finds."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from api.pool import configure_reading
from ledger.answers import Granted
from ledger.batch import Submission
from ledger.commands import Issue, Presented, Refresh, Rename, Revoke
from ledger.events import RevocationReason, Transport
from ledger.personal_data import PersonalData
from ledger.recorder import Request
from ledger.refresh_token import RefreshToken
from ledger.uuid7 import uuid7
from projections.active_tokens.sessions import Session, SessionFilter, SessionStatus, read_sessions
from projections.audit_sessions import reading
from projections.audit_sessions.reading import read_page
from tests.auditing import execute, sealed_and_caught_up
from tests.ledger_harness import HOME, Harness, harness, new_id

SUBJECTS = ("ada", "bob", "eve", "zoe")
ADDRESSES = ("203.0.113.5", "203.0.113.77", "192.0.2.1", "2001:db8::1", "unknown")
LABELS = ("laptop", "phone", None)


def id_of_another_clock(chance: random.Random) -> UUID:
    """An id of some moment within three hours of now."""
    shift = chance.choice([0, 0, -60, 7_000]) * 1000 + chance.randrange(1000)
    return uuid7(time.time_ns() // 1_000_000 + shift, os.urandom(10))


async def live(ledger: Harness, chance: random.Random, count: int) -> list[datetime]:
    """So many things happen to sessions; gives some moments between them."""
    tokens: list[RefreshToken] = []
    moments = []

    async def submit(command: Any, label: str | None = None) -> Any:
        personal = PersonalData(address=chance.choice(ADDRESSES), user_agent="x", device_label=label)
        request = Request(correlation_id=new_id(), personal_data=personal)
        return (await ledger.commit.submit(Submission(command=command, request=request))).answer

    for _ in range(count):
        moments.append(datetime.now(UTC) + ledger.elapsed)
        kind = chance.random()
        if kind < 0.4 or not tokens:
            issue = Issue(
                family_id=id_of_another_clock(chance),
                subject=chance.choice(SUBJECTS),
                client_id=chance.choice(["web", "shop"]),
                transport=Transport.BODY,
                scope=(),
                secret=os.urandom(32),
            )
            answer = await submit(issue, chance.choice(LABELS))
            assert isinstance(answer, Granted)
            tokens.append(answer.token)
            continue
        number = chance.randrange(len(tokens))
        token = tokens[number]
        if kind < 0.75:
            presented = Presented(token=token, fingerprint=HOME)
            answer = await submit(Refresh(presented=presented, by_cookie=False, nonce=os.urandom(32)))
            if isinstance(answer, Granted):
                tokens[number] = answer.token
        elif kind < 0.9:
            await submit(Revoke(family_id=token.family_id, reason=RevocationReason.ADMIN))
            tokens.pop(number)
        else:
            await submit(Rename(family_id=token.family_id), chance.choice(LABELS))
    return moments


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """As a reader of the API."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as made:
        await configure_reading(made)
        yield made


def matches(wanted: SessionFilter, one: Session) -> bool:
    """What the contract says, without any index."""
    address = None if one.address in (None, "unknown") else ip_address(str(one.address))
    conditions: dict[str, Callable[[Any], bool]] = {
        "ids": lambda value: one.family_id in value,
        "subject": lambda value: one.subject == value,
        "client_id": lambda value: one.client_id == value,
        "device_label": lambda value: one.device_label == value,
        "network": lambda value: address is not None and address in value,
        "status": lambda value: one.status == value,
        "created_before": lambda value: one.opened_at < value,
        "created_after": lambda value: one.opened_at >= value,
        "last_used_before": lambda value: one.last_used_at < value,
    }
    return all(
        condition(getattr(wanted, name))
        for name, condition in conditions.items()
        if getattr(wanted, name) is not None
    )


async def walked(
    connection: AsyncConnection[Any], wanted: SessionFilter, *, now: datetime, maximum: int
) -> list[UUID]:
    found: list[UUID] = []
    before: UUID | None = None
    for _ in range(10_000):
        page = await read_page(connection, wanted, now=now, maximum=maximum, before=before)
        assert len(page.sessions) <= maximum
        found += [one.family_id for one in page.sessions]
        if not page.more:
            return found
        assert page.position is not None
        assert before is None or page.position < before
        before = page.position
    raise AssertionError("the pages do not end")


NAMES = [one.name for one in fields(SessionFilter) if one.name != "unended"]


async def test_every_filter_alone_and_in_pairs_finds_what_a_look_at_all_sessions_finds(
    database_url: str, connection: AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - told when the test fails
    chance = random.Random(seed)  # noqa: S311 - as above
    execute(database_url, "INSERT INTO clients (client_id) VALUES ('shop')")
    async with harness(database_url) as ledger:
        moments = await live(ledger, chance, 250)
    execute(database_url, "INSERT INTO subjects (subject, status) VALUES ('zoe', 'suspended')")
    execute(database_url, "UPDATE clients SET not_before = %s WHERE client_id = 'shop'", moments[120])
    await sealed_and_caught_up(database_url, maximum=chance.choice([7, 2_000]))
    now = datetime.now(UTC) + timedelta(days=chance.choice([0, 8]))
    everything = await read_sessions(connection, SessionFilter(), now=now, maximum=10_000)
    assert len(everything) > 60
    matched = 0
    sets = [(), *((one,) for one in NAMES), *((a, b) for a in NAMES for b in NAMES if a < b)]
    for names in sets:
        some = chance.choice(everything)
        drawn: dict[str, Any] = {
            "ids": [new_id(), *(one.family_id for one in chance.sample(everything, k=9))],
            "subject": some.subject,
            "client_id": chance.choice(["web", "shop"]),
            "device_label": chance.choice(["laptop", "phone", "none"]),
            "network": ip_network(
                chance.choice(["203.0.113.5", "203.0.113.0/24", "0.0.0.0/0", "::/0", "198.51.100.0/24"])
            ),
            "status": chance.choice(list(SessionStatus)),
            "created_before": chance.choice(moments),
            "created_after": chance.choice(moments),
            "last_used_before": some.last_used_at,
        }
        wanted = SessionFilter(**{name: drawn[name] for name in names})
        expected = [one.family_id for one in everything if matches(wanted, one)]
        matched += bool(expected)
        monkeypatch.setattr(reading, "MOST_EXAMINED", chance.choice([5, 2_000]))
        found = await walked(connection, wanted, now=now, maximum=chance.choice([1, 4, 500]))
        assert found == expected, (seed, wanted)
    assert matched > len(sets) / 3
