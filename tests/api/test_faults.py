"""The database gone, hanging, locked or overrun: 503 within 5 s, no cookie touched, no restart needed."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.application import Application
from api.embedded_postgres import EmbeddedPostgres
from api.embedded_watchdog import is_alive, postmaster
from api.migrator import migrate
from tests.api.http import Answer, Http
from tests.api.live import listening
from tests.api.server import LOGIN, LOGOUT, REFRESH, Server, running_server
from tests.api.test_cookies import kept, sign_in
from tests.postgres_server import fastest_directory

WITHIN_SECONDS = 5
ME = "{ me { id sessions { edges { cursor } } } }"


class Database:
    """An embedded server of the test's own, to be killed and stopped."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = EmbeddedPostgres(home, configuration={"fsync": "off", "shared_buffers": "16MB"})

    def processes(self) -> list[int]:
        """The postmaster, then its children."""
        first = postmaster(self.home)
        assert first is not None
        return [first, *(child for child, parent in parents() if parent == first)]

    def kill(self) -> None:
        killed = self.processes()[0]
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while is_alive(killed):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Every process of it stands still: connections stay open, and nothing answers."""
        stopped = self.processes()
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)


def parents() -> Iterator[tuple[int, int]]:
    """Each process with its parent."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8", errors="replace").rpartition(") ")[2].split()
        except OSError:
            continue
        yield int(stat.parent.name), int(fields[1])


@pytest.fixture
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(
        prefix="tl-", dir=fastest_directory(), ignore_cleanup_errors=True
    ) as home:
        database = Database(Path(home))
        with database.server:
            with psycopg.connect(database.server.url, autocommit=True) as connection:
                migrate(connection)
            yield database
            last = postmaster(database.home)
        deadline = time.monotonic() + 15
        while last is not None and is_alive(last) and time.monotonic() < deadline:
            time.sleep(0.02)


@pytest.fixture
async def faulty(database: Database) -> AsyncIterator[Server]:
    async with running_server(database.server.url) as server:
        yield server


def unavailable(answer: Answer) -> None:
    """A 503 that says when to come back, holds no data and touches no cookie."""
    assert answer.status == 503, (answer.status, answer.body)
    assert answer.header("retry-after") == "1"
    assert answer.cookies == []
    assert list(answer.json) == ["errors"]
    (error,) = answer.json["errors"]
    assert error["extensions"] == {
        "code": "TEMPORARILY_UNAVAILABLE",
        "requestId": answer.header("x-request-id"),
    }
    assert "path" not in error


async def all_in_time(*requests: Awaitable[Answer]) -> list[Answer]:
    """The answers to requests that are sent together, each within the time."""

    async def timed(request: Awaitable[Answer]) -> tuple[Answer, float]:
        before = time.monotonic()
        answer = await request
        return answer, time.monotonic() - before

    timed_answers = await asyncio.gather(*(timed(one) for one in requests))
    assert max(seconds for _, seconds in timed_answers) < WITHIN_SECONDS
    return [answer for answer, _ in timed_answers]


async def every_operation(server: Server, pair: Any, cookie: str) -> list[Answer]:
    http, token = server.http, pair["accessToken"]
    sid = pair["session"]["id"]
    return await all_in_time(
        http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}}),
        http.graphql(REFRESH, cookie=cookie),
        http.graphql(LOGIN, {"input": {"assertion": server.assertion(), "transport": "COOKIE"}}),
        http.graphql(LOGOUT, {"input": {"scope": "ALL"}}, cookie=cookie),
        http.graphql(LOGOUT, {"input": {"scope": "ALL"}}, access_token=token),
        http.graphql(ME, access_token=token),
        http.graphql("query ($id: ID!) { session(id: $id) { id } }", {"id": sid}, access_token=token),
        http.graphql("query ($id: ID!) { node(id: $id) { id } }", {"id": sid}, access_token=token),
    )


async def back(server: Server, pair: Any, cookie: str) -> None:
    """Everything works again before long; what was in flight may have been done, or not."""
    deadline = time.monotonic() + 10
    while True:
        answer = await server.http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}})
        if answer.status == 200:
            break
        unavailable(answer)
        assert time.monotonic() < deadline
    assert answer.of("refresh")["outcome"] in ("ROTATED", "REPLAYED")
    answer = await server.refresh_cookie(cookie)
    assert answer.of("refresh")["outcome"] in ("ROTATED", "REPLAYED")
    assert kept(answer)
    assert (await server.http.graphql(ME, access_token=pair["accessToken"])).of("me")["id"] == "ada"
    assert (await server.http.send("GET", "/readyz")).status == 200


