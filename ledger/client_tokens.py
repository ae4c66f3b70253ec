"""Access tokens that a client gets for itself (RFC 6749 section 4.4): no session stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from ledger.keys_in_use import KeysInUse


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientToken:
    """An access token, good until `expires_at` (exclusive) unless its key is revoked."""

    access_token: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTokens:
    """Signs for clients that have proved themselves; stores nothing."""

    keys: KeysInUse
    now: Callable[[], datetime]
    """Aware UTC."""
    new_id: Callable[[], UUID]

    def issue(self, client_id: str, *, scopes: Iterable[str], lifetime: timedelta) -> ClientToken:
        """A token whose subject is the client (RFC 9068 section 2.2).

        Raises:
            UnavailableError: the keys could not be read yet.
        """
        issued_at = self.now().replace(microsecond=0)
        expires_at = issued_at + lifetime
        token = self.keys.loaded.issuer.sign(
            subject=client_id,
            session_id=None,
            client_id=client_id,
            scopes=scopes,
            issued_at=issued_at,
            expires_at=expires_at,
            jwt_id=str(self.new_id()),
            extra={},
        )
        return ClientToken(access_token=token, issued_at=issued_at, expires_at=expires_at)
