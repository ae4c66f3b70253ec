"""The messages of `graphql-transport-ws`: those of a client read strictly, those of the server made.

The protocol is github.com/enisdenjo/graphql-ws, PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from api.graphql_params import GraphQLParams, RequestRefusedError, params_of_object
from api.strict_json import StrictJsonError, parse_json

SUBPROTOCOL = "graphql-transport-ws"
_LONGEST_ID = 255


class CloseCode(IntEnum):
    """Why the server closes. A client comes back by itself, unless it is said that it does not."""

    NORMAL = 1000
    INTERNAL_ERROR = 1011
    UNAVAILABLE = 1013
    """The database does not answer."""
    BAD_REQUEST = 4400
    """A message that is none. Not to come back."""
    UNAUTHORIZED = 4401
    """No access token, a bad one, or its session has ended. Not to come back."""
    EXPIRED = 4403
    """The access token has expired: to come back with another."""
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    """Not to come back."""
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    """An id that is in use. Not to come back."""
    TOO_MANY = 4429
    """Initialisations, connections or operations. Not to come back."""


class LiveClosedError(Exception):
    """The connection is to be closed; the reason repeats nothing of what was sent."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Init:
    """Says who asks; None: it does not."""

    access_token: str | None


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered; the payload is sent back."""

    payload: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Pong:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """An operation to run; what cannot be one is refused as an answer to it, not by closing."""

    id: str
    params: GraphQLParams | RequestRefusedError


@dataclass(frozen=True, slots=True)
class Complete:
    """No more is wanted of an operation."""

    id: str


ClientMessage = Init | Ping | Pong | Subscribe | Complete


def read_message(text: str | None) -> ClientMessage:
    """A message of a client; None: it was binary.

    Raises:
        LiveClosedError: 4400, it is no message of the protocol.
    """
    if text is None:
        raise _bad("A message is text.")
    try:
        message = parse_json(text.encode())
    except (StrictJsonError, UnicodeEncodeError):
        raise _bad("A message is one JSON object.") from None
    if not isinstance(message, dict):
        raise _bad("A message is one JSON object.")
    match message.get("type"):
        case "connection_init":
            token = (_payload(message) or {}).get("accessToken")
            return Init(token if isinstance(token, str) else None)
        case "ping":
            return Ping(_payload(message))
        case "pong":
            _payload(message)
            return Pong()
        case "subscribe":
            payload = _payload(message)
            if payload is None:
                raise _bad("`payload` of subscribe is an object.")
            try:
                return Subscribe(_id(message), params_of_object(payload))
            except RequestRefusedError as refused:
                return Subscribe(_id(message), refused)
        case "complete":
            return Complete(_id(message))
        case _:
            raise _bad("`type` is connection_init, ping, pong, subscribe or complete.")


def acknowledged() -> str:
    """The caller is known."""
    return _text({"type": "connection_ack"})


def pong(payload: Mapping[str, object] | None) -> str:
    """The answer to a ping."""
    return _text({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def next_result(operation: str, payload: Mapping[str, Any]) -> str:
    """A result of an operation."""
    return _text({"id": operation, "type": "next", "payload": payload})


def failed(operation: str, errors: Sequence[Mapping[str, object]]) -> str:
    """The operation was not run, or can go on no more; nothing follows."""
    return _text({"id": operation, "type": "error", "payload": errors})


def completed(operation: str) -> str:
    """Nothing follows."""
    return _text({"id": operation, "type": "complete"})


def _payload(message: Mapping[str, object]) -> Mapping[str, object] | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _bad("`payload` is an object.")
    return payload


def _id(message: Mapping[str, object]) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_ID:
        raise _bad(f"`id` is a text of 1 to {_LONGEST_ID} characters.")
    return value


def _bad(reason: str) -> LiveClosedError:
    return LiveClosedError(CloseCode.BAD_REQUEST, reason)


def _text(message: Mapping[str, Any]) -> str:
    return orjson.dumps(message).decode()
