"""What a running server has given out, to be sent back to it by generated requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_KEPT = 32
UNKNOWN = "01a211b7-633c-7fa0-9a85-f1a0d26e26a1"


def _ring() -> deque[str]:
    return deque(maxlen=_KEPT)


@dataclass(slots=True)
class Stock:
    """The newest of each kind; how many there are makes no difference to what is drawn."""

    own_session: str = UNKNOWN
    """The newest of the subject that asks most."""
    sessions: deque[str] = field(default_factory=_ring)
    refresh_tokens: deque[str] = field(default_factory=_ring)
    cookies: deque[str] = field(default_factory=_ring)
    cursors: deque[str] = field(default_factory=_ring)
    used_assertions: deque[str] = field(default_factory=_ring)

    def learn(self, answer: Any) -> None:
        """Keep what an answer's JSON gives out."""
        for name, value in _texts(answer):
            match name:
                case "refreshToken" | "refresh_token":
                    _keep(self.refresh_tokens, value)
                case "cursor" | "startCursor" | "endCursor":
                    _keep(self.cursors, value)

    def learn_cookie(self, header: str) -> None:
        """Keep the pair of a Set-Cookie header that holds a token."""
        pair = header.partition(";")[0]
        if "tlrt_" in pair:
            _keep(self.cookies, pair)


def newest(ring: deque[str], number: int, *, otherwise: str) -> str:
    """One of the ring: 0 is the newest."""
    return ring[-1 - number % len(ring)] if ring else otherwise


def _keep(ring: deque[str], value: str) -> None:
    if value not in ring:
        ring.append(value)


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a JSON value with the name that it stands under."""
    match value:
        case str():
            yield name, value
        case dict():
            for key, one in value.items():
                yield from _texts(one, key)
        case list():
            for one in value:
                yield from _texts(one, name)
