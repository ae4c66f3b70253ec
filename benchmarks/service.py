"""The product as its users run it: `token-ledger serve` in processes of its own, asked over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from api.development_issuer import development_secret, sign_development_assertion
from api.settings import Settings, load_settings
from benchmarks.load import REFRESH, USER_AGENT
from benchmarks.processes import connections_by_process, cpu_seconds

HOST = "127.0.0.1"
_LOGIN = (
    "mutation Login($assertion: String!) { login(input: {assertion: $assertion, transport: BODY}) { "
    "__typename ... on TokenPair { refreshToken } ... on AuthProblem { code message } } }"
)
_UP_WITHIN_SECONDS = 30
_DOWN_WITHIN_SECONDS = 15
_LOGINS_AT_A_TIME = 8


class ServiceError(Exception):
    """The server does not start, does not stop or refuses what it must not refuse."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running server; in development mode, so that sessions can be opened without an identity provider."""

    settings: Settings
    process: int
    port: int
    workers: int
    log: Path
    """What it writes; gone when it has ended."""

    def cpu_seconds(self) -> float:
        """CPU time of the parent and all workers so far."""
        return cpu_seconds(self.process)

    def connections(self) -> list[int]:
        """How many connections each worker holds, most first; workers without any are left out."""
        return sorted(connections_by_process(self.process, self.port).values(), reverse=True)

    def open_sessions(self, count: int) -> list[str]:
        """Refresh tokens of new sessions, each of a subject of its own.

        Raises:
            ServiceError: one was refused.
        """
        with ThreadPoolExecutor(_LOGINS_AT_A_TIME) as threads:
            return list(threads.map(lambda _: self._log_in(), range(count)))

    def _log_in(self) -> str:
        connection = Connection(self.port)
        try:
            assertion = sign_development_assertion(
                development_secret(self.settings),
                subject=f"benchmark-{uuid4()}",
                audience=self.settings.issuer,
                claims={},
                now=datetime.now(UTC),
                jti=str(uuid4()),
            )
            answer = connection.ask(_LOGIN, {"assertion": assertion})["login"]
        finally:
            connection.close()
        if answer["__typename"] != "TokenPair":
            raise ServiceError(f"a login was refused: {answer}")
        return str(answer["refreshToken"])


class Connection:
    """One kept-alive connection that asks one thing after the other."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection(HOST, port, timeout=_UP_WITHIN_SECONDS)

    def ask(self, query: str, variables: dict[str, str], access_token: str | None = None) -> Any:
        """The data of an operation.

        Raises:
            ServiceError: the answer has errors.
        """
        self._http.request(
            "POST",
            "/graphql",
            json.dumps({"query": query, "variables": variables}),
            {
                "Content-Type": "application/json",
                "Accept": "application/graphql-response+json",
                "User-Agent": USER_AGENT,
                **({} if access_token is None else {"Authorization": f"Bearer {access_token}"}),
            },
        )
        response = self._http.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            raise ServiceError(f"status {response.status}: {body.decode(errors='replace')[:600]}")
        return json.loads(body)["data"]

    def refresh(self, token: str) -> str:
        """The successor of a refresh token.

        Raises:
            ServiceError: it was not rotated.
        """
        answer = self.ask(REFRESH, {"token": token})["refresh"]
        if answer.get("outcome") != "ROTATED":
            raise ServiceError(f"a refresh was not a rotation: {answer}")
        return str(answer["refreshToken"])

    def close(self) -> None:
        self._http.close()


@contextmanager
def running_service(database_url: str, secret_key: str, *, workers: int) -> Iterator[Service]:
    """A server with no rate limits on refreshing, until the block ends; every worker accepts connections.

    Raises:
        ServiceError: it does not start, or does not stop when asked to.
    """
    with tempfile.TemporaryDirectory(prefix="tl-bench-") as directory:
        log = Path(directory) / "server.log"
        environ = {
            "HOME": directory,
            "TOKEN_LEDGER_DATABASE_URL": database_url,
            "TOKEN_LEDGER_SECRET_KEY": secret_key,
            "TOKEN_LEDGER_DEVELOPMENT": "on",
            "TOKEN_LEDGER_CHECKPOINT_FILE": "off",
            "TOKEN_LEDGER_LOG_FORMAT": "json",
            "TOKEN_LEDGER_REFRESH_RATE_PER_FAMILY": "off",
            "TOKEN_LEDGER_REFRESH_RATE_PER_ADDRESS": "off",
        }
        command = [str(Path(sys.executable).with_name("token-ledger")), "serve"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--host", HOST, "--port", "0", "--workers", str(workers)],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            port = _port(process, log)
            settings = load_settings(environ, host=HOST, port=port)
            service = Service(settings, process.pid, port, workers, log)
            _wait_for_workers(service, log)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_DOWN_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise ServiceError(f"the server did not stop: {_end_of(log)}") from None


def new_secret_key() -> str:
    """A SECRET_KEY."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server says in its log."""
    give_up_at = time.monotonic() + _UP_WITHIN_SECONDS
    while time.monotonic() < give_up_at:
        for line in log.read_text("utf-8").splitlines():
            if line.startswith("{") and line.endswith("}"):
                said = json.loads(line)
                if said.get("event") == "serving":
                    return int(said["address"].rpartition(":")[2])
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise ServiceError(f"the server does not start: {_end_of(log)}")


def _wait_for_workers(service: Service, log: Path) -> None:
    """Connect until every worker has been seen to accept: the first is up before the others."""
    give_up_at = time.monotonic() + _UP_WITHIN_SECONDS
    seen: set[int] = set()
    while len(seen) < service.workers:
        if time.monotonic() > give_up_at:
            raise ServiceError(f"{len(seen)} of {service.workers} workers came up: {_end_of(log)}")
        with socket.create_connection((HOST, service.port), timeout=1):
            time.sleep(0.02)
            seen |= connections_by_process(service.process, service.port).keys()


def _end_of(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-2000:]
