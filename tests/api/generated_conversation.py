"""A running server that generated requests are sent to, and what is seen of its answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from graphql import GraphQLSchema

from tests.api.answer_rules import complaints
from tests.api.clients import basic
from tests.api.generated_requests import GRAPHQL_RESPONSE, SCOPES, SUBJECTS, Request
from tests.api.http import BROWSER, ORIGIN, Answer
from tests.api.server import LOGIN, SECRET_KEY
from tests.api.stock import Stock
from tests.served import NO_LIMITS, Served, run, served

RESTOCKED_AFTER = 20
"""Requests, before new sessions are opened."""


@dataclass(slots=True)
class Conversation:
    """Sends requests over one connection, and judges the answers."""

    server: Served
    http: httpx.Client
    backend: dict[str, str]
    """The header by which the client `backend` proves itself."""
    secrets: tuple[str, ...]
    stock: Stock = field(default_factory=Stock)
    access_tokens: dict[str, str] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By operation: the type of the data, or the status and code of the refusal."""
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    """By operation and complaint: the shortest request that led to it."""

    def ask(self, request: Request, schema: GraphQLSchema) -> None:
        """Send a request as its caller, again with a fresh token where the caller's session has ended."""
        if self.sent.total() % RESTOCKED_AFTER == 0:
            self.restock()
        answer = self.send(request)
        if answer.status == 401 and request.caller in self.access_tokens:
            del self.access_tokens[request.caller]
            answer = self.send(request)
        self.sent[request.operation] += 1
        found = complaints(request, answer, secrets=self.secrets, schema=schema)
        if answer.status == 401 and request.valid:
            found.append("401 with a fresh access token")
        for complaint in found:
            self.note(complaint, request, answer)
        self.told[request.operation, outcome(answer)] += 1
        if answer.status == 200:
            self.stock.learn(json.loads(answer.body))
            for cookie in answer.cookies:
                self.stock.learn_cookie(cookie)

    def send(self, request: Request) -> Answer:
        headers = request.headers()
        headers["authorization"] = f"Bearer {self.access_token(request.caller)}"
        if request.by_get:
            came = self.http.get("/graphql?" + request.query_string(), headers=headers)
        else:
            came = self.http.post("/graphql", content=request.body(), headers=headers)
        return Answer(came.status_code, list(came.headers.multi_items()), came.content)

    def access_token(self, caller: str) -> str:
        if caller not in self.access_tokens:
            self.access_tokens[caller] = self.fresh_token(caller)
        return self.access_tokens[caller]

    def fresh_token(self, caller: str) -> str:
        if caller == "backend":
            form = {"grant_type": "client_credentials"}
            answer = self.http.post("/oauth/token", data=form, headers=self.backend)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["access_token"])
        pair = self.login(caller)
        assert pair["__typename"] == "TokenPair", pair
        return str(pair["accessToken"])

    def login(self, subject: str, transport: str = "BODY") -> Any:
        """What a login answers; its tokens and its session become known."""
        scopes = {"scope": " ".join(SCOPES)} if subject == "root" else {}
        given = {"assertion": self.server.assertion(subject, **scopes), "transport": transport}
        answer = self.http.post(
            "/graphql",
            json={"query": LOGIN, "variables": {"input": given}},
            headers={"accept": GRAPHQL_RESPONSE, "origin": ORIGIN, "x-token-ledger": "1"},
        )
        assert answer.status_code == 200, answer.text
        told = answer.json()
        self.stock.learn(told)
        for cookie in answer.headers.get_list("set-cookie"):
            self.stock.learn_cookie(cookie)
        if told["data"]["login"]["__typename"] == "TokenPair":
            opened = told["data"]["login"]["session"]["id"]
            self.stock.sessions.append(opened)
            if subject == "root":
                self.stock.own_session = opened
        return told["data"]["login"]

    def restock(self) -> None:
        """New sessions, since many have been ended: of the one who asks, and of one who may be suspended."""
        number = self.sent.total() // RESTOCKED_AFTER
        self.login("root")
        self.login(SUBJECTS[number % len(SUBJECTS)], "COOKIE" if number % 2 else "BODY")

    def note(self, complaint: str, request: Request, answer: Answer) -> None:
        shown = "\n".join(
            (
                f"  as {request.caller}, {request.headers()}",
                f"  {'GET' if request.by_get else 'POST'} /graphql {request.body()[:4000]}",
                f"  answered {answer.status} {answer.body[:1000]!r}",
            )
        )
        known = self.faults.get((request.operation, complaint))
        if known is None or len(shown) < len(known):
            self.faults[request.operation, complaint] = shown


def outcome(answer: Answer) -> str:
    """The type of the data, or the status and code of the refusal; of a null, `null`."""
    told = json.loads(answer.body)
    if "errors" in told:
        return f"{answer.status} {told['errors'][0]['extensions']['code']}"
    (value,) = told["data"].values()
    return "null" if value is None else str(value.get("__typename", "unknown"))


@contextmanager
def conversation(database_url: str) -> Iterator[Conversation]:
    """A server with no limits by address, and clients of every kind."""
    environ = {**NO_LIMITS, "TOKEN_LEDGER_ALLOWED_ORIGINS": ORIGIN}
    with served(database_url, environ) as server:
        asked = "clients create backend --json" + "".join(f" --scope {scope}" for scope in SCOPES)
        made = run(asked, server.environ)
        assert made.returncode == 0, made.stderr
        secret = json.loads(made.stdout)["client_secret"]
        assert run("clients create spa --public", server.environ).returncode == 0
        with httpx.Client(base_url=server.url, headers={"user-agent": BROWSER}, timeout=30) as http:
            yield Conversation(server, http, basic("backend", secret), (secret, SECRET_KEY))
