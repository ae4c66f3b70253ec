"""The open WebSockets of a worker: how many there may be, and that none outlives its token or its session."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from api.graphql.context import Viewer
from api.live_protocol import CloseCode, LiveClosedError
from api.unavailability import UNAVAILABLE

CHECKED_EVERY_SECONDS = 1.0
KEYS_CHECKED_EVERY = 10
"""Times as seldom: a worker learns of a revoked key after half a minute anyway."""

_log = structlog.get_logger("token_ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """Of one worker."""

    connections: int = 500
    connections_of_a_caller: int = 20
    """Of one subject, or of one client for itself."""
    operations_of_a_connection: int = 20
    """Subscriptions and queries at a time."""
    initialised_within_seconds: float = 5.0


class LiveConnection(Protocol):
    """What is kept of an open WebSocket."""

    @property
    def viewer(self) -> Viewer | None:
        """Whoever asks; None: not known yet."""
        ...

    def is_token_good(self) -> bool:
        """Whether the access token is good still, so that its key was not revoked. Takes some 0.1 ms."""
        ...

    def end(self, code: CloseCode, reason: str) -> None:
        """Close it soon; once is enough."""
        ...


class LiveConnections:
    """All that are open, watched."""

    def __init__(
        self,
        limits: LiveLimits,
        *,
        ended: Callable[[Iterable[UUID]], Awaitable[frozenset[UUID]]],
        now: Callable[[], datetime],
    ) -> None:
        """`ended` gives those of the sessions that have ended."""
        self.limits = limits
        self._ended = ended
        self._now = now
        self._open: set[LiveConnection] = set()
        self._of_callers: Counter[tuple[str | None, str]] = Counter()
        self._wanted = asyncio.Event()
        self._checks = 0

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def add(self, connection: LiveConnection) -> None:
        """Count a connection that is new.

        Raises:
            LiveClosedError: 4429, there are too many.
        """
        if len(self._open) >= self.limits.connections:
            raise LiveClosedError(CloseCode.TOO_MANY, "Too many connections.")
        self._open.add(connection)

    def admit(self, viewer: Viewer) -> None:
        """Count a connection of a caller who is known now; it is watched from now on.

        Raises:
            LiveClosedError: 4429, the caller has too many.
        """
        if self._of_callers[_caller(viewer)] >= self.limits.connections_of_a_caller:
            raise LiveClosedError(CloseCode.TOO_MANY, "Too many connections of this caller.")
        self._of_callers[_caller(viewer)] += 1
        self._wanted.set()

    def remove(self, connection: LiveConnection) -> None:
        """It is closed."""
        self._open.discard(connection)
        if connection.viewer is not None:
            self._of_callers[_caller(connection.viewer)] -= 1
            self._of_callers += Counter()  # without those that have none

    async def run(self) -> None:
        """End those whose token has expired or whose session has ended; for ever."""
        while True:
            await self._wanted.wait()
            try:
                await self._check()
            except UNAVAILABLE:
                pass  # nothing is read for anybody then; it is looked at again in a second
            except Exception:  # noqa: BLE001 - whatever it is, it is tried again
                _log.exception("sessions of subscriptions cannot be looked at")
            await asyncio.sleep(CHECKED_EVERY_SECONDS)

    async def _check(self) -> None:
        known = [(one, one.viewer) for one in self._open if one.viewer is not None]
        if not known:
            self._wanted.clear()
            return
        now = self._now()
        for connection, viewer in known:
            if viewer.expires_at <= now:
                connection.end(CloseCode.EXPIRED, "The access token has expired.")
        self._checks += 1
        if self._checks % KEYS_CHECKED_EVERY == 0:
            for connection, _ in known:
                if not connection.is_token_good():
                    connection.end(CloseCode.EXPIRED, "The access token is not good any more.")
        sessions = {viewer.session_id for _, viewer in known if viewer.session_id is not None}
        ended = await self._ended(sessions) if sessions else frozenset()
        for connection, viewer in known:
            if viewer.session_id in ended:
                connection.end(CloseCode.UNAUTHORIZED, "The session has ended.")


def _caller(viewer: Viewer) -> tuple[str | None, str]:
    return viewer.subject, "" if viewer.subject is not None else viewer.client_id
