"""The sweeper: every end has its event, none comes early, and whoever leads when the leader dies goes on."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection
from structlog.testing import capture_logs

from api.application import Application, Surroundings
from api.leader_connection import leader_connection
from ledger.answers import Granted, Outcome
from ledger.bookkeeping import MAXIMUM_WINDOWS
from ledger.leadership import lead, wait
from ledger.partitions import months_ahead
from ledger.policy import Policy
from ledger.refresh_token import RefreshToken
from ledger.sweeper import LOCK, Pace, Step, Sweeper
from ledger.sweeper_run import Place, Run, read_run
from projections.active_tokens.due import DueFamilies
from projections.active_tokens.rebuild import rebuild
from tests.api.http import Http
from tests.api.server import settings_of
from tests.ledger_harness import Harness, harness, new_id

BRISK = Pace(looked_at_a_step=3, decided_at_once=2, looking=1, deciding=1, rest=timedelta(milliseconds=10))
UNLIMITED = Policy(rate_per_family=None)
WEEK = timedelta(days=7)
IN_TIME_SECONDS = 20


@dataclass(slots=True)
class World:
    """A ledger, a leader's connection, and a sweeper on both."""

    ledger: Harness
    connection: AsyncConnection[Any]
    sweeper: Sweeper
    database_url: str

    async def sweep(self) -> Run:
        return await self.sweeper.sweep(self.connection)

    async def owner(self, statement: str, *parameters: object) -> list[Any]:
        """A statement with the rights of the tables' owner."""
        async with await AsyncConnection.connect(self.database_url, autocommit=True) as connection:
            cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def ends(self) -> list[tuple[UUID, str, str]]:
        """Each recorded end: family, type, and reason or kind."""
        return await self.ledger.rows(
            "SELECT stream_id, type, coalesce(payload::json ->> 'reason', payload::json ->> 'kind')"
            " FROM events WHERE type IN ('TokenExpired', 'TokenRevoked')"
        )


def sweeper_of(
    ledger: Harness, database_url: str, *, policy: Policy | None = None, who: str = "a:1", **changes: Any
) -> Sweeper:
    given: dict[str, Any] = {
        "connect": partial(leader_connection, database_url),
        "commit": ledger.commit,
        "find_due": DueFamilies(policy or Policy()),
        "clock": lambda now: now + ledger.elapsed,
        "new_id": new_id,
        "who": who,
        "pace": BRISK,
    }
    return Sweeper(**given | changes)


@asynccontextmanager
async def world_of(database_url: str, policy: Policy, **changes: Any) -> AsyncIterator[World]:
    """Made of one policy; its view is compared with its events at the end."""
    async with harness(database_url, policy) as ledger, leader_connection(database_url) as connection:
        yield World(
            ledger, connection, sweeper_of(ledger, database_url, policy=policy, **changes), database_url
        )
        assert [one async for step in rebuild(connection, dry_run=True) for one in step.differences] == []


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_of(database_url, UNLIMITED) as made:
        yield made


async def opened(ledger: Harness, subject: str = "ada", client_id: str = "web") -> RefreshToken:
    answer = (await ledger.issue(subject, client_id)).answer
    assert isinstance(answer, Granted), answer
    return answer.token


async def refreshed(ledger: Harness, token: RefreshToken) -> Granted:
    answer = (await ledger.refresh(token)).answer
    assert isinstance(answer, Granted), answer
    return answer


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(IN_TIME_SECONDS):
        while not await condition():  # noqa: ASYNC110 - it is the database that is asked
            await asyncio.sleep(0.02)


# ------------------------------------------------------------------------------------------------ what ends


