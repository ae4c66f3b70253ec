"""Events found by filters: each is exactly what a look at all events finds, in pages that are bounded."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from api.pool import configure_reading
from ledger import recorder
from ledger.events import (
    BulkRevocationExecuted,
    Event,
    ReuseDetected,
    ReuseSubtype,
    RevocationReason,
    SigningKeyRotated,
    SubjectSuspended,
    TokenIssued,
    TokenRevoked,
    TokenRotated,
    Transport,
)
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from projections.audit_events import reading
from projections.audit_events.event_filter import EventFilter, EventOrder
from projections.audit_events.reading import read_events
from tests.auditing import Known, all_events, sealed_and_caught_up
from tests.ledger_harness import new_id

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUBJECTS = ("ada", "bob", "eve", "x:y")
CLIENTS = ("web", "shop", None)
ADDRESSES = ("203.0.113.5", "203.0.113.77", "192.0.2.1", "2001:db8::1", "2001:db8::2%eth0", "unknown", None)


class History:
    """Streams that are appended to at random; times run back now and then."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.heads: dict[UUID, tuple[int, bytes]] = {}
        self.subjects: dict[UUID, str] = {}
        self.rows: list[dict[str, Any]] = []
        self.now = NOW

    def add(self, count: int) -> None:
        for _ in range(count):
            self.now += timedelta(seconds=self.chance.choice([0, 1, 30, 600, -5]))
            kind = self.chance.random()
            if kind < 0.15:
                self._act()
            elif kind < 0.3 or not self.heads:
                self.open_session()
            else:
                self._continue(self.chance.choice(list(self.heads)))

    def open_session(self) -> None:
        subject = self.chance.choice(SUBJECTS)
        stream = new_id()
        self.subjects[stream] = subject
        event = TokenIssued(
            subject=subject,
            client_id="web",
            transport=Transport.BODY,
            scope=(),
            secret_hash=os.urandom(32),
            idle_expires_at=self.now,
            absolute_expires_at=self.now,
        )
        actor = self.chance.choice([f"subject:{subject}", "client:shop"])
        self._append(stream, event, actor=actor)

    def _continue(self, stream: UUID) -> None:
        event = self.chance.choice(
            [
                *[
                    TokenRotated(
                        generation=1,
                        secret_hash=os.urandom(32),
                        idle_expires_at=self.now,
                        grace_ends_at=self.now,
                        lost_response_ends_at=None,
                    )
                ]
                * 5,
                ReuseDetected(
                    subtype=ReuseSubtype.LATE_REPLAY,
                    presented_generation=1,
                    generation=2,
                    seconds_since_rotation=3,
                    enforced=True,
                ),
                TokenRevoked(reason=RevocationReason.ADMIN, generation=1),
            ]
        )
        by = "system" if isinstance(event, ReuseDetected) else f"subject:{self.subjects[stream]}"
        self._append(stream, event, actor="subject:eve" if isinstance(event, TokenRevoked) else by)

    def _act(self) -> None:
        event = self.chance.choice(
            [
                SubjectSuspended(subject=self.chance.choice(SUBJECTS)),
                BulkRevocationExecuted(filter={"subject": "ada"}, matched=1, revoked=1),
                SigningKeyRotated(kind="access", key_id="a", replaced_key_id="b", next_key_id="c"),
            ]
        )
        self._append(
            new_id(), event, actor=self.chance.choice(["operator", "subject:eve", "subject:x:y", None])
        )

    def _append(self, stream: UUID, event: Event, *, actor: str | None) -> None:
        version, head = self.heads.get(stream, (0, None))
        address = self.chance.choice(ADDRESSES)
        personal = NOTHING_PERSONAL if address is None else PersonalData(address=address)
        row = recorder.event_row(
            event,
            stream_id=stream,
            version=version + 1,
            occurred_at=self.now,
            actor=actor,
            client_id=self.chance.choice(CLIENTS),
            correlation_id=new_id(),
            previous=head,
            personal=recorder.salted(personal, os.urandom),
        )
        self.rows.append(row)
        if stream in self.subjects:
            self.heads[stream] = (version + 1, row["leaf_hash"])


async def record(database_url: str, count: int, seed: int) -> History:
    """A made-up history of so many events, sealed and in the projections."""
    history = History(random.Random(seed))  # noqa: S311 - a test's seed
    history.add(count)
    await stored(database_url, history)
    await sealed_and_caught_up(database_url, maximum=random.Random(seed).choice([7, 50, 2_000]))  # noqa: S311
    return history


async def stored(database_url: str, history: History) -> None:
    """Record what a history has."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        for start in range(0, len(history.rows), 100):
            await recorder.append(connection, history.rows[start : start + 100])


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """As a reader of the API."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as made:
        await configure_reading(made)
        yield made


def matches(wanted: EventFilter, one: Known) -> bool:
    """What the contract says, without any index."""
    event, personal = one.recorded, one.recorded.personal_data
    address = None if personal is None or personal.address in (None, "unknown") else personal.address
    conditions: dict[str, Callable[[Any], bool]] = {
        "types": lambda value: event.type_name in value,
        "session_id": lambda value: one.of_session and event.stream_id == value,
        "subject": lambda value: one.subject == value,
        "client_id": lambda value: event.client_id == value,
        "actor": lambda value: event.actor == value,
        "network": lambda value: address is not None and ip_address(address.split("%")[0]) in value,
        "since": lambda value: event.occurred_at >= value,
        "until": lambda value: event.occurred_at < value,
        "from_index": lambda value: one.leaf_index >= value,
        "to_index": lambda value: one.leaf_index < value,
    }
    return all(
        condition(getattr(wanted, name))
        for name, condition in conditions.items()
        if getattr(wanted, name) is not None
    )


