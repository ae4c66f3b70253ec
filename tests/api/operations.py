"""Every operation of the contract, each call of it with objects of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from ledger.canonical import timestamp
from tests.api.callers import SHOP, Callers

UNKNOWN = "01a211b7-633c-7fa0-9a85-f1a0d26e26a1"
_TOKENS = "{ __typename ... on TokenPair { accessToken } ... on AuthProblem { code } }"
_LOGOUT = "{ __typename ... on LogoutPayload { revokedSessions } ... on AuthProblem { code } }"
_SESSION = "{ __typename ... on Session { id } ... on RequestProblem { code } }"
_SUBJECT = "{ __typename ... on Subject { id } ... on RequestProblem { code } }"
_BULK = "{ __typename ... on BulkRevocation { matched revoked } ... on RequestProblem { code } }"
_NOT_BEFORE = "{ __typename ... on NotBefore { time } ... on RequestProblem { code } }"
_HOLD = '(subject: $s, held: $held, reason: "x")'
_PAST = "2020-01-01T00:00:00Z"
"""A boundary that ends nothing."""

DOCUMENTS = {
    "me": "{ me { id } }",
    "subject": "query ($id: ID!) { subject(id: $id) { id sessions { edges { node { id } } } } }",
    "session": "query ($id: ID!) { session(id: $id) { id events { edges { node { id } } } } }",
    "sessionAsOf": "query ($id: ID!, $time: DateTime!) { sessionAsOf(id: $id, time: $time) { sessionId } }",
    "sessionsAsOf": "query ($time: DateTime!) { sessionsAsOf(time: $time) { edges { node { sessionId } } } }",
    "node": "query ($id: ID!) { node(id: $id) { id } }",
    "events": "{ events { edges { node { id } } } }",
    "sessions": "{ sessions { edges { node { id } } } }",
    "securitySummary": "query ($t: DateTime!) { securitySummary(since: $t) { series { start issued } } }",
    "checkpoint": "{ checkpoint { treeSize } }",
    "consistencyProof": "{ consistencyProof(fromSize: 1, toSize: 1) { hashes } }",
    "inclusionProof": "query ($event: ID!) { inclusionProof(eventId: $event) { leafIndex } }",
    "login": f"mutation ($input: LoginInput!) {{ login(input: $input) {_TOKENS} }}",
    "refresh": f"mutation ($input: RefreshInput) {{ refresh(input: $input) {_TOKENS} }}",
    "logout": f"mutation ($input: LogoutInput) {{ logout(input: $input) {_LOGOUT} }}",
    "renameSession": f'mutation ($id: ID!) {{ renameSession(id: $id, deviceLabel: "x") {_SESSION} }}',
    "revokeSession": f'mutation ($id: ID!) {{ revokeSession(id: $id, reason: "x") {_SESSION} }}',
    "issueSession": f"mutation ($input: IssueSessionInput!) {{ issueSession(input: $input) {_TOKENS} }}",
    "revokeSessions": (
        "mutation ($filter: SessionFilter!, $dryRun: Boolean!) "
        f'{{ revokeSessions(filter: $filter, reason: "x", dryRun: $dryRun) {_BULK} }}'
    ),
    "suspendSubject": f'mutation ($s: ID!) {{ suspendSubject(subject: $s, reason: "x") {_SUBJECT} }}',
    "reactivateSubject": f"mutation ($s: ID!) {{ reactivateSubject(subject: $s) {_SUBJECT} }}",
    "setNotBefore": (
        "mutation ($s: ID, $c: ID) "
        f'{{ setNotBefore(subject: $s, clientId: $c, time: "{_PAST}") {_NOT_BEFORE} }}'
    ),
    "eraseSubject": f'mutation ($s: ID!) {{ eraseSubject(subject: $s, reason: "x") {_SUBJECT} }}',
    "setLegalHold": f"mutation ($s: ID!, $held: Boolean!) {{ setLegalHold{_HOLD} {_SUBJECT} }}",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A root field, its arguments, and what the ledger records of it where it is granted or refused."""

    field: str
    variables: Callable[[Callers], Awaitable[dict[str, Any]]]
    granted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


async def _nothing(callers: Callers) -> dict[str, Any]:
    return {}


