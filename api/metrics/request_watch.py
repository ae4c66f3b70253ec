"""How long requests take, and what they are counted as."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

ENDPOINT = "token_ledger.endpoint"
"""Key of a scope: the group of the request, where the path alone does not tell it."""

_GROUPS = {
    "graphql": "graphql",
    "oauth": "oauth",
    ".well-known": "well_known",
    "checkpoint": "log",
    "tile": "log",
    "healthz": "health",
    "readyz": "health",
    "metrics": "metrics",
    "revocations": "revocations",
    "console": "console",
    "client": "client",
}


def group_of(path: str) -> str:
    """One of a fixed set, whatever the path."""
    return _GROUPS.get(path[1:].partition("/")[0], "other")


class RequestWatch:
    """The `send` of one request, which tells when it is answered; one that never is, is not told."""

    __slots__ = ("_answered", "_began", "_scope", "_send", "_status")

    def __init__(self, scope: Message, send: Send, answered: Callable[[str, int, float], None]) -> None:
        """`answered` takes the group, the status and the seconds since now."""
        self._scope = scope
        self._send = send
        self._answered = answered
        self._status = 0
        self._began = time.perf_counter()

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send on."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            endpoint = self._scope.get(ENDPOINT) or group_of(self._scope["path"])
            self._answered(endpoint, self._status, time.perf_counter() - self._began)
        return self._send(message)
