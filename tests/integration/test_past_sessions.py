"""Sessions of the past are what a fold of all events until then says, whatever happened and however long."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from psycopg import AsyncConnection

from ledger.administration import Act, Administration
from ledger.answers import Granted
from ledger.batch import Submission
from ledger.commands import Command, Expire, Issue, Logout, Presented, Refresh, Rename, Revoke
from ledger.event_codec import decode_payload
from ledger.events import AdministrativeEvent, RevocationReason, Transport
from ledger.evolve import evolve
from ledger.family import ActiveFamily, ExpiredFamily, Family, RevokedFamily, last_active
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.policy import Policy
from ledger.recorder import Request, fold_personal_data
from ledger.refresh_token import RefreshToken
from ledger.stored_family import FamilyPersonalData
from ledger.uuid7 import uuid7
from projections.active_tokens.sessions import SessionFilter, SessionStatus, read_session
from projections.past_sessions import reading
from projections.past_sessions.reading import read_page, read_snapshot
from projections.past_sessions.snapshot import Snapshot
from tests.auditing import sealed_and_caught_up
from tests.ledger_harness import HOME, Harness, harness, new_id

SUBJECTS = ("ada", "bob", "eve")
POLICY = Policy(idle_lifetime=timedelta(hours=8), absolute_lifetime=timedelta(hours=30), rate_per_family=None)


@dataclass(slots=True)
class Made:
    """A ledger in which random things happen, one a step."""

    ledger: Harness
    choose: random.Random
    tokens: dict[UUID, list[RefreshToken]] = field(default_factory=dict)

    async def submit(self, command: Command) -> Any:
        personal = PersonalData(
            address=self.choose.choice(["192.0.2.7", "198.51.100.9", "2001:db8::7", "unknown", None]),
            user_agent=self.choose.choice(["Firefox", "Chrome"]),
            device_label=self.choose.choice(["laptop", "phone", None]),
        )
        request = Request(correlation_id=new_id(), personal_data=personal)
        return (await self.ledger.commit.submit(Submission(command=command, request=request))).answer

    async def step(self) -> None:
        minutes = self.choose.choice([0, 0, 0, 1, 5, 60, 240])
        self.ledger.elapsed += timedelta(minutes=minutes, seconds=self.choose.random())
        act = self.choose.choice([*["rotate"] * 6, "issue", "replay", "rename", "end", "expire", "control"])
        if act == "issue" or not self.tokens:
            answer = await self.submit(
                Issue(
                    family_id=new_id(),
                    subject=self.choose.choice(SUBJECTS),
                    client_id="web",
                    transport=Transport.BODY,
                    scope=(),
                    secret=os.urandom(32),
                )
            )
            if isinstance(answer, Granted):
                self.tokens[answer.token.family_id] = [answer.token]
            return
        family_id = self.choose.choice(list(self.tokens))
        tokens = self.tokens[family_id]
        match act:
            case "rotate":
                await self._refresh(tokens, tokens[-1])
            case "replay":
                await self._refresh(tokens, self.choose.choice(tokens))
            case "rename":
                await self.submit(Rename(family_id=family_id))
            case "end":
                presented = Presented(token=tokens[-1], fingerprint=HOME)
                ends = (
                    Revoke(family_id=family_id, reason=RevocationReason.ADMIN),
                    Logout(presented=presented),
                )
                await self.submit(self.choose.choice(ends))
            case "expire":
                await self.submit(Expire(family_id=family_id))
            case "control":
                await self._control()

    async def _refresh(self, tokens: list[RefreshToken], token: RefreshToken) -> None:
        presented = Presented(token=token, fingerprint=HOME)
        answer = await self.submit(Refresh(presented=presented, by_cookie=False, nonce=os.urandom(32)))
        if isinstance(answer, Granted) and answer.token.generation > tokens[-1].generation:
            tokens.append(answer.token)

    async def _control(self) -> None:
        administration = Administration(
            pool=self.ledger.pool, clock=lambda now: now + self.ledger.elapsed, random=os.urandom
        )
        act = Act(actor="operator", client_id=None, correlation_id=new_id())
        subject = self.choose.choice(SUBJECTS)
        long_ago = datetime.now(UTC) + self.ledger.elapsed - timedelta(hours=2)
        match self.choose.randrange(8):
            case 0 | 1 | 2:
                await administration.suspend(subject, act)
            case 3 | 4 | 5:
                await administration.reactivate(subject, act)
            case 6:
                await administration.set_not_before(long_ago, act, subject=subject)
            case _:
                whose = self.choose.choice([{"client_id": "web"}, {}])
                await administration.set_not_before(long_ago, act, **whose)


EVENTS = """
SELECT e.stream_id, e.type, e.schema_version, e.occurred_at, e.payload, p.data
FROM events AS e LEFT JOIN personal_data AS p USING (stream_id, version)
ORDER BY e.position
"""


async def naive(connection: AsyncConnection[Any], time: datetime) -> list[Snapshot]:
    """Every session at a moment, newest first: all events until then, folded one after the other."""
    families: dict[UUID, tuple[Family, FamilyPersonalData]] = {}
    not_before: dict[tuple[str | None, str | None], datetime] = {}
    suspended: set[str] = set()
    for stream, type_name, schema, at, payload, data in await (await connection.execute(EVENTS)).fetchall():
        if at > time:
            continue
        event = decode_payload(type_name, schema, payload)
        if isinstance(event, AdministrativeEvent):
            said = orjson.loads(payload)
            match type_name:
                case "SubjectSuspended":
                    suspended.add(said["subject"])
                case "SubjectReactivated":
                    suspended.discard(said["subject"])
                case "NotBeforeSet":
                    boundary = datetime.fromisoformat(said["time"])
                    not_before[said.get("subject"), said.get("client_id")] = boundary
            continue
        family, personal = families.get(stream, (None, None))
        told = NOTHING_PERSONAL if data is None else PersonalData.decode(data)
        families[stream] = (
            evolve(family, event, family_id=stream, occurred_at=at),
            fold_personal_data(personal, event, told),
        )
    return [_naive_snapshot(*families[one], not_before, suspended, time) for one in sorted(families)[::-1]]


def _naive_snapshot(
    family: Family,
    personal: FamilyPersonalData,
    not_before: Mapping[tuple[str | None, str | None], datetime],
    suspended: set[str],
    time: datetime,
) -> Snapshot:
    was = last_active(family)
    whose = ((was.subject, None), (None, was.client_id), (None, None))
    if isinstance(family, RevokedFamily):
        status = SessionStatus.REVOKED
    elif isinstance(family, ExpiredFamily) or min(was.idle_expires_at, was.absolute_expires_at) <= time:
        status = SessionStatus.EXPIRED
    elif any(one in not_before and was.opened_at < not_before[one] for one in whose):
        status = SessionStatus.REVOKED
    else:
        assert isinstance(family, ActiveFamily)
        status = SessionStatus.SUSPENDED if was.subject in suspended else SessionStatus.ACTIVE
    return Snapshot(
        family_id=was.family_id,
        subject=was.subject,
        client_id=was.client_id,
        status=status,
        generation=was.generation,
        device_label=personal.device_label,
        address=personal.address,
        user_agent=personal.user_agent,
        opened_at=was.opened_at,
        last_used_at=was.last_used_at,
        idle_expires_at=was.idle_expires_at,
        absolute_expires_at=was.absolute_expires_at,
    )


def _fits(one: Snapshot, wanted: SessionFilter) -> bool:
    address = None if one.address in (None, "unknown") else ip_address(one.address)
    return (
        (wanted.ids is None or one.family_id in wanted.ids)
        and wanted.subject in (None, one.subject)
        and wanted.client_id in (None, one.client_id)
        and wanted.device_label in (None, one.device_label)
        and wanted.status in (None, one.status)
        and (wanted.network is None or (address is not None and address in wanted.network))
        and (wanted.created_before is None or one.opened_at < wanted.created_before)
        and (wanted.created_after is None or one.opened_at >= wanted.created_after)
        and (wanted.last_used_before is None or one.last_used_at < wanted.last_used_before)
    )


async def walked(
    connection: AsyncConnection[Any], wanted: SessionFilter, time: datetime, size: int
) -> list[Snapshot]:
    """All pages, one after the other."""
    found: list[Snapshot] = []
    before = None
    while True:
        page = await read_page(connection, wanted, time, before=before, maximum=size)
        assert len(page.snapshots) <= size
        found += page.snapshots
        before = page.last_examined
        if before is None:
            return found


@pytest.mark.parametrize("seed", range(6))
async def test_the_past_is_the_fold_of_all_events_until_then(database_url: str, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - made-up histories
    async with harness(database_url, POLICY) as ledger:
        made = Made(ledger, choose)
        for _ in range(120):
            await made.step()
        async with ledger.pool.connection() as connection:
            cursor = await connection.execute(b"SELECT occurred_at FROM events ORDER BY position")
            exact = [row[0] for row in await cursor.fetchall()]
            between = [exact[0] + choose.random() * (exact[-1] - exact[0]) for _ in range(6)]
            just_before = [one - timedelta(microseconds=1) for one in choose.sample(exact, 4)]
            last = exact[-1] + timedelta(hours=choose.choice([0, 9]))
            statuses = set()
            for time in [*choose.sample(exact, 6), *between, *just_before, exact[0], last]:
                expected = await naive(connection, time)
                statuses |= {one.status for one in expected}
                assert await walked(connection, SessionFilter(), time, choose.choice([1, 3, 50])) == expected
                for one in made.tokens:
                    known = [past for past in expected if past.family_id == one]
                    assert await read_snapshot(connection, one, time) == (known[0] if known else None)
                for wanted in (
                    SessionFilter(subject="ada"),
                    SessionFilter(client_id="web", status=SessionStatus.ACTIVE),
                    SessionFilter(status=choose.choice(list(SessionStatus))),
                    SessionFilter(device_label="phone"),
                    SessionFilter(network=ip_network(choose.choice(["192.0.2.0/24", "2001:db8::/32"]))),
                    SessionFilter(created_after=choose.choice(exact), created_before=choose.choice(exact)),
                    SessionFilter(last_used_before=choose.choice(exact)),
                    SessionFilter(ids=choose.sample(list(made.tokens), min(3, len(made.tokens)))),
                    SessionFilter(client_id="other"),
                ):
                    matching = [one for one in expected if _fits(one, wanted)]
                    assert await walked(connection, wanted, time, 2) == matching, wanted
            assert len(statuses) >= 3


async def test_the_past_that_is_now_is_what_the_view_shows(database_url: str) -> None:
    async with harness(database_url, POLICY) as ledger:
        made = Made(ledger, random.Random(7))  # noqa: S311 - made-up histories
        for _ in range(120):
            await made.step()
        async with ledger.pool.connection() as connection:
            now = datetime.now(UTC) + ledger.elapsed
            for one in made.tokens:
                live, past = (
                    await read_session(connection, one, now=now),
                    await read_snapshot(connection, one, now),
                )
                assert live is not None
                assert past is not None
                names = [name for name in Snapshot.__slots__ if name != "status"]
                assert [getattr(live, name) for name in names] == [getattr(past, name) for name in names]
                assert live.status == past.status


async def test_an_administrative_act_is_no_session_of_the_past(database_url: str) -> None:
    async with harness(database_url) as ledger, ledger.pool.connection() as connection:
        administration = Administration(pool=ledger.pool, clock=lambda now: now, random=os.urandom)
        await administration.suspend("ada", Act(actor="operator", client_id=None, correlation_id=new_id()))
        ((stream,),) = await ledger.rows("SELECT stream_id FROM events")
        assert await read_snapshot(connection, stream, datetime.now(UTC) + timedelta(seconds=1)) is None


async def test_erased_personal_data_is_gone_from_the_past_too(database_url: str) -> None:
    async with harness(database_url) as ledger, ledger.pool.connection() as connection:
        answer = (await ledger.issue()).answer
        assert isinstance(answer, Granted)
        now = datetime.now(UTC) + timedelta(seconds=1)
        before = await read_snapshot(connection, answer.token.family_id, now)
        await connection.execute(b"DELETE FROM personal_data")
        erased = await read_snapshot(connection, answer.token.family_id, now)
        assert before is not None
        assert erased is not None
        assert (before.device_label, before.address) == ("laptop", "192.0.2.7")
        assert (erased.device_label, erased.address, erased.user_agent) == (None, None, None)


async def test_a_suspension_whose_event_retention_removed_is_told_by_what_came_after(
    database_url: str,
) -> None:
    async with harness(database_url) as ledger, ledger.pool.connection() as connection:
        answer = (await ledger.issue()).answer
        assert isinstance(answer, Granted)
        administration = Administration(pool=ledger.pool, clock=lambda now: now, random=os.urandom)
        act = Act(actor="operator", client_id=None, correlation_id=new_id())
        await administration.suspend("ada", act)
        suspended = datetime.now(UTC)
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute("ALTER TABLE events DISABLE TRIGGER append_only")
            owner.execute("DELETE FROM events WHERE type = 'SubjectSuspended'")

        async def status() -> SessionStatus:
            past = await read_snapshot(connection, answer.token.family_id, suspended)
            assert past is not None
            return past.status

        assert await status() is SessionStatus.SUSPENDED
        await administration.reactivate("ada", act)
        assert await status() is SessionStatus.SUSPENDED


ROTATIONS = """
INSERT INTO events
  (stream_id, version, type, schema_version, occurred_at, actor, client_id, payload, previous, leaf_hash)
