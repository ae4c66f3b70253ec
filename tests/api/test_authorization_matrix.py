"""Every operation by every kind of caller: what each is answered, and what the ledger records of it.

The tables are the expectation. A cell is `data`; `null`; `401` or `403`, which come without data; `mismatch`,
`held` or `not found`, refusals that are data; or `nothing`, a success that changed nothing. A star: it is
recorded as a read of what is not one's own.
"""

from __future__ import annotations

import psycopg
import pytest
from graphql import build_schema

from tests.api.callers import ENDED, NOBODY, SCOPES, WRONG_SECRET, Callers, recorded
from tests.api.http import Answer
from tests.api.operations import DOCUMENTS, OPERATIONS
from tests.api.test_schema import SDL

WITHOUT_RIGHT = """
operation                | nobody   | ended    | wrong    | the client
me                       | 401      | 401      | 401      | 401
subject: another         | 401      | 401      | 401      | 401
subject: unknown         | 401      | 401      | 401      | 401
session: own             | 401      | 401      | 401      | 401
session: another's       | 401      | 401      | 401      | 401
session: unknown         | 401      | 401      | 401      | 401
sessionAsOf: own         | 401      | 401      | 401      | 401
sessionAsOf: another's   | 401      | 401      | 401      | 401
sessionAsOf: unknown     | 401      | 401      | 401      | 401
sessionAsOf: too early   | 401      | 401      | 401      | 401
sessionsAsOf             | 401      | 401      | 401      | 401
node: own                | 401      | 401      | 401      | 401
node: own event          | 401      | 401      | 401      | 401
node: another's          | 401      | 401      | 401      | 401
node: another's event    | 401      | 401      | 401      | 401
node: unknown            | 401      | 401      | 401      | 401
events                   | 401      | 401      | 401      | 401
sessions                 | 401      | 401      | 401      | 401
securitySummary          | 401      | 401      | 401      | 401
checkpoint               | data     | data     | data     | data
consistencyProof         | data     | data     | data     | data
inclusionProof: own      | 401      | 401      | 401      | 401
inclusionProof: another  | 401      | 401      | 401      | 401
inclusionProof: unknown  | 401      | 401      | 401      | 401
login                    | data     | data     | mismatch | mismatch
login: for shop          | mismatch | mismatch | mismatch | data
refresh                  | data     | data     | mismatch | mismatch
refresh: of shop         | mismatch | mismatch | mismatch | data
logout                   | data     | data     | mismatch | mismatch
logout: of shop          | mismatch | mismatch | mismatch | data
renameSession: own       | 401      | 401      | 401      | 401
renameSession: another's | 401      | 401      | 401      | 401
renameSession: unknown   | 401      | 401      | 401      | 401
revokeSession: own       | 401      | 401      | 401      | 401
revokeSession: another's | 401      | 401      | 401      | 401
revokeSession: unknown   | 401      | 401      | 401      | 401
issueSession             | 401      | 401      | 401      | 401
issueSession: for shop   | 401      | 401      | 401      | 401
revokeSessions: dry run  | 401      | 401      | 401      | 401
revokeSessions           | 401      | 401      | 401      | 401
suspendSubject           | 401      | 401      | 401      | 401
reactivateSubject        | 401      | 401      | 401      | 401
setNotBefore: subject    | 401      | 401      | 401      | 401
setNotBefore: client     | 401      | 401      | 401      | 401
setNotBefore: everyone   | 401      | 401      | 401      | 401
eraseSubject             | 401      | 401      | 401      | 401
eraseSubject: held       | 401      | 401      | 401      | 401
setLegalHold: set        | 401      | 401      | 401      | 401
setLegalHold: release    | 401      | 401      | 401      | 401
logout: no token         | 401      | nothing  | 401      | 401
"""
"""By callers without an access token that is good, and by a client that proves itself by its secret."""

