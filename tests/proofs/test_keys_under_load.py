"""Keys of each kind rotate, retire and are revoked while clients refresh: who is signed out, and when."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
import psycopg
import pytest
from psycopg import AsyncConnection

from ledger import key_store, refresh_token
from ledger.key_store import KeyKind, KeyRecord
from ledger.keys_in_use import RELOADED_EVERY
from tests.served import NO_LIMITS, Client, Served, client_of, run, served

pytestmark = pytest.mark.proof

CLIENTS = 16
WORKERS = 2
ME = "{ me { id } }"
REFUSED_WITHIN = timedelta(seconds=60)
QUIET_SECONDS = 2 * RELOADED_EVERY.total_seconds()
"""For so long nothing may happen any more until it is taken for over: each worker has read its keys twice."""


@dataclass(slots=True)
class Honest:
    """A client that refreshes, uses the access token it got, and signs in again when it has to."""

    name: str
    pair: Any = None
    answers: int = 0
    signed_out: list[float] = field(default_factory=list)
    """When, and each time with a code below."""
    codes: Counter[str] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    """When an access token that it had just got was not accepted."""

    @property
    def kid(self) -> str:
        return str(jwt.get_unverified_header(self.pair["accessToken"])["kid"])

    @property
    def number(self) -> int:
        number = refresh_token.key_number(self.pair["refreshToken"])
        assert number is not None
        return number

    async def live(self, client: Client, ending: asyncio.Event) -> None:
        self.pair = await client.login(self.name)
        while not ending.is_set():
            answer = await client.refresh(self.pair["refreshToken"])
            self.codes[answer.get("outcome") or answer["code"]] += 1
            if answer["__typename"] == "TokenPair":
                self.pair = answer
            else:
                self.signed_out.append(time.monotonic())
                assert answer["terminal"], answer
                self.pair = await client.login(self.name)
            if not await is_accepted(client, self.pair["accessToken"]):
                self.refused.append(time.monotonic())
            self.answers += 1


async def is_accepted(client: Client, access_token: str) -> bool:
    """Whether a worker, any of them, takes an access token: the connection is a new one."""
    answer = await client.http.post(
        "/graphql",
        json={"query": ME},
        headers={"authorization": f"Bearer {access_token}", "connection": "close"},
    )
    assert answer.status_code in {200, 401}, (answer.status_code, answer.text)
    return answer.status_code == 200


@dataclass(slots=True)
class Load:
    """Clients under way on a server."""

    client: Client
    clients: list[Honest]
    tasks: list[asyncio.Task[None]]

    async def until(self, condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
        """Wait, as long as every client goes on."""
        started = time.monotonic()
        while not condition():
            for task in self.tasks:
                if task.done():
                    task.result()
            assert time.monotonic() - started < seconds, f"not in time: {what}"
            await asyncio.sleep(0.02)

    async def several_answers_more(self) -> None:
        before = [one.answers for one in self.clients]
        await self.until(
            lambda: all(one.answers >= then + 5 for one, then in zip(self.clients, before, strict=True)),
            "each client is answered",
        )

    async def keys(self, *arguments: str) -> None:
        """A command of the operator, beside the load."""
        done = await asyncio.to_thread(run, f"keys {' '.join(arguments)}", self.client.server.environ)
        assert done.returncode == 0, done.stderr

    async def key(self, kind: str, state: str) -> KeyRecord:
        """The key of a kind in a state."""
        url = self.client.server.settings.database_url
        assert url is not None
        async with await AsyncConnection.connect(url) as connection:
            (found,) = [
                one for one in await key_store.list_keys(connection) if (one.kind, one.state) == (kind, state)
            ]
        return found

    def signed_out(self) -> int:
        return sum(len(one.signed_out) for one in self.clients)

    def refused(self) -> int:
        return sum(len(one.refused) for one in self.clients)

    def uses(self, key: KeyRecord) -> bool:
        """Whether every client's newest tokens are made with it."""
        if key.kind is KeyKind.ACCESS:
            return all(one.kid == key.kid for one in self.clients)
        return all(one.number == key.number for one in self.clients)


@asynccontextmanager
async def load_on(server: Served) -> AsyncIterator[Load]:
    ending = asyncio.Event()
    async with client_of(server) as client:
        clients = [Honest(f"client-{number}") for number in range(CLIENTS)]
        tasks = [asyncio.create_task(one.live(client, ending)) for one in clients]
        load = Load(client, clients, tasks)
        try:
            await load.until(lambda: all(one.pair for one in clients), "each client signs in")
            await load.several_answers_more()
            yield load
        finally:
            ending.set()
            await asyncio.gather(*tasks)


async def all_accepted(load: Load, pairs: Mapping[str, Any]) -> list[bool]:
    """Which access tokens of some pairs are taken."""
    return await asyncio.gather(*(is_accepted(load.client, pair["accessToken"]) for pair in pairs.values()))


