"""The body of a request, within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from api.graphql_params import MAXIMUM_BODY, RequestRefusedError
from api.request_head import RequestHead

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_BODY_WITHIN_SECONDS = 15


class ClientGoneError(Exception):
    """The connection was closed before the request was complete."""


async def read_body(head: RequestHead, receive: Receive) -> bytes:
    """The whole body.

    Raises:
        RequestRefusedError: it is too large, encoded, or does not arrive in time.
        ClientGoneError: it will never arrive.
    """
    if head.content_encoding not in (None, "identity"):
        raise RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body without Content-Encoding.")
    announced = (head.content_length or "").lstrip("0")
    if len(announced) > len(str(MAXIMUM_BODY)) or (announced.isdecimal() and int(announced) > MAXIMUM_BODY):
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_WITHIN_SECONDS):
            while True:
                message = await _received(receive)
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAXIMUM_BODY:
                    raise _too_large()
                if not message.get("more_body"):
                    return b"".join(chunks)
    except TimeoutError:
        raise RequestRefusedError(408, "REQUEST_TIMEOUT", "The body did not arrive in time.") from None


async def _received(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message


def _too_large() -> RequestRefusedError:
    return RequestRefusedError(413, "CONTENT_TOO_LARGE", f"The body may have {MAXIMUM_BODY} bytes at most.")
