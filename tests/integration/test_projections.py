"""Projections that catch up: each leaf once, whoever dies; rebuilt beside the live ones; what is erased."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from api.leader_connection import leader_connection
from api.pool import configure_reading
from ledger import recorder
from ledger.answers import Granted
from projections.active_tokens.sessions import SessionFilter
from projections.audit_events.event_filter import EventFilter, EventOrder
from projections.audit_events.reading import next_index, read_events
from projections.audit_sessions.reading import read_page
from projections.catching_up import PROJECTIONS, SETTINGS, Projection, catch_up
from projections.erasure import forget
from projections.lag import ProjectionLag, behind, read_lags
from projections.rebuilding import RebuildRunningError, Rebuilt, rebuild
from projections.runner import Pace, Runner
from projections.security_hours.reading import Counts, Interval, read_counts, read_series
from tests.auditing import all_events, caught_up, execute, sealed, sealed_and_caught_up
from tests.integration.test_audit_events import History, record
from tests.ledger_harness import Harness, harness
from tests.mortal import Mortal

BY_NAME = {one.name: one for one in PROJECTIONS}
TABLES = ("audit_events", "audit_sessions", "security_hours", "security_minutes")


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """As a leader."""
    async with leader_connection(database_url) as made:
        await made.execute(SETTINGS)
        yield made


def live_rows(database_url: str) -> dict[str, list[Any]]:
    """What readers see of each table."""
    return {
        table: execute(
            database_url,
            f"SELECT to_jsonb(t) - 'slot' FROM {table} AS t "  # noqa: S608 - names of this file
            "WHERE slot = (SELECT slot FROM projection_slots WHERE live AND projection = "
            "replace(%s, 'minutes', 'hours')) ORDER BY 1",
            table,
        )
        for table in TABLES
    }


async def sealed_more(database_url: str, history: History) -> None:
    """Record what a history has and the ledger has not, and seal it."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as writer:
        await recorder.append(writer, history.rows)
    history.rows.clear()
    await sealed(database_url)


# ----------------------------------------------------------------------------------------------- exactly once


