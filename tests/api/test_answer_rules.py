"""The rules by which generated requests are judged notice each fault, and find none in a good answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema

from api.graphql.schema import make_schema
from tests.api.answer_rules import complaints
from tests.api.generated_requests import Request
from tests.api.http import Answer

REQUEST_ID = "01a211b7-633c-7fa0-9a85-f1a0d26e26a1"
TOKEN = "tlrt_" + "A" * 92
ACCESS_TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ." + "b" * 86
SECRET = "made-up-secret"
LOGIN = Request(
    operation="Mutation.login",
    query=(
        'mutation { login(input: {assertion: "x"}) '
        "{ __typename ... on TokenPair { accessToken refreshToken tokenType } } }"
    ),
    variables={},
    caller="root",
    valid=True,
)
PAIR = {
    "__typename": "TokenPair",
    "accessToken": ACCESS_TOKEN,
    "refreshToken": TOKEN,
    "tokenType": "Bearer",
}
HEADERS = {
    "content-type": "application/graphql-response+json; charset=utf-8",
    "cache-control": "no-store",
    "x-request-id": REQUEST_ID,
}


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, list({**HEADERS, **(headers or {})}.items()), written)


def refusal(code: object, status: int, **more: Any) -> Answer:
    error = {"message": "no", "extensions": {"code": code, "requestId": REQUEST_ID}}
    return answer({**more, "errors": [error]}, status)


def pair(**changed: Any) -> dict[str, Any]:
    return {"data": {"login": {**PAIR, **changed}}}


def found(request: Request, one: Answer) -> list[str]:
    return complaints(request, one, secrets=[SECRET], schema=build_schema(make_schema().as_str()))


GOOD = [
    answer(pair()),
    answer(pair(refreshToken=None), headers={"set-cookie": f"token-ledger={TOKEN}; HttpOnly"}),
    answer({"data": {"login": {"__typename": "AuthProblem"}}}),
    refusal("BAD_USER_INPUT", 294, data=None),
    refusal("GRAPHQL_PARSE_FAILED", 400),
    refusal("BAD_USER_INPUT", 422),
]


@pytest.mark.parametrize("good", GOOD)
def test_nothing_is_said_of_a_good_answer(good: Answer) -> None:
    assert found(LOGIN, good) == []


BAD = [
    (refusal("INTERNAL_SERVER_ERROR", 294, data=None), "code INTERNAL_SERVER_ERROR with status 294"),
    (refusal("INTERNAL_SERVER_ERROR", 500), "status 500"),
    (refusal("TEMPORARILY_UNAVAILABLE", 503), "status 503"),
    (answer(b"Internal Server Error", 500), "the body is not JSON"),
    (answer([]), "the body is not an object of `data` and `errors`"),
    (answer({}), "the body is not an object of `data` and `errors`"),
    (answer({"data": None}), "`data` does not hold the root field"),
    (answer(pair(), 201), "status 201"),
    (answer(pair(), headers={"content-type": "application/json"}), "content type"),
    (answer(pair(), headers={"cache-control": "private"}), "a token in an answer that may be kept"),
    (answer(pair(), headers={"set-cookie": f"a={TOKEN}"}), "a refresh token both in the cookie and in the"),
    (answer(pair(), headers={"x-seen": TOKEN}), "a token in a header"),
    (answer(pair(), headers={"x-seen": SECRET}), "a secret"),
    (answer(pair(tokenType=TOKEN)), "a token outside of its field"),
    (answer(pair(tokenType=SECRET)), "a secret"),
    (answer(pair(tokenType=None)), "`data` is not what the document selects"),
    (answer(pair(more="x")), "`data` is not what the document selects"),
    (answer(pair(__typename="Session")), "`data` is not what the document selects"),
    (answer({"data": {"login": {"__typename": "TokenPair"}}}), "`data` is not what the document selects"),
    (refusal("BAD_USER_INPUT", 294, data=PAIR), "data and errors in one answer"),
    (refusal("BAD_USER_INPUT", 294), "`data` absent with status 294"),
    (refusal("BAD_USER_INPUT", 422, data=None), "`data` present with status 422"),
    (refusal(None, 422), "code None with status 422"),
    (refusal("FORBIDDEN", 403), "403 for a caller who has every scope"),
    (refusal("UNAUTHENTICATED", 401), "401 without a challenge"),
    (answer({"errors": []}, 400), "`errors` is not a list with entries"),
    (answer({"errors": [{"extensions": {"code": "BAD_REQUEST"}}]}, 400), "an error without a message"),
    (
        answer({"errors": [{"message": "no", "extensions": {"code": "BAD_REQUEST"}}]}, 400),
        "an error without the request id",
    ),
]


@pytest.mark.parametrize(("bad", "complaint"), BAD)
def test_each_fault_of_an_answer_is_noticed(bad: Answer, complaint: str) -> None:
    assert any(one.startswith(complaint) for one in found(LOGIN, bad))


def test_a_document_that_does_not_fit_the_schema_must_be_refused() -> None:
    broken = replace(LOGIN, query="{ login }", valid=False)
    assert found(broken, refusal("GRAPHQL_VALIDATION_FAILED", 422)) == []
    told = found(broken, refusal("BAD_USER_INPUT", 294, data=None))
    assert told == ["status 294 for a document that does not fit the schema"]


def test_a_caller_without_the_scope_must_be_refused() -> None:
    query = 'mutation { reactivateSubject(subject: "ada") { __typename } }'
    asked = replace(LOGIN, operation="Mutation.reactivateSubject", query=query, caller="nobody")
    assert found(asked, refusal("FORBIDDEN", 403)) == []
    assert found(asked, refusal("BAD_USER_INPUT", 294, data=None)) == []  # a `first` that no page can have
    granted = answer({"data": {"reactivateSubject": {"__typename": "Subject"}}})
    assert found(asked, granted) == ["data for a caller without the scope"]


def test_who_asks_for_plain_json_gets_it_with_status_200() -> None:
    plain = replace(LOGIN, accept="application/json")
    json_type = {"content-type": "application/json; charset=utf-8"}
    refused = refusal("BAD_USER_INPUT", 294, data=None)
    assert found(plain, answer(refused.json, 200, json_type)) == []
    assert "status 294 for a caller who asked for application/json" in found(plain, refused)
