"""A client of the ASGI application itself: no sockets, but every byte of a request and of an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ORIGIN = "https://app.example.com"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first of that name, in lower case."""
        return next((value for known, value in self.headers if known == name), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> list[str]:
        """The values of Set-Cookie."""
        return [value for name, value in self.headers if name == "set-cookie"]

    def of(self, field_name: str) -> Any:
        """A root field of a successful answer."""
        assert self.status == 200, (self.status, self.body)
        return self.json["data"][field_name]


@dataclass(slots=True)
class Http:
    """Sends requests to an application from one address."""

    application: Any
    address: str = "192.0.2.7"
    user_agent: str = BROWSER
    unended: set[asyncio.Future[None]] = field(default_factory=set)
    """Requests that were answered and go on, as one that waits for a statement to be cancelled."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        query: str = "",
        chunks: Sequence[bytes] | None = None,
    ) -> Answer:
        """One request; `chunks` is a body that arrives in pieces."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        waiting = list(chunks if chunks is not None else [body])
        sent: list[Any] = []
        complete = asyncio.Event()

        async def receive() -> Any:
            if not waiting:
                return {"type": "http.disconnect"}
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                complete.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
            "client": (self.address, 40000),
            "server": ("127.0.0.1", 8000),
        }
        running = asyncio.ensure_future(self.application(scope, receive, send))
        answered = asyncio.ensure_future(complete.wait())
        await asyncio.wait({running, answered}, return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()
        if running.done():
            running.result()
        else:
            self.unended.add(running)
            running.add_done_callback(self.unended.discard)
        start = sent[0]
        return Answer(
            status=start["status"],
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]],
            body=b"".join(message.get("body", b"") for message in sent[1:]),
        )

    async def graphql(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        access_token: str | None = None,
        cookie: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation_name: str | None = None,
    ) -> Answer:
        """One operation, as a browser of an allowed origin sends it."""
        all_headers = {
            "content-type": "application/json",
            "accept": "application/graphql-response+json",
            "user-agent": self.user_agent,
            "origin": ORIGIN,
            "x-token-ledger": "1",
        }
        if access_token is not None:
            all_headers["authorization"] = f"Bearer {access_token}"
        if cookie is not None:
            all_headers["cookie"] = cookie
        all_headers.update(headers or {})
        message: dict[str, Any] = {"query": query, "variables": dict(variables or {})}
        if operation_name is not None:
            message["operationName"] = operation_name
        return await self.send(
            "POST",
            "/graphql",
            body=json.dumps(message).encode(),
            headers={name: value for name, value in all_headers.items() if value},
        )