async def probes(server: Server) -> None:
    """The process says that it lives and that it cannot serve."""
    local = Http(server.application, address="127.0.0.1")
    alive, ready, metrics = await all_in_time(
        server.http.send("GET", "/healthz"),
        server.http.send("GET", "/readyz"),
        local.send("GET", "/metrics"),
    )
    assert alive.status == metrics.status == 200
    assert b"\ntoken_ledger_database_up 0.0\n" in metrics.body
    assert (ready.status, ready.header("retry-after")) == (503, "1")


@pytest.mark.embedded_only
async def test_the_database_is_killed_and_comes_back(database: Database, faulty: Server) -> None:
    pair, cookie = await faulty.login(), await sign_in(faulty)
    database.kill()
    for answer in await every_operation(faulty, pair, cookie):
        unavailable(answer)
    await probes(faulty)
    database.server.keep_running()
    await back(faulty, pair, cookie)


@pytest.mark.embedded_only
async def test_the_database_hangs_and_goes_on(database: Database, faulty: Server) -> None:
    pair, cookie = await faulty.login(), await sign_in(faulty)
    with database.hanging():
        await probes(faulty)
        for answer in await every_operation(faulty, pair, cookie):
            unavailable(answer)
        await probes(faulty)
        assert (await faulty.http.graphql("{ __typename }")).status == 200
    await back(faulty, pair, cookie)


@pytest.mark.embedded_only
async def test_a_process_that_starts_without_its_database_serves_when_it_comes(
    database: Database, faulty: Server
) -> None:
    pair, cookie = await faulty.login(), await sign_in(faulty)
    database.kill()
    late = Application(faulty.settings, database.server.url)
    async with late.lifespan():
        http = Http(late)
        for answer in await all_in_time(
            http.graphql(REFRESH, {"input": {"refreshToken": pair["refreshToken"]}}),
            http.graphql(ME, access_token=pair["accessToken"]),
        ):
            unavailable(answer)
        assert (await http.send("GET", "/.well-known/jwks.json")).status == 503
        database.server.keep_running()
        faulty.http = http
        await back(faulty, pair, cookie)


async def test_a_full_queue_is_shed_at_once_and_what_is_in_it_is_done(server: Server) -> None:
    pairs = [await server.login() for _ in range(20)]
    server.application._commit._maximum_queue = 5
    with psycopg.connect(server.database_url) as blocker:
        blocker.execute("LOCK TABLE active_tokens IN ACCESS EXCLUSIVE MODE")
        requests = [
            asyncio.create_task(
                server.http.graphql(REFRESH, {"input": {"refreshToken": one["refreshToken"]}})
            )
            for one in pairs
        ]
        done, waiting = await asyncio.wait(requests, timeout=1)
        assert len(done) >= 10
        for one in done:
            unavailable(one.result())
    for one in waiting:
        assert (await one).of("refresh")["outcome"] == "ROTATED"
    for one in pairs:
        assert (await server.refresh(one["refreshToken"]))["outcome"] in ("ROTATED", "REPLAYED")


async def test_reads_that_wait_are_given_up_in_time_however_many(server: Server) -> None:
    pair = await server.login()
    query = "query ($id: ID!) { node(id: $id) { id } }"

    async def read() -> Answer:
        event = {"id": f"{pair['session']['id']}:1"}
        return await server.http.graphql(query, event, access_token=pair["accessToken"])

    with psycopg.connect(server.database_url) as blocker:
        blocker.execute("LOCK TABLE personal_data IN ACCESS EXCLUSIVE MODE")
        for answer in await all_in_time(*(read() for _ in range(30))):
            unavailable(answer)
    assert (await read()).of("node") is not None


@pytest.mark.embedded_only
async def test_a_subscription_goes_on_through_a_database_that_hangs_dies_and_comes_back(
    faulty: Server, database: Database
) -> None:
    given = faulty.assertion("ada", scope="audit:read")
    token = (await faulty.login("ada", assertion=given))["accessToken"]
    await faulty.sealed()

    async def opened() -> str:
        """A session that was opened and sealed as soon as that was possible."""
        async with asyncio.timeout(15):
            while True:
                answer = await faulty.login_answer("bob")
                if answer.status == 200:
                    await faulty.sealed()
                    return str(answer.of("login")["session"]["id"])
                await asyncio.sleep(0.1)

    async with listening(faulty) as live, live.opened(token) as one:
        await one.subscribe("1", filter={"types": ["TOKEN_ISSUED"]})
        await one.is_in_step()
        await asyncio.sleep(0.3)
        expected = [await opened()]
        seen = [(await one.edge())["node"]["sessionId"]]
        with database.hanging():
            await asyncio.sleep(2)
        expected.append(await opened())
        seen.append((await one.edge())["node"]["sessionId"])
        for _ in range(2):
            database.kill()
            await asyncio.sleep(1.5)
            database.server.keep_running()
            expected.append(await opened())
            seen.append((await one.edge())["node"]["sessionId"])
        assert seen == expected
        assert (one.kept.get("1"), one.kept.get(None)) == ([], [])
