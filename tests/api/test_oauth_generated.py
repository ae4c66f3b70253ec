"""Generated forms for `POST /oauth/token` of a running server: every answer is one of OAuth's."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.api.answer_rules import places_of_tokens
from tests.api.clients import basic
from tests.api.generated_conversation import RESTOCKED_AFTER, Conversation, conversation
from tests.api.generated_requests import HOSTILE, SCOPES, assertions, refresh_tokens
from tests.api.http import Answer
from tests.api.server import differences

CASES = int(os.environ.get("OAUTH_CASES", "600"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "20261125"))
FORM = "application/x-www-form-urlencoded"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS = ("refresh_token", "client_credentials", BEARER)
ERRORS: Mapping[int, frozenset[str]] = {
    400: frozenset(
        {
            "access_denied",
            "invalid_grant",
            "invalid_request",
            "invalid_scope",
            "unauthorized_client",
            "unsupported_grant_type",
        }
    ),
    401: frozenset({"invalid_client"}),
    413: frozenset({"invalid_request"}),
    415: frozenset({"invalid_request"}),
}
"""By status; nothing else is to be answered where no limit is set and the database is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One request."""

    body: bytes
    grant: str | None
    authorization: str | None
    content_type: str

    def headers(self) -> dict[str, str]:
        given = {"content-type": self.content_type}
        return given if self.authorization is None else {**given, "authorization": self.authorization}


def forms(talk: Conversation) -> st.SearchStrategy[Form]:
    """Mostly parameters that belong to their grant, some left out, some twice, some from elsewhere."""
    hostile = st.sampled_from(HOSTILE) | st.text(max_size=20)
    scope = st.lists(st.sampled_from((*SCOPES, *SCOPES, "openid", "")), max_size=3).map(" ".join)
    values = {
        "refresh_token": refresh_tokens(talk.stock),
        "assertion": assertions(talk.stock, talk.server.assertion),
        "scope": scope,
        "client_id": st.sampled_from(("web", "web", "spa", "backend", "nobody")),
        "client_secret": st.just("x"),
        "more": st.just("x"),
    }
    of_grant = {"refresh_token": ("refresh_token",), BEARER: ("assertion",)}
    authorizations = st.sampled_from(
        (
            None,
            None,
            None,
            talk.backend["authorization"],
            talk.backend["authorization"],
            talk.backend["authorization"],
            basic("backend", "wrong")["authorization"],
            basic("web", "")["authorization"],
            basic("\x00", "\x00")["authorization"],
            "Basic %%%",
            "Basic",
            "Bearer x",
        )
    )

    @st.composite
    def made(draw: st.DrawFn) -> Form:
        grant = draw(st.sampled_from((*GRANTS, *GRANTS, *GRANTS, "password", None)))
        wanted = list(of_grant.get(grant or "", ()))
        if draw(st.integers(0, 3)) == 0:
            wanted += draw(st.lists(st.sampled_from(sorted(values)), max_size=3))
        pairs = [] if grant is None else [("grant_type", grant)]
        for name in wanted:
            spoilt = draw(st.integers(0, 9)) == 0
            pairs.append((name, draw(hostile if spoilt else values[name])))
        body = urlencode(pairs, errors="surrogatepass").encode()
        if draw(st.integers(0, 19)) == 0:
            body += draw(st.binary(max_size=20))
        content_type = (
            FORM
            if draw(st.integers(0, 19))
            else draw(st.sampled_from(("application/json", "text/plain", f"{FORM}; charset=latin-1", "")))
        )
        return Form(body=body, grant=grant, authorization=draw(authorizations), content_type=content_type)

    return made()


def complaints(answer: Answer, *, secrets: Sequence[str]) -> Iterator[str]:
    """What is wrong with an answer (RFC 6749 sections 5.1 and 5.2)."""
    if answer.header("cache-control") != "no-store" or answer.header("content-type") != "application/json":
        yield "not JSON that nobody keeps"
    if answer.cookies:
        yield "a cookie"
    text = answer.body.decode("utf-8", "replace")
    if any(secret in text for secret in secrets):
        yield "a secret"
    try:
        told = json.loads(text)
    except ValueError:
        yield "the body is not JSON"
        return
    places = set(places_of_tokens(text))
    if answer.status == 200:
        if not places <= {("access_token",), ("refresh_token",)} or ("access_token",) not in places:
            yield "a token outside of its field, or none"
        if told.get("token_type") != "Bearer" or not isinstance(told.get("expires_in"), int):
            yield "an answer that is no grant"
        return
    if places:
        yield "a token in a refusal"
    if told.get("error") not in ERRORS.get(answer.status, ()):
        yield f"status {answer.status} with {told.get('error')}"
    if not str(told.get("error_description", "")).isprintable() or not text.isascii():
        yield "a description that RFC 6749 does not allow"
    if (answer.status == 401) != (answer.header("www-authenticate") is not None):
        yield "a challenge where none belongs, or none"


@pytest.mark.xdist_group("schemathesis")
def test_no_form_is_answered_with_a_fault(database_url: str) -> None:
    told: Counter[tuple[str | None, str]] = Counter()
    faults: dict[str, str] = {}
    with conversation(database_url) as talk:

        @seed(SEED)
        @settings(
            max_examples=CASES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(form=forms(talk))
        def asked(form: Form) -> None:
            if told.total() % RESTOCKED_AFTER == 0:
                talk.restock()
            came = talk.http.post("/oauth/token", content=form.body, headers=form.headers())
            answer = Answer(came.status_code, list(came.headers.multi_items()), came.content)
            for complaint in complaints(answer, secrets=talk.secrets):
                faults.setdefault(complaint, f"{form} answered {answer.status} {answer.body[:500]!r}")
            told[form.grant, outcome(answer)] += 1
            if answer.status == 200:
                talk.stock.learn(answer.json)

        asked()
    print(f"oauth: {told.total()} cases, seed {SEED}: {dict(told)}")  # noqa: T201 - the point of it
    assert faults == {}
    assert told.total() >= CASES
    assert {grant for grant, what in told if what == "granted"} == set(GRANTS)
    assert asyncio.run(differences(database_url)) == []


def outcome(answer: Answer) -> str:
    told: Any = answer.json
    return "granted" if answer.status == 200 else f"{answer.status} {told.get('error')}"


GRANT = {"access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ." + "b" * 86, "token_type": "Bearer"}
BAD: list[tuple[int, Any, dict[str, str], str]] = [
    (500, {"error": "server_error"}, {}, "status 500 with server_error"),
    (503, {"error": "temporarily_unavailable"}, {}, "status 503 with temporarily_unavailable"),
    (400, {"error": "invalid_client"}, {}, "status 400 with invalid_client"),
    (401, {"error": "invalid_client"}, {}, "a challenge where none belongs, or none"),
    (400, {"error": "invalid_grant", "error_description": "a\nb"}, {}, "a description that RFC 6749"),
    (400, {"error": "invalid_grant", "error_description": "tlrt_" + "A" * 92}, {}, "a token in a refusal"),
    (400, {"error": "invalid_grant", "error_description": "made-up"}, {}, "a secret"),
    (400, {"error": "invalid_grant"}, {"cache-control": "private"}, "not JSON that nobody keeps"),
    (400, {"error": "invalid_grant"}, {"set-cookie": "a=b"}, "a cookie"),
    (200, GRANT, {}, "an answer that is no grant"),
    (200, {**GRANT, "access_token": "x", "expires_in": 1}, {}, "a token outside of its field, or none"),
]


@pytest.mark.parametrize(("status", "body", "headers", "complaint"), BAD)
def test_each_fault_of_an_answer_is_noticed(
    status: int, body: Any, headers: dict[str, str], complaint: str
) -> None:
    kept = {"cache-control": "no-store", "content-type": "application/json", **headers}
    answer = Answer(status, list(kept.items()), json.dumps(body).encode())
    assert any(one.startswith(complaint) for one in complaints(answer, secrets=["made-up"]))


def test_nothing_is_said_of_a_good_answer() -> None:
    kept = [("cache-control", "no-store"), ("content-type", "application/json")]
    granted = Answer(200, kept, json.dumps({**GRANT, "expires_in": 900}).encode())
    refused = Answer(400, kept, b'{"error":"invalid_grant","error_description":"It is not known."}')
    for answer in (granted, refused):
        assert list(complaints(answer, secrets=["made-up"])) == []
