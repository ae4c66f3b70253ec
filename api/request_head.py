"""What the headers of a request say, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

LONGEST_USER_AGENT = 512


@dataclass(slots=True)
class RequestHead:
    """Headers by what they are for; None: not sent. Of a header sent twice the last one counts."""

    accept: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    content_length: str | None = None
    origin: str | None = None
    authorization: str | None = None
    marker: str | None = None
    """X-Token-Ledger."""
    user_agent: str | None = None
    cookies: list[str] = field(default_factory=list)
    forwarded_for: list[str] = field(default_factory=list)


_FIELDS = {
    b"accept": "accept",
    b"content-type": "content_type",
    b"content-encoding": "content_encoding",
    b"content-length": "content_length",
    b"origin": "origin",
    b"authorization": "authorization",
    b"x-token-ledger": "marker",
    b"user-agent": "user_agent",
}


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> RequestHead:
    """Read the headers of an ASGI scope: names in lower case, values in Latin-1."""
    head = RequestHead()
    for name, value in headers:
        target = _FIELDS.get(name)
        if target is not None:
            setattr(head, target, value.decode("latin-1"))
        elif name == b"cookie":
            head.cookies.append(value.decode("latin-1"))
        elif name == b"x-forwarded-for":
            head.forwarded_for.append(value.decode("latin-1"))
    if head.user_agent is not None:
        head.user_agent = head.user_agent.replace("\x00", "")[:LONGEST_USER_AGENT] or None
    return head
