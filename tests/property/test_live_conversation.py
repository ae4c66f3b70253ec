"""Whatever a client sends over a WebSocket, what it is told follows the protocol, and nothing fails."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.authentication import Authenticator, UnauthenticatedError
from api.graphql.context import Services, Viewer
from api.graphql.schema import executable, make_schema
from api.live_connections import LiveConnections, LiveLimits
from api.live_endpoint import LiveEndpoint
from api.live_protocol import SUBPROTOCOL, CloseCode, LiveClosedError, read_message
from api.prepared_operation import Operations

SCHEMA = executable(make_schema())
OPERATIONS = Operations(SCHEMA, introspection=False)
QUERIES = (
    "{ __typename }",
    "query { a: __typename }",
    "subscription { events { cursor } }",
    "subscription { __typename }",
    'mutation { revokeSession(id: "x") { __typename } }',
    "{ nothing }",
    "{",
    "",
    "{ __schema { types { name } } }",
)
REASONS = {
    CloseCode.BAD_REQUEST,
    CloseCode.UNAUTHORIZED,
    CloseCode.EXPIRED,
    CloseCode.SUBSCRIBER_EXISTS,
    CloseCode.TOO_MANY,
}


class _Authenticator:
    """Knows one token, of a caller without any scope, and one that has expired."""

    async def viewer_of_token(self, token: str) -> Viewer:
        if token != "good":
            raise UnauthenticatedError("No.", expired=token == "old")
        return Viewer(
            subject="ada",
            client_id="web",
            session_id=uuid4(),
            scopes=frozenset(),
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )


class _Services:
    class origins:  # noqa: N801 - stands for an attribute
        @staticmethod
        def allows(_: str | None) -> bool:
            return True


async def _nobody_ended(_: Any) -> frozenset[Any]:
    return frozenset()


def endpoint() -> LiveEndpoint:
    return LiveEndpoint(
        schema=SCHEMA,
        operations=OPERATIONS,
        services=cast("Services", _Services()),
        authenticator=cast("Authenticator", _Authenticator()),
        connections=LiveConnections(
            LiveLimits(operations_of_a_connection=2), ended=_nobody_ended, now=lambda: datetime.now(UTC)
        ),
        trusted_proxies=(),
        new_id=uuid4,
        suggestions=False,
    )


async def told(frames: list[str | bytes]) -> list[dict[str, Any]]:
    """What the server sends to a client that sends these and goes."""
    waiting: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    waiting += [
        {"type": "websocket.receive", "text" if isinstance(one, str) else "bytes": one} for one in frames
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if waiting:
            await asyncio.sleep(0)
            return waiting.pop(0)
        for _ in range(20):  # what runs may end
            await asyncio.sleep(0)
        return {"type": "websocket.disconnect", "code": 1005}

    async def send(message: Any) -> None:
        sent.append(message)

    one = endpoint()
    scope = {"type": "websocket", "path": "/graphql", "headers": [], "subprotocols": [SUBPROTOCOL]}
    await one({**scope, "client": ("192.0.2.7", 1)}, receive, cast("Any", send))
    assert not one.connections._open
    assert not one.connections._of_callers
    return sent


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ids = st.sampled_from(["1", "2", "3"])
payloads = st.fixed_dictionaries(
    {"query": st.sampled_from(QUERIES)},
    optional={"variables": json_values, "operationName": json_values, "extensions": json_values},
)
messages = st.one_of(
    st.fixed_dictionaries({"type": st.just("subscribe"), "id": ids, "payload": payloads}),
    st.fixed_dictionaries({"type": st.just("complete"), "id": ids}),
    st.fixed_dictionaries({"type": st.just("ping")}, optional={"payload": st.just({"a": 1})}),
    st.fixed_dictionaries({"type": st.just("pong")}),
)
oddities = st.one_of(
    st.text(max_size=10),
    st.binary(max_size=10),
    json_values.map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["subscribe", "complete", "ping", "connection_init", "next", "x"])},
        optional={"id": json_values, "payload": json_values},
    ).map(json.dumps),
)
inits = st.sampled_from(["good"] * 12 + ["bad", "old"]).map(
    lambda token: json.dumps({"type": "connection_init", "payload": {"accessToken": token}})
)


@st.composite
def conversations(draw: st.DrawFn) -> list[str | bytes]:
    frames: list[str | bytes] = list(draw(st.lists(messages.map(json.dumps), max_size=8)))
    if draw(st.integers(0, 9)):
        frames.insert(0, draw(inits))
    for one in draw(st.lists(oddities | inits, max_size=1)):
        frames.insert(draw(st.integers(0, len(frames))), one)
    return frames


def _object(frame: str | bytes) -> dict[str, Any]:
    with suppress(ValueError):
        value = json.loads(frame)
        if isinstance(value, dict):
            return value
    return {}


@given(conversations())
@example(['{"type":"ping","payload":{"a":"\\ud800"}}'])
@settings(max_examples=400, deadline=None)
def test_what_is_told_follows_the_protocol(frames: list[str | bytes]) -> None:
    accepted, *sent = asyncio.run(told(frames))
    assert accepted == {"type": "websocket.accept", "subprotocol": SUBPROTOCOL}
    if sent and sent[-1]["type"] == "websocket.close":
        assert sent.pop()["code"] in REASONS
    answers = [json.loads(one["text"]) for one in sent]
    asked = [one for one in map(_object, frames) if one]
    subscribed = Counter(str(one.get("id")) for one in asked if one.get("type") == "subscribe")
    ended: Counter[str] = Counter()
    kinds = Counter(one["type"] for one in answers)
    assert kinds["connection_ack"] <= 1
    assert kinds["pong"] <= sum(one.get("type") == "ping" for one in asked)
    assert kinds.keys() <= {"connection_ack", "pong", "next", "error", "complete"}
    acknowledged = False
    for one in answers:
        match one["type"]:
            case "connection_ack":
                acknowledged = True
            case "next":
                assert acknowledged
                assert one["payload"]["data"] in ({"__typename": "Query"}, {"a": "Query"})
                assert ended[one["id"]] < subscribed[one["id"]]
            case "error" | "complete":
                assert acknowledged
                ended[one["id"]] += 1
                assert ended[one["id"]] <= subscribed[one["id"]]
                if one["type"] == "error":
                    codes = {error["extensions"]["code"] for error in one["payload"]}
                    assert "INTERNAL_SERVER_ERROR" not in codes


@given(st.text() | json_values.map(json.dumps) | oddities)
@settings(max_examples=500)
def test_a_frame_is_a_message_or_a_reason_to_close(frame: str | bytes) -> None:
    code = CloseCode.BAD_REQUEST
    try:
        read_message(frame if isinstance(frame, str) else None)
    except LiveClosedError as error:
        code = error.code
    assert code is CloseCode.BAD_REQUEST