SELECT
  stream_id, n + 2, CASE WHEN n %% 4 = 3 THEN 'RefreshRefused' ELSE 'TokenRotated' END, 1,
  occurred_at + n * interval '1 second', actor, client_id,
  CASE
    WHEN n %% 4 = 3 THEN '{"reason":"subject_inactive"}'
    ELSE format(
      '{"generation":%%s,"grace_ends_at":"2030-01-01T00:00:00.000000Z",'
      '"idle_expires_at":"2030-01-01T00:00:00.000000Z","lost_response_ends_at":null,"secret_hash":"%%s"}',
      n - (n + 1) / 4, repeat('ab', 32)
    )
  END,
  leaf_hash, leaf_hash
FROM events, generate_series(1, 20000) AS n
WHERE stream_id = %s AND version = 1
"""


async def test_one_moment_of_a_family_of_15000_generations_reads_few_pages(database_url: str) -> None:
    async with harness(database_url) as ledger:
        answer = (await ledger.issue()).answer
        assert isinstance(answer, Granted)
        family_id = answer.token.family_id
        await ledger.submit(Rename(family_id=family_id))  # its label must not be searched for
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute(ROTATIONS.encode(), [family_id])
            owner.execute("ANALYZE events")
            (opened,) = owner.execute("SELECT occurred_at FROM events WHERE version = 1").fetchone() or ()
        async with ledger.pool.connection() as connection:
            for n in (1, 2, 3, 4, 5, 9_999, 19_999, 20_000):
                past = await read_snapshot(connection, family_id, opened + timedelta(seconds=n))
                assert past is not None
                assert (past.generation, past.device_label) == (n - (n + 1) // 4, "laptop")
            statement = reading.sql("projections.past_sessions", "telling_events")
            time = opened + timedelta(seconds=9_999)
            explained = await connection.execute(
                b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.encode(),
                {"family_ids": [family_id], "time": time},
            )
            ((plan,),) = await explained.fetchall()
            assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 400


async def test_a_page_looks_at_2000_families_and_says_where_the_next_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EXAMINED", 7)
    monkeypatch.setattr(reading, "_AT_ONCE", 3)
    async with harness(database_url) as ledger:
        for number in range(20):
            await ledger.issue(f"subject {number}", "web")
        async with ledger.pool.connection() as connection:
            now = datetime.now(UTC) + timedelta(seconds=1)
            everyone = await walked(connection, SessionFilter(), now, 500)
            wanted = SessionFilter(device_label="no such")
            page = await read_page(connection, wanted, now, maximum=2)
            assert (page.snapshots, page.last_examined) == ([], everyone[6].family_id)
            assert await walked(connection, wanted, now, 2) == []
            assert len(everyone) == 20
            created = SessionFilter(created_before=everyone[14].opened_at)
            assert await walked(connection, created, now, 2) == everyone[15:]


async def test_a_session_whose_id_is_of_the_future_is_found_once_that_is_known(database_url: str) -> None:
    async with harness(database_url) as ledger, ledger.pool.connection() as connection:
        minted = uuid7(
            time.time_ns() // 1_000_000 + 3_600_000, os.urandom(10)
        )  # a worker's clock is an hour ahead
        issue = Issue(
            family_id=minted,
            subject="ada",
            client_id="web",
            transport=Transport.BODY,
            scope=(),
            secret=os.urandom(32),
        )
        await ledger.submit(issue)
        now = datetime.now(UTC) + timedelta(seconds=1)
        await sealed_and_caught_up(database_url)
        page = await read_page(connection, SessionFilter(), now, maximum=5)
        assert [one.family_id for one in page.snapshots] == [minted]