async def test_each_kind_of_end_has_its_event_and_the_others_live_on(world: World) -> None:
    ledger = world.ledger
    await ledger.rows(
        "INSERT INTO clients (client_id, policy) VALUES"
        " ('kiosk', '{\"idle_ttl\": 172800, \"absolute_ttl\": 172800}'), ('old', '{}') RETURNING 1"
    )
    idle = await opened(ledger)
    ledger.elapsed = WEEK - timedelta(days=2)
    absolute = await opened(ledger, client_id="kiosk")
    before_client = await opened(ledger, client_id="old")
    before_subject = await opened(ledger, subject="bob")
    ledger.elapsed = WEEK + timedelta(minutes=1)
    for table in ("clients", "subjects"):
        await _not_before(ledger, table)
    after_client = await opened(ledger, client_id="old")
    after_subject = await opened(ledger, subject="bob")
    suspended = await opened(ledger, subject="eve")
    await ledger.rows("INSERT INTO subjects (subject, status) VALUES ('eve', 'suspended') RETURNING 1")
    run = await world.sweep()
    assert sorted(await world.ends()) == sorted(
        [
            (idle.family_id, "TokenExpired", "idle"),
            (absolute.family_id, "TokenExpired", "absolute"),
            (before_client.family_id, "TokenRevoked", "not_before"),
            (before_subject.family_id, "TokenRevoked", "not_before"),
        ]
    )
    assert (run.walked, run.ended, run.tidied, run.failed) == (7, 4, 0, 0)
    by_whom = await ledger.rows(
        "SELECT actor, count(DISTINCT correlation_id) FROM events"
        " WHERE type IN ('TokenExpired', 'TokenRevoked') GROUP BY actor"
    )
    assert by_whom == [("system", 1)], "all events of one run can be found by one id"
    for token in (after_client, after_subject):
        await refreshed(ledger, token)
    await ledger.rows("UPDATE everyone SET not_before = clock_timestamp() + %s RETURNING 1", ledger.elapsed)
    last = await opened(ledger)
    assert (await world.sweep()).ended == 3
    assert await _living(ledger) == {last.family_id}
    assert suspended.family_id in {family_id for family_id, _, _ in await world.ends()}


async def _not_before(ledger: Harness, table: str) -> None:
    now = ledger.elapsed
    if table == "clients":
        await ledger.rows(
            "UPDATE clients SET not_before = clock_timestamp() + %s WHERE client_id = 'old' RETURNING 1", now
        )
    else:
        await ledger.rows(
            "INSERT INTO subjects (subject, not_before) VALUES ('bob', clock_timestamp() + %s) RETURNING 1",
            now,
        )


async def _living(ledger: Harness) -> set[UUID]:
    return {
        row[0] for row in await ledger.rows("SELECT family_id FROM active_tokens WHERE status = 'active'")
    }


async def test_a_family_is_found_at_its_deadline_and_not_a_microsecond_before(world: World) -> None:
    token = await opened(world.ledger)
    rows = await world.ledger.rows("SELECT idle_expires_at FROM active_tokens")
    deadline: datetime = rows[0][0]
    assert (await _due(world, deadline - timedelta(microseconds=1))).over == []
    assert (await _due(world, deadline)).over == [token.family_id]


async def test_a_family_opened_at_the_not_before_lives(world: World) -> None:
    await opened(world.ledger)
    await world.ledger.rows(
        "UPDATE everyone SET not_before = (SELECT opened_at FROM active_tokens) RETURNING 1"
    )
    assert (await world.sweep()).ended == 0


async def _due(world: World, now: datetime) -> Step:
    return await DueFamilies(Policy())(
        world.connection, after=None, maximum=10, now=now, untouched_since=now - timedelta(days=99)
    )


async def test_the_decider_has_the_last_word_on_what_a_clock_that_is_ahead_finds(database_url: str) -> None:
    async with world_of(database_url, UNLIMITED, clock=lambda now: now + timedelta(days=60)) as world:
        token = await opened(world.ledger)
        run = await world.sweep()
        assert (run.walked, run.ended, run.failed) == (1, 0, 0)
        await refreshed(world.ledger, token)


async def test_an_end_is_recorded_once_however_often_it_is_swept(world: World) -> None:
    for _ in range(7):
        await opened(world.ledger)
    world.ledger.elapsed = WEEK * 2
    runs = [await world.sweep() for _ in range(3)]
    assert [run.ended for run in runs] == [7, 0, 0]
    assert [run.walked for run in runs] == [7, 0, 0]
    assert len(await world.ends()) == 7