PEOPLE = """
operation                | eve       | ada       | audit     | issue     | admin     | erase     | introspect
me                       | data      | data      | data      | data      | data      | data      | data
subject: another         | 403       | 403       | data*     | 403       | 403       | 403       | 403
subject: unknown         | 403       | 403       | null*     | 403       | 403       | 403       | 403
session: own             | null      | data      | data      | data      | data      | data      | data
session: another's       | null      | null      | data*     | null      | null      | null      | null
session: unknown         | null      | null      | null      | null      | null      | null      | null
sessionAsOf: own         | null      | data      | data      | data      | data      | data      | data
sessionAsOf: another's   | null      | null      | data*     | null      | null      | null      | null
sessionAsOf: unknown     | null      | null      | null      | null      | null      | null      | null
sessionAsOf: too early   | null      | null      | null      | null      | null      | null      | null
sessionsAsOf             | 403       | 403       | data*     | 403       | 403       | 403       | 403
node: own                | null      | data      | data      | data      | data      | data      | data
node: own event          | null      | data      | data      | data      | data      | data      | data
node: another's          | null      | null      | data*     | null      | null      | null      | null
node: another's event    | null      | null      | data*     | null      | null      | null      | null
node: unknown            | null      | null      | null      | null      | null      | null      | null
events                   | 403       | 403       | data*     | 403       | 403       | 403       | 403
sessions                 | 403       | 403       | data*     | 403       | 403       | 403       | 403
securitySummary          | 403       | 403       | data*     | 403       | 403       | 403       | 403
checkpoint               | data      | data      | data      | data      | data      | data      | data
consistencyProof         | data      | data      | data      | data      | data      | data      | data
inclusionProof: own      | null      | data      | data      | data      | data      | data      | data
inclusionProof: another  | null      | null      | data*     | null      | null      | null      | null
inclusionProof: unknown  | null      | null      | null      | null      | null      | null      | null
login                    | data      | data      | data      | data      | data      | data      | data
login: for shop          | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch
refresh                  | data      | data      | data      | data      | data      | data      | data
refresh: of shop         | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch
logout                   | data      | data      | data      | data      | data      | data      | data
logout: of shop          | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch
renameSession: own       | not found | data      | data      | data      | data      | data      | data
renameSession: another's | not found | not found | not found | not found | not found | not found | not found
renameSession: unknown   | not found | not found | not found | not found | not found | not found | not found
revokeSession: own       | not found | data      | data      | data      | data      | data      | data
revokeSession: another's | not found | not found | not found | not found | data      | not found | not found
revokeSession: unknown   | not found | not found | not found | not found | not found | not found | not found
issueSession             | 403       | 403       | 403       | data      | 403       | 403       | 403
issueSession: for shop   | 403       | 403       | 403       | mismatch  | 403       | 403       | 403
revokeSessions: dry run  | 403       | 403       | 403       | 403       | data      | 403       | 403
revokeSessions           | 403       | 403       | 403       | 403       | data      | 403       | 403
suspendSubject           | 403       | 403       | 403       | 403       | data      | 403       | 403
reactivateSubject        | 403       | 403       | 403       | 403       | data      | 403       | 403
setNotBefore: subject    | 403       | 403       | 403       | 403       | data      | 403       | 403
setNotBefore: client     | 403       | 403       | 403       | 403       | data      | 403       | 403
setNotBefore: everyone   | 403       | 403       | 403       | 403       | data      | 403       | 403
eraseSubject             | 403       | 403       | 403       | 403       | 403       | data      | 403
eraseSubject: held       | 403       | 403       | 403       | 403       | 403       | held      | 403
setLegalHold: set        | 403       | 403       | 403       | 403       | 403       | data      | 403
setLegalHold: release    | 403       | 403       | 403       | 403       | 403       | data      | 403
logout: no token         | data      | data      | data      | data      | data      | data      | data
"""
"""By people with a session of their own. What is `own` is ada's, and so is each session with a scope."""

