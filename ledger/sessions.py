"""Sessions as callers use them: tokens in, tokens out. The rules are the decider's."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ledger import refresh_token
from ledger.answers import Ended, Granted, Outcome, RefusalCode, Refused, Renamed
from ledger.batch import Assertion, Committed, Submission
from ledger.bookkeeping import Fingerprint
from ledger.canonical import Json
from ledger.commands import Issue, Logout, Presented, Refresh, Rename, Revoke
from ledger.events import RevocationReason, Transport
from ledger.family import last_active
from ledger.group_commit import GroupCommit
from ledger.keys_in_use import KeysInUse
from ledger.personal_data import PersonalData
from ledger.recorder import Request
from ledger.refresh_token import NONCE_LENGTH, SECRET_LENGTH, RefreshToken
from ledger.stored_family import StoredFamily

_FINGERPRINT_LENGTH = 8
_LARGEST_JITTER = 0.05
_ENDED_AT_ONCE = 100
_MISSING = Refused(code=RefusalCode.TOKEN_MISSING, detail="There is no refresh token in cookie or input.")
_UNKNOWN = Refused(code=RefusalCode.TOKEN_UNKNOWN)

NOT_PROVED = ""
"""In place of a client's id: what was to prove it does not. No client is called so, and row 4 refuses it."""

FamiliesOf = Callable[[str, int], Awaitable[Sequence[UUID]]]
"""Ids of at most so many families of a subject that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request, as far as it shows."""

    request_id: UUID
    address: str
    """Empty where nobody asked over a network."""
    address_prefix: str
    """The network by which two addresses are taken for one place."""
    user_agent: str | None
    agent_family: str
    """The program without its version."""
    authenticated_client: str | None = None
    """As the client proved, or `NOT_PROVED`; None: none tried to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A session to be opened for a subject that has been authenticated."""

    subject: str
    client_id: str
    transport: Transport
    scope: tuple[str, ...] = ()
    claims: Mapping[str, Json] | None = None
    device_label: str | None = None
    assertion: Assertion | None = None
    """That is used up by it."""
    actor: str | None = None
    """Who opens it, as in `ledger.recorder.Request`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A token pair that was committed. `repr` leaves the tokens out."""

    outcome: Outcome
    access_token: str
    access_token_expires_at: datetime
    refresh_token: str
    stored: StoredFamily
    """The family after the command."""
    now: datetime

    def __repr__(self) -> str:
        return f"Tokens(outcome={self.outcome!r}, stored={self.stored!r})"


class LogoutScope(StrEnum):
    """Which sessions of the caller a logout ends."""

    THIS = "this"
    OTHERS = "others"
    ALL = "all"