async def test_families_are_refreshed_or_ended_while_their_deadlines_pass(database_url: str) -> None:
    policy = replace(UNLIMITED, idle_lifetime=timedelta(seconds=1.5), grace=timedelta(0))
    async with world_of(database_url, policy) as world:
        idle = [await opened(world.ledger) for _ in range(60)]
        busy = [await opened(world.ledger) for _ in range(20)]
        ended: list[int] = []

        async def keep_refreshing(token: RefreshToken) -> None:
            while sum(ended) < len(idle):
                token = (await refreshed(world.ledger, token)).token
                await asyncio.sleep(0.01)

        async def keep_sweeping() -> None:
            while sum(ended) < len(idle):
                ended.append((await world.sweep()).ended)

        async with asyncio.timeout(IN_TIME_SECONDS):
            await asyncio.gather(keep_sweeping(), *(keep_refreshing(token) for token in busy))
        ends = await world.ends()
        assert Counter(family_id for family_id, _, _ in ends) == Counter(one.family_id for one in idle)


# --------------------------------------------------------------------------------------------- what is tidied


async def _windows(ledger: Harness) -> list[int]:
    rows = await ledger.rows("SELECT octet_length(windows) FROM active_tokens ORDER BY family_id")
    return [row[0] for row in rows]


async def test_nonces_are_dropped_within_the_hour_without_an_event(world: World) -> None:
    first = await opened(world.ledger)
    await refreshed(world.ledger, first)
    world.ledger.elapsed = timedelta(minutes=44)
    assert (await world.sweep()).tidied == 0
    assert (await _windows(world.ledger))[0] > 0
    world.ledger.elapsed = timedelta(minutes=46)
    assert (await world.sweep()).tidied == 1
    assert await _windows(world.ledger) == [0]
    assert await world.ledger.rows("SELECT count(*) FROM events") == [(2,)]
    assert (await world.sweep()).tidied == 0


@pytest.mark.parametrize("own", [True, False], ids=["of the client", "of the deployment"])
async def test_a_replay_in_its_lost_response_window_is_covered_until_it_closes(
    database_url: str, own: bool
) -> None:
    policy = replace(UNLIMITED, lost_response_window=timedelta(hours=2 if own else 1))
    async with world_of(database_url, policy) as world:
        ledger = world.ledger
        await ledger.rows(
            "UPDATE clients SET policy = %s::jsonb RETURNING 1",
            '{"lost_response_window": 3600}' if own else "{}",
        )
        first = await opened(ledger)
        second = (await refreshed(ledger, first)).token
        ledger.elapsed = timedelta(minutes=59)
        assert (await world.sweep()).tidied == 0
        replayed = await refreshed(ledger, first)
        assert (replayed.outcome, replayed.token) == (Outcome.REPLAYED, second)
        ledger.elapsed = timedelta(minutes=106)
        assert (await world.sweep()).tidied == 1
        assert await _windows(ledger) == [0]


async def test_ended_families_hold_no_nonce_and_are_not_walked(world: World) -> None:
    token = await opened(world.ledger)
    for _ in range(MAXIMUM_WINDOWS):
        token = (await refreshed(world.ledger, token)).token
    await world.ledger.logout(token)
    assert await _windows(world.ledger) == [0]
    assert (await world.sweep()).walked == 0


async def test_used_assertions_are_forgotten_some_time_after_their_expiry(world: World) -> None:
    await world.owner(
        "INSERT INTO used_assertions SELECT 'idp', n::text, clock_timestamp() - make_interval(mins => n)"
        " FROM generate_series(-5, 2500) AS n"
    )
    await world.sweep()
    left = await world.owner("SELECT jwt_id::int FROM used_assertions ORDER BY 1")
    assert [row[0] for row in left] == list(range(-5, 10))


# --------------------------------------------------------------------------------------- what is in the way


