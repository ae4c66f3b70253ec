"""What the browser client does, in Node against a real server; `client/*.test.mjs` are the tests."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from api.client_policy_keys import assigned
from ledger import clients
from tests.served import NO_LIMITS, Served, served

HERE = Path(__file__).parent / "client"
CLIENTS = {
    "quick": "access_ttl=2s",
    "strict": "grace=0s",
    "limited": "rate_per_family=1/10m",
}
"""Public clients with rules of their own."""


async def make_clients(database_url: str) -> None:
    """Make them as the command line does, without its time to start."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        for client_id, rule in CLIENTS.items():
            await clients.create(
                connection,
                client_id=client_id,
                confidential=False,
                policy=assigned({}, [rule], ()),
                scopes=(),
                now=datetime.now(UTC),
                random=os.urandom,
            )


def written_service(server: Served, file: Path) -> Path:
    """The file that `service.mjs` reads: where the server is, and people who can sign in."""

    def somebody() -> dict[str, object]:
        subject = str(uuid4())
        return {"subject": subject, "assertions": [server.assertion(subject) for _ in range(5)]}

    people = {test.name: [somebody() for _ in range(25)] for test in HERE.glob("*.test.mjs")}
    admin = server.assertion("root", scope="sessions:admin")
    file.write_text(json.dumps({"url": server.url, "people": people, "admin": admin}))
    return file


@pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed: the client's tests in Node are not run"
)
def test_the_client_in_node(database_url: str, tmp_path: Path) -> None:
    asyncio.run(make_clients(database_url))
    with served(database_url, NO_LIMITS) as server:
        service = written_service(server, tmp_path / "service.json")
        done = subprocess.run(
            ["node", "--test", "--test-reporter=spec", *map(str, sorted(HERE.glob("*.test.mjs")))],
            env={**server.environ, "TOKEN_LEDGER_TEST_SERVICE": str(service)},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert done.returncode == 0, done.stdout + done.stderr