def recorded(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT type, count(*) FROM events GROUP BY type").fetchall()
    return dict(rows)


def check_ledger(server: Served, database_url: str, *, changes: int) -> dict[str, int]:
    """Each change of keys has its event, nothing was taken for reuse, and the view is what the events say."""
    kinds = recorded(database_url)
    print(f"events {kinds}")
    assert kinds["SigningKeyRotated"] == changes
    assert set(kinds) <= {"TokenIssued", "TokenRotated", "TokenReplayed", "SigningKeyRotated"}
    replayed = run("replay --dry-run", server.environ)
    print(replayed.stdout.strip())
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    return kinds


async def test_no_rotation_and_no_retirement_signs_anybody_out(database_url: str) -> None:
    with served(database_url, NO_LIMITS, workers=WORKERS) as server:
        async with load_on(server) as load:
            oldest = {one.name: one.pair for one in load.clients}
            for kind in ("access", "refresh"):
                for command in ("rotate", "retire"):
                    following = await load.key(kind, "next")
                    began = time.monotonic()
                    await load.keys(command, "--kind", kind)
                    await load.until(lambda key=following: load.uses(key), f"the {kind} key is used")
                    took = time.monotonic() - began
                    await load.several_answers_more()
                    print(f"{kind} {command}: used by all {CLIENTS} clients after {took:.1f} s")
            for kind in ("access", "refresh"):  # faster than workers read their keys
                for _ in range(2):
                    await load.keys("rotate", "--kind", kind)
                newest = await load.key(kind, "current")
                await load.until(lambda key=newest: load.uses(key), f"the newest {kind} key is used")
                await load.several_answers_more()
            still = await all_accepted(load, oldest)
            answers = sum(one.answers for one in load.clients)
        codes = sum((one.codes for one in load.clients), Counter[str]())
        print(
            f"{answers} refreshes, {dict(codes)}: {load.signed_out()} signed out, {load.refused()} fresh "
            f"access tokens refused, {still.count(True)} of {len(still)} access tokens of the first keys "
            "still accepted"
        )
        assert load.signed_out() == 0
        assert load.refused() == 0
        assert still == [True] * CLIENTS
        kinds = check_ledger(server, database_url, changes=8)
        assert kinds["TokenIssued"] == CLIENTS


async def test_access_tokens_of_a_revoked_key_are_refused_and_nobody_is_signed_out(database_url: str) -> None:
    with served(database_url, NO_LIMITS, workers=WORKERS) as server:
        async with load_on(server) as load:
            stolen = await load.key("access", "current")
            tokens = [one.pair["accessToken"] for one in load.clients if one.kid == stolen.kid]
            assert len(tokens) == CLIENTS
            assert load.refused() == 0
            began = time.monotonic()
            await load.keys("revoke", stolen.kid, "--yes")
            latest, accepted, refused = began, 0, 0
            while time.monotonic() - latest < QUIET_SECONDS:
                taken = await asyncio.gather(*(is_accepted(load.client, token) for token in tokens))
                if any(taken):
                    latest = time.monotonic()
                accepted += taken.count(True)
                refused += taken.count(False)
                assert time.monotonic() - began < 2 * REFUSED_WITHIN.total_seconds()
            quiet_since = time.monotonic()
            await load.several_answers_more()
            published = await load.client.http.get("/.well-known/jwks.json")
            cached = int(published.headers["cache-control"].rpartition("max-age=")[2])
            kids = [key["kid"] for key in published.json()["keys"]]
        print(
            f"access revoked: accepted {accepted} times up to {latest - began:.1f} s after the command "
            f"began, then refused {refused} times; {load.signed_out()} signed out, {load.refused()} fresh "
            f"access tokens refused meanwhile; the key set may be kept for {cached} s"
        )
        assert timedelta(seconds=latest - began) < REFUSED_WITHIN
        assert stolen.kid not in kids
        assert RELOADED_EVERY + timedelta(seconds=cached) < REFUSED_WITHIN
        assert load.signed_out() == 0
        assert [at for one in load.clients for at in one.refused if at > quiet_since] == []
        check_ledger(server, database_url, changes=1)


async def test_what_a_revoked_refresh_key_sealed_is_unknown_and_no_session_ends(database_url: str) -> None:
    with served(database_url, NO_LIMITS, workers=WORKERS) as server:
        async with load_on(server) as load:
            stolen = await load.key("refresh", "current")
            before = {one.name: one.pair for one in load.clients}
            began = time.monotonic()
            await load.keys("revoke", stolen.kid, "--yes")
            following = await load.key("refresh", "current")
            latest = began
            while time.monotonic() - latest < QUIET_SECONDS:
                await load.several_answers_more()
                latest = max([began, *(at for one in load.clients for at in one.signed_out)])
                assert time.monotonic() - began < 2 * REFUSED_WITHIN.total_seconds()
            used = load.uses(following)
            lucky = sum(not one.signed_out for one in load.clients)
            answers = await asyncio.gather(
                *(load.client.refresh(pair["refreshToken"]) for pair in before.values())
            )
            gone = Counter(answer["code"] for answer in answers)
            still = await all_accepted(load, before)
        codes = sum((one.codes for one in load.clients), Counter[str]())
        print(
            f"refresh revoked: {load.signed_out()} times signed out by {dict(codes)}, the last "
            f"{latest - began:.1f} s after the command began; {lucky} clients were on their way while a "
            f"worker learned of it, and were not; tokens of the key afterwards {dict(gone)}; "
            f"{still.count(True)} of {len(still)} access tokens accepted"
        )
        assert timedelta(seconds=latest - began) < REFUSED_WITHIN
        assert set(codes) == {"ROTATED", "TOKEN_UNKNOWN"}
        assert lucky < CLIENTS
        assert used
        assert gone == {"TOKEN_UNKNOWN": CLIENTS}
        assert still == [True] * CLIENTS
        assert load.refused() == 0
        kinds = check_ledger(server, database_url, changes=1)
        assert kinds["TokenIssued"] == CLIENTS + load.signed_out()
