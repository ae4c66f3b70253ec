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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.environment import Environment
from api.trusted_issuers import load_trusted_issuers

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
COMMANDS = Path(sys.executable).parent
LATER = {"checkpoint_file", "direct_database_url", "metrics_allow", "read_database_url"}
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


def test_the_snippets_do_what_they_say(running: Running) -> None:
    login, refresh, logout, me, signed_in, cut_off, erase_a_person = snippets("graphql")
    assertion = running.run("token-ledger assertion --subject ada").stdout.strip()
    pair = running.ask(login, {"assertion": assertion})["login"]
    second = running.ask(refresh, {"token": pair["refreshToken"]})["refresh"]
    assert second["outcome"] == "ROTATED"

    (verify,) = snippets("python")
    names: dict[str, Any] = {}
    exec(verify.replace("http://127.0.0.1:8000", running.url), names)  # noqa: S102 - the README's own code
    assert names["claims_of"](second["accessToken"])["sid"] == pair["session"]["id"]

    seen = running.ask(me, {}, second["accessToken"])["me"]
    (edge,) = seen["sessions"]["edges"]
    assert (seen["id"], edge["node"]["deviceLabel"]) == ("ada", "Ada's laptop")
    assert [one["node"]["type"] for one in edge["node"]["events"]["edges"]] == [
        "TOKEN_ISSUED",
        "TOKEN_ROTATED",
    ]

    commands, evidence, retention = snippets("sh")
    for command in (*commands.splitlines(), *evidence.splitlines(), *retention.splitlines()):
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
    found = running.ask(signed_in, {}, analyst["accessToken"])["subject"]
    assert (found["status"], found["notBefore"]) == ("ACTIVE", None)
    (edge,) = found["sessions"]["edges"]
    assert (edge["node"]["id"], edge["node"]["status"]) == (pair["session"]["id"], "ACTIVE")
    assert [one["node"]["type"] for one in edge["node"]["events"]["edges"]] == [
        "TOKEN_ISSUED",
        "TOKEN_ROTATED",
    ]
    assert found["sessions"]["pageInfo"]["hasNextPage"] is False

    admin = running.run("token-ledger assertion --subject root --claim scope=sessions:admin").stdout.strip()
    root = running.ask(login, {"assertion": admin})["login"]
    told = running.ask(cut_off, {}, root["accessToken"])
    assert told["suspendSubject"] == {"id": "eve", "status": "SUSPENDED"}
    assert told["revokeSessions"]["matched"] == 0
    assert told["setNotBefore"] == {"subject": "eve", "time": "2026-01-01T00:00:00.000000Z"}

    dpo = running.run("token-ledger assertion --subject dpo --claim scope=subjects:erase").stdout.strip()
    officer = running.ask(login, {"assertion": dpo})["login"]
    told = running.ask(erase_a_person, {}, officer["accessToken"])
    assert told == {
        "setLegalHold": {"id": "eve", "legalHold": False},
        "eraseSubject": {"id": "eve", "status": "ERASED"},
    }

    assert running.ask(logout, {"token": second["refreshToken"]})["logout"] == {"revokedSessions": 1}


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