async def test_a_row_that_cannot_be_read_stops_nothing_and_is_told_once(world: World) -> None:
    tokens = [await opened(world.ledger) for _ in range(8)]
    bad = tokens[3].family_id
    good = await world.owner("SELECT windows FROM active_tokens WHERE family_id = %s", bad)
    await world.owner("UPDATE active_tokens SET windows = '\\x09' WHERE family_id = %s", bad)
    world.ledger.elapsed = WEEK * 2
    with capture_logs() as logs:
        runs = [await world.sweep(), await world.sweep()]
    assert [(run.ended, run.failed) for run in runs] == [(7, 1), (0, 1)]
    assert {family_id for family_id, _, _ in await world.ends()} == {
        token.family_id for token in tokens if token.family_id != bad
    }
    told = [log for log in logs if log["log_level"] == "error"]
    assert [log["family_id"] for log in told] == [str(bad)]
    await world.owner("UPDATE active_tokens SET windows = %s WHERE family_id = %s", good[0][0], bad)


async def test_a_family_that_somebody_holds_is_left_for_later(world: World) -> None:
    tokens = [await opened(world.ledger) for _ in range(5)]
    world.ledger.elapsed = WEEK * 2
    async with await AsyncConnection.connect(world.database_url) as holder:
        await holder.execute(
            "SELECT FROM active_tokens WHERE family_id = %s FOR UPDATE", (tokens[2].family_id,)
        )
        async with asyncio.timeout(IN_TIME_SECONDS):
            assert (await world.sweep()).ended == 4
    assert (await world.sweep()).ended == 1


async def test_the_walk_goes_on_where_it_stopped(world: World) -> None:
    for _ in range(10):
        await opened(world.ledger)
    find, steps = DueFamilies(Policy()), 0

    async def find_then_die(connection: AsyncConnection[Any], **given: Any) -> Step:
        nonlocal steps
        steps += 1
        if steps == 3:
            await connection.execute("RESET ROLE")
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return await find(connection, **given)

    dying = sweeper_of(world.ledger, world.database_url, find_due=find_then_die)
    async with leader_connection(world.database_url) as connection:
        with pytest.raises(psycopg.OperationalError):
            await dying.sweep(connection)
    stopped = await read_run(world.connection)
    assert stopped is not None
    assert (stopped.walked, stopped.finished_at, stopped.leader) == (6, None, "a:1")
    seen: list[Place | None] = []

    async def find_and_tell(connection: AsyncConnection[Any], **given: Any) -> Step:
        seen.append(given["after"])
        return await find(connection, **given)

    other = sweeper_of(world.ledger, world.database_url, find_due=find_and_tell, who="b:2")
    run = await other.sweep(world.connection)
    assert seen[0] == stopped.place
    assert (run.walked, run.leader, run.started_at) == (10, "b:2", stopped.started_at)
    assert run.finished_at is not None
    assert await read_run(world.connection) == run
    await other.sweep(world.connection)
    assert None in seen, "a finished walk is begun anew"


async def test_the_walk_uses_the_index_of_living_families(world: World) -> None:
    await world.owner(
        "INSERT INTO active_tokens (family_id, version, head, last_event_at, status, subject, client_id,"
        " transport, scope, opened_at, generation, secret_hash, last_used_at, idle_expires_at,"
        " absolute_expires_at, windows, bookkeeping)"
        " SELECT gen_random_uuid(), 1, '', now(), 'active', 's' || n, 'web', 'body', '{}', now(), 0, '',"
        " now(), now() + interval '7 days', now() + interval '30 days', '', '{}'"
        " FROM generate_series(1, 20000) AS n"
    )
    await world.owner("ANALYZE active_tokens")
    statement = DueFamilies(Policy())
    plan: list[str] = []

    class Explaining:
        """Stands where the connection does, and asks for the plan."""

        async def execute(self, query: str, parameters: Any) -> Any:
            cursor = await world.connection.execute(f"EXPLAIN {query}".encode(), parameters)
            plan.extend(row[0] for row in await cursor.fetchall())
            return await world.connection.execute("SELECT NULL, NULL, 0, '{}'::uuid[], '{}'::uuid[]")

    now = datetime.now(UTC)
    await statement(Explaining(), after=None, maximum=1000, now=now, untouched_since=now)  # type: ignore[arg-type]
    text = "\n".join(plan)
    assert "Index Scan using active_tokens_by_absolute_deadline" in text
    assert "Seq Scan on active_tokens" not in text
    assert "Sort Key: active_tokens.absolute_expires_at" not in text
    await world.owner("DELETE FROM active_tokens")


# ------------------------------------------------------------------------------------------------- leadership