@pytest.mark.parametrize("before", [True, False])
async def test_a_runner_that_dies_between_any_two_statements_leaves_each_leaf_counted_once(
    database_url: str, connection: AsyncConnection[Any], before: bool
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - told when the test fails
    history = History(random.Random(seed))  # noqa: S311 - as above
    pace = Pace(leaves_a_step=6)
    runner = Runner(connect=partial(leader_connection, database_url), who="a:1", pace=pace)
    dead = 0
    for dies_at in range(1, 200):
        history.add(13)
        await sealed_more(database_url, history)
        mortal = await Mortal.connect(database_url, autocommit=True)
        await mortal.execute("SET ROLE token_ledger_service")
        await mortal.execute(SETTINGS)
        mortal.trips, mortal.dies_at, mortal.before = 0, dies_at, before
        try:
            while await runner.catch_up(mortal):
                pass
        except psycopg.OperationalError:
            dead += 1
        await mortal.close()
        while await runner.catch_up(connection):
            pass
        if mortal.trips < dies_at:
            break
    assert dead > 40
    assert mortal.trips < dies_at  # it was killed at each of its round trips
    died = live_rows(database_url)
    assert len(died["audit_events"]) == 13 * dies_at
    for projection in PROJECTIONS:  # and no other than what is made without any death
        async for _ in rebuild(connection, projection, dry_run=False):
            pass
    assert live_rows(database_url) == died


async def test_two_runners_at_once_do_no_harm(database_url: str, connection: AsyncConnection[Any]) -> None:
    history = History(random.Random(7))  # noqa: S311 - a test's seed
    history.add(300)
    await sealed_more(database_url, history)

    async def keep(projection: Projection) -> int:
        done = 0
        async with leader_connection(database_url) as own:
            await own.execute(SETTINGS)
            while (await next_indexes(own))[projection.name] < 300:
                done += await catch_up(own, projection, maximum=7)
        return done

    counts = await asyncio.gather(*(keep(one) for one in PROJECTIONS for _ in range(2)))
    assert sum(counts) == 3 * 300
    assert len(live_rows(database_url)["audit_events"]) == 300
    for projection in PROJECTIONS:
        assert (await rebuilt(connection, projection, dry_run=True)).differences == 0


async def next_indexes(connection: AsyncConnection[Any]) -> dict[str, int]:
    return {one.name: one.size for one in await read_lags(connection)}


async def test_a_running_runner_catches_up_within_a_second_with_or_without_being_woken(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    runner = Runner(connect=partial(leader_connection, database_url), who="a:1")
    running = asyncio.create_task(runner.run())
    history = History(random.Random(1))  # noqa: S311 - a test's seed
    try:
        for count in (1, 50):
            history.add(count)
            await sealed_more(database_url, history)
            async with asyncio.timeout(5):
                size = await sealed_size(connection)
                while await next_index(connection) < size:  # noqa: ASYNC110 - it is the database's
                    await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def sealed_size(connection: AsyncConnection[Any]) -> int:
    cursor = await connection.execute("SELECT next_index FROM log_state")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_projection_that_fails_keeps_no_other_back_and_is_told_of(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    await record(database_url, 20, seed=1)
    execute(database_url, "ALTER TABLE audit_sessions ADD CONSTRAINT none_at_all CHECK (false) NOT VALID")
    history = History(random.Random(3))  # noqa: S311 - a test's seed
    history.add(30)
    await sealed_more(database_url, history)
    runner = Runner(connect=partial(leader_connection, database_url), who="a:1")
    await runner.catch_up(connection)
    assert await next_indexes(connection) == {"audit_events": 50, "audit_sessions": 20, "security_hours": 50}
    execute(database_url, "SELECT pg_sleep(0.01)")
    lags = await read_lags(connection)
    assert [one.name for one in lags if one.behind_seconds > 0] == ["audit_sessions"]
    assert behind(lags) is None
    told = behind([ProjectionLag(name="audit_sessions", size=20, behind_seconds=61.4)])
    assert told is not None
    assert told.startswith("projections are behind the log: audit_sessions by 61 s")


# ---------------------------------------------------------------------------------------------------- rebuild


async def rebuilt(connection: AsyncConnection[Any], projection: Projection, *, dry_run: bool) -> Rebuilt:
    """The last word of a rebuild."""
    steps = [one async for one in rebuild(connection, projection, dry_run=dry_run, leaves_a_step=40)]
    assert [one.finished for one in steps] == [*[False] * (len(steps) - 1), True]
    return steps[-1]


@pytest.mark.parametrize("name", BY_NAME)
async def test_a_dry_run_tells_what_differs_and_changes_nothing(
    database_url: str, connection: AsyncConnection[Any], name: str
) -> None:
    await record(database_url, 300, seed=5)
    assert (await rebuilt(connection, BY_NAME[name], dry_run=True)).differences == 0
    meddling = {
        "audit_events": "UPDATE audit_events SET actor = 'x' WHERE leaf_index = 7; "
        "DELETE FROM audit_events WHERE leaf_index = 9; "
        "INSERT INTO audit_events SELECT 9999, stream_id, occurred_at, version, slot, of_session, type "
        "FROM audit_events WHERE leaf_index = 7",
        "audit_sessions": "UPDATE audit_sessions SET subject = 'x' "
        "WHERE family_id IN (SELECT family_id FROM audit_sessions LIMIT 2); "
        "DELETE FROM audit_sessions "
        "WHERE family_id IN (SELECT max(family_id::text)::uuid FROM audit_sessions)",
        "security_hours": "UPDATE security_hours SET issued = issued + 1 "
        "WHERE start IN (SELECT min(start) FROM security_hours); "
        "UPDATE security_minutes SET rotated = 99 WHERE start IN (SELECT min(start) FROM security_minutes); "
        "DELETE FROM security_minutes WHERE start IN (SELECT max(start) FROM security_minutes)",
    }
    execute(database_url, meddling[name])
    meddled = live_rows(database_url)
    told = await rebuilt(connection, BY_NAME[name], dry_run=True)
    assert told.differences == 3
    assert {(one.in_live, one.in_rebuilt) for one in told.first} >= {(True, True), (False, True)}
    columns = {column for one in told.first for column in one.columns}
    assert (
        columns
        == {
            "audit_events": {"actor"},
            "audit_sessions": {"subject"},
            "security_hours": {"issued", "rotated"},
        }[name]
    )
    assert live_rows(database_url) == meddled

    assert (await rebuilt(connection, BY_NAME[name], dry_run=False)).version == 2
    assert (await rebuilt(connection, BY_NAME[name], dry_run=True)).differences == 0
    assert live_rows(database_url) != meddled


async def test_a_rebuild_while_events_go_on_is_seamless_to_those_who_read(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    """Every reader at every moment finds what it found before, and what was sealed since."""
    history = await record(database_url, 300, seed=11)
    history.rows.clear()
    stop = asyncio.Event()
    runner = Runner(
        connect=partial(leader_connection, database_url), who="a:1", pace=Pace(rest=timedelta(milliseconds=5))
    )

    async def write() -> None:
        while not stop.is_set():
            history.add(20)
            await sealed_more(database_url, history)

    async def read() -> int:
        reads = known = 0
        async with leader_connection(database_url) as own:
            while not stop.is_set():
                size = await next_index(own)
                page = await read_events(own, EventFilter(), order=EventOrder.NEWEST_FIRST, maximum=50)
                newest = page.events[0].leaf_index
                assert [one.leaf_index for one in page.events] == list(range(newest, newest - 50, -1))
                assert newest >= size - 1 >= known - 1
                counts = await read_counts(
                    own, since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2027, 1, 1, tzinfo=UTC)
                )
                assert counts.issued > 0
                known, reads = size, reads + 1
        return reads

    tasks = [asyncio.create_task(one) for one in (write(), read(), read(), runner.run())]
    try:
        for _ in range(4):
            for projection in PROJECTIONS:
                await rebuilt(connection, projection, dry_run=False)
        assert (await rebuilt(connection, BY_NAME["audit_events"], dry_run=True)).differences == 0
    finally:
        stop.set()
        reads = await asyncio.gather(*tasks[:3])
        tasks[3].cancel()
        await asyncio.gather(tasks[3], return_exceptions=True)
    assert min(reads[1:]) > 5
    await caught_up(connection)
    assert len(live_rows(database_url)["audit_events"]) == await sealed_size(connection)
    for projection in PROJECTIONS:
        last = await rebuilt(connection, projection, dry_run=True)
        assert (last.differences, last.version) == (0, 6)


async def test_what_is_sealed_up_to_the_moment_in_which_slots_change_places_is_in_both(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    history = await record(database_url, 100, seed=6)
    history.rows.clear()
    for dry_run in (False, True):
        async for step in rebuild(connection, PROJECTIONS[0], dry_run=dry_run):
            size = await next_index(connection)
            if not step.finished:
                history.add(10)
                await sealed_more(database_url, history)
                async with leader_connection(database_url) as own:
                    await caught_up(own)
        assert (step.leaves, step.differences) == (size, 0)
    assert size == 120


class Interrupted(AsyncConnection[Any]):
    """Something happens before its next statement that reads candidates."""

    happens: Callable[[], Awaitable[object]] | None = None

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # type: ignore[override]
        happens = self.happens
        if happens is not None and "WITH candidates" in query:
            self.happens = None
            await happens()
        return await super().execute(query, params, **options)


async def test_a_slot_that_was_switched_and_emptied_while_it_is_read_is_read_again(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    async with harness(database_url) as ledger:
        for _ in range(5):
            await opened_from(ledger, "ada")
    await sealed_and_caught_up(database_url)
    reader = await Interrupted.connect(database_url, autocommit=True)
    async with reader:
        await configure_reading(reader)
        reader.happens = partial(rebuilt, connection, BY_NAME["audit_events"], dry_run=False)
        page = await read_events(reader, EventFilter(), order=EventOrder.NEWEST_FIRST, maximum=50)
        assert [one.leaf_index for one in page.events] == list(range(9, -1, -1))
        reader.happens = partial(rebuilt, connection, BY_NAME["audit_sessions"], dry_run=False)
        found = await read_page(reader, SessionFilter(subject="ada"), now=datetime.now(UTC), maximum=50)
        assert len(found.sessions) == 5
        assert reader.happens is None


async def test_one_rebuild_at_a_time(database_url: str, connection: AsyncConnection[Any]) -> None:
    await record(database_url, 100, seed=2)
    under_way = rebuild(connection, PROJECTIONS[0], dry_run=False, leaves_a_step=10)
    await anext(under_way)
    async with leader_connection(database_url) as other:
        with pytest.raises(RebuildRunningError):
            await anext(rebuild(other, PROJECTIONS[0], dry_run=True))
    await under_way.aclose()


async def test_a_rebuild_that_died_leaves_nothing_to_readers_and_the_next_one_begins_anew(
    database_url: str,
) -> None:
    await record(database_url, 120, seed=4)
    right = live_rows(database_url)
    dead = 0
    for dies_at in range(1, 80):
        mortal = await Mortal.connect(database_url, autocommit=True)
        await mortal.execute("SET ROLE token_ledger_service")
        mortal.trips, mortal.dies_at, mortal.before = 0, dies_at, bool(dies_at % 2)
        try:
            await rebuilt(mortal, PROJECTIONS[0], dry_run=False)
        except psycopg.OperationalError:
            dead += 1
        await mortal.close()
        assert live_rows(database_url) == right
        if mortal.trips < dies_at:
            break
    assert dead > 20
    assert mortal.trips < dies_at


# ---------------------------------------------------------------------------------------------------- privacy


async def opened_from(ledger: Harness, subject: str) -> None:
    answer = (await ledger.issue(subject)).answer
    assert isinstance(answer, Granted)
    await ledger.refresh(answer.token)


async def test_what_is_erased_is_forgotten_and_no_rebuild_brings_it_back(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    async with harness(database_url) as ledger:
        await opened_from(ledger, "ada")
        await opened_from(ledger, "bob")
        await sealed_and_caught_up(database_url)
        await opened_from(ledger, "ada")  # sealed by nobody yet
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM personal_data WHERE stream_id IN "
            "(SELECT family_id FROM active_tokens WHERE subject = 'ada')"
        )
        await forget(connection, "ada")
    for _ in range(2):
        await sealed_and_caught_up(database_url)
        known = "SELECT DISTINCT subject FROM {} WHERE address IS NOT NULL"
        assert execute(database_url, known.format("audit_events")) == [("bob",)]
        assert execute(database_url, known.format("audit_sessions")) == [("bob",)]
        labelled = "SELECT subject FROM audit_sessions WHERE device_label IS NOT NULL"
        assert execute(database_url, labelled) == [("bob",)]
        for projection in PROJECTIONS:
            assert (await rebuilt(connection, projection, dry_run=True)).differences == 0
            await rebuilt(connection, projection, dry_run=False)


async def test_an_address_that_a_step_has_read_is_forgotten_by_an_erasure_beside_it(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    """Whichever comes first, the other waits for it."""
    async with harness(database_url) as ledger:
        for _ in range(20):
            await opened_from(ledger, "ada")
        await sealed(database_url)

        async def erase() -> None:
            async with leader_connection(database_url) as own, own.transaction():
                await own.execute("DELETE FROM personal_data")
                await forget(own, "ada")

        async def keep() -> None:
            while await catch_up(connection, PROJECTIONS[0], maximum=3):
                pass

        await asyncio.gather(keep(), erase())
    assert execute(database_url, "SELECT count(*) FROM audit_events WHERE address IS NOT NULL") == [(0,)]
    assert execute(database_url, "SELECT count(*) FROM audit_events") == [(40,)]


def test_the_service_may_do_no_more_with_projections_than_it_needs(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as service:
        service.execute("SET ROLE token_ledger_service")
        for statement in (
            "TRUNCATE audit_events_0",
            "DELETE FROM audit_events",
            "UPDATE audit_events SET subject = 'x'",
            "DELETE FROM projection_slots",
            "INSERT INTO projection_slots VALUES ('x', 0, true, 0)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(statement)
        with pytest.raises(psycopg.errors.NoDataFound):
            service.execute("SELECT empty_spare_slot('events')")


# ----------------------------------------------------------------------------------------------------- counts


async def test_counts_are_exact_wherever_a_time_begins_and_ends(
    database_url: str, connection: AsyncConnection[Any]
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - told when the test fails
    await record(database_url, 600, seed)
    events = await all_events(database_url)
    chance = random.Random(seed)  # noqa: S311 - as above
    kinds = {"TokenIssued": "issued", "TokenRotated": "rotated", "ReuseDetected": "reuse_detected"}
    kinds |= {"TokenRevoked": "revoked"}
    moments = sorted({one.recorded.occurred_at for one in events})
    moments += [moments[0].replace(minute=0, second=0) + timedelta(hours=hour) for hour in range(-1, 9)]

    def expected(since: datetime, until: datetime) -> Counts:
        found = dict.fromkeys(kinds.values(), 0)
        for one in events:
            if since <= one.recorded.occurred_at < until and one.recorded.type_name in kinds:
                found[kinds[one.recorded.type_name]] += 1
        return Counts(**found)

    for _ in range(60):
        since, until = sorted(chance.sample(moments, k=2))
        until += chance.choice([timedelta(0), timedelta(microseconds=1), timedelta(seconds=7)])
        if since == until:
            continue
        assert await read_counts(connection, since=since, until=until) == expected(since, until), (
            seed,
            since,
        )
        interval = chance.choice(list(Interval))
        series = await read_series(connection, since=since, until=until, interval=interval)
        for start, counts in series:
            end = min(start + interval.length, until)
            assert counts == expected(max(start, since), end), (seed, since, until, start)
        assert series[0][0] <= since < series[0][0] + interval.length
        assert series[-1][0] < until <= series[-1][0] + interval.length
        starts = [start for start, _ in series]
        assert all(b - a == interval.length for a, b in pairwise(starts))
