"""The states of a token family: a fold of its events and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.events import ExpiryKind, RevocationReason, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveFamily:
    """A family whose current refresh token can be redeemed until the first deadline (exclusive)."""

    family_id: UUID
    subject: str
    client_id: str
    transport: Transport
    scope: tuple[str, ...]
    sender_key: str | None
    opened_at: datetime
    generation: int
    secret_hash: bytes
    """SHA-256 of the current generation's secret."""
    last_used_at: datetime
    """Of the newest token: issue or rotation."""
    idle_expires_at: datetime
    absolute_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedFamily:
    """A family ended by decision."""

    was: ActiveFamily
    ended_at: datetime
    reason: RevocationReason
    replay_reported: bool = False
    """Whether a replaced token has already been reported after the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredFamily:
    """A family ended by time; `ended_at` is the deadline."""

    was: ActiveFamily
    ended_at: datetime
    kind: ExpiryKind


Family = ActiveFamily | RevokedFamily | ExpiredFamily


def last_active(family: Family) -> ActiveFamily:
    """The family as it is, or as it was when it ended."""
    return family if isinstance(family, ActiveFamily) else family.was


def passed_deadline(family: ActiveFamily, now: datetime) -> tuple[ExpiryKind, datetime] | None:
    """The deadline that ended the family, None while it lives.

    The idle deadline is never after the absolute one; where they are equal it is the absolute that ended it.
    """
    if now < family.idle_expires_at:
        return None
    if family.idle_expires_at < family.absolute_expires_at:
        return ExpiryKind.IDLE, family.idle_expires_at
    return ExpiryKind.ABSOLUTE, family.absolute_expires_at
