"""Operations that are answered directly are answered as the general executor answers them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.api.server import LOGIN, LOGOUT, REFRESH, Server

PLAIN = [
    REFRESH,
    "mutation ($input: RefreshInput) { r: refresh(input: $input) { kind: __typename } }",
    """
    mutation Named($input: RefreshInput) {
      refresh(input: $input) { ...Pair ...Refusal }
    }
    fragment Pair on TokenPair { outcome token: refreshToken session { ... on Session { id: id } ...Ends } }
    fragment Ends on Session { endedAt endedReason absoluteExpiresAt deviceLabel }
    fragment Refusal on Problem { message __typename ... on AuthProblem { code retryAfterMs endedReason } }
    """,
    """
    mutation ($input: RefreshInput) { refresh(input: $input) { ... { __typename } ...M } }
    fragment M on Problem { message }
    """,
]
GENERAL = [
    "mutation ($input: RefreshInput) { refresh(input: $input) { __typename __typename } }",
    "mutation ($input: RefreshInput) { refresh(input: $input) { __typename @include(if: true) } }",
    "mutation ($input: RefreshInput) { refresh(input: $input) @skip(if: false) { __typename } }",
    "mutation ($input: RefreshInput) { refresh(input: $input) { __typename } __typename }",
    "mutation ($input: RefreshInput) { ... { refresh(input: $input) { __typename } } }",
    """
    mutation ($input: RefreshInput) {
      refresh(input: $input) {
        ... on TokenPair { session { events(first: 1) { edges { node { type } } } } }
      }
    }
    """,
    "{ __typename }",
    "mutation { __typename }",
]


def shape(answer: Any) -> str:
    """The answer with what differs from one session to the next taken out."""
    text = answer.body.decode()
    text = re.sub(r"eyJ[\w.-]+|tlrt_[\w-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "?", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "?", text)


async def both(server: Server, query: str, variables: Any) -> tuple[str, str]:
    """The shape of the answer, directly and by the general executor, each to a token of its own."""
    operations = server.application._graphql._operations
    prepared = operations.prepare(query, None)
    assert prepared.direct is not None
    shapes = []
    for one in (prepared, replace(prepared, direct=None)):
        operations._kept[query, None] = one
        shapes.append(shape(await server.http.graphql(query, await variables())))
    operations._kept[query, None] = prepared
    return shapes[0], shapes[1]


@pytest.mark.parametrize("query", PLAIN)
@pytest.mark.parametrize("case", ["granted", "unknown", "nothing given", "wrong type", "out of range"])
async def test_both_ways_give_the_same_answer(server: Server, query: str, case: str) -> None:
    async def variables() -> Any:
        match case:
            case "granted":
                return {"input": {"refreshToken": (await server.login())["refreshToken"], "clientId": None}}
            case "unknown":
                return {"input": {"refreshToken": "nonsense", "transport": "COOKIE"}}
            case "nothing given":
                return {}
            case "wrong type":
                return {"input": {"transport": 7}}
            case _:
                return {"input": {"clientId": "x" * 300}}

    direct, general = await both(server, query, variables)
    assert direct == general
    assert ("BAD_USER_INPUT" in direct) == (case in ("wrong type", "out of range"))


@pytest.mark.parametrize("query", [LOGIN, LOGOUT])
async def test_logins_and_logouts_too(server: Server, query: str) -> None:
    async def variables() -> Any:
        if query is LOGIN:
            return {"input": {"assertion": server.assertion(), "transport": "BODY"}}
        return {"input": {"refreshToken": (await server.login())["refreshToken"]}}

    direct, general = await both(server, query, variables)
    assert direct == general


@pytest.mark.parametrize("literal", ["", "(input: null)", "(input: {})", '(input: {refreshToken: "x"})'])
async def test_literals_in_the_document_too(server: Server, literal: str) -> None:
    async def variables() -> Any:
        return None

    query = f"mutation {{ refresh{literal} {{ ... on AuthProblem {{ code }} }} }}"
    direct, general = await both(server, query, variables)
    assert direct == general
    assert ("TOKEN_UNKNOWN" if "x" in literal else "TOKEN_MISSING") in direct


async def test_an_error_that_nobody_planned_too(server: Server) -> None:
    async def variables() -> Any:
        return {"input": {"refreshToken": token}}

    token = (await server.login())["refreshToken"]
    server.execute("ALTER TABLE events RENAME TO elsewhere")
    direct, general = await both(server, REFRESH, variables)
    server.execute("ALTER TABLE elsewhere RENAME TO events")
    assert direct == general
    assert "INTERNAL_SERVER_ERROR" in direct


@pytest.mark.parametrize("query", GENERAL)
async def test_what_is_not_plain_is_left_to_the_general_executor(server: Server, query: str) -> None:
    assert server.application._graphql._operations.prepare(query, None).direct is None
    answer = await server.http.graphql(
        query, {"input": {"refreshToken": (await server.login())["refreshToken"]}}
    )
    assert answer.status == 200
    assert answer.json["data"]
