"""What can be asked of a token family."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ledger.bookkeeping import Fingerprint
from ledger.events import RevocationReason, Transport
from ledger.refresh_token import RefreshToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Open a family for a subject that has been authenticated."""

    family_id: UUID
    subject: str
    client_id: str
    transport: Transport
    scope: tuple[str, ...]
    secret: bytes
    """32 random bytes: the secret of generation 0."""
    sender_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A refresh token and who presents it."""

    token: RefreshToken
    fingerprint: Fingerprint
    client_id: str | None = None
    """As the request says, unproved."""
    authenticated_client: str | None = None
    """As the client proved."""
    sender_key: str | None = None
    """JWK thumbprint of a valid sender proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Redeem a refresh token."""

    presented: Presented
    by_cookie: bool
    nonce: bytes
    """32 random bytes, for the successor's secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    """End the session of a refresh token, or find out whose sessions it may end."""

    presented: Presented
    end_own: bool = True
    """False: leave the token's own family as it is (its subject logs out the others)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """End a family by decision."""

    family_id: UUID
    reason: RevocationReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Give the device of a session another label; the label itself is the request's personal data."""

    family_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """Record the end of a family whose time is over."""

    family_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidy:
    """Drop the nonces of windows that are closed, where no other write of the family came to do it."""

    family_id: UUID


Command = Issue | Refresh | Logout | Revoke | Rename | Expire | Tidy


def family_of(command: Command) -> UUID:
    """The family that a command speaks of."""
    match command:
        case Refresh() | Logout():
            return command.presented.token.family_id
        case Issue() | Revoke() | Rename() | Expire() | Tidy():
            return command.family_id
