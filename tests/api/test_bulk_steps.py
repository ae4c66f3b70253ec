"""A bulk run in several steps: each ends in time and is recorded, and the next one goes on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.api.server import LOGIN, Server
from tests.api.test_tokens import granted

STEP = """
mutation {
  revokeSessions(filter: {subject: "ada"}, reason: "breach", dryRun: false) {
    ... on BulkRevocation { matched revoked remaining }
  }
}
"""


async def step(server: Server, access_token: str) -> Any:
    return (await server.http.graphql(STEP, access_token=access_token)).of("revokeSessions")


async def test_a_step_that_takes_long_ends_with_what_it_has_done(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.bulk_revocation.STEP_SECONDS", 0)
    given = {"assertion": server.assertion("root", scope="sessions:admin"), "transport": "BODY"}
    root = granted((await server.http.graphql(LOGIN, {"input": given})).of("login"), "ISSUED")["accessToken"]
    for _ in range(40):
        await server.login("ada")
    assert await step(server, root) == {"matched": 40, "revoked": 32, "remaining": 8}
    assert await step(server, root) == {"matched": 8, "revoked": 8, "remaining": 0}
    assert await step(server, root) == {"matched": 0, "revoked": 0, "remaining": 0}
    rows = server.execute(
        "SELECT payload FROM events WHERE type = 'BulkRevocationExecuted' ORDER BY position"
    )
    assert [orjson.loads(payload)["revoked"] for (payload,) in rows] == [32, 8, 0]
