"""Commands as their users run them: with an environment of their own, telling no secret."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from api.database import Database, prepare
from api.settings import load_settings
from tests.cli.in_process import run_in_process

TOKEN_LEDGER = Path(sys.executable).parent / "token-ledger"
SECRET_KEY = base64.b64encode(bytes(range(100, 132))).decode()
OTHER_SECRET_KEY = base64.b64encode(bytes(range(50, 82))).decode()
NOWHERE = "postgresql://service:swordfish@127.0.0.1:1/ledger"
_TOKEN = re.compile(r"tlrt_[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")
_PAIR = (
    "__typename ... on TokenPair { accessToken refreshToken outcome session { id generation } } "
    "... on AuthProblem { code }"
)
_LOGIN = f"mutation ($input: LoginInput!) {{ login(input: $input) {{ {_PAIR} }} }}"
_REFRESH = f"mutation ($input: RefreshInput) {{ refresh(input: $input) {{ {_PAIR} }} }}"
_ME = "{ me { id } }"
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """What was told on standard error, which is one line and all that was told."""
        assert self.out == ""
        assert self.err.endswith("\n"), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err[:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """Runs commands with these variables and no others."""

    environ: Mapping[str, str]
    directory: Path
    own_process: bool = False
    """Whether a command is run by the console script; else by its entry point, inside this process."""

    def given(self, **variables: str | None) -> CommandLine:
        """With some variables TOKEN_LEDGER_* given, or, where it is None, taken away."""
        changed = {f"TOKEN_LEDGER_{name}": value for name, value in variables.items()}
        kept = {**self.environ, **changed}
        return replace(self, environ={name: value for name, value in kept.items() if value is not None})

    def beside(self, **variables: str) -> CommandLine:
        """With variables of other programs."""
        return replace(self, environ={**self.environ, **variables})

    def as_process(self) -> CommandLine:
        """As its users run it: each command once, and whatever needs its own logs, signals or streams."""
        return replace(self, own_process=True)

    def run(self, *arguments: str | bytes) -> Done:
        """Run a command to its end."""
        if self.own_process:
            ended = subprocess.run(
                [TOKEN_LEDGER, *arguments],
                env=self.environ,
                cwd=self.directory,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            done = Done(ended.returncode, ended.stdout, ended.stderr)
        else:
            done = Done(*run_in_process(arguments, self.environ, self.directory))
        self.held_back(done.err)
        self.held_back(done.out, tokens=arguments[0] == "assertion")
        return done

    def answer(self, *arguments: str) -> str:
        """The standard output of a command that must succeed."""
        done = self.run(*arguments)
        assert done.status == 0, done
        return done.out

    def refusal(self, *arguments: str) -> str:
        """The one line with which a command must be refused."""
        done = self.run(*arguments)
        assert done.status == 2, done
        assert done.line.startswith("token-ledger: "), done
        return done.line.removeprefix("token-ledger: ")

    def held_back(self, text: str, *, tokens: bool = False) -> None:
        """Nothing that was written is a secret; `tokens` may be."""
        for secret in self._secrets():
            assert secret not in text
        assert tokens or _TOKEN.search(text) is None
        assert "Traceback" not in text, text

    def _secrets(self) -> Iterator[str]:
        made_here = Path(self.environ["HOME"]) / ".local/share/token-ledger"
        with suppress(OSError):
            yield (made_here / "secret_key").read_text().strip()
        with suppress(OSError):
            yield (made_here / "postgres/password").read_text().strip().rpartition(":")[2]
        for name, value in self.environ.items():
            if name == "TOKEN_LEDGER_SECRET_KEY":
                yield from value.split(",")
            elif name.endswith("DATABASE_URL"):
                with suppress(Exception):  # what is no URL has no password
                    yield password_of(value) or SECRET_KEY

    def prepare(self) -> None:
        """Make what a server makes before it serves: its keys, and in development the schema."""
        settings = load_settings(self.environ)
        with Database(settings) as database:
            asyncio.run(prepare(settings, database, now=datetime.now(UTC)))

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[Running]:
        """A server that is ready; killed at the end unless it has ended."""
        with self.starting(*arguments) as running:
            running.wait_until_ready()
            yield running

    @contextmanager
    def starting(self, *arguments: str) -> Iterator[Running]:
        """A server that may not be ready yet."""
        number = sum(1 for _ in self.directory.glob("serve.*"))
        path = self.directory / f"serve.{number}.log"
        with path.open("wb") as file:
            process = subprocess.Popen(
                [TOKEN_LEDGER, "serve", "--port", "0", *arguments],
                env={**self.environ, "TOKEN_LEDGER_LOG_FORMAT": "json"},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        running = Running(command_line=self, process=process, log_file=path)
        try:
            yield running
        finally:
            process.kill()
            process.wait()
            self.held_back(path.read_text("utf-8"))


@dataclass(slots=True, kw_only=True)
class Running:
    """A server, seen from outside."""

    command_line: CommandLine
    process: subprocess.Popen[bytes]
    log_file: Path
    url: str = field(init=False)

    def log(self) -> list[dict[str, Any]]:
        """The lines that it has written."""
        lines = self.log_file.read_text("utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_until_ready(self) -> None:
        """Until it says that it can serve."""
        eventually(self._is_serving, alive=self.process, seconds=30)
        eventually(lambda: self.status("/readyz") == 200, alive=self.process, seconds=30)

    def _is_serving(self) -> bool:
        told = [line["address"] for line in self.log() if line["event"] == "serving"]
        if told:
            self.url = told[0]
        return bool(told)

    def status(self, path: str) -> int | None:
        """The HTTP status; None: nobody answers."""
        try:
            with _NO_PROXY.open(f"{self.url}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None

    def workers(self) -> set[int]:
        """The processes that answer requests, where there are several."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}

    def ask(self, query: str, variables: Mapping[str, Any], access_token: str | None = None) -> Any:
        """The data of an operation.

        Raises:
            OSError: nobody answers, or not with 200: then the message is the status.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
        if access_token is not None:
            headers["Authorization"] = f"Bearer {access_token}"
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)  # noqa: S310 - our own server
        try:
            with _NO_PROXY.open(request, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise ConnectionError(str(error.code)) from None

    def login(self, subject: str = "ada") -> Any:
        """The token pair of a new session, by an assertion of the command line."""
        assertion = self.command_line.answer("assertion", "--subject", subject).strip()
        pair = self.ask(_LOGIN, {"input": {"assertion": assertion, "transport": "BODY"}})["login"]
        assert pair["outcome"] == "ISSUED", pair
        return pair

    def refresh(self, token: str) -> Any:
        """What a refresh answers."""
        return self.ask(_REFRESH, {"input": {"refreshToken": token}})["refresh"]

    def me(self, access_token: str) -> str:
        """The subject that an access token is of."""
        return str(self.ask(_ME, {}, access_token)["me"]["id"])


def eventually(
    condition: Callable[[], bool], *, seconds: float = 15, alive: subprocess.Popen[bytes] | None = None
) -> None:
    """Wait until it is so, as long as the process lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        assert alive is None or alive.poll() is None, f"it ended with {alive and alive.returncode}"
        time.sleep(0.02)


def with_password(conninfo: str) -> str:
    """The same database as a URL that holds the password itself, or one that nobody asks for."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    file = parts.pop("passfile", None)
    kept = None if file is None else Path(file).read_text().strip().rpartition(":")[2]
    password = parts.pop("password", None) or kept or "swordfish"
    user, name = parts.pop("user", "postgres"), parts.pop("dbname")
    rest = "&".join(f"{key}={quote(value, safe='')}" for key, value in parts.items())
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@/{quote(name, safe='')}?{rest}"


def password_of(url: str) -> str | None:
    """The password in a URL."""
    found = conninfo_to_dict(url).get("password")
    return None if found is None else str(found)