async def _yesterday(callers: Callers) -> dict[str, Any]:
    return {"t": timestamp(callers.server.now() - timedelta(days=1))}


def _id(value: str) -> Callable[[Callers], Awaitable[dict[str, Any]]]:
    async def variables(callers: Callers) -> dict[str, Any]:
        return {"id": value}

    return variables


def _session_of(subject: str, suffix: str = "") -> Callable[[Callers], Awaitable[dict[str, Any]]]:
    async def variables(callers: Callers) -> dict[str, Any]:
        return {"id": (await callers.session(subject))["session"]["id"] + suffix}

    return variables


def _past_of(session: Callable[[Callers], Awaitable[dict[str, Any]]], *, early: bool = False) -> Any:
    async def variables(callers: Callers) -> dict[str, Any]:
        given = await session(callers)
        return given | {"time": _PAST if early else timestamp(callers.server.now())}

    return variables


def _sealed_event_of(subject: str) -> Callable[[Callers], Awaitable[dict[str, Any]]]:
    async def variables(callers: Callers) -> dict[str, Any]:
        session = (await callers.session(subject))["session"]["id"]
        await callers.server.sealed()
        return {"event": f"{session}:1"}

    return variables


async def _unknown_event(callers: Callers) -> dict[str, Any]:
    return {"event": f"{UNKNOWN}:1"}


async def _seen_subject(callers: Callers) -> dict[str, Any]:
    await callers.session("bob")
    return {"id": "bob"}


async def _login(callers: Callers) -> dict[str, Any]:
    return {"input": {"assertion": callers.server.assertion(), "transport": "BODY"}}


async def _login_for_shop(callers: Callers) -> dict[str, Any]:
    return {"input": (await _login(callers))["input"] | {"clientId": SHOP}}


async def _token(callers: Callers) -> dict[str, Any]:
    return {"input": {"refreshToken": (await callers.session("ada"))["refreshToken"]}}


async def _token_of_shop(callers: Callers) -> dict[str, Any]:
    return {"input": {"refreshToken": (await callers.session_of_shop())["refresh_token"]}}


async def _issue(callers: Callers) -> dict[str, Any]:
    return {"input": {"subject": "carol"}}


async def _issue_for_shop(callers: Callers) -> dict[str, Any]:
    return {"input": {"subject": "carol", "clientId": SHOP}}


def _sessions(*, dry_run: bool) -> Callable[[Callers], Awaitable[dict[str, Any]]]:
    async def variables(callers: Callers) -> dict[str, Any]:
        session = (await callers.session("bob"))["session"]["id"]
        return {"filter": {"ids": [session]}, "dryRun": dry_run}

    return variables


async def _someone(callers: Callers) -> dict[str, Any]:
    return {"s": str(uuid4())}


async def _suspended(callers: Callers) -> dict[str, Any]:
    someone = await _someone(callers)
    callers.server.set_subject(someone["s"], status="suspended")
    return someone


async def _with_a_session(callers: Callers) -> dict[str, Any]:
    someone = await _someone(callers)
    await callers.session(someone["s"])
    return someone


async def _to_hold(callers: Callers) -> dict[str, Any]:
    return {**await _someone(callers), "held": True}


async def _to_release(callers: Callers) -> dict[str, Any]:
    someone = await _someone(callers)
    callers.server.execute("INSERT INTO subjects (subject, legal_hold) VALUES (%s, true)", someone["s"])
    return {**someone, "held": False}


async def _held(callers: Callers) -> dict[str, Any]:
    return {"s": (await _to_release(callers))["s"]}


async def _client(callers: Callers) -> dict[str, Any]:
    callers.server.execute("UPDATE clients SET not_before = NULL WHERE client_id = %s", SHOP)
    return {"c": SHOP}


async def _everyone(callers: Callers) -> dict[str, Any]:
    callers.server.execute("UPDATE everyone SET not_before = NULL")
    return {}


