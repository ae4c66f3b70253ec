"""Ending every session that matches a filter, in steps: each through the group commit, with its event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger.administration import Act, Administration
from ledger.canonical import Json, timestamp
from ledger.events import BulkRevocationExecuted, RevocationReason
from ledger.sessions import Caller, Sessions
from projections.active_tokens.sessions import Session, SessionFilter, count_sessions, read_sessions

LARGEST_STEP = 10_000
STEP_SECONDS = 3.0
"""Then a step ends and is recorded, however little it has done: a request is answered within 5 s."""
_SAMPLE = 10
_PAGE = 500
_AT_ONCE = 32
"""So few at a time, so that refreshes find room in the batches."""


class TooManyMatchesError(Exception):
    """More match than the caller expects; nothing was ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkStep:
    """What one step found and did."""

    matched: int
    revoked: int
    sample: tuple[Session, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRevocation:
    """Runs steps."""

    sessions: Sessions
    administration: Administration
    pool: AsyncConnectionPool[AsyncConnection[Any]]
    """For reading."""
    now: Callable[[], datetime]

    async def preview(self, wanted: SessionFilter) -> BulkStep:
        """What a step would find; nothing is ended and nothing recorded."""
        async with self.pool.connection() as connection:
            matched = await count_sessions(connection, wanted, now=self.now())
            sample = await read_sessions(connection, wanted, now=self.now(), maximum=_SAMPLE)
        return BulkStep(matched=matched, revoked=0, sample=tuple(sample))

    async def step(
        self, wanted: SessionFilter, act: Act, caller: Caller, *, reason: str, expect_at_most: int | None
    ) -> BulkStep:
        """End at most `LARGEST_STEP` sessions that match now, newest first, and record the step.

        It ends fewer where that takes longer than `STEP_SECONDS`, but some at least.

        Raises:
            TooManyMatchesError: more match than expected.
            UnavailableError: not now; what has been ended stays ended.
        """
        clock = asyncio.get_running_loop().time
        ends_at = clock() + STEP_SECONDS
        found = await self.preview(wanted)
        if expect_at_most is not None and found.matched > expect_at_most:
            raise TooManyMatchesError(
                f"{found.matched} sessions match, more than `expectAtMost`: none was ended."
            )
        revoked = 0
        subjects = set() if wanted.subject is None else {wanted.subject}
        before: UUID | None = None
        in_time = True
        while revoked < LARGEST_STEP and in_time:
            async with self.pool.connection() as connection:
                page = await read_sessions(
                    connection,
                    wanted,
                    now=self.now(),
                    maximum=min(_PAGE, LARGEST_STEP - revoked),
                    before=before,
                )
            if not page:
                break
            before = page[-1].family_id
            subjects |= {one.subject for one in page}
            for start in range(0, len(page), _AT_ONCE):
                ended = await asyncio.gather(
                    *(
                        self.sessions.revoke(
                            one.family_id, caller, reason=RevocationReason.ADMIN, actor=act.actor, text=reason
                        )
                        for one in page[start : start + _AT_ONCE]
                    )
                )
                revoked += sum(ended)
                in_time = clock() < ends_at
                if not in_time:
                    break
        public, personal = _filter_of(wanted)
        await self.administration.record_bulk_revocation(
            BulkRevocationExecuted(filter=public, matched=found.matched, revoked=revoked),
            replace(act, personal_data=replace(act.personal_data, reason=reason, filter=personal or None)),
            about=subjects,
        )
        return replace(found, revoked=revoked)


def _filter_of(wanted: SessionFilter) -> tuple[dict[str, Json], dict[str, Json]]:
    """What was given of the filter: what may stand in an event, and what lies beside it."""
    public: dict[str, Json] = {}
    if wanted.ids is not None:
        public["ids"] = [str(one) for one in wanted.ids]
    if wanted.subject is not None:
        public["subject"] = wanted.subject
    if wanted.client_id is not None:
        public["client_id"] = wanted.client_id
    if wanted.status is not None:
        public["status"] = wanted.status.value
    for name in ("created_before", "created_after", "last_used_before"):
        moment = getattr(wanted, name)
        if moment is not None:
            public[name] = timestamp(moment)
    personal: dict[str, Json] = {}
    if wanted.device_label is not None:
        personal["device_label"] = wanted.device_label
    if wanted.network is not None:
        personal["ip_address"] = str(wanted.network)
    return public, personal
