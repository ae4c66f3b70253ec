"""Sessions of a month that was archived: to the API they are as if they had never been."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.retention.run import Fate
from tests.api.server import Server
from tests.api.test_administration import RENAME, REVOKE, REVOKE_ALL, admin, ask
from tests.api.test_erasure import ERASE, KNOWN, SESSION, officer
from tests.api.test_subject import auditor
from tests.api.test_tokens import granted, refused
from tests.retaining import fates, retained

JANUARY = date(2024, 1, 1)
NODE = "query ($id: ID!) { node(id: $id) { id } }"
PROOF = "query ($id: ID!) { inclusionProof(eventId: $id) { leafIndex } }"
SESSIONS = "query ($s: ID!) { subject(id: $s) { sessions(first: 9) { edges { node { id } } } } }"


@pytest.fixture
async def archived(server: Server, tmp_path: Path) -> Any:
    """The pair of a session that began in a month that is archived now, refreshed once and ended."""
    server.execute(f"SELECT create_month('{JANUARY}')")
    server.elapsed = datetime(2024, 1, 10, tzinfo=UTC) - datetime.now(UTC)
    first = granted(await server.login("ada", deviceLabel="laptop"), "ISSUED")
    pair = granted(await server.refresh(first["refreshToken"]), "ROTATED")
    await server.logout(pair["refreshToken"])
    server.elapsed = timedelta(0)
    await server.sealed()
    keys = server.application._keys.loaded.rings.log
    told = await retained(server.database_url, keys, tmp_path)
    assert fates(told) == {"2024-01": Fate.REMOVED}
    await server.sealed()
    return {**pair, "replaced": first["refreshToken"]}


async def test_its_tokens_are_unknown_and_nothing_is_recorded_of_them(server: Server, archived: Any) -> None:
    before = server.execute("SELECT count(*) FROM events")
    for token in (archived["refreshToken"], archived["replaced"]):
        assert refused(await server.refresh(token), "TOKEN_UNKNOWN")["terminal"] is True
        assert await server.logout(token) == {"__typename": "LogoutPayload", "revokedSessions": 0}
    assert server.execute("SELECT count(*) FROM events") == before


async def test_it_is_null_wherever_it_could_be_read(server: Server, archived: Any) -> None:
    token, session = await auditor(server), archived["session"]["id"]
    assert await ask(server, SESSION, token, id=session) is None
    for node in (session, f"{session}:1", f"{session}:2"):
        assert await ask(server, NODE, token, id=node) is None
    assert await ask(server, PROOF, token, id=f"{session}:1") is None
    assert await ask(server, KNOWN, token, s="ada") is None
    await server.login("ada")
    assert len((await ask(server, SESSIONS, token, s="ada"))["sessions"]["edges"]) == 1


async def test_it_cannot_be_ended_or_renamed_any_more(server: Server, archived: Any) -> None:
    token, session = await admin(server), archived["session"]["id"]
    for told in (
        await ask(server, REVOKE, token, id=session, reason="old"),
        await ask(server, RENAME, token, id=session, label="x"),
    ):
        assert (told["__typename"], told["code"]) == ("RequestProblem", "NOT_FOUND")
    told = await ask(server, REVOKE_ALL, token, filter={"ids": [session]}, reason="old", dryRun=False)
    assert (told["matched"], told["revoked"]) == (0, 0)


async def test_its_subject_signs_in_anew_and_can_be_erased(server: Server, archived: Any) -> None:
    pair = await server.login("ada", deviceLabel="phone")
    assert granted(await server.refresh(pair["refreshToken"]), "ROTATED")
    token = await officer(server)
    told = await ask(server, ERASE, token, s="ada", reason="request 17")
    assert (told["id"], told["status"]) == ("ada", "ERASED")
    assert (await ask(server, KNOWN, await auditor(server), s="ada"))["status"] == "ERASED"
    ended = server.execute("SELECT status, address, device_label FROM active_tokens WHERE subject = 'ada'")
    assert ended == [("revoked", None, None)]
