"""Documents out of bounds are refused quickly, before anything runs; those within are prepared quickly."""

from __future__ import annotations

import json
import time

import pytest

from api.document_limits import (
    MAXIMUM_ALIASES,
    MAXIMUM_DEPTH,
    MAXIMUM_DIRECTIVES,
    MAXIMUM_FIELDS,
    MAXIMUM_ROOT_FIELDS,
    MAXIMUM_SELECTION_SETS,
    MAXIMUM_SPREADS,
)
from tests.api.http import Answer
from tests.api.server import Server
from tests.api.test_tokens import granted

QUICKLY = 0.5
"""Seconds of the processor, so that a busy machine does not count."""


def fragments(count: int, body: str) -> str:
    return "".join(f"fragment F{number} on Session {{ {body} }} " for number in range(count))


def spread(count: int) -> str:
    return "".join(f"...F{number} " for number in range(count))


OUT_OF_BOUNDS = {
    "tokens": "{ " + "__typename " * 2_001 + "}",
    "tokens of other kinds": "query (" + "$a: Int " * 700 + ") { __typename }",
    "comments": "{ __typename " + "#\n" * 2_001 + "}",
    "depth": "{ me " * (MAXIMUM_DEPTH + 1) + "}" * (MAXIMUM_DEPTH + 1),
    "very great depth": "{ a" * 900 + " }" * 900,
    "depth of inline fragments": "{" + "... {" * 100 + "__typename" + "}" * 101,
    "depth of lists": "mutation { refresh(input: " + "[" * 900 + "]" * 900 + ") { __typename } }",
    "depth of objects": "mutation { refresh(input: " + "{a: " * 450 + "1" + "}" * 450 + ") { __typename } }",
    "depth of types": "query ($a: " + "[" * 900 + "Int" + "]" * 900 + ") { __typename }",
    "fields": "{ me { " + "id " * MAXIMUM_FIELDS + "} }",
    "fields of fields": "{ me { " + "sessions { edges { cursor } } " * MAXIMUM_SELECTION_SETS + "} }",
    "aliases": "{ me { " + "".join(f"a{number}: id " for number in range(MAXIMUM_ALIASES + 1)) + "} }",
    "directives": "{ __typename " + "@include(if: true) " * (MAXIMUM_DIRECTIVES + 1) + "}",
    "unknown directives": "{ __typename " + "@a " * 900 + "}",
    "root fields": "{ " + "__typename " * (MAXIMUM_ROOT_FIELDS + 1) + "}",
    "fragments": f"{{ session(id: 1) {{ {'...F0 ' * (MAXIMUM_SPREADS + 1)} }} }} {fragments(1, 'id')}",
    "many fragments": f"{{ session(id: 1) {{ {spread(200)} }} }} {fragments(200, 'id')}",
    "fragments in a circle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "nodes": "{ me { sessions(first: 500) { edges { node { events(first: 500) { edges { cursor } } } } } } }",
    "nodes of aliases": "{ me { "
    + "".join(f"a{number}: sessions(first: 500) {{ edges {{ cursor }} }} " for number in range(11))
    + "} }",
}
WITHIN = {
    "fields of one name": "{ session(id: 1) { " + "id " * (MAXIMUM_FIELDS - 1) + "} }",
    "fields that have fields of one name": "{ me { sessions { "
    + "pageInfo { hasNextPage hasPreviousPage } " * (MAXIMUM_SELECTION_SETS - 2)
    + "} } }",
    "fragments of one field": f"{{ session(id: 1) {{ {spread(MAXIMUM_SPREADS)} }} }} "
    + fragments(MAXIMUM_SPREADS, "id"),
    "fragments in fragments": "{ session(id: 1) { ...F0 } } "
    + "".join(
        f"fragment F{one} on Session {{ {' '.join(f'...F{two}' for two in range(one + 1, 10))}{' id' * 29}}} "
        for one in range(10)
    ),
}


async def send(server: Server, query: str, variables: object = None) -> tuple[Answer, float]:
    """The answer and the seconds of the processor that it took."""
    pair = await server.login()
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {pair['accessToken']}"}
    before = time.process_time()
    answer = await server.http.send("POST", "/graphql", body=body, headers=headers)
    return answer, time.process_time() - before


async def test_out_of_bounds_is_refused_quickly_and_without_data(server: Server) -> None:
    for name, query in OUT_OF_BOUNDS.items():
        answer, seconds = await send(server, query)
        assert answer.status in (400, 422), (name, answer.body)
        assert "data" not in answer.json
        code = answer.json["errors"][0]["extensions"]["code"]
        assert code == ("GRAPHQL_PARSE_FAILED" if answer.status == 400 else "LIMIT_EXCEEDED"), (name, code)
        assert seconds < QUICKLY, (name, seconds)