CLIENTS = """
operation                | none      | audit     | issue     | admin     | erase     | introspect
me                       | null      | null      | null      | null      | null      | null
subject: another         | 403       | data*     | 403       | 403       | 403       | 403
subject: unknown         | 403       | null*     | 403       | 403       | 403       | 403
session: own             | null      | data*     | null      | null      | null      | null
session: another's       | null      | data*     | null      | null      | null      | null
session: unknown         | null      | null      | null      | null      | null      | null
sessionAsOf: own         | null      | data*     | null      | null      | null      | null
sessionAsOf: another's   | null      | data*     | null      | null      | null      | null
sessionAsOf: unknown     | null      | null      | null      | null      | null      | null
sessionAsOf: too early   | null      | null      | null      | null      | null      | null
sessionsAsOf             | 403       | data*     | 403       | 403       | 403       | 403
node: own                | null      | data*     | null      | null      | null      | null
node: own event          | null      | data*     | null      | null      | null      | null
node: another's          | null      | data*     | null      | null      | null      | null
node: another's event    | null      | data*     | null      | null      | null      | null
node: unknown            | null      | null      | null      | null      | null      | null
events                   | 403       | data*     | 403       | 403       | 403       | 403
sessions                 | 403       | data*     | 403       | 403       | 403       | 403
securitySummary          | 403       | data*     | 403       | 403       | 403       | 403
checkpoint               | data      | data      | data      | data      | data      | data
consistencyProof         | data      | data      | data      | data      | data      | data
inclusionProof: own      | null      | data*     | null      | null      | null      | null
inclusionProof: another  | null      | data*     | null      | null      | null      | null
inclusionProof: unknown  | null      | null      | null      | null      | null      | null
login                    | data      | data      | data      | data      | data      | data
login: for shop          | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch
refresh                  | data      | data      | data      | data      | data      | data
refresh: of shop         | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch
logout                   | data      | data      | data      | data      | data      | data
logout: of shop          | mismatch  | mismatch  | mismatch  | mismatch  | mismatch  | mismatch
renameSession: own       | not found | not found | not found | not found | not found | not found
renameSession: another's | not found | not found | not found | not found | not found | not found
renameSession: unknown   | not found | not found | not found | not found | not found | not found
revokeSession: own       | not found | not found | not found | data      | not found | not found
revokeSession: another's | not found | not found | not found | data      | not found | not found
revokeSession: unknown   | not found | not found | not found | not found | not found | not found
issueSession             | 403       | 403       | data      | 403       | 403       | 403
issueSession: for shop   | 403       | 403       | data      | 403       | 403       | 403
revokeSessions: dry run  | 403       | 403       | 403       | data      | 403       | 403
revokeSessions           | 403       | 403       | 403       | data      | 403       | 403
suspendSubject           | 403       | 403       | 403       | data      | 403       | 403
reactivateSubject        | 403       | 403       | 403       | data      | 403       | 403
setNotBefore: subject    | 403       | 403       | 403       | data      | 403       | 403
setNotBefore: client     | 403       | 403       | 403       | data      | 403       | 403
setNotBefore: everyone   | 403       | 403       | 403       | data      | 403       | 403
eraseSubject             | 403       | 403       | 403       | 403       | data      | 403
eraseSubject: held       | 403       | 403       | 403       | 403       | held      | 403
setLegalHold: set        | 403       | 403       | 403       | 403       | data      | 403
setLegalHold: release    | 403       | 403       | 403       | 403       | data      | 403
logout: no token         | nothing   | nothing   | nothing   | nothing   | nothing   | nothing
"""
"""By clients with a token for themselves; what is `own` is ada's here, too."""

SCOPE = dict(zip(("audit", "issue", "admin", "erase", "introspect"), SCOPES, strict=True))
CODES = {"CLIENT_MISMATCH": "mismatch", "NOT_FOUND": "not found", "LEGAL_HOLD": "held"}


def column(table: str, name: str) -> dict[str, str]:
    """What a kind of caller is answered, by operation."""
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return {row[0]: row[head.index(name)] for row in rows}


