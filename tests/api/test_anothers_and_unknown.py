"""Another's id answers byte for byte as an unknown one, and as one that is none at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
import pytest

from ledger import refresh_token
from tests.api.callers import SCOPES, WRONG_SECRET, Callers, recorded
from tests.api.clients import new_client
from tests.api.http import Answer
from tests.api.operations import DOCUMENTS, UNKNOWN
from tests.api.server import LOGOUT, REFRESH
from tests.api.test_oauth_token import BEARER, ask
from tests.api.test_tokens import damaged, forged
from tests.api.test_visibility import without_request_id

WHO = [
    *((who, "") for who in ("nobody", "ended", "a client by its secret", "a person", "a client")),
    *((who, scope) for who in ("a person", "a client") for scope in SCOPES),
]
ALLOWED = {
    "renameSession": None,
    "issueSession": "sessions:issue",
    "session": "audit:read",
    "node": "audit:read",
    "subject": "audit:read",
    "revokeSession": "sessions:admin",
    "revokeSessions": "sessions:admin",
    "suspendSubject": "sessions:admin",
    "reactivateSubject": "sessions:admin",
    "setNotBefore": "sessions:admin",
}
"""The scope with which another's is not as an unknown one, because it is seen or changed."""
NONE = ("", "☂", "x" * 5000)
"""What can be no id."""


async def headers_of(callers: Callers, who: str, scope: str) -> dict[str, str]:
    match who:
        case "nobody":
            return {}
        case "ended":
            return await callers.without_right("a token of a session that was logged out")
        case "a client by its secret":
            return callers.basic()
        case "a person":
            return await callers.person("ada", scope)
    return await callers.client(scope)


def calls(sessions: list[str], subjects: list[str], clients: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Every root field that takes an id, with each of these ids."""
    filters = (("subject", subjects), ("clientId", clients))
    by_id = [{"id": one} for one in sessions]
    by_subject = [{"s": one} for one in subjects]
    return {
        "session": by_id,
        "node": by_id,
        "renameSession": by_id,
        "revokeSession": by_id,
        "subject": [{"id": one} for one in subjects],
        "revokeSessions": [
            *({"filter": {"ids": [one]}, "dryRun": False} for one in sessions),
            *({"filter": {name: one}, "dryRun": False} for name, ids in filters for one in ids),
        ],
        "suspendSubject": by_subject,
        "reactivateSubject": by_subject,
        "setNotBefore": [*by_subject, *({"c": one} for one in clients)],
        "issueSession": [
            *({"input": {"subject": one}} for one in subjects),
            *({"input": {"subject": "bob", "clientId": one}} for one in clients),
        ],
    }


def same(answers: Mapping[str, Answer]) -> None:
    """Each can be told from the first by its request id alone."""
    first, *others = ((given, without_request_id(answer)) for given, answer in answers.items())
    for given, other in others:
        assert other == first[1], (given, first[0])


@pytest.mark.parametrize(("who", "scope"), WHO)
async def test_no_answer_tells_anothers_id_from_an_unknown_one(
    callers: Callers, who: str, scope: str
) -> None:
    headers, server = await headers_of(callers, who, scope), callers.server
    bobs, ended = await callers.session("bob"), await callers.session("bob")
    await server.refresh(bobs["refreshToken"])
    await server.logout(ended["refreshToken"])
    await new_client(server, "other")
    hers = bobs["session"]["id"]
    spellings = (hers.upper(), hers.replace("-", ""), "{" + hers + "}", f"urn:uuid:{hers}", f" {hers}")
    given = calls(
        [UNKNOWN, hers, ended["session"]["id"], f"{hers}:1", f"{hers}:9", f"{UNKNOWN}:1", *spellings, *NONE],
        ["nobody", "bob", hers, *NONE],
        ["nobody", "other", *NONE],
    )
    with psycopg.connect(server.database_url, autocommit=True) as connection:
        before = recorded(connection)
        for field, all_variables in given.items():
            if ALLOWED[field] == scope:
                continue
            answers = {
                repr(variables): await server.http.graphql(DOCUMENTS[field], variables, headers=headers)
                for variables in all_variables
            }
            same(answers)
        assert recorded(connection) == before


@pytest.mark.parametrize("scope", ["", "audit:read", "subjects:erase"])
async def test_an_event_that_is_not_there_is_as_one_of_another_session(callers: Callers, scope: str) -> None:
    own, headers = await callers.session("ada"), await callers.person("ada", scope)
    ids = [f"{own['session']['id']}:2", f"{UNKNOWN}:1", f"{own['session']['id']}:x"]
    same(
        {
            one: await callers.server.http.graphql(DOCUMENTS["node"], {"id": one}, headers=headers)
            for one in ids
        }
    )


async def test_whoever_issues_sessions_cannot_tell_anothers_client_from_an_unknown_one(
    callers: Callers,
) -> None:
    await new_client(callers.server, "other")
    for headers in (await callers.person("ada", "sessions:issue"), await callers.client("sessions:issue")):
        answers = {
            client: await callers.server.http.graphql(
                DOCUMENTS["issueSession"], {"input": {"subject": "bob", "clientId": client}}, headers=headers
            )
            for client in ("nobody", "other", "n" * 255)
        }
        assert answers["nobody"].of("issueSession") == {
            "__typename": "AuthProblem",
            "code": "CLIENT_MISMATCH",
        }
        same(answers)


async def test_a_forged_refresh_token_does_not_tell_whether_its_session_exists(callers: Callers) -> None:
    server = callers.server
    hers = (await callers.session("bob"))["refreshToken"]
    ring = server.application._keys.loaded.rings.refresh
    nobodys = refresh_token.encode(
        refresh_token.RefreshToken(family_id=UUID(UNKNOWN), generation=0, secret=b"x" * 32),
        key_number=ring.current_number,
        key=ring.current,
    )
    tokens = {
        "of nobody's session": nobodys,
        "of bob's session": await forged(server, hers, generation=0),
        "of bob's session and ahead": await forged(server, hers, generation=7),
        "of nobody's session without a right mac": damaged(nobodys),
        "of bob's session without a right mac": damaged(hers),
        "none at all": "x",
    }
    for document in (REFRESH, LOGOUT):
        same(
            {
                name: await server.http.graphql(document, {"input": {"refreshToken": token}})
                for name, token in tokens.items()
            }
        )
    same(
        {
            name: await ask(server, {"grant_type": "refresh_token", "refresh_token": token})
            for name, token in tokens.items()
        }
    )
    assert (await server.refresh(hers))["outcome"] == "ROTATED"


async def test_a_wrong_secret_does_not_tell_whether_its_client_exists(callers: Callers) -> None:
    server = callers.server
    given = {"refreshToken": (await callers.session("bob"))["refreshToken"]}
    headers = {name: await callers.without_right(name) for name in WRONG_SECRET}
    for document in (REFRESH, LOGOUT):
        same(
            {
                name: await server.http.graphql(document, {"input": given}, headers=one)
                for name, one in headers.items()
            }
        )
    for grant in ("client_credentials", "refresh_token", BEARER, "password"):
        same({name: await ask(server, {"grant_type": grant}, one) for name, one in headers.items()})
