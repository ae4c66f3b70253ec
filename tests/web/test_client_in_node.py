"""What the browser client does, in Node against a real server; `client/*.test.mjs` are the tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.served import NO_LIMITS, Served, run, served

HERE = Path(__file__).parent / "client"
CLIENTS = {
    "quick": "access_ttl=2s",
    "strict": "grace=0s",
    "limited": "rate_per_family=1/10m",
}
"""Public clients with rules of their own."""


def written_service(server: Served, file: Path) -> Path:
    """The file that `service.mjs` reads: where the server is, and people who can sign in."""
    subjects = [f"person-{number}" for number in range(40)]
    people = [
        {"subject": subject, "assertions": [server.assertion(subject) for _ in range(4)]}
        for subject in subjects
    ]
    admin = server.assertion("root", scope="sessions:admin")
    file.write_text(json.dumps({"url": server.url, "people": people, "admin": admin}))
    return file


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: the client is not tested in it")
@pytest.mark.parametrize("name", sorted(file.name for file in HERE.glob("*.test.mjs")))
def test_the_client(name: str, database_url: str, tmp_path: Path) -> None:
    with served(database_url, NO_LIMITS) as server:
        for client, policy in CLIENTS.items():
            made = run(f"clients create {client} --public --set {policy}", server.environ)
            assert made.returncode == 0, made.stderr
        environ = {**server.environ, "TOKEN_LEDGER_TEST_SERVICE": str(written_service(server, tmp_path / "service"))}
        done = subprocess.run(
            ["node", "--test", "--test-reporter=spec", str(HERE / name)],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout + done.stderr