async def walked(
    connection: AsyncConnection[Any], wanted: EventFilter, order: EventOrder, maximum: int
) -> list[int]:
    """The leaves of all pages; each page is bounded and goes on where the one before ended."""
    found: list[int] = []
    after: int | None = None
    for _ in range(10_000):
        page = await read_events(connection, wanted, order=order, after=after, maximum=maximum)
        assert len(page.events) <= maximum
        found += [one.leaf_index for one in page.events]
        if not page.more:
            return found
        assert page.position is not None
        assert after is None or (page.position > after) == (order is EventOrder.OLDEST_FIRST)
        after = page.position
    raise AssertionError("the pages do not end")


def choices(chance: random.Random, history: History, events: list[Known]) -> dict[str, Any]:
    """A value for each field, mostly one that something matches."""
    some = chance.choice(events).recorded
    return {
        "types": frozenset(
            chance.sample(
                ["TokenRotated", "TokenIssued", "TokenRevoked", "ReuseDetected", "TokenExpired"], k=2
            )
        ),
        "session_id": chance.choice([chance.choice([*history.subjects]), some.stream_id, new_id()]),
        "subject": chance.choice([*SUBJECTS, "nobody"]),
        "client_id": chance.choice(["web", "shop", "none"]),
        "actor": chance.choice(
            ["subject:ada", "subject:eve", "subject:x:y", "client:shop", "operator", "system"]
        ),
        "network": ip_network(
            chance.choice(
                ["203.0.113.5", "203.0.113.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "198.51.100.0/24"]
            )
        ),
        "since": some.occurred_at + timedelta(microseconds=chance.choice([0, 1])),
        "until": chance.choice(events).recorded.occurred_at + timedelta(microseconds=chance.choice([0, 1])),
        "from_index": chance.randrange(len(events) + 1),
        "to_index": chance.randrange(len(events) + 2),
    }


NAMES = [one.name for one in fields(EventFilter)]


async def test_every_filter_alone_and_in_pairs_finds_what_a_look_at_all_events_finds(
    database_url: str, connection: AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - told when the test fails
    history = await record(database_url, 700, seed)
    events = await all_events(database_url)
    assert len(events) == 700
    chance = random.Random(seed)  # noqa: S311 - as above
    sets = [(), *((one,) for one in NAMES), *((a, b) for a in NAMES for b in NAMES if a < b)]
    matched = 0
    for names in sets:
        drawn = choices(chance, history, events)
        wanted = EventFilter(**{name: drawn[name] for name in names})
        expected = [one.leaf_index for one in events if matches(wanted, one)]
        matched += bool(expected)
        for order, examined in ((EventOrder.OLDEST_FIRST, 4_000), (EventOrder.NEWEST_FIRST, 10)):
            monkeypatch.setattr(reading, "MOST_EXAMINED", examined)
            maximum = chance.choice([1, 3, 40, 500])
            found = await walked(connection, wanted, order, maximum)
            assert found == expected[:: 1 if order is EventOrder.OLDEST_FIRST else -1], (seed, wanted, order)
    assert matched > len(sets) / 2
    act = next(one.recorded for one in events if not one.of_session)
    no_session = EventFilter(session_id=act.stream_id)
    assert await walked(connection, no_session, EventOrder.OLDEST_FIRST, 5) == []


async def test_an_event_that_was_sealed_long_after_it_occurred_is_found_by_its_time(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    history = History(random.Random(1))  # noqa: S311 - a test's seed
    for number in range(700):
        history.now = NOW + timedelta(seconds=100 if number == 600 else number)
        history.open_session()
    await stored(database_url, history)
    await sealed_and_caught_up(database_url)
    wanted = EventFilter(since=NOW + timedelta(seconds=50), until=NOW + timedelta(seconds=200))
    expected = [*range(50, 200), 600]
    assert await walked(connection, wanted, EventOrder.OLDEST_FIRST, 500) == expected
    assert await walked(connection, wanted, EventOrder.NEWEST_FIRST, 500) == expected[::-1]


async def test_a_page_tells_how_far_it_looked_whether_it_found_anything_or_not(
    database_url: str, connection: AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(database_url, 300, seed=3)
    monkeypatch.setattr(reading, "MOST_EXAMINED", 100)
    first = EventOrder.OLDEST_FIRST
    nobodys = EventFilter(actor="nobody")
    exhausted = await read_events(connection, nobodys, order=first, maximum=9)
    assert (exhausted.events, exhausted.more, exhausted.position) == ((), False, 299)
    too_early = EventFilter(types=frozenset({"TokenRotated"}), until=NOW - timedelta(days=1))
    cut_off = await read_events(connection, too_early, order=first, maximum=9)
    assert (cut_off.events, cut_off.more) == ((), True)
    assert cut_off.position is not None
    assert 99 <= cut_off.position < 200
    rest = await read_events(connection, too_early, order=first, maximum=9, after=cut_off.position)
    assert rest.position is not None
    assert rest.position > cut_off.position
    nothing = await read_events(connection, EventFilter(from_index=9_999), order=first, maximum=9)
    assert (nothing.events, nothing.more, nothing.position) == ((), False, None)
