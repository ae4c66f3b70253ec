"""kill -9 of a worker and of PostgreSQL under load: every client goes on, no acknowledged event is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from api.embedded_postgres import EmbeddedPostgres
from api.embedded_watchdog import is_alive, postmaster
from tests.api.server import REFRESH
from tests.served import NO_LIMITS, Client, Served, client_of, run, served

pytestmark = [pytest.mark.embedded_only, pytest.mark.proof]

CLIENTS = 16
ROUNDS = 3
CALM_SECONDS = 3
RECOVERED_WITHIN_SECONDS = 30


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tl-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@dataclass(slots=True)
class Acknowledged:
    """What the clients were told."""

    generations: set[tuple[str, int]] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    """Requests that had to be sent again, by what happened to them."""
    since: Counter[str] = field(default_factory=Counter)
    """Answers of each client since the last crash."""


async def keep_refreshing(client: Client, name: str, told: Acknowledged, ending: asyncio.Event) -> None:
    """One honest client: a request that was not answered is sent again with the same token."""
    pair = await client.login(name)
    token, session = pair["refreshToken"], pair["session"]["id"]
    told.generations.add((session, 0))
    while not ending.is_set():
        try:
            answer = await client.http.post(
                "/graphql", json={"query": REFRESH, "variables": {"input": {"refreshToken": token}}}
            )
        except httpx.TransportError as error:
            told.tries[type(error).__name__] += 1
            await asyncio.sleep(0.05)
            continue
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert "set-cookie" not in answer.headers
            told.tries["503"] += 1
            await asyncio.sleep(0.05)
            continue
        assert answer.status_code == 200, answer.text
        pair = answer.json()["data"]["refresh"]
        assert pair["__typename"] == "TokenPair", pair
        token = pair["refreshToken"]
        told.generations.add((session, pair["session"]["generation"]))
        told.outcomes[pair["outcome"]] += 1
        told.since[name] += 1


def workers_of(server: Served) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(") ")[2].split()[1])
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == server.process.pid and b"spawn_main" in command:
            found.append(int(process.name))
    return sorted(found)


async def eventually(condition: Callable[[], bool], what: str) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < RECOVERED_WITHIN_SECONDS, f"not in time: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def crash_and_recover(victim: Callable[[], int], told: Acknowledged, what: str) -> None:
    """Kill something, and wait until each client has been answered several times again."""
    await asyncio.sleep(CALM_SECONDS)
    process = victim()
    os.kill(process, signal.SIGKILL)
    await eventually(lambda: not is_alive(process), f"{what} ends")
    told.since.clear()
    took = await eventually(lambda: len(told.since) == CLIENTS and min(told.since.values()) >= 3, what)
    print(f"{what} killed: every client went on after {took:.1f} s")


async def test_every_client_goes_on_and_nothing_acknowledged_is_lost(home: Path) -> None:
    told, ending = Acknowledged(), asyncio.Event()
    environ = {**NO_LIMITS, "TOKEN_LEDGER_GRACE_PERIOD": "60"}
    with served(None, environ, workers=2, home=home) as server:
        data = server.settings.data_dir / "postgres"

        def postgres() -> int:
            process = postmaster(data)
            assert process is not None
            return process

        async with client_of(server) as client:
            clients = [
                asyncio.create_task(keep_refreshing(client, f"client-{number}", told, ending))
                for number in range(CLIENTS)
            ]
            for _ in range(ROUNDS):
                await crash_and_recover(lambda: workers_of(server)[0], told, "a worker")
                await crash_and_recover(postgres, told, "PostgreSQL")
            ending.set()
            await asyncio.gather(*clients)
        check(data, told)
        replayed = run("replay --dry-run", server.environ)
        print(replayed.stdout.strip())
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert told.tries, "nothing was in the way: the crashes proved nothing"


def check(data: Path, told: Acknowledged) -> None:
    """Every acknowledged generation has its event, and no session was ended."""
    with EmbeddedPostgres(data) as server, psycopg.connect(server.url) as connection:
        rows = connection.execute(
            "SELECT stream_id::text, coalesce((payload::json ->> 'generation')::int, 0) FROM events"
            " WHERE type IN ('TokenIssued', 'TokenRotated')"
        ).fetchall()
        kinds = dict(connection.execute("SELECT type, count(*) FROM events GROUP BY type").fetchall())
    missing = told.generations - set(rows)
    print(
        f"acknowledged {len(told.generations)}, recorded {len(rows)}; {dict(told.outcomes)}; events {kinds}"
    )
    print(f"sent again: {dict(told.tries)}")
    assert missing == set()
    assert set(kinds) <= {"TokenIssued", "TokenRotated", "TokenReplayed"}