async def test_a_long_text_that_is_told_of_in_an_error_takes_no_longer(server: Server) -> None:
    for text in ("://" + ":" * 60_000, "eyJ" * 20_000, "password='" * 6_000, "x" * 60_000, "x " * 30_000):
        for query in (f'{{ "{text}" }}', f'{{ __typename @skip(if: "{text}") }}'):
            answer, seconds = await send(server, query)
            assert answer.status in (400, 422)
            assert len(answer.body) < 2_000
            assert seconds < QUICKLY, (text[:12], seconds)


async def test_the_worst_that_is_within_is_answered_quickly(server: Server) -> None:
    for name, query in WITHIN.items():
        answer, seconds = await send(server, query)
        assert answer.status == 200, (name, answer.body)
        assert seconds < QUICKLY, (name, seconds)


@pytest.mark.parametrize("first", [500, 500.0, 100])
async def test_nodes_are_counted_with_the_variables_of_the_request(server: Server, first: object) -> None:
    query = """
    query ($first: Int) {
      me { sessions(first: $first) { edges { node { events(first: $first) { edges { cursor } } } } } }
    }
    """
    answer, _ = await send(server, query, {"first": first})
    assert (answer.status, answer.json["errors"][0]["extensions"]["code"]) == (422, "LIMIT_EXCEEDED")
    answer, _ = await send(server, query, {"first": 70})
    assert answer.status == 200


async def test_five_thousand_nodes_are_the_most(server: Server) -> None:
    fits = " ".join(f"a{number}: sessions(first: 500) {{ edges {{ cursor }} }}" for number in range(10))
    assert (await send(server, f"{{ me {{ {fits} }} }}"))[0].status == 200
    answer, _ = await send(server, f"{{ me {{ {fits} sessions(first: 1) {{ edges {{ cursor }} }} }} }}")
    assert answer.status == 422


async def test_a_page_of_any_size_in_digits_is_no_error_of_ours(server: Server) -> None:
    digits = "9" * 5000
    for query in (
        f"{{ me {{ sessions(first: {digits}) {{ edges {{ cursor }} }} }} }}",
        f"query ($id: ID = {digits}) {{ session(id: $id) {{ events {{ edges {{ cursor }} }} }} }}",
        f"{{ session(id: {digits}) {{ id events {{ edges {{ cursor }} }} }} }}",
    ):
        answer, _ = await send(server, query)
        assert answer.status in (200, 294, 422), answer.body
        assert b"INTERNAL" not in answer.body


TWICE = [
    "a: refresh(input: $input) { __typename } b: refresh(input: $input) { __typename }",
    "refresh(input: $input) { __typename } ... { refresh(input: $input) { __typename } }",
    "refresh(input: $input) @skip(if: true) { __typename } a: refresh(input: $input) { __typename }",
    "refresh(input: $input) @include(if: $no) { __typename } logout { __typename }",
    "...F ...G",
    "...F logout(input: {scope: ALL}) { __typename }",
    'logout { __typename } login(input: {assertion: "x"}) { __typename }',
]


async def test_two_token_mutations_in_an_operation_are_refused_and_neither_runs(server: Server) -> None:
    pair = await server.login()
    given = {"input": {"refreshToken": pair["refreshToken"]}}
    for body in TWICE:
        query = f"""
        mutation ($input: RefreshInput, $no: Boolean = false) {{ {body} }}
        fragment F on Mutation {{ f: refresh(input: $input) {{ __typename }} }}
        fragment G on Mutation {{ g: refresh(input: $input) @include(if: $no) {{ __typename }} }}
        """
        answer = await server.http.graphql(query, given, access_token=pair["accessToken"])
        assert answer.json["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED", body
        assert answer.status == 422
        assert answer.cookies == []
    assert server.recorded(pair["session"]["id"]) == ["TokenIssued"]
    granted(await server.refresh(pair["refreshToken"]), "ROTATED")


async def test_two_operations_of_a_document_may_have_one_each(server: Server) -> None:
    query = """
    mutation A($input: RefreshInput) { refresh(input: $input) { __typename } }
    mutation B { logout { __typename } }
    """
    given = {"input": {"refreshToken": (await server.login())["refreshToken"]}}
    answer = await server.http.graphql(query, given, operation_name="A")
    assert answer.of("refresh") == {"__typename": "TokenPair"}
