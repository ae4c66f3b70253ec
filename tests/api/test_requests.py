"""GraphQL over HTTP: methods, media types, bodies, statuses, and what errors tell."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from ledger.keys_in_use import RELOADED_EVERY
from tests.api.http import Answer
from tests.api.server import LOGIN, LOGOUT, REFRESH, Server, running_server

JSON = {"content-type": "application/json"}
GRAPHQL = "application/graphql-response+json"
QUERY = b'{"query": "{ __typename }"}'
HELLO = {"data": {"__typename": "Query"}}


async def post(
    server: Server, body: bytes, headers: Mapping[str, str] | None = None, **options: Any
) -> Answer:
    return await server.http.send(
        "POST", "/graphql", body=body, headers={**JSON, **(headers or {})}, **options
    )


def told(answer: Answer, status: int, code: str) -> Any:
    """The only or first error, its status and code checked; such an answer holds no data."""
    assert answer.status == status, (answer.status, answer.body)
    assert "data" not in answer.json or answer.json["data"] is None
    error = answer.json["errors"][0]
    assert error["extensions"]["code"] == code, answer.body
    assert error["extensions"]["requestId"] == answer.header("x-request-id")
    assert error["message"]
    return error


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("", 200, GRAPHQL),
        ("*/*", 200, GRAPHQL),
        ("application/*", 200, GRAPHQL),
        ("application/json", 200, "application/json"),
        ("application/json, application/graphql-response+json", 200, GRAPHQL),
        ("application/json;q=0.9, application/graphql-response+json;q=0.5", 200, "application/json"),
        ("APPLICATION/JSON", 200, "application/json"),
        ("text/html", 406, GRAPHQL),
        ("application/graphql-response+json;q=0", 406, GRAPHQL),
        ("application/json;q=nonsense", 406, GRAPHQL),
    ],
)
async def test_the_media_type_is_negotiated(
    server: Server, accept: str, status: int, media_type: str
) -> None:
    answer = await post(server, QUERY, {"accept": accept} if accept else {})
    assert answer.status == status
    assert answer.header("content-type") == f"{media_type}; charset=utf-8"
    if status == 200:
        assert answer.json == HELLO


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;Charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/graphql", 415),
        ("", 415),
    ],
)
async def test_bodies_are_json_in_utf8(server: Server, content_type: str, status: int) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await server.http.send("POST", "/graphql", body=QUERY, headers=headers)
    assert answer.status == status
    if status == 415:
        told(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_an_encoded_body_is_not_taken(server: Server) -> None:
    told(await post(server, QUERY, {"content-encoding": "gzip"}), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"{ __typename }"',
        b"[" + QUERY + b"]",
        QUERY + b"x",
        b"\xff\xfe",
        b'{"query": "\xff"}',
        b'{"query": "{ __typename }", "query": "{ __typename }"}',
        b'{"query": "{ __typename }", "variables": {"a": 1, "a": 2}}',
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        b'{"query": "{ __typename }", "variables": {"a": -Infinity}}',
        b'{"query": "{ __typename }", "variables": {"a": 1e999}}',
        b'{"query": "{ __typename }", "variables": {"a": 9007199254740992}}',
        b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5000 + b"}}",
        b'{"query": "{ __typename }", "variables": ' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',
        b'{"query": "{ __typename }", "variables": {"a": "\\u0000"}}',
        b'{"query": "{ __typename }", "variables": {"\\u0000": 1}}',
        b'{"query": "{ __typename }", "variables": {"a": "\x00"}}',
        b'{"query": "{ __typename }\\u0000"}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "{ __typename }", "operationName": 7}',
        b'{"query": "{ __typename }", "operationName": "' + b"x" * 300 + b'"}',
        b'{"query": null}',
        b'{"query": 7}',
        b'{"query": ""}',
        b"{}",
    ],
    ids=lambda body: repr(body[:60]),
)
async def test_malformed_requests_are_answered_400(server: Server, body: bytes) -> None:
    told(await post(server, body), 400, "BAD_REQUEST")


async def test_what_may_be_null_or_more_is_taken(server: Server) -> None:
    message = {
        "query": "{ __typename }",
        "variables": None,
        "operationName": None,
        "extensions": None,
        "id": 7,
    }
    assert (await post(server, json.dumps(message).encode())).json == HELLO


@pytest.mark.parametrize("length", [65_536, 65_537, 200_000])
async def test_a_body_has_64_kilobytes_at_the_most(server: Server, length: int) -> None:
    body = QUERY + b" " * (length - len(QUERY))
    pieces = [body[at : at + 10_000] for at in range(0, length, 10_000)]
    answers = [
        await post(server, body),
        await post(server, body, {"content-length": str(length)}),
        await server.http.send("POST", "/graphql", headers=JSON, chunks=pieces),
    ]
    for answer in answers:
        if length <= 65_536:
            assert answer.json == HELLO
        else:
            told(answer, 413, "CONTENT_TOO_LARGE")


@pytest.mark.parametrize("announced", ["9" * 5000, "99999999", "-1", "x", "²"])
async def test_a_strange_announced_length_is_no_error_of_ours(server: Server, announced: str) -> None:
    answer = await post(server, QUERY, {"content-length": announced})
    assert answer.status in (200, 413)


async def test_a_body_in_pieces_is_put_together(server: Server) -> None:
    answer = await server.http.send("POST", "/graphql", headers=JSON, chunks=[b"", QUERY[:7], QUERY[7:]])
    assert answer.json == HELLO


@pytest.mark.parametrize("sent", [[], [QUERY[:7]]], ids=["nothing", "a part"])
async def test_a_body_that_does_not_arrive_is_not_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, sent: list[bytes]
) -> None:
    monkeypatch.setattr("api.request_body._BODY_WITHIN_SECONDS", 0.05)
    answers: list[Any] = []

    async def receive() -> Any:
        if not sent:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": sent.pop(), "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "headers": [(b"content-type", b"application/json")],
    }
    await server.application(scope, receive, send)
    assert answers[0]["status"] == 408


async def test_a_strange_user_agent_is_kept_harmlessly(server: Server) -> None:
    for agent in ("\x00", "a\x00b", "\xff\xfe", "x" * 5000, "\x1b[2J"):
        server.http.user_agent = agent
        pair = await server.login()
        assert (await server.refresh(pair["refreshToken"]))["outcome"] == "ROTATED"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_not_allowed(server: Server, method: str) -> None:
    answer = await server.http.send(method, "/graphql", body=QUERY, headers=JSON)
    told(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.header("allow") == "GET, POST, OPTIONS"


async def get(server: Server, **parameters: str) -> Answer:
    return await server.http.send("GET", "/graphql", query=urlencode(parameters))


async def test_queries_go_by_get_and_mutations_do_not(server: Server) -> None:
    assert (await get(server, query="{ __typename }")).json == HELLO
    named = "query A { __typename } mutation B { logout { __typename } }"
    assert (await get(server, query=named, operationName="A", variables="{}")).json == HELLO
    answer = await get(server, query=named, operationName="B")
    told(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.header("allow") == "POST"


@pytest.mark.parametrize(
    "query",
    [
        "query=%7B__typename%7D&query=%7B__typename%7D",
        "query=%FF",
        "query=%00",
        "query=%7B__typename%7D&variables=%7B",
        "query=%7B__typename%7D&variables=%5B%5D",
        "variables=%7B%7D",
        "",
        "&".join(f"a{number}=1" for number in range(50)),
    ],
)
async def test_malformed_query_strings_are_answered_400(server: Server, query: str) -> None:
    told(await server.http.send("GET", "/graphql", query=query), 400, "BAD_REQUEST")


async def test_a_query_string_has_64_kilobytes_at_the_most(server: Server) -> None:
    told(await get(server, query="{ __typename }" + " " * 65_536), 414, "URI_TOO_LONG")


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ __typename ",
        "query ($a: ) { __typename }",
        "{}",
        "☂",
        '{ session(id: "\\uD800") { id } }',
        '{ a(b: "',
    ],
)
async def test_what_cannot_be_parsed_is_answered_400_with_its_place(server: Server, query: str) -> None:
    answer = await post(server, json.dumps({"query": query}, ensure_ascii=False).encode())
    assert told(answer, 400, "GRAPHQL_PARSE_FAILED")["locations"]


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{ me }",
        "{ session { id } }",
        "query ($a: Int) { __typename }",
        "query ($a: Nothing) { __typename }",
        "mutation { login(input: {assertion: 7}) { __typename } }",
        "mutation { refresh(input: {transport: POST}) { __typename } }",
        "subscription { nothing { cursor } }",
        "{ ...A } fragment B on Query { __typename }",
        "{ __typename } fragment A on Query { ...A }",
        "fragment A on Query { __typename }",
        "query A { __typename } query B { __typename }",
        "{ __typename @nothing }",
        "{ __typename @skip(if: 1) }",
        "type A { b: Int }",
    ],
)
async def test_what_is_not_valid_is_answered_422_and_nothing_runs(server: Server, query: str) -> None:
    answer = await post(server, json.dumps({"query": query}).encode())
    assert answer.status == 422, answer.body
    assert "data" not in answer.json


async def test_an_operation_that_is_not_there_is_answered_422(server: Server) -> None:
    body = json.dumps({"query": "query A { __typename }", "operationName": "B"}).encode()
    told(await post(server, body), 422, "BAD_REQUEST")


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        True,
        "text",
        [],
        {},
        {"assertion": None},
        {"assertion": 7},
        {"assertion": ["a"]},
        {"assertion": "a", "more": 1},
        {"assertion": "a", "transport": "POST"},
    ],
    ids=repr,
)
async def test_variables_that_do_not_fit_are_answered_422(server: Server, value: object) -> None:
    answer = await server.http.graphql(LOGIN, {"input": value})
    told(answer, 422, "BAD_USER_INPUT")


async def test_no_error_repeats_a_token_or_an_assertion(server: Server) -> None:
    pair = await server.login()
    for secret in (pair["refreshToken"], pair["accessToken"], server.assertion()):
        bodies = [
            {"query": LOGIN, "variables": {"input": {"assertion": [secret]}}},
            {"query": REFRESH, "variables": {"input": secret}},
            {"query": REFRESH, "variables": {"input": {"refreshToken": {"a": secret}}}},
            {"query": REFRESH, "variables": {"input": {secret: 1}}},
            {"query": f"mutation {{ refresh(input: {secret}) {{ __typename }} }}"},
            {"query": f'mutation {{ refresh(input: "{secret}") {{ __typename }} }}'},
            {"query": f'mutation {{ refresh(input: {{transport: "{secret}"}}) {{ __typename }} }}'},
            {"query": f'{{ "{secret}" }}'},
            {"query": secret},
            {"query": "{ __typename }", "operationName": secret[:200]},
            {"query": f"{{ {secret.replace('-', '_').replace('.', '_')} }}"},
        ]
        for body in bodies:
            answer = await post(server, json.dumps(body).encode())
            assert answer.status in (400, 422), (body, answer.body)
            assert secret.encode() not in answer.body
            for part in (secret[5:45], secret[40:80], secret[-40:]):
                assert part.encode() not in answer.body


NAUGHTY = [
    "\x00",
    "a\x00b",
    "\u202e",
    "\uff41\uff44\uff41",
    "x" * 50_000,
    "'; DROP TABLE events; --",
    "{{7*7}}",
    "😀" * 80,
]


@pytest.mark.parametrize("text", NAUGHTY, ids=lambda text: repr(text[:12]))
async def test_no_text_in_any_argument_is_an_error_of_ours(server: Server, text: str) -> None:
    pair = await server.login()
    requests: list[tuple[str, dict[str, Any]]] = [
        (LOGIN, {"input": {"assertion": text, "transport": "BODY"}}),
        (LOGIN, {"input": {"assertion": server.assertion(), "transport": "BODY", "clientId": text}}),
        (LOGIN, {"input": {"assertion": server.assertion(), "transport": "BODY", "deviceLabel": text}}),
        (REFRESH, {"input": {"refreshToken": text}}),
        (REFRESH, {"input": {"refreshToken": pair["refreshToken"], "clientId": text}}),
        (LOGOUT, {"input": {"refreshToken": text}}),
        ("query ($id: ID!) { session(id: $id) { id } }", {"id": text}),
        ("query ($id: ID!) { node(id: $id) { id } }", {"id": text}),
        ("query ($id: ID!) { node(id: $id) { id } }", {"id": f"{pair['session']['id']}:{text}"}),
        ("query ($after: Cursor) { me { sessions(after: $after) { edges { cursor } } } }", {"after": text}),
    ]
    for query, variables in requests:
        answer = await server.http.graphql(query, variables, access_token=pair["accessToken"])
        assert answer.status in (200, 294, 400, 413), answer.body
        assert b"INTERNAL" not in answer.body


@pytest.mark.parametrize("label", ["x" * 101, "a\nb\x00"])
async def test_a_device_label_that_cannot_be_kept_is_refused_before_anything_is_done(
    server: Server, label: str
) -> None:
    given = {"input": {"assertion": server.assertion(), "transport": "BODY", "deviceLabel": label}}
    answer = await server.http.graphql(LOGIN, given)
    if "\x00" in label:
        told(answer, 400, "BAD_REQUEST")
    else:
        assert "deviceLabel" in told(answer, 294, "BAD_USER_INPUT")["message"]
    given["input"]["deviceLabel"] = "x" * 100
    assert (await server.http.graphql(LOGIN, given)).of("login")["__typename"] == "TokenPair"


async def test_294_is_200_where_the_caller_asked_for_json(server: Server) -> None:
    pair = await server.login()
    query = "{ me { sessions(first: 501) { edges { cursor } } } }"
    told(await server.http.graphql(query, access_token=pair["accessToken"]), 294, "BAD_USER_INPUT")
    plain = {"accept": "application/json"}
    answer = await server.http.graphql(query, access_token=pair["accessToken"], headers=plain)
    assert "from 1 to 500" in told(answer, 200, "BAD_USER_INPUT")["message"]


async def test_an_error_that_nobody_planned_is_masked(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = await server.login()
    server.execute("ALTER TABLE subjects RENAME TO elsewhere")
    answer = await server.http.graphql("{ me { id } }", access_token=pair["accessToken"])
    error = told(answer, 294, "INTERNAL_SERVER_ERROR")
    assert "subjects" not in answer.body.decode()
    assert set(error) <= {"message", "path", "extensions"}
    server.execute("ALTER TABLE elsewhere RENAME TO subjects")
    assert (await server.http.graphql("{ me { id } }", access_token=pair["accessToken"])).status == 200


async def test_introspection_and_suggestions_are_off_together_outside_development(database_url: str) -> None:
    async with running_server(database_url, {"TOKEN_LEDGER_INTROSPECTION": "off"}) as server:
        for query in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
            assert (await server.http.graphql(query)).status == 422
        answer = await server.http.graphql("{ sesion { id } }")
        assert answer.status == 422
        assert "session" not in answer.body.decode()
        answer = await server.http.graphql(REFRESH, {"input": {"refreshTokn": "x"}})
        assert "refreshToken" not in answer.body.decode()
        assert (await server.http.graphql("{ __typename }")).json == HELLO


async def test_introspection_and_suggestions_are_on_in_development(server: Server) -> None:
    from graphql import get_introspection_query

    answer = await server.http.graphql(get_introspection_query(input_value_deprecation=True))
    assert answer.status == 200
    assert "Session" in {one["name"] for one in answer.json["data"]["__schema"]["types"]}
    assert "session" in (await server.http.graphql("{ sesion { id } }")).body.decode()


async def test_what_is_public_ignores_an_access_token_that_is_bad(server: Server) -> None:
    answer = await server.http.graphql(
        LOGIN, {"input": {"assertion": server.assertion(), "transport": "BODY"}}, access_token="bad"
    )
    assert answer.of("login")["__typename"] == "TokenPair"
    answer = await server.http.graphql("{ __typename }", access_token="bad")
    assert answer.json == HELLO


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer bad", "Bearer a.b.c"]
)
async def test_without_a_good_access_token_the_answer_is_401(server: Server, authorization: str) -> None:
    answer = await server.http.graphql("{ me { id } }", headers={"authorization": authorization})
    told(answer, 401, "UNAUTHENTICATED")
    assert answer.header("www-authenticate") == 'Bearer error="invalid_token"'


async def test_refresh_tokens_and_assertions_are_no_access_tokens(server: Server) -> None:
    pair = await server.login()
    for token in (pair["refreshToken"], server.assertion()):
        answer = await server.http.graphql("{ me { id } }", access_token=token)
        told(answer, 401, "UNAUTHENTICATED")
    answer = await server.http.graphql("{ me { id } }", access_token=pair["accessToken"])
    assert answer.of("me") == {"id": "ada"}


async def test_a_revoked_key_is_in_no_cache_a_minute_later(server: Server) -> None:
    answer = await server.http.send("GET", "/.well-known/jwks.json")
    (kept,) = re.findall(r"max-age=([0-9]+)$", answer.header("cache-control") or "")
    assert RELOADED_EVERY + timedelta(seconds=int(kept)) < timedelta(minutes=1)


async def test_other_paths(server: Server) -> None:
    assert (await server.http.send("GET", "/nothing")).status == 404
    health = await server.http.send("GET", "/healthz")
    assert (health.status, health.json) == (200, {"status": "ok"})
    ready = await server.http.send("GET", "/readyz")
    told = ready.json
    assert {name: one["size"] for name, one in told.pop("projections").items()} == {
        "audit_events": 0,
        "audit_sessions": 0,
        "security_hours": 0,
    }
    assert told.pop("log") == {"size": 0, "signedAt": None, "unsealedSeconds": 0.0}
    assert told == {"status": "ready", "warnings": [], "monthsAhead": 3, "sweeper": None}
    assert ready.status == 200
    keys = (await server.http.send("GET", "/.well-known/jwks.json")).json["keys"]
    assert len(keys) == 2
    for key in keys:
        assert not set(key) & {"d", "k", "p", "q", "dp", "dq", "qi", "oth"}


async def test_not_ready_with_migrations_of_another_program(server: Server) -> None:
    server.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'x', 'x')")
    answer = await server.http.send("GET", "/readyz")
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert "migrations" in answer.json["reason"]
