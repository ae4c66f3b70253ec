"""WebSockets whose buffers are bounded, which the server's own protocol leaves open."""

from __future__ import annotations

import logging
from typing import Any

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

MOST_FRAGMENTS = 100
"""Of a message; its bytes are bounded besides."""
_GONE_AFTER_SECONDS = 10.0

_quiet = logging.getLogger("token_ledger.websocket")
_quiet.setLevel(logging.WARNING)
"""Each connection would be a line that repeats the query string."""


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """See the module."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = _quiet

    def pause_writing(self) -> None:
        """Who does not read is not read from either: else answers to pings would pile up."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()  # which reads on
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    def keepalive_timeout(self) -> None:
        """Whoever answers no ping is cut off, also where it does not read."""
        super().keepalive_timeout()
        self.loop.call_later(_GONE_AFTER_SECONDS, self.transport.abort)

    def handle_cont(self, event: Frame) -> None:
        """Fragments may be empty, so that the limit of bytes does not bound them."""
        if len(self.frames) >= MOST_FRAGMENTS:
            self.conn.fail(1009, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    async def run_asgi(self) -> None:
        """Whoever does not read the end of it is cut off."""
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(_GONE_AFTER_SECONDS, self.transport.abort)
