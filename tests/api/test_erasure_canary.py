"""A life full of unmistakable words, after whose erasure none of them stands in any row of the database."""

from __future__ import annotations

from typing import Any

import psycopg

from ledger.recorded_event import RecordedEvent, read_stream
from tests.api.http import Http
from tests.api.server import LOGIN, Server, differences
from tests.api.test_administration import NOT_BEFORE, REACTIVATE, RENAME, REVOKE, REVOKE_ALL, SUSPEND, ask
from tests.api.test_canary import contents
from tests.api.test_erasure import ERASE, HOLD
from tests.api.test_issue_session import backend, issue
from tests.auditing import sealed_and_caught_up

ADDRESSES = ("198.51.100.201", "198.51.100.202", "2001:db8:cafe::201")
AGENT = "CanaryBrowser/77.7"
WORDS = (
    "label-canary",
    "renamed-canary",
    "mistyped-canary",
    "claim-canary",
    "suspended-canary",
    "reactivated-canary",
    "boundary-canary",
    "held-canary",
    "revoked-canary",
    "bulk-canary",
    "network-canary",
    "nobody-canary",
    "of-an-admin-canary",
    "own-logout-canary",
)
KEPT = "erased-canary"
"""Why she was erased: it stays beside the event that says so."""
LONG_AGO = "2026-01-01T00:00:00Z"
SCOPES = "sessions:admin subjects:erase"


async def signed_in(server: Server, http: Http, subject: str, **options: Any) -> Any:
    """A session opened from a place of the subject's own."""
    claims = {"email": "claim-canary@example.org"} if subject == "ada" else {}
    assertion = server.assertion(subject, scope=SCOPES, **claims)
    given = {"assertion": assertion, "transport": "BODY", **options}
    return (await http.graphql(LOGIN, {"input": given})).of("login")


async def live(server: Server, root: str) -> None:
    """Ada has sessions of every kind, acts on others, and others act on her; each leaves words behind."""
    home, away = (
        Http(server.application, address=address, user_agent=AGENT)
        for address in (ADDRESSES[0], ADDRESSES[2])
    )
    first = await signed_in(server, home, "ada", deviceLabel="label-canary")
    await ask(server, RENAME, first["accessToken"], id=first["session"]["id"], label="renamed-canary")
    second = await server.refresh(first["refreshToken"], away)
    await server.refresh(first["refreshToken"], home)
    await server.refresh(second["refreshToken"], away, clientId="other")
    shop = await backend(server, "sessions:issue")
    issued = await issue(
        server,
        shop,
        claims={"email": "claim-canary@example.org"},
        deviceLabel="label-canary",
        ipAddress=ADDRESSES[1],
        userAgent=AGENT,
    )
    of_issue = issued.of("issueSession")["session"]["id"]

    await ask(server, SUSPEND, root, s="ada", reason="suspended-canary")
    reactivate = REACTIVATE.replace("subject: $s", 'subject: $s, reason: "reactivated-canary"')
    await ask(server, reactivate, root, s="ada")
    boundary = NOT_BEFORE.replace("breach", "boundary-canary")
    await ask(server, boundary, root, s="ada", time=LONG_AGO)
    for held in (True, False):
        await ask(server, HOLD, root, s="ada", held=held, reason="held-canary")
    await ask(server, REVOKE, root, id=of_issue, reason="revoked-canary")
    for wanted, reason in (
        ({"deviceLabel": "label-canary"}, "bulk-canary"),
        ({"ipAddress": ADDRESSES[1]}, "network-canary"),
        ({"subject": "ada", "deviceLabel": "mistyped-canary"}, "nobody-canary"),
    ):
        told = await ask(server, REVOKE_ALL, root, filter=wanted, reason=reason, dryRun=False)
        assert told["matched"] == 0, told
    told = await ask(
        server,
        REVOKE_ALL,
        root,
        filter={"ipAddress": "2001:db8:cafe::/48"},
        reason="bulk-canary",
        dryRun=False,
    )
    assert told["revoked"] == 1

    ada = await signed_in(server, home, "ada", deviceLabel="label-canary")
    bob = await signed_in(server, Http(server.application, address="192.0.2.99"), "bob", deviceLabel="of bob")
    server.http = home
    for query, variables in (
        (REVOKE, {"id": bob["session"]["id"], "reason": "of-an-admin-canary"}),
        (SUSPEND, {"s": "bob", "reason": "of-an-admin-canary"}),
        (NOT_BEFORE.replace("breach", "of-an-admin-canary"), {"time": LONG_AGO}),
        (REVOKE_ALL, {"filter": {"subject": "bob"}, "reason": "of-an-admin-canary", "dryRun": False}),
        (REVOKE, {"id": ada["session"]["id"], "reason": "own-logout-canary"}),
    ):
        await ask(server, query, ada["accessToken"], **variables)
    await signed_in(server, away, "ada", deviceLabel="label-canary")


async def every_event(server: Server) -> list[RecordedEvent]:
    streams = server.execute("SELECT DISTINCT stream_id FROM events ORDER BY 1")
    async with await psycopg.AsyncConnection.connect(server.database_url) as connection:
        return [
            event
            for (stream_id,) in streams
            for event in await read_stream(connection, stream_id, maximum=1000)
        ]


async def test_nothing_personal_of_an_erased_subject_is_in_any_row(server: Server) -> None:
    root = (await signed_in(server, Http(server.application, address="192.0.2.1"), "root"))["accessToken"]
    own_http = server.http
    await live(server, root)
    server.http = own_http
    await sealed_and_caught_up(server.database_url)
    assert server.execute("SELECT count(*) FROM audit_events WHERE address = %s", ADDRESSES[0]) != [(0,)]
    needles = {*ADDRESSES, AGENT, *WORDS}
    before = "".join(rows for _, rows in contents(server.database_url))
    assert [one for one in needles if one not in before] == []
    leaves = {(one.stream_id, one.version): one.leaf_hash for one in await every_event(server)}

    assert (await ask(server, ERASE, root, s="ada", reason=KEPT))["status"] == "ERASED"

    found = [
        (needle, table, row)
        for table, rows in contents(server.database_url)
        for row in rows.splitlines()
        for needle in needles
        if needle in row
    ]
    assert found == []
    events = await every_event(server)
    assert [one for one in events if not one.is_intact()] == []
    now = {(one.stream_id, one.version): one.leaf_hash for one in events}
    assert {key: now[key] for key in leaves} == leaves
    (erasure,) = [one for one in events if one.type_name == "SubjectErased"]
    after = "".join(rows for _, rows in contents(server.database_url))
    assert after.count(KEPT) == 1
    assert erasure.personal_data is not None
    assert erasure.personal_data.reason == KEPT
    assert "of bob" in after, "what is not hers is still there"
    assert await differences(server.database_url) == []
