"""A server in a process of its own, and a client that speaks HTTP over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from api.development_issuer import development_secret, sign_development_assertion
from api.settings import Settings, load_settings
from tests.api.http import BROWSER
from tests.api.server import LOGIN, LOGOUT, REFRESH, SECRET_KEY

COMMAND = Path(sys.executable).parent / "token-ledger"
NO_LIMITS = {
    "TOKEN_LEDGER_REFRESH_RATE_PER_FAMILY": "off",
    "TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "off",
    "TOKEN_LEDGER_UNKNOWN_TOKEN_RATE": "off",
}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass(slots=True)
class Served:
    """A running `token-ledger serve`."""

    process: subprocess.Popen[bytes]
    settings: Settings
    environ: Mapping[str, str]
    killed: bool = False

    def kill(self) -> None:
        """End it without a chance to do anything."""
        self.killed = True
        self.process.kill()

    @property
    def url(self) -> str:
        return self.settings.issuer

    def assertion(self, subject: str, **claims: Any) -> str:
        """A fresh assertion of the development issuer."""
        return sign_development_assertion(
            development_secret(self.settings),
            subject=subject,
            audience=self.url,
            claims=claims,
            now=datetime.now(UTC),
            jti=str(uuid4()),
        )

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def wait_until_ready(self, *, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server is not ready in time"
            time.sleep(0.05)


@contextmanager
def served(
    database_url: str | None,
    environ: Mapping[str, str] | None = None,
    *,
    workers: int = 1,
    home: Path | None = None,
    port: int | None = None,
) -> Iterator[Served]:
    """A server on a database, or on an embedded one below `home`; ended when the block is."""
    port = port or free_port()
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1]),  # the code beside these tests, whatever is installed
        "HOME": str(home or "/nonexistent"),
        **({"TOKEN_LEDGER_CHECKPOINT_FILE": "off"} if home is None else {}),
        "TOKEN_LEDGER_SECRET_KEY": SECRET_KEY,
        "TOKEN_LEDGER_DEVELOPMENT": "on",
        "TOKEN_LEDGER_LOG_FORMAT": "json",
        **({} if database_url is None else {"TOKEN_LEDGER_DATABASE_URL": database_url}),
        **(environ or {}),
    }
    settings = load_settings(variables, port=port)
    command = [COMMAND, "serve", "--port", str(port), "--workers", str(workers)]
    running = Served(subprocess.Popen(command, env=variables), settings, variables)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.process.terminate()
        try:
            assert running.process.wait(timeout=15) == 0 or running.killed
        finally:
            running.process.kill()


@dataclass(slots=True)
class Client:
    """Speaks GraphQL to a server; each request may take a connection of its own."""

    http: httpx.AsyncClient
    server: Served

    async def ask(self, query: str, variables: Mapping[str, Any], **headers: str) -> Any:
        """The data of an answer 200."""
        answer = await self.http.post(
            "/graphql", content=json.dumps({"query": query, "variables": variables}), headers=headers
        )
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()["data"]

    async def login(self, subject: str) -> Any:
        given = {"assertion": self.server.assertion(subject), "transport": "BODY"}
        return (await self.ask(LOGIN, {"input": given}))["login"]

    async def refresh(self, token: str) -> Any:
        return (await self.ask(REFRESH, {"input": {"refreshToken": token}}))["refresh"]

    async def logout(self, token: str, scope: str = "THIS") -> Any:
        return (await self.ask(LOGOUT, {"input": {"refreshToken": token, "scope": scope}}))["logout"]


@asynccontextmanager
async def client_of(server: Served, *, connections: int = 100) -> AsyncIterator[Client]:
    """A client with at most so many connections."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    headers = {"content-type": "application/json", "user-agent": BROWSER}
    async with httpx.AsyncClient(base_url=server.url, limits=limits, headers=headers, timeout=30) as http:
        yield Client(http, server)


def run(command: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Another command of the product, with the environment of a server."""
    return subprocess.run(
        [COMMAND, *command.split()], env=environ, capture_output=True, text=True, check=False, timeout=120
    )


async def gather_all(count: int, make: Any) -> list[Any]:
    """So many calls at once."""
    return list(await asyncio.gather(*(make(number) for number in range(count))))
