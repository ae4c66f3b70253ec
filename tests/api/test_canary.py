"""A story full of secrets, after which none of them stands in a log, an error, a metric or the database."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
import structlog
from psycopg import sql

from api.log import configure_logging
from tests.api.http import Answer, Http
from tests.api.server import LOGIN, LOGOUT, REFRESH, Server

_SECRET_BYTES = slice(21, 53)
"""Of a decoded refresh token: after version, family and generation, before the mac."""


@dataclass(slots=True)
class RecordingHttp(Http):
    """Keeps every answer."""

    answers: list[Answer] = field(default_factory=list)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        query: str = "",
        chunks: Sequence[bytes] | None = None,
    ) -> Answer:
        answer = await Http.send(self, method, path, body=body, headers=headers, query=query, chunks=chunks)
        self.answers.append(answer)
        return answer


@pytest.fixture
def logs() -> Iterator[Callable[[], str]]:
    """Gives what was logged, as a worker logs but with nothing left out; what was set before is put back."""
    root = logging.getLogger()
    names = ("uvicorn", "psycopg", "psycopg.pool", "asyncio")
    before = root.handlers, root.level, {name: logging.getLogger(name).level for name in names}
    configure_logging("json", level=logging.DEBUG)
    structlog.configure(cache_logger_on_first_use=False)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    written = io.StringIO()
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written.getvalue
    structlog.reset_defaults()
    root.handlers, level, levels = before
    root.setLevel(level)
    for name, one in levels.items():
        logging.getLogger(name).setLevel(one)


class Secrets:
    """What must not be found, in every spelling."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.hashes: list[str] = []
        """SHA-256 of each refresh token's secret: what may be found, and is."""

    def add(self, pair: Any, cookie: str | None = None) -> Any:
        refresh_token = pair["refreshToken"] or cookie
        assert refresh_token is not None
        self.tokens += [refresh_token, pair["accessToken"]]
        self.hashes.append(hashlib.sha256(self._secret_of(refresh_token)).hexdigest())
        return pair

    def needles(self) -> set[str]:
        found: set[str] = set()
        for token in self.tokens:
            found |= {token, token.encode().hex()}
            if token.startswith("tlrt_"):
                secret = self._secret_of(token)
                found |= {token[40:80], secret.hex(), secret.hex().upper(), str(secret)[2:-1]}
                found |= {one(secret).rstrip(b"=").decode() for one in (_b64, base64.urlsafe_b64encode)}
            else:
                found |= set(token.split(".")[1:])  # the header is the same for all
        return found

    def _secret_of(self, token: str) -> bytes:
        text = token.removeprefix("tlrt_")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[_SECRET_BYTES]


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