async def _leading_backend(world: World) -> int | None:
    rows = await world.owner(
        "SELECT pid FROM pg_locks JOIN pg_database ON oid = database AND datname = current_database()"
        " WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = %s",
        LOCK,
    )
    assert len(rows) <= 1
    return rows[0][0] if rows else None


async def test_the_leader_dies_in_the_middle_and_another_finishes(database_url: str) -> None:
    async with (
        world_of(database_url, UNLIMITED) as world,
        harness(database_url, UNLIMITED) as other_ledger,
        AsyncExitStack() as ending,
    ):
        tokens = await asyncio.gather(*(opened(world.ledger) for _ in range(600)))
        world.ledger.elapsed = other_ledger.elapsed = WEEK * 2
        pace = replace(BRISK, deciding=0.2)
        first = asyncio.create_task(sweeper_of(world.ledger, database_url, pace=pace).run())
        await eventually(partial(_count_is, world, 1))
        second = asyncio.create_task(sweeper_of(other_ledger, database_url, pace=BRISK, who="b:2").run())
        ending.push_async_callback(_cancelled, second)
        backend = await _leading_backend(world)
        run = await read_run(world.connection)
        assert run is not None
        assert (run.leader, run.finished_at) == ("a:1", None)
        assert await world.owner("SELECT pg_terminate_backend(%s)", backend) == [(True,)]
        await _cancelled(first)
        after_the_death = len(await world.ends())
        assert 0 < after_the_death < 600
        await eventually(partial(_count_is, world, 600))
        await eventually(partial(_finished_by, world, "b:2"))
        counts = Counter(family_id for family_id, _, _ in await world.ends())
        assert counts == Counter(token.family_id for token in tokens)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _count_is(world: World, at_least: int) -> bool:
    return len(await world.ends()) >= at_least


async def _finished_by(world: World, who: str) -> bool:
    run = await read_run(world.connection)
    return run is not None and run.leader == who and run.finished_at is not None


async def test_one_leads_and_notices_when_its_connection_is_gone(database_url: str, world: World) -> None:
    led: list[str] = []
    noticed = asyncio.Event()

    async def work(name: str, connection: AsyncConnection[Any]) -> None:
        led.append(name)
        try:
            while True:
                await wait(connection, 1.1)
        except psycopg.OperationalError:
            noticed.set()
            await asyncio.Event().wait()

    connect = partial(leader_connection, database_url)
    first = asyncio.create_task(lead(connect, LOCK, partial(work, "first")))
    await eventually(partial(_led_by, led, "first"))
    second = asyncio.create_task(lead(connect, LOCK, partial(work, "second")))
    try:
        backend = await _leading_backend(world)
        assert led == ["first"]
        await world.owner("SELECT pg_terminate_backend(%s)", backend)
        async with asyncio.timeout(IN_TIME_SECONDS):
            await noticed.wait()
        await eventually(partial(_led_by, led, "second"))
        assert led == ["first", "second"]
    finally:
        await _cancelled(first)
        await _cancelled(second)


async def _led_by(led: list[str], name: str) -> bool:
    return name in led


async def test_the_lock_of_a_leader_that_stands_still_is_taken_away(world: World) -> None:
    async with leader_connection(world.database_url) as connection:

        async def stand_still(_: AsyncConnection[Any]) -> None:
            await asyncio.Event().wait()

        task = asyncio.create_task(lead(partial(leader_connection, world.database_url), LOCK, stand_still))
        try:
            await eventually(partial(_is_led, world))
            await eventually(partial(_is_not_led, world))
        finally:
            await _cancelled(task)
        await connection.execute("SELECT 1")


