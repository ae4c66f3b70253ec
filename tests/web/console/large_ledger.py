"""A ledger of more than 100,000 events that the console is looked at on, with known lives in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg

from benchmarks.history import make_history
from tests.api.server import LOGIN, REFRESH
from tests.web.site import Site, site_on

LEAST_EVENTS = 100_000
EVERY_SCOPE = "audit:read sessions:admin subjects:erase"
HOME, ELSEWHERE, ABROAD = "198.51.100.23", "192.0.2.7", "203.0.113.66"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
CURL = "curl/8.16.0"
_SEALED_WITHIN_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The server, and sessions whose whole lives are known."""

    site: Site
    auditor: Auditor
    stolen: str
    """Of ada: four rotations, two replays, then token 0 comes back from abroad, twice."""
    suspended: str
    """Of eve, who is suspended."""

    def rows(self, statement: str, *parameters: object) -> list[Any]:
        """What the database's owner reads."""
        with psycopg.connect(self.site.database_url, autocommit=True) as connection:
            return connection.execute(statement.encode(), parameters or None).fetchall()

    def one(self, statement: str, *parameters: object) -> Any:
        """The first column of the first row."""
        return self.rows(statement, *parameters)[0][0]

    def event_id(self, type_name: str, session: str | None = None) -> str:
        """Of the newest event of a type, of the stolen session unless another is named."""
        version = self.one(
            "SELECT max(version) FROM events WHERE stream_id = %s AND type = %s",
            session or self.stolen,
            type_name,
        )
        return f"{session or self.stolen}:{version}"


@dataclass(slots=True)
class Auditor:
    """Somebody who asks the same server without a browser, with every scope."""

    http: httpx.AsyncClient
    token: str = ""

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer."""
        answer = await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {self.token}"} if self.token else {},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def open(
        self, site: Site, subject: str, *, agent: str = FIREFOX, address: str = HOME, **given: Any
    ) -> Any:
        """The token pair of a new session."""
        tokens = {"assertion": site.assertion(subject), "transport": "BODY", **given}
        return await self._tokens(LOGIN, "login", tokens, agent, address)

    async def refresh(self, token: str, *, agent: str = FIREFOX, address: str = HOME) -> Any:
        """A pair, or why not."""
        return await self._tokens(REFRESH, "refresh", {"refreshToken": token}, agent, address)

    async def _tokens(self, query: str, name: str, given: Mapping[str, Any], agent: str, address: str) -> Any:
        answer = await self.http.post(
            "/graphql",
            json={"query": query, "variables": {"input": given}},
            headers={"user-agent": agent, "x-forwarded-for": address},
        )
        return answer.json()["data"][name]

    async def sealed(self) -> None:
        """Wait until all that is recorded is sealed and in every projection."""
        deadline = time.monotonic() + _SEALED_WITHIN_SECONDS
        while True:
            told = (await self.http.get("/readyz")).json()
            lags = [one["behindSeconds"] for one in told.get("projections", {}).values()]
            if lags and max(lags) == 0 and told["log"]["unsealedSeconds"] == 0:
                return
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.1)


@asynccontextmanager
async def large_ledger(database_url: str) -> AsyncIterator[Known]:
    """Made by the ledger's own batches over the last week; sealed and projected by the server."""
    await asyncio.to_thread(
        make_history,
        database_url,
        LEAST_EVENTS,
        on_progress=lambda _: None,
        ago=timedelta(days=7),
        step=timedelta(minutes=50),
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    environ = {"TOKEN_LEDGER_TRUSTED_PROXIES": "127.0.0.0/8"}
    async with site_on(database_url, environ) as site:
        site.begin()
        async with httpx.AsyncClient(base_url=site.server.url, timeout=30) as http:
            auditor = Auditor(http)
            given = {"assertion": site.assertion("the-auditor", scope=EVERY_SCOPE), "transport": "BODY"}
            auditor.token = (await auditor.ask(LOGIN, input=given))["login"]["accessToken"]
            stolen = await _stolen(auditor, site)
            suspended = await _suspended(auditor, site)
            await auditor.sealed()
            yield Known(site=site, auditor=auditor, stolen=stolen, suspended=suspended)


async def _stolen(auditor: Auditor, site: Site) -> str:
    """The first token has no window; the others have long ones."""
    client = await site.client(grace=0, foreign_replays=10)
    pair = await auditor.open(site, "ada", clientId=client, deviceLabel="Ada's laptop")
    first = pair["refreshToken"]
    token = (await auditor.refresh(first))["refreshToken"]
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE clients SET policy = policy || '{\"grace\": 60}' WHERE client_id = %s", (client,)
        )
    before, token = token, (await auditor.refresh(token))["refreshToken"]
    await auditor.refresh(before)
    before, token = token, (await auditor.refresh(token))["refreshToken"]
    await auditor.refresh(before, agent=CHROME, address=ELSEWHERE)
    assert (await auditor.refresh(token))["session"]["generation"] == 4
    for code in ("REUSE_DETECTED", "SESSION_REVOKED"):
        assert (await auditor.refresh(first, agent=CURL, address=ABROAD))["code"] == code
    return str(pair["session"]["id"])


async def _suspended(auditor: Auditor, site: Site) -> str:
    pair = await auditor.open(site, "eve", deviceLabel="Eve's phone", agent=CHROME, address=ELSEWHERE)
    await auditor.ask(
        'mutation { suspendSubject(subject: "eve", reason: "account takeover") { __typename } }'
    )
    assert (await auditor.refresh(pair["refreshToken"]))["code"] == "SUBJECT_INACTIVE"
    return str(pair["session"]["id"])