_MISMATCH = ("RefreshRefused",)
_BULK_RUN = ("TokenRevoked", "BulkRevocationExecuted")
OPERATIONS = {
    "me": Operation("me", _nothing),
    "subject: another": Operation("subject", _seen_subject),
    "subject: unknown": Operation("subject", _id("nobody")),
    "session: own": Operation("session", _session_of("ada")),
    "session: another's": Operation("session", _session_of("bob")),
    "session: unknown": Operation("session", _id(UNKNOWN)),
    "sessionAsOf: own": Operation("sessionAsOf", _past_of(_session_of("ada"))),
    "sessionAsOf: another's": Operation("sessionAsOf", _past_of(_session_of("bob"))),
    "sessionAsOf: unknown": Operation("sessionAsOf", _past_of(_id(UNKNOWN))),
    "sessionAsOf: too early": Operation("sessionAsOf", _past_of(_session_of("bob"), early=True)),
    "sessionsAsOf": Operation("sessionsAsOf", _past_of(_nothing)),
    "node: own": Operation("node", _session_of("ada")),
    "node: own event": Operation("node", _session_of("ada", ":1")),
    "node: another's": Operation("node", _session_of("bob")),
    "node: another's event": Operation("node", _session_of("bob", ":1")),
    "node: unknown": Operation("node", _id(UNKNOWN)),
    "events": Operation("events", _nothing),
    "sessions": Operation("sessions", _nothing),
    "securitySummary": Operation("securitySummary", _yesterday),
    "checkpoint": Operation("checkpoint", _nothing),
    "consistencyProof": Operation("consistencyProof", _nothing),
    "inclusionProof: own": Operation("inclusionProof", _sealed_event_of("ada")),
    "inclusionProof: another": Operation("inclusionProof", _sealed_event_of("bob")),
    "inclusionProof: unknown": Operation("inclusionProof", _unknown_event),
    "login": Operation("login", _login, ("TokenIssued",)),
    "login: for shop": Operation("login", _login_for_shop, ("TokenIssued",)),
    "refresh": Operation("refresh", _token, ("TokenRotated",), _MISMATCH),
    "refresh: of shop": Operation("refresh", _token_of_shop, ("TokenRotated",), _MISMATCH),
    "logout": Operation("logout", _token, ("TokenRevoked",), _MISMATCH),
    "logout: of shop": Operation("logout", _token_of_shop, ("TokenRevoked",), _MISMATCH),
    "renameSession: own": Operation("renameSession", _session_of("ada"), ("SessionRenamed",)),
    "renameSession: another's": Operation("renameSession", _session_of("bob"), ("SessionRenamed",)),
    "renameSession: unknown": Operation("renameSession", _id(UNKNOWN)),
    "revokeSession: own": Operation("revokeSession", _session_of("ada"), ("TokenRevoked",)),
    "revokeSession: another's": Operation("revokeSession", _session_of("bob"), ("TokenRevoked",)),
    "revokeSession: unknown": Operation("revokeSession", _id(UNKNOWN)),
    "issueSession": Operation("issueSession", _issue, ("TokenIssued",)),
    "issueSession: for shop": Operation("issueSession", _issue_for_shop, ("TokenIssued",)),
    "revokeSessions: dry run": Operation("revokeSessions", _sessions(dry_run=True)),
    "revokeSessions": Operation("revokeSessions", _sessions(dry_run=False), _BULK_RUN),
    "suspendSubject": Operation("suspendSubject", _someone, ("SubjectSuspended",)),
    "reactivateSubject": Operation("reactivateSubject", _suspended, ("SubjectReactivated",)),
    "setNotBefore: subject": Operation("setNotBefore", _someone, ("NotBeforeSet",)),
    "setNotBefore: client": Operation("setNotBefore", _client, ("NotBeforeSet",)),
    "setNotBefore: everyone": Operation("setNotBefore", _everyone, ("NotBeforeSet",)),
    "eraseSubject": Operation("eraseSubject", _with_a_session, ("SubjectErased", "TokenRevoked")),
    "eraseSubject: held": Operation("eraseSubject", _held),
    "setLegalHold: set": Operation("setLegalHold", _to_hold, ("LegalHoldSet",)),
    "setLegalHold: release": Operation("setLegalHold", _to_release, ("LegalHoldReleased",)),
    "logout: no token": Operation("logout", _nothing, ("TokenRevoked",)),
}
"""In the order in which one caller goes through them: the last ends the caller's own session."""