async def test_a_leader_reads_what_is_committed_whatever_the_default_of_the_database(world: World) -> None:
    isolation: list[Any] = []
    name = (await world.owner("SELECT current_database()"))[0][0]
    await world.owner(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")

    async def work(connection: AsyncConnection[Any]) -> None:
        cursor = await connection.execute("SHOW transaction_isolation")
        isolation.extend(await cursor.fetchall())
        await world.sweeper.sweep(connection)
        isolation.append("swept")

    async def has_swept() -> bool:
        return "swept" in isolation

    await opened(world.ledger)
    task = asyncio.create_task(lead(partial(leader_connection, world.database_url), LOCK, work))
    try:
        await eventually(has_swept)
    finally:
        await _cancelled(task)
    assert isolation[0] == ("read committed",)


async def _is_led(world: World) -> bool:
    return await _leading_backend(world) is not None


async def _is_not_led(world: World) -> bool:
    return await _leading_backend(world) is None


# ------------------------------------------------------------------------------------------------- partitions


async def _drop_last_month(world: World) -> None:
    rows = await world.owner(
        "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'events'::regclass"
    )
    events: str = rows[0][0]
    await world.owner(f"DROP TABLE {events}, {events.replace('events', 'personal_data')}")


async def test_a_month_in_between_that_is_missing_is_what_counts(world: World) -> None:
    rows = await world.owner("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', '_YYYY_MM')")
    await world.owner(f"DROP TABLE personal_data{rows[0][0]}")
    assert await months_ahead(world.connection) == 0
    await world.sweep()
    assert await months_ahead(world.connection) == 3


async def test_partitions_that_are_missing_are_made(world: World) -> None:
    assert await months_ahead(world.connection) == 3
    await _drop_last_month(world)
    await _drop_last_month(world)
    assert await months_ahead(world.connection) == 1
    await world.sweep()
    assert await months_ahead(world.connection) == 3


async def test_partitions_that_cannot_be_made_raise_an_alarm_and_stop_nothing(database_url: str) -> None:
    async with world_of(database_url, UNLIMITED) as world:
        await opened(world.ledger)
        await _drop_last_month(world)
        await _drop_last_month(world)
        await world.connection.execute("SET lock_timeout = '100ms'")
        world.ledger.elapsed = WEEK * 2
        async with await AsyncConnection.connect(database_url) as reader:
            await reader.execute("SELECT FROM events LIMIT 1")
            with capture_logs() as logs:
                assert (await world.sweep()).ended == 1
        warnings = [log for log in logs if log["log_level"] == "warning"]
        assert [log["event"] for log in warnings] == [
            "the partitions of the months ahead could not be made",
            "partitions run out",
        ]
        assert "only 1 of the coming months" in warnings[1]["reason"]


async def test_readiness_tells_of_the_last_run_and_of_partitions_that_run_out(world: World) -> None:
    def surroundings(sweeping: Pace | None) -> Surroundings:
        return Surroundings(
            random=os.urandom,
            offset=lambda: world.ledger.elapsed,
            sweeping=sweeping,
            sealing=None,
            projecting=None,
        )

    await opened(world.ledger)
    world.ledger.elapsed = WEEK * 2
    settings = settings_of(world.database_url)
    sweeping = Application(settings, world.database_url, surroundings=surroundings(Pace()))
    async with sweeping.lifespan():
        await eventually(partial(_told_as_finished, sweeping))
        answer = await Http(sweeping).send("GET", "/readyz")
    assert answer.status == 200
    told = answer.json
    assert (told["status"], told["warnings"], told["monthsAhead"]) == ("ready", [], 3)
    assert told["sweeper"]["leader"].endswith(f":{os.getpid()}")
    assert (told["sweeper"]["walked"], told["sweeper"]["ended"], told["sweeper"]["failed"]) == (1, 1, 0)
    assert told["sweeper"]["finishedAt"].endswith("Z")
    await _drop_last_month(world)
    await _drop_last_month(world)
    idle = Application(settings, world.database_url, surroundings=surroundings(None))
    async with idle.lifespan():
        answer = await Http(idle).send("GET", "/readyz")
        assert (answer.status, answer.json["monthsAhead"]) == (200, 1)
        assert "only 1 of the coming months" in answer.json["warnings"][0]
        await world.owner("ALTER TABLE sweeper_run RENAME TO away")
        answer = await Http(idle).send("GET", "/readyz")
        assert (answer.status, answer.json["status"]) == (200, "ready")
        assert len(answer.json["warnings"]) == 1


async def _told_as_finished(application: Application) -> bool:
    answer = await Http(application).send("GET", "/readyz")
    run = answer.json.get("sweeper")
    return run is not None and run["finishedAt"] is not None
