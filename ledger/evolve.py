"""How an event changes the state of its family."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from ledger.events import (
    FamilyEvent,
    ForgeryDetected,
    RefreshRefused,
    ReplayedAfterRevocation,
    ReuseDetected,
    SessionRenamed,
    TokenExpired,
    TokenIssued,
    TokenReplayed,
    TokenRevoked,
    TokenRotated,
)
from ledger.family import ActiveFamily, ExpiredFamily, Family, RevokedFamily


class BrokenStreamError(Exception):
    """Events in an order that no decision can have made."""


def evolve(family: Family | None, event: FamilyEvent, *, family_id: UUID, occurred_at: datetime) -> Family:
    """The family after the event.

    Raises:
        BrokenStreamError: the event cannot follow on this state.
    """
    match family, event:
        case None, TokenIssued():
            return ActiveFamily(
                family_id=family_id,
                subject=event.subject,
                client_id=event.client_id,
                transport=event.transport,
                scope=event.scope,
                sender_key=event.sender_key,
                opened_at=occurred_at,
                generation=0,
                secret_hash=event.secret_hash,
                last_used_at=occurred_at,
                idle_expires_at=event.idle_expires_at,
                absolute_expires_at=event.absolute_expires_at,
            )
        case ActiveFamily(), TokenRotated() if event.generation == family.generation + 1:
            return replace(
                family,
                generation=event.generation,
                secret_hash=event.secret_hash,
                last_used_at=occurred_at,
                idle_expires_at=event.idle_expires_at,
            )
        case ActiveFamily(), TokenRevoked():
            return RevokedFamily(was=family, ended_at=occurred_at, reason=event.reason)
        case ActiveFamily(), TokenExpired():
            return ExpiredFamily(was=family, ended_at=event.deadline, kind=event.kind)
        case RevokedFamily(), ReplayedAfterRevocation():
            return replace(family, replay_reported=True)
        case ActiveFamily(), (
            TokenReplayed() | RefreshRefused() | ReuseDetected() | ForgeryDetected() | SessionRenamed()
        ):
            return family
        case _, (
            TokenIssued()
            | TokenRotated()
            | TokenReplayed()
            | RefreshRefused()
            | ReuseDetected()
            | ReplayedAfterRevocation()
            | ForgeryDetected()
            | TokenRevoked()
            | TokenExpired()
            | SessionRenamed()
        ):
            state = "no family" if family is None else type(family).__name__
            raise BrokenStreamError(f"{family_id}: {type(event).__name__} cannot follow on {state}")
        case _:
            assert_never(event)
