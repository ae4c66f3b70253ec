"""`POST /oauth/token`: every grant by every way to say who asks; and the paths that are everybody's.

A cell is `tokens`, or the error as OAuth has it. `invalid_client` is 401, every other error 400.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.api.callers import ENDED, NOBODY, SHOP, WRONG_SECRET, Callers, recorded
from tests.api.http import Answer
from tests.api.test_authorization_matrix import column
from tests.api.test_graphiql import BROWSER
from tests.api.test_oauth_token import BEARER, ask, granted, refused
from tests.api.test_visibility import without_request_id

GRANTS = """
operation                         | nobody                 | a public client        | the client
client_credentials                | invalid_client         | unauthorized_client    | tokens
client_credentials: foreign scope | invalid_client         | unauthorized_client    | invalid_scope
refresh_token                     | tokens                 | tokens                 | invalid_grant
refresh_token: of shop            | invalid_client         | invalid_grant          | tokens
refresh_token: an access token    | invalid_grant          | invalid_grant          | invalid_grant
refresh_token: an assertion       | invalid_grant          | invalid_grant          | invalid_grant
refresh_token: none               | invalid_request        | invalid_request        | invalid_request
jwt-bearer                        | tokens                 | tokens                 | tokens
jwt-bearer: foreign scope         | invalid_scope          | invalid_scope          | invalid_scope
jwt-bearer: an access token       | invalid_grant          | invalid_grant          | invalid_grant
jwt-bearer: a refresh token       | invalid_grant          | invalid_grant          | invalid_grant
jwt-bearer: none                  | invalid_request        | invalid_request        | invalid_request
password                          | unsupported_grant_type | unsupported_grant_type | unsupported_grant_type
none                              | invalid_request        | invalid_request        | invalid_request
"""
EVENTS = {
    "refresh_token": {"tokens": ["TokenRotated"], "invalid_grant": ["RefreshRefused"]},
    "refresh_token: of shop": {
        "tokens": ["TokenRotated"],
        "invalid_client": ["RefreshRefused"],
        "invalid_grant": ["RefreshRefused"],
    },
    "jwt-bearer": {"tokens": ["TokenIssued"]},
}
"""What is recorded, by grant and cell; nothing where nothing is said."""
PUBLIC = (
    ("/healthz", {}, 200),
    ("/readyz", {}, 200),
    ("/.well-known/jwks.json", {}, 200),
    ("/graphql", BROWSER, 200),
    ("/graphql/assets/start.js", {}, 200),
    ("/nothing", {}, 404),
)


async def forms(callers: Callers) -> dict[str, dict[str, str]]:
    """A form for each row of the table, with tokens of its own."""
    pair, other = await callers.session("ada"), await callers.session("ada")
    of_shop = await callers.session_of_shop()
    assertion = callers.server.assertion
    refresh, bearer = {"grant_type": "refresh_token"}, {"grant_type": BEARER}
    return {
        "client_credentials": {"grant_type": "client_credentials"},
        "client_credentials: foreign scope": {"grant_type": "client_credentials", "scope": "audit:read all"},
        "refresh_token": {**refresh, "refresh_token": pair["refreshToken"]},
        "refresh_token: of shop": {**refresh, "refresh_token": of_shop["refresh_token"]},
        "refresh_token: an access token": {**refresh, "refresh_token": other["accessToken"]},
        "refresh_token: an assertion": {**refresh, "refresh_token": assertion()},
        "refresh_token: none": refresh,
        "jwt-bearer": {**bearer, "assertion": assertion()},
        "jwt-bearer: foreign scope": {**bearer, "assertion": assertion(), "scope": "tokens:introspect"},
        "jwt-bearer: an access token": {**bearer, "assertion": other["accessToken"]},
        "jwt-bearer: a refresh token": {**bearer, "assertion": other["refreshToken"]},
        "jwt-bearer: none": bearer,
        "password": {"grant_type": "password", "username": "ada", "password": "x"},
        "none": {},
    }


def told(answer: Answer) -> str:
    """The cell of an answer, its status checked."""
    if answer.status == 200:
        return "tokens" if granted(answer)["access_token"] else ""
    error = str(answer.json["error"])
    refused(answer, 401 if error == "invalid_client" else 400, error)
    assert "access_token" not in answer.json
    return error


async def go_through(
    callers: Callers, headers: dict[str, str], more: dict[str, str], expected: dict[str, str]
) -> None:
    """One caller asks for every grant; each answer is as expected, and so is what was recorded of it."""
    given = await forms(callers)
    assert list(given) == list(expected)
    wrong: dict[str, Any] = {}
    with psycopg.connect(callers.server.database_url, autocommit=True) as connection:
        known = len(recorded(connection))
        for name, form in given.items():
            cell = told(await ask(callers.server, {**form, **more}, headers))
            happened = recorded(connection)[known:]
            known += len(happened)
            if (cell, happened) != (expected[name], EVENTS.get(name, {}).get(cell, [])):
                wrong[name] = (cell, happened)
    assert wrong == {}


async def refused_everything(callers: Callers, headers: dict[str, str], more: dict[str, str]) -> None:
    """Every grant is `invalid_client`, and nothing is recorded."""
    given = await forms(callers)
    with psycopg.connect(callers.server.database_url, autocommit=True) as connection:
        before = recorded(connection)
        for name, form in given.items():
            answer = await ask(callers.server, {**form, **more}, headers)
            assert told(answer) == "invalid_client", name
        assert recorded(connection) == before


WHO: dict[str, dict[str, str]] = {"nobody": {}, "a public client": {"client_id": "web"}}


@pytest.mark.parametrize("name", WHO)
async def test_whoever_proves_nothing_has_what_needs_no_proof(callers: Callers, name: str) -> None:
    await go_through(callers, {}, WHO[name], column(GRANTS, name))


async def test_a_client_that_proves_itself_has_tokens_for_itself_and_its_own_sessions(
    callers: Callers,
) -> None:
    await go_through(callers, callers.basic(), {}, column(GRANTS, "the client"))


@pytest.mark.parametrize("name", WRONG_SECRET)
async def test_a_wrong_secret_is_refused_whatever_it_asks_for(callers: Callers, name: str) -> None:
    await refused_everything(callers, await callers.without_right(name), {})


@pytest.mark.parametrize("name", [*NOBODY[1:], *ENDED])
async def test_a_token_good_or_bad_is_no_proof_of_a_client(callers: Callers, name: str) -> None:
    await refused_everything(callers, await callers.without_right(name), {})


@pytest.mark.parametrize("scope", ["", "sessions:admin"])
async def test_an_access_token_is_no_proof_of_a_client(callers: Callers, scope: str) -> None:
    await refused_everything(callers, await callers.person("ada", scope), {})
    await refused_everything(callers, await callers.client(scope), {"client_id": SHOP})


async def test_a_secret_in_the_form_is_no_proof_and_a_name_alone_is_none(callers: Callers) -> None:
    await refused_everything(callers, {}, {"client_id": SHOP})
    await refused_everything(callers, {}, {"client_id": "nobody"})
    await refused_everything(callers, {}, {"client_id": SHOP, "client_secret": callers.secret})
    await refused_everything(callers, callers.basic(), {"client_secret": callers.secret})


@pytest.mark.parametrize(("path", "accept", "status"), PUBLIC)
async def test_what_is_public_is_the_same_for_everybody(
    callers: Callers, path: str, accept: dict[str, str], status: int
) -> None:
    http = callers.server.http
    first = await http.send("GET", path, headers=accept)
    assert first.status == status
    assert first.header("www-authenticate") is None
    who = [
        *[
            await callers.without_right(name)
            for name in (*NOBODY, *ENDED, *WRONG_SECRET)
            if "revoked" not in name
        ],
        callers.basic(),
        await callers.person("ada", "audit:read sessions:admin"),
        await callers.client("audit:read"),
    ]
    for headers in who:
        answer = await http.send("GET", path, headers={**accept, **headers})
        if path == "/readyz":  # tells for how long what waits has waited
            assert (answer.status, set(answer.json)) == (first.status, set(first.json))
        else:
            assert without_request_id(answer) == without_request_id(first)