def told(answer: Answer) -> str:
    """The cell of an answer, and what holds of all answers of its kind."""
    assert answer.cookies == []
    if answer.status in (401, 403):
        assert set(answer.json) == {"errors"}
        (error,) = answer.json["errors"]
        code, challenge = error["extensions"]["code"], answer.header("www-authenticate") or ""
        if answer.status == 401:
            assert (code, challenge) == ("UNAUTHENTICATED", 'Bearer error="invalid_token"')
        else:
            assert code == "FORBIDDEN"
            assert challenge.startswith('Bearer error="insufficient_scope", scope="')
        return str(answer.status)
    assert answer.status == 200, (answer.status, answer.body)
    assert set(answer.json) == {"data"}
    assert answer.header("www-authenticate") is None
    (value,) = answer.json["data"].values()
    if value is None:
        return "null"
    if "code" in value:
        return CODES[value["code"]]
    return "nothing" if value.get("revokedSessions") == 0 else "data"


async def go_through(callers: Callers, headers: dict[str, str], expected: dict[str, str]) -> None:
    """One caller does everything; each answer is as expected, and so is what was recorded of it."""
    assert list(expected) == list(OPERATIONS)
    given = {name: await one.variables(callers) for name, one in OPERATIONS.items()}
    wrong = {}
    with psycopg.connect(callers.server.database_url, autocommit=True) as connection:
        known = len(recorded(connection))
        for name, operation in OPERATIONS.items():
            document, variables = DOCUMENTS[operation.field], given[name]
            callers.server.forget_readers()
            answer = await callers.server.http.graphql(document, variables, headers=headers)
            happened = recorded(connection)[known:]
            known += len(happened)
            cell = told(answer)
            records = {"data": operation.granted, "mismatch": operation.refused}.get(cell, ())
            if happened[:1] == ["AuditRead"]:
                del happened[0]
                cell += "*"
            if (cell, happened) != (expected[name], list(records)):
                wrong[name] = (cell, happened)
            if cell.startswith("data") and "id" in variables:
                (value,) = answer.json["data"].values()
                assert variables["id"] in (value.get("id"), value.get("sessionId"))
    assert wrong == {}


def test_every_root_field_of_the_schema_is_in_the_matrix() -> None:
    schema = build_schema(SDL.read_text("utf-8"))
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    fields = {name for root in roots if root is not None for name in root.fields}
    assert {one.field for one in OPERATIONS.values()} == fields == set(DOCUMENTS)


async def test_a_token_that_was_altered_in_nothing_is_good(callers: Callers) -> None:
    pair = await callers.session("ada")
    headers = {"authorization": f"Bearer {callers.altered(pair['accessToken'])}"}
    answer = await callers.server.http.graphql(DOCUMENTS["me"], headers=headers)
    assert answer.of("me") == {"id": "ada"}


@pytest.mark.parametrize("name", NOBODY)
async def test_nobody_does_what_is_public_and_nothing_else(callers: Callers, name: str) -> None:
    await go_through(callers, await callers.without_right(name), column(WITHOUT_RIGHT, "nobody"))


@pytest.mark.parametrize("name", ENDED)
async def test_a_session_that_has_ended_is_nobodys_but_may_log_out(callers: Callers, name: str) -> None:
    await go_through(callers, await callers.without_right(name), column(WITHOUT_RIGHT, "ended"))


@pytest.mark.parametrize("name", WRONG_SECRET)
async def test_a_wrong_secret_proves_less_than_none(callers: Callers, name: str) -> None:
    await go_through(callers, await callers.without_right(name), column(WITHOUT_RIGHT, "wrong"))


async def test_a_client_that_proves_itself_has_its_own_sessions_and_no_access_token(callers: Callers) -> None:
    await go_through(callers, callers.basic(), column(WITHOUT_RIGHT, "the client"))


@pytest.mark.parametrize("name", ["eve", "ada"])
async def test_people_have_what_is_their_own(callers: Callers, name: str) -> None:
    await go_through(callers, await callers.person(name), column(PEOPLE, name))


@pytest.mark.parametrize("name", SCOPE)
async def test_people_with_a_scope_have_what_it_is_for_besides(callers: Callers, name: str) -> None:
    await go_through(callers, await callers.person("ada", SCOPE[name]), column(PEOPLE, name))


@pytest.mark.parametrize("name", ["none", *SCOPE])
async def test_clients_for_themselves_have_what_their_scope_is_for(callers: Callers, name: str) -> None:
    await go_through(callers, await callers.client(SCOPE.get(name, "")), column(CLIENTS, name))