class Story:
    """Logins, refreshes, replays, reuse, logouts, faults, and tokens wherever they do not belong."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.secrets = Secrets()
        self.http = RecordingHttp(server.application)
        server.http = self.http

    def assertion(self, subject: str = "ada") -> str:
        made = self.server.assertion(subject, email="ada@example.org")
        self.secrets.tokens.append(made)
        return made

    async def login(self, **options: Any) -> Any:
        given = {"assertion": self.assertion(), "transport": "BODY", **options}
        return self.secrets.add((await self.http.graphql(LOGIN, {"input": given})).of("login"))

    async def refresh(self, token: str, **options: Any) -> Any:
        answer = await self.http.graphql(REFRESH, {"input": {"refreshToken": token, **options}})
        told = answer.of("refresh")
        return self.secrets.add(told) if told["__typename"] == "TokenPair" else told

    async def by_cookie(self) -> None:
        answer = await self.http.graphql(LOGIN, {"input": {"assertion": self.assertion()}})
        cookie = answer.cookies[0].partition(";")[0]
        self.secrets.add(answer.of("login"), cookie.partition("=")[2])
        answer = await self.server.refresh_cookie(cookie)
        self.secrets.add(answer.of("refresh"), answer.cookies[0].partition(";")[0].partition("=")[2])
        await self.server.refresh_cookie(cookie, origin="https://evil.example")
        await self.http.graphql(LOGOUT, cookie=cookie)

    async def lives_of_sessions(self) -> None:
        first = await self.login(deviceLabel="laptop")
        second = await self.refresh(first["refreshToken"])
        await self.refresh(first["refreshToken"])
        await self.refresh(second["refreshToken"], clientId="other")
        self.server.set_subject(status="suspended")
        await self.refresh(second["refreshToken"])
        self.server.set_subject(status="active")
        self.server.elapsed += timedelta(minutes=1)
        assert (await self.refresh(first["refreshToken"]))["code"] == "REUSE_DETECTED"
        await self.refresh(second["refreshToken"])
        third = await self.login()
        await self.server.logout(third["refreshToken"], scope="ALL")
        await self.server.logout(access_token=third["accessToken"])
        expired = await self.login()
        self.server.elapsed += timedelta(days=8)
        await self.refresh(expired["refreshToken"])

    async def misplaced(self, token: str, access_token: str) -> None:
        """The token wherever a text can stand, but where callers say what is to be kept of them."""
        loose = token.replace("-", "_").replace(".", "_")
        for query in (
            token,
            f"{{ {loose} }}",
            f'{{ session(id: "{token}") {{ id }} }}',
            f'{{ node(id: "{token}:1") {{ id }} }}',
            f'{{ session(id: "{token}) {{ id }} }}',
            f'{{ me {{ sessions(after: "{token}") {{ edges {{ cursor }} }} }} }}',
            f'mutation {{ login(input: {{assertion: "{token}", clientId: "{token}"}}) {{ __typename }} }}',
            f'mutation {{ logout(input: {{refreshToken: "{token}", scope: "{token}"}}) {{ __typename }} }}',
            f'mutation {{ refresh(input: {{refreshToken: ["{token}"]}}) {{ __typename }} }}',
            f'mutation {{ refresh(input: {{transport: "{token}"}}) {{ __typename }} }}',
            f"mutation {{ refresh(input: {{ {loose}: 1 }}) {{ __typename }} }}",
            f"query ($a: {loose}) {{ __typename }}",
            f"fragment {loose} on Query {{ a }} {{ __typename }}",
        ):
            await self.http.graphql(query, access_token=access_token)
        for variables in (
            {"input": token},
            {"input": [token]},
            {"input": {"refreshToken": {"a": token}}},
            {"input": {"refreshToken": 7, token: token}},
            {"input": {"transport": token}},
            {"input": {"refreshToken": "x", "clientId": token}},
            {"input": {"clientId": token * 4, "refreshToken": token}},
        ):
            await self.http.graphql(REFRESH, variables)
        await self.http.graphql("{ __typename }", operation_name=token[:250])
        await self.http.graphql("{ me { id } }", access_token=token + "x")
        await self.http.graphql("{ me { id } }", headers={"authorization": token})
        await self.http.graphql(REFRESH, cookie=f"token-ledger={token}x; other={token}")
        await self.http.graphql(REFRESH, cookie=f"token-ledger={token}", headers={"origin": token})
        await self.http.graphql(REFRESH, headers={"x-forwarded-for": token, "accept": token})
        await self.http.graphql(REFRESH, headers={"content-type": token, "x-token-ledger": token})
        as_query = urlencode({"query": f'{{ session(id: "{token}") {{ id }} }}', "token": token})
        await self.http.send("GET", "/graphql", query=as_query)
        await self.http.send("GET", "/graphql", query=token)
        await self.http.send("GET", f"/{token}")
        headers = {"content-type": "application/json"}
        for body in (token, f'{{"query": "{token}', f'["{token}"]', f'{{"{token}": 1, "{token}": 2}}'):
            await self.http.send("POST", "/graphql", body=body.encode(), headers=headers)

    async def faults(self, pair: Any) -> None:
        """Errors that nobody planned, while tokens are in the requests."""
        given = {"input": {"refreshToken": pair["refreshToken"]}}
        for break_it, mend_it in (
            ("ALTER TABLE events RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO events"),
            (
                "ALTER TABLE active_tokens ADD CONSTRAINT never CHECK (generation < 0) NOT VALID",
                "ALTER TABLE active_tokens DROP CONSTRAINT never",
            ),
            (
                "ALTER TABLE personal_data ADD CONSTRAINT never CHECK (version < 0) NOT VALID",
                "ALTER TABLE personal_data DROP CONSTRAINT never",
            ),
        ):
            self.server.execute(break_it)
            login = {"input": {"assertion": self.assertion(), "transport": "BODY"}}
            for query, variables in ((REFRESH, given), (LOGIN, login), (LOGOUT, given)):
                answer = await self.http.graphql(query, variables, access_token=pair["accessToken"])
                assert b"INTERNAL_SERVER_ERROR" in answer.body, (break_it, answer.body)
            self.server.execute(mend_it)
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        self.server.execute(f"{others} AND pid <> pg_backend_pid()")
        await self.http.graphql("{ me { id } }", access_token=pair["accessToken"])
        await self.refresh(pair["refreshToken"])

    async def tell(self) -> None:
        await self.by_cookie()
        await self.lives_of_sessions()
        pair = await self.login()
        for token in (pair["refreshToken"], pair["accessToken"], self.assertion()):
            await self.misplaced(token, pair["accessToken"])
        await self.faults(pair)


def contents(database_url: str) -> Iterator[tuple[str, str]]:
    """Each table with the text of all its rows; bytes are written in hex."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        ).fetchall()
        for table in tables:
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(*table)))
            yield ".".join(table), "\n".join(text for (text,) in rows)


def told_besides_tokens(answer: Answer) -> str:
    """Everything in an answer but the fields and the cookie that are for tokens."""

    def without(value: Any) -> Any:
        match value:
            case dict():
                return {
                    name: without(one)
                    for name, one in value.items()
                    if name not in ("accessToken", "refreshToken")
                }
            case list():
                return [without(one) for one in value]
            case _:
                return value

    headers = [pair for pair in answer.headers if pair[0] != "set-cookie"]
    try:
        return f"{headers} {json.dumps(without(json.loads(answer.body)), ensure_ascii=False)}"
    except ValueError:
        return f"{headers} {answer.body!r}"


async def test_no_secret_is_written_anywhere(server: Server, logs: Callable[[], str]) -> None:
    story = Story(server)
    await story.tell()
    structlog.get_logger("canary").info("a control", token=story.secrets.tokens[0], word="harmless")
    logged = logs()
    assert '"word": "harmless"' in logged
    assert "[redacted]" in logged
    assert "UndefinedTable" in logged
    assert logged.count("internal error") >= 9
    stored = dict(contents(server.database_url))
    assert len(story.secrets.hashes) > 8
    for known in story.secrets.hashes:
        assert known in "".join(stored.values())
    told = [told_besides_tokens(answer) for answer in story.http.answers]
    assert len(told) > 120
    metrics = await Http(server.application, address="127.0.0.1").send("GET", "/metrics")
    assert b'token_ledger_refusals_total{code="REUSE_DETECTED"} 1.0' in metrics.body
    told.append(metrics.body.decode())
    for needle in story.secrets.needles():
        assert len(needle) > 25
        assert needle not in logged
        for text in told:
            assert needle not in text
        for table, rows in stored.items():
            assert needle not in rows, table
