"""A transport that sends the head of an answer together with its body: one system call in place of two."""

from __future__ import annotations

import asyncio
from typing import Any


class JoinedWrites:
    """Holds back the first write of a turn of the event loop until the second, or until the turn ends.

    No more than one write is held, so that a long answer is slowed down to its reader as ever.
    """

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send, at once or when the turn ends."""
        held = self._held
        if held:
            self._held = b""
            self._transport.write(held + data)
        else:
            self._held = data
            self._loop.call_soon(self._send_held)

    def close(self) -> None:
        """Close after what was written has been sent."""
        self._send_held()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send_held(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
