"""The README's snippets do what the README says, against a server that was started as it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.environment import Environment
from api.trusted_issuers import load_trusted_issuers
from ledger.canonical import timestamp

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
COMMANDS = Path(sys.executable).parent
OPERATION = re.compile(r"^(?:query|mutation|subscription) (\w+)", re.MULTILINE)
LATER = {"read_database_url"}
"""Variables of parts that are not there yet."""


def snippets(language: str) -> list[str]:
    """The blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Running:
    """A server, and the environment that its other commands need."""

    url: str
    environ: Mapping[str, str]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            env=self.environ,
            cwd=self.environ["HOME"],
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, query: str, variables: Mapping[str, Any], access_token: str | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if access_token is not None:
            headers["Authorization"] = f"Bearer {access_token}"
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)["data"]


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {
        "PATH": f"{COMMANDS}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TOKEN_LEDGER_DATABASE_URL": database_url,
        "TOKEN_LEDGER_DEVELOPMENT": "on",
    }
    server = subprocess.Popen([COMMANDS / "token-ledger", "serve", "--port", str(port)], env=environ)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=5).close()  # noqa: S310 - our own server
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.05)
        yield Running(url, environ)
    finally:
        server.terminate()
        assert server.wait(timeout=15) == 0


@contextmanager
def subscribed(url: str, access_token: str, query: str) -> Iterator[ClientConnection]:
    """A WebSocket with a subscription on it that has begun."""
    address = url.replace("http", "ws") + "/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as websocket:
        for message in (
            {"type": "connection_init", "payload": {"accessToken": access_token}},
            {"type": "subscribe", "id": "1", "payload": {"query": query}},
        ):
            websocket.send(json.dumps(message))
        assert json.loads(websocket.recv(timeout=10)) == {"type": "connection_ack"}
        time.sleep(0.5)
        yield websocket


def test_the_snippets_do_what_they_say(running: Running) -> None:
    operations = {name: text for text in snippets("graphql") for name in OPERATION.findall(text)}
    login, refresh = operations.pop("Login"), operations.pop("Refresh")
    assertion = running.run("token-ledger assertion --subject ada").stdout.strip()
    pair = running.ask(login, {"assertion": assertion})["login"]
    second = running.ask(refresh, {"token": pair["refreshToken"]})["refresh"]
    assert second["outcome"] == "ROTATED"

    (verify,) = snippets("python")
    names: dict[str, Any] = {}
    exec(verify.replace("http://127.0.0.1:8000", running.url), names)  # noqa: S102 - the README's own code
    assert names["claims_of"](second["accessToken"])["sid"] == pair["session"]["id"]

    seen = running.ask(operations.pop("Me"), {}, second["accessToken"])["me"]
    (edge,) = seen["sessions"]["edges"]
    assert (seen["id"], edge["node"]["deviceLabel"]) == ("ada", "Ada's laptop")
    assert [one["node"]["type"] for one in edge["node"]["events"]["edges"]] == [
        "TOKEN_ISSUED",
        "TOKEN_ROTATED",
    ]

    for command in "".join(snippets("sh")).splitlines():
        done = running.run(command)
        assert done.returncode == 0, (command, done.stderr)
    (told,) = re.findall("`(jq [^`]*)`", README)
    if shutil.which("jq"):  # not on every machine
        facts = running.run(f"cat evidence/events-*.jsonl | {told}").stdout
        assert f"TokenRotated\t{pair['session']['id']}" in facts
    shown = running.run(f"token-ledger sessions show {pair['session']['id']}")
    assert "TokenRotated" in shown.stdout

    audit = running.run("token-ledger assertion --subject eva --claim scope=audit:read").stdout.strip()
    analyst = running.ask(login, {"assertion": audit})["login"]
    found = running.ask(operations.pop("WhereIsSignedIn"), {}, analyst["accessToken"])["subject"]
    assert (found["status"], found["notBefore"]) == ("ACTIVE", None)
    (edge,) = found["sessions"]["edges"]
    assert (edge["node"]["id"], edge["node"]["status"]) == (pair["session"]["id"], "ACTIVE")
    assert [one["node"]["type"] for one in edge["node"]["events"]["edges"]] == [
        "TOKEN_ISSUED",
        "TOKEN_ROTATED",
    ]
    assert found["sessions"]["pageInfo"]["hasNextPage"] is False

    since = timestamp(datetime.now(UTC) - timedelta(hours=1))
    deadline = time.monotonic() + 10
    audit = operations.pop("Audit")
    while True:  # until what happened is sealed
        told = running.ask(audit, {"since": since}, analyst["accessToken"])
        if told["securitySummary"]["issued"] >= 2 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert told["securitySummary"]["issued"] >= 2
    assert sum(one["rotated"] for one in told["securitySummary"]["series"]) >= 1
    assert (told["events"]["edges"], told["sessions"]["edges"]) == ([], [])

    moment = {"time": datetime.now(UTC).isoformat()}
    past = running.ask(operations.pop("WhoWasSignedIn"), moment, analyst["accessToken"])["sessionsAsOf"][
        "edges"
    ]
    assert [edge["node"]["subject"] for edge in past] == ["eva", "ada"]

    admin = running.run("token-ledger assertion --subject root --claim scope=sessions:admin").stdout.strip()
    root = running.ask(login, {"assertion": admin})["login"]
    told = running.ask(operations.pop("CutOff"), {}, root["accessToken"])
    assert told["suspendSubject"] == {"id": "eve", "status": "SUSPENDED"}
    assert told["revokeSessions"]["matched"] == 0
    assert told["setNotBefore"] == {"subject": "eve", "time": "2026-01-01T00:00:00.000000Z"}

    dpo = running.run("token-ledger assertion --subject dpo --claim scope=subjects:erase").stdout.strip()
    officer = running.ask(login, {"assertion": dpo})["login"]
    told = running.ask(operations.pop("EraseAPerson"), {}, officer["accessToken"])
    assert told == {
        "setLegalHold": {"id": "eve", "legalHold": False},
        "eraseSubject": {"id": "eve", "status": "ERASED"},
    }

    with subscribed(running.url, analyst["accessToken"], operations.pop("Alarms")) as live:
        ended = running.ask(operations.pop("Logout"), {"token": second["refreshToken"]})["logout"]
        assert ended == {"revokedSessions": 1}
        event = json.loads(live.recv(timeout=10))["payload"]["data"]["events"]["node"]
    assert (event["type"], event["sessionId"]) == ("TOKEN_REVOKED", pair["session"]["id"])

    proof = running.ask(operations.pop("Proof"), {})
    assert proof["checkpoint"]["treeSize"] > 2
    assert len(proof["consistencyProof"]["hashes"]) == 1
    assert operations == {}


def test_the_file_of_trusted_issuers_can_be_read(tmp_path: Path) -> None:
    (text,) = snippets("toml")
    file = tmp_path / "issuers.toml"
    file.write_text(text)
    (issuer,) = load_trusted_issuers(file, audience="https://ledger.example.com")
    assert issuer.claims == {"email", "role"}


def test_every_variable_is_told_and_every_told_variable_exists() -> None:
    table = README[README.index("| Variable ") : README.index("Durations are seconds")]
    told = {name.lower() for name in re.findall(r"`([A-Z_]{6,})`", table.replace("`DATA_DIR`", ""))}
    told -= {"x_forwarded_for"}
    told |= {"access_token_algorithm"} if "TOKEN_LEDGER_ACCESS_TOKEN_ALGORITHM" in README else set()
    assert told == set(Environment.model_fields) - LATER - {"data_dir"}