class Sessions:
    """Submits commands to the group commit and signs what it granted, after its COMMIT."""

    def __init__(
        self,
        *,
        commit: GroupCommit,
        keys: KeysInUse,
        families_of: FamiliesOf,
        new_id: Callable[[], UUID],
        random: Callable[[int], bytes],
    ) -> None:
        """`new_id` mints UUIDv7s of the present; `random` gives that many unpredictable bytes."""
        self._commit = commit
        self._keys = keys
        self._families_of = families_of
        self._new_id = new_id
        self._random = random

    async def open(self, opening: Opening, caller: Caller) -> Tokens | Refused:
        """Open a session.

        Raises:
            UnavailableError: not now.
        """
        command = Issue(
            family_id=self._new_id(),
            subject=opening.subject,
            client_id=opening.client_id,
            transport=opening.transport,
            scope=opening.scope,
            secret=self._random(SECRET_LENGTH),
        )
        committed = await self._commit.submit(
            Submission(
                command=command,
                request=_request(
                    caller,
                    actor=opening.actor,
                    claims=opening.claims or None,
                    device_label=opening.device_label or None,
                ),
                assertion=opening.assertion,
                authenticated_client=caller.authenticated_client,
            )
        )
        return self._told(committed)

    async def read(self, presented: str | None) -> RefreshToken | Refused:
        """What a refresh token says, when it is one of ours; no round trip but for a key not known yet.

        Raises:
            psycopg.OperationalError: a new key could not be looked for.
        """
        if presented is None:
            return _MISSING
        number = refresh_token.key_number(presented)
        if number is None:
            return _UNKNOWN
        if self._keys.loaded.rings.refresh.key(number) is None:
            await self._keys.load_anew()
        return refresh_token.decode(presented, key=self._keys.loaded.rings.refresh.key) or _UNKNOWN

    async def refresh(
        self, token: RefreshToken, caller: Caller, *, by_cookie: bool, client_id: str | None = None
    ) -> Tokens | Refused:
        """Redeem a refresh token.

        Raises:
            UnavailableError: not now; the token may be presented again.
        """
        committed = await self._commit.submit(
            Submission(
                command=Refresh(
                    presented=self._presented(token, caller, client_id),
                    by_cookie=by_cookie,
                    nonce=self._random(NONCE_LENGTH),
                ),
                request=_request(caller),
            )
        )
        return self._told(committed)

    async def logout(self, token: RefreshToken, caller: Caller, *, scope: LogoutScope) -> int | Refused:
        """End sessions by a refresh token; the number of those that this call ended.

        Other sessions are ended first, so that a call that failed half-way can be made again.

        Raises:
            UnavailableError: not now; what has been ended stays ended.
        """
        by = self._presented(token, caller)
        ended = 0
        if scope is not LogoutScope.THIS:
            committed = await self._submit_logout(by, caller, end_own=False)
            match committed.answer:
                case Refused() as refused:
                    return refused
                case Ended(ended=True):  # it was reuse: that ends its own session and nothing else
                    return 1
                case Ended(may_end_others=True) if committed.stored is not None:
                    subject = last_active(committed.stored.family).subject
                    ended = await self._end_all(
                        subject, RevocationReason.SUBJECT, _request(caller), but=token.family_id
                    )
                case _:
                    return 0
        if scope is LogoutScope.OTHERS:
            return ended
        committed = await self._submit_logout(by, caller, end_own=True)
        if isinstance(committed.answer, Refused):
            return committed.answer
        return ended + _count(committed)

    async def logout_of(self, subject: str, session_id: UUID, caller: Caller, *, scope: LogoutScope) -> int:
        """End sessions of a subject that proved to be in the session by its access token; as `logout`.

        Raises:
            UnavailableError: not now; what has been ended stays ended.
        """
        ended, request = 0, _request(caller)
        if scope is not LogoutScope.THIS:
            ended = await self._end_all(subject, RevocationReason.SUBJECT, request, but=session_id)
        if scope is not LogoutScope.OTHERS:
            ended += await self._end(session_id, RevocationReason.LOGOUT, request)
        return ended

    async def revoke(
        self,
        session_id: UUID,
        caller: Caller,
        *,
        reason: RevocationReason,
        actor: str | None = None,
        text: str | None = None,
    ) -> bool:
        """End a session by decision; whether this call ended it. `actor` as in `ledger.recorder.Request`.

        Raises:
            UnavailableError: not now; what has been ended stays ended.
        """
        request = _request(caller, actor=actor, reason=text)
        return await self._end(session_id, reason, request) == 1

    async def end_all(
        self, subject: str, caller: Caller, *, reason: RevocationReason, actor: str, causation: str | None
    ) -> int:
        """End every session of a subject by decision, until there is none left; the number of those ended.

        `actor` and `causation` as in `ledger.recorder.Request`.

        Raises:
            UnavailableError: not now; what has been ended stays ended.
        """
        return await self._end_all(subject, reason, _request(caller, actor=actor, causation=causation))

    async def rename(self, session_id: UUID, label: str, caller: Caller, *, actor: str | None = None) -> bool:
        """Give the device of a session another label; False: it has ended, or is unknown.

        Raises:
            UnavailableError: not now.
        """
        committed = await self._commit.submit(
            Submission(
                command=Rename(family_id=session_id),
                request=_request(caller, actor=actor, device_label=label),
            )
        )
        return isinstance(committed.answer, Renamed) and committed.answer.renamed

    async def _end_all(
        self, subject: str, reason: RevocationReason, request: Request, *, but: UUID | None = None
    ) -> int:
        """End what the subject has, until there is nothing left but the one session."""
        ended = 0
        while True:
            found = [one for one in await self._families_of(subject, _ENDED_AT_ONCE + 1) if one != but]
            if not found:
                return ended
            ended += sum(await asyncio.gather(*(self._end(one, reason, request) for one in found)))

    async def _end(self, family_id: UUID, reason: RevocationReason, request: Request) -> int:
        committed = await self._commit.submit(
            Submission(command=Revoke(family_id=family_id, reason=reason), request=request)
        )
        return _count(committed)

    async def _submit_logout(self, by: Presented, caller: Caller, *, end_own: bool) -> Committed:
        return await self._commit.submit(
            Submission(command=Logout(presented=by, end_own=end_own), request=_request(caller))
        )

    def _presented(self, token: RefreshToken, caller: Caller, client_id: str | None = None) -> Presented:
        key = self._keys.loaded.rings.fingerprint
        return Presented(
            token=token,
            fingerprint=Fingerprint(
                agent=_keyed(key, "agent", caller.agent_family),
                prefix=_keyed(key, "prefix", caller.address_prefix),
            ),
            client_id=client_id,
            authenticated_client=caller.authenticated_client,
        )

    def _told(self, committed: Committed) -> Tokens | Refused:
        """What a committed decision gives the caller: a signed access token beside the refresh token."""
        answer, stored = committed.answer, committed.stored
        if isinstance(answer, Refused):
            return answer
        if not isinstance(answer, Granted) or stored is None:
            raise TypeError(f"tokens cannot be told of {type(answer).__name__}")
        family = last_active(stored.family)
        jitter = int.from_bytes(self._random(2)) / 0xFFFF * _LARGEST_JITTER
        expires_at = min(
            committed.now + committed.policy.access_lifetime * (1 - jitter), family.absolute_expires_at
        )
        expires_at = expires_at.replace(microsecond=0)
        ring = self._keys.loaded.rings.refresh
        return Tokens(
            outcome=answer.outcome,
            access_token=self._keys.loaded.issuer.sign(
                subject=family.subject,
                session_id=family.family_id,
                client_id=family.client_id,
                scopes=family.scope,
                issued_at=committed.now,
                expires_at=expires_at,
                jwt_id=str(self._new_id()),
                extra=stored.personal.claims or {},
            ),
            access_token_expires_at=expires_at,
            refresh_token=refresh_token.encode(
                answer.token, key_number=ring.current_number, key=ring.current
            ),
            stored=stored,
            now=committed.now,
        )


def _keyed(key: bytes, purpose: str, text: str) -> bytes:
    return hmac.digest(key, f"{purpose}|{text}".encode(), "sha256")[:_FINGERPRINT_LENGTH]


def _request(
    caller: Caller,
    *,
    actor: str | None = None,
    causation: str | None = None,
    claims: Mapping[str, Json] | None = None,
    device_label: str | None = None,
    reason: str | None = None,
) -> Request:
    return Request(
        correlation_id=caller.request_id,
        actor=actor,
        causation=causation,
        personal_data=PersonalData(
            address=caller.address or None,
            user_agent=caller.user_agent,
            device_label=device_label,
            claims=claims,
            reason=reason,
        ),
    )


def _count(committed: Committed) -> int:
    return int(isinstance(committed.answer, Ended) and committed.answer.ended)
