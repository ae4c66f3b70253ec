"""Whether a document may run is decided for all its root fields together, before any of it runs."""

from __future__ import annotations

from urllib.parse import urlencode

import psycopg
import pytest

from tests.api.callers import Callers, recorded
from tests.api.test_authorization_matrix import told

LOGIN = "login(input: {assertion: $assertion, transport: BODY}) { __typename }"
REFRESH = "refresh(input: {refreshToken: $token}) { __typename }"
LOGOUT = "logout(input: {refreshToken: $token}) { __typename }"
SUSPEND = 'suspendSubject(subject: "bob", reason: "x") { __typename }'
RENAME = 'renameSession(id: $id, deviceLabel: "x") { __typename }'

QUERIES = [
    ("{ __typename me { id } }", "401", "data"),
    ("{ me { id } __schema { __typename } }", "401", "data"),
    ('{ me { id } subject(id: "ada") { id } }', "401", "403"),
    ('{ __typename subject(id: "ada") { id } }', "401", "403"),
    ('{ a: __typename b: subject(id: "ada") { id } }', "401", "403"),
    ('{ __typename ... { subject(id: "ada") { id } } }', "401", "403"),
    ('{ __typename ... on Query { ... { subject(id: "ada") { id } } } }', "401", "403"),
    (
        '{ __typename ...F } fragment F on Query { ...G } fragment G on Query { subject(id: "ada") { id } }',
        "401",
        "403",
    ),
    ('{ __typename subject(id: "ada") @skip(if: true) { id } }', "401", "403"),
    ('{ __typename ... @include(if: false) { subject(id: "ada") { id } } }', "401", "403"),
    (
        'query ($yes: Boolean = false) { __typename subject(id: "ada") @include(if: $yes) { id } }',
        "401",
        "403",
    ),
]
"""A query, what nobody is answered, and what ada is, who has no scope."""
MUTATIONS = [
    (f"{{ {LOGIN} {RENAME} }}", "data"),
    (f"{{ {LOGIN} {SUSPEND} }}", "403"),
    (f"{{ {SUSPEND} {LOGIN} }}", "403"),
    (f"{{ {REFRESH} {SUSPEND} }}", "403"),
    (f"{{ {LOGOUT} {RENAME} {SUSPEND} }}", "403"),
    (f"{{ {RENAME} {SUSPEND} }}", "403"),
    (f"{{ {LOGIN} ...F }} fragment F on Mutation {{ {SUSPEND} }}", "403"),
]
"""Fields of a mutation, and what ada is answered; nobody is always 401."""


@pytest.mark.parametrize(("query", "nobody", "ada"), QUERIES)
async def test_a_query_that_may_not_run_as_a_whole_does_not_run_in_part(
    callers: Callers, query: str, nobody: str, ada: str
) -> None:
    http = callers.server.http
    for headers, expected in (({}, nobody), (await callers.person("ada"), ada)):
        by_get = await http.send("GET", "/graphql", query=urlencode({"query": query}), headers=headers)
        for answer in (await http.graphql(query, headers=headers), by_get):
            if expected == "data":
                assert set(answer.of("me")) == {"id"}
            else:
                assert told(answer) == expected


@pytest.mark.parametrize(("fields", "ada"), MUTATIONS)
async def test_a_mutation_that_may_not_run_as_a_whole_changes_nothing(
    callers: Callers, fields: str, ada: str
) -> None:
    pair = await callers.session("ada")
    given = {
        "assertion": callers.server.assertion("carol"),
        "token": pair["refreshToken"],
        "id": pair["session"]["id"],
    }
    types = {"assertion": "String!", "token": "String!", "id": "ID!"}
    used = {name: value for name, value in given.items() if f"${name}" in fields}
    declared = "".join(f"${name}: {types[name]} " for name in used)
    document = f"mutation ({declared}) {fields}"
    person = await callers.person("ada")
    with psycopg.connect(callers.server.database_url, autocommit=True) as connection:
        before = recorded(connection)
        for headers, expected in (({}, "401"), (person, ada)):
            answer = await callers.server.http.graphql(document, used, headers=headers)
            if expected == "data":
                assert answer.status == 200, answer.body
                assert recorded(connection) == [*before, "TokenIssued", "SessionRenamed"]
            else:
                assert told(answer) == expected
                assert recorded(connection) == before


async def test_of_several_operations_the_one_that_is_named_counts(callers: Callers) -> None:
    document = 'query Public { __typename } query Mine { me { id } } query All { subject(id: "ada") { id } }'
    person = await callers.person("ada")
    for name, nobody, ada in (("Public", 200, 200), ("Mine", 401, 200), ("All", 401, 403)):
        for headers, status in (({}, nobody), (person, ada)):
            answer = await callers.server.http.graphql(document, operation_name=name, headers=headers)
            assert answer.status == status


@pytest.mark.parametrize(
    "arguments", ["first: 0", "first: 501", "first: $first", 'after: "x"', "status: ACTIVE, first: -1"]
)
async def test_whoever_may_not_ask_is_told_so_whatever_is_wrong_with_the_question(
    callers: Callers, arguments: str
) -> None:
    declared = "query ($first: Int = 0)" if "$" in arguments else "query"
    sessions = f"sessions({arguments}) {{ edges {{ cursor }} }}"
    person = await callers.person("ada")
    for root, ada in (("me", 294), ('subject(id: "ada")', 403)):
        query = f"{declared} {{ {root} {{ {sessions} }} }}"
        assert told(await callers.server.http.graphql(query)) == "401"
        answer = await callers.server.http.graphql(query, headers=person)
        assert answer.status == ada, answer.body
