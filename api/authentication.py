"""Who sends a request: the access token is verified, and its session is looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.graphql.context import Viewer
from ledger.access_token import AccessTokenError, Claims, verify_with_keys
from ledger.keys_in_use import KeysInUse
from projections.active_tokens.sessions import SessionFilter, SessionStatus, read_session, read_sessions

_LIVING = (SessionStatus.ACTIVE, SessionStatus.SUSPENDED)


class UnauthenticatedError(Exception):
    """There is no access token that can be used; the message says why and repeats nothing of it."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        """`expired`: it was good until a moment ago."""
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """Accepts access tokens of this ledger whose session has not ended."""

    keys: KeysInUse
    pool: AsyncConnectionPool[AsyncConnection[Any]]
    issuer: str
    audience: str
    now: Callable[[], datetime]

    async def viewer(self, authorization: str | None, *, also_ended: bool = False) -> Viewer:
        """Whoever the Authorization header speaks for (RFC 6750 section 2.1). One round trip.

        `also_ended` lets a session through that has ended, and marks it.

        Raises:
            UnauthenticatedError: no token, one that is not valid, or of a session that has ended.
            psycopg.OperationalError: the database does not answer.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("Send an access token: `Authorization: Bearer …`.")
        return await self.viewer_of_token(token.strip(" "), also_ended=also_ended)

    async def viewer_of_token(self, token: str, *, also_ended: bool = False) -> Viewer:
        """Whoever an access token speaks for; as `viewer`."""
        now = self.now()
        try:
            claims = self._claims(token, now)
            if claims is None:  # its key may be newer than those of this process
                await self.keys.load_anew()
                claims = self._claims(token, now)
        except AccessTokenError as error:
            raise UnauthenticatedError(f"{error}.", expired=error.reason == "expired") from None
        if claims is None:
            raise UnauthenticatedError("The token names no key of this issuer.")
        ended = False
        if claims.session_id is not None:
            async with self.pool.connection() as connection:
                session = await read_session(connection, claims.session_id, now=now)
            ended = session is None or session.status not in _LIVING
            if ended and not also_ended:
                raise UnauthenticatedError("The session of the access token has ended.")
        return Viewer(
            subject=None if claims.session_id is None else claims.subject,
            client_id=claims.client_id,
            session_id=claims.session_id,
            scopes=claims.scopes,
            expires_at=claims.expires_at,
            ended=ended,
        )

    async def ended(self, session_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those of the sessions that have ended, or are not known. One round trip.

        Raises:
            psycopg.OperationalError: the database does not answer.
        """
        wanted = frozenset(session_ids)
        async with self.pool.connection() as connection:
            found = await read_sessions(
                connection, SessionFilter(ids=list(wanted)), now=self.now(), maximum=len(wanted)
            )
        return wanted - {one.family_id for one in found if one.status in _LIVING}

    def is_good(self, token: str) -> bool:
        """Whether a token that was good is so still, by its time and its key. No round trip.

        Raises:
            UnavailableError: there are no keys yet.
        """
        try:
            return self._claims(token, self.now()) is not None
        except AccessTokenError:
            return False

    def _claims(self, token: str, now: datetime) -> Claims | None:
        """What a valid token says; None: it names a key that is not known."""
        loaded = self.keys.loaded
        try:
            return verify_with_keys(
                token,
                lambda kid: loaded.rings.access.verification_key(
                    kid, now=now, longest_lifetime=loaded.longest_lifetime
                ),
                issuer=self.issuer,
                audience=self.audience,
                now=now,
            )
        except AccessTokenError as error:
            if error.reason == "unknown_key":
                return None
            raise
