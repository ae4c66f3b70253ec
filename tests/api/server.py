"""The application on a database of the test's own, with a clock that can be moved, and ways to use it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from api.application import Application, Surroundings
from api.development_issuer import development_secret, sign_development_assertion
from api.leader_connection import leader_connection
from api.settings import Settings, load_settings
from ledger import key_store
from ledger.key_sealing import SecretKey
from ledger.signing_algorithm import SigningAlgorithm
from projections.active_tokens.rebuild import Difference, rebuild
from tests.api.http import ORIGIN, Answer, Http
from tests.auditing import caught_up
from tests.sealing import sealed_all

PAIR = """
  __typename
  ... on TokenPair {
    accessToken tokenType accessTokenExpiresAt refreshToken refreshTokenExpiresAt sessionExpiresAt outcome
    session { id generation status isCurrent }
  }
  ... on AuthProblem { code message terminal retryable retryAfterMs endedReason requestId }
"""
LOGIN = f"mutation ($input: LoginInput!) {{ login(input: $input) {{ {PAIR} }} }}"
REFRESH = f"mutation ($input: RefreshInput) {{ refresh(input: $input) {{ {PAIR} }} }}"
LOGOUT = """
mutation ($input: LogoutInput) {
  logout(input: $input) {
    __typename
    ... on LogoutPayload { revokedSessions }
    ... on AuthProblem { code terminal retryable requestId }
  }
}
"""
EVENTS = """
query ($id: ID!) {
  session(id: $id) {
    status endedReason generation
    events(first: 500) { edges { node { type version actor data } } }
  }
}
"""
SECRET_KEY = base64.b64encode(bytes(range(32))).decode()


def settings_of(database_url: str, environ: Mapping[str, str] | None = None) -> Settings:
    """Development settings, no limits by address, one allowed origin, unless `environ` says otherwise."""
    return load_settings(
        {
            "HOME": "/nonexistent",
            "TOKEN_LEDGER_DATABASE_URL": database_url,
            "TOKEN_LEDGER_SECRET_KEY": SECRET_KEY,
            "TOKEN_LEDGER_DEVELOPMENT": "on",
            "TOKEN_LEDGER_CHECKPOINT_FILE": "off",
            "TOKEN_LEDGER_ALLOWED_ORIGINS": ORIGIN,
            "TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "off",
            "TOKEN_LEDGER_UNKNOWN_TOKEN_RATE": "off",
            **(environ or {}),
        }
    )


@dataclass(slots=True)
class Server:
    """A running application. `elapsed` is added to every clock."""

    settings: Settings
    database_url: str
    elapsed: timedelta = timedelta(0)
    application: Any = field(init=False)
    http: Http = field(init=False)
    owner: psycopg.Connection[Any] | None = field(init=False, default=None)
    """The connection of `execute`, once it is made."""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.elapsed

    def assertion(self, subject: str = "ada", **claims: Any) -> str:
        """A fresh assertion of the development issuer."""
        return sign_development_assertion(
            development_secret(self.settings),
            subject=subject,
            audience=self.settings.issuer,
            claims=claims,
            now=self.now(),
            jti=str(uuid4()),
        )

    async def login(self, subject: str = "ada", **options: Any) -> Any:
        """The token pair of a new session, in the body unless asked otherwise."""
        answer = await self.login_answer(subject, **options)
        pair = answer.of("login")
        assert pair["__typename"] == "TokenPair", pair
        return pair

    async def login_answer(self, subject: str = "ada", **options: Any) -> Answer:
        """The answer to a login with a fresh assertion."""
        given = {"assertion": self.assertion(subject), "transport": "BODY", **options}
        return await self.http.graphql(LOGIN, {"input": given})

    async def refresh(self, token: str, http: Http | None = None, **options: Any) -> Any:
        """What a refresh with a token in the body answers."""
        answer = await (http or self.http).graphql(REFRESH, {"input": {"refreshToken": token, **options}})
        return answer.of("refresh")

    async def refresh_cookie(self, cookie: str | None, **headers: str) -> Answer:
        """The answer to a refresh by cookie alone."""
        return await self.http.graphql(REFRESH, cookie=cookie, headers=headers)

    async def logout(self, token: str | None = None, **options: Any) -> Any:
        """What a logout by a token in the body answers."""
        answer = await self.logout_answer(token, **options)
        return answer.of("logout")

    async def logout_answer(
        self,
        token: str | None = None,
        *,
        scope: str = "THIS",
        cookie: str | None = None,
        access_token: str | None = None,
    ) -> Answer:
        """The answer to a logout."""
        given = {"scope": scope} if token is None else {"refreshToken": token, "scope": scope}
        return await self.http.graphql(LOGOUT, {"input": given}, cookie=cookie, access_token=access_token)

    async def events(self, session_id: str, access_token: str) -> list[Any]:
        """The timeline of a session, as its subject reads it."""
        answer = await self.http.graphql(EVENTS, {"id": session_id}, access_token=access_token)
        return [edge["node"] for edge in answer.of("session")["events"]["edges"]]

    async def sealed(self) -> None:
        """Seal what was recorded and let the projections catch up, as leaders do."""
        async with leader_connection(self.database_url) as connection:
            await sealed_all(self.application.sealer, connection)
        async with leader_connection(self.database_url) as connection:
            await caught_up(connection)

    def forget_readers(self) -> None:
        """The next read of what is not the reader's own is recorded, as in another minute."""
        self.execute("DELETE FROM audit_readers")
        self.application._graphql._services.audit_reading._recorded.clear()

    def recorded(self, session_id: str) -> list[str]:
        """The types of the events of a session, from the table."""
        rows = self.execute("SELECT type FROM events WHERE stream_id = %s ORDER BY version", session_id)
        return [row[0] for row in rows]

    def set_policy(self, **policy: Any) -> None:
        """The policy of the client `web` from now on, durations in seconds."""
        self.execute("UPDATE clients SET policy = %s::jsonb WHERE client_id = 'web'", json.dumps(policy))

    def set_subject(self, subject: str = "ada", *, status: str = "active", not_before: Any = None) -> None:
        """What is known of a subject from now on."""
        self.execute(
            "INSERT INTO subjects (subject, status, not_before) VALUES (%s, %s, %s) ON CONFLICT (subject) "
            "DO UPDATE SET status = excluded.status, not_before = excluded.not_before",
            subject,
            status,
            not_before,
        )

    def execute(self, statement: str, *parameters: object) -> list[Any]:
        """A statement of the database's owner."""
        if self.owner is None or self.owner.closed:
            self.owner = psycopg.connect(self.database_url, autocommit=True, prepare_threshold=None)
        cursor = self.owner.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def running_server(
    database_url: str, environ: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Server]:
    """An application between its start and its end."""
    server = Server(settings=settings_of(database_url, environ), database_url=database_url)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await key_store.ensure(
            connection,
            SecretKey.parse(server.settings.secret_key),
            algorithm=SigningAlgorithm(server.settings.access_token_algorithm),
            now=datetime.now(UTC),
        )
    application = Application(
        server.settings,
        database_url,
        surroundings=Surroundings(
            random=os.urandom,
            offset=lambda: server.elapsed,
            sweeping=None,
            sealing=None,
            projecting=None,
        ),
        **options,
    )
    server.application = application
    server.http = Http(application)
    try:
        async with application.lifespan():
            yield server
    finally:
        if server.owner is not None:
            server.owner.close()
    assert await differences(database_url) == []


async def differences(database_url: str) -> list[Difference]:
    """Where the live view is not what the events say."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        return [one async for step in rebuild(connection, dry_run=True) for one in step.differences]
