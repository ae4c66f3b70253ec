"""What a client may set of the rules, and what may be known of subjects when deciding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ledger.gcra import Rate

DEFAULT_RATE_PER_FAMILY = Rate(limit=20, period=timedelta(minutes=1))


class SubjectStatus(StrEnum):
    """Whether refreshing is allowed for a subject."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ERASED = "erased"
    """For good; nothing personal of it is recorded any more."""


class WhenFull(StrEnum):
    """What a login does when its subject has as many sessions of the client as it may."""

    REJECT_NEW = "reject_new"
    REVOKE_OLDEST = "revoke_oldest"
    REVOKE_LEAST_RECENTLY_USED = "revoke_least_recently_used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one client, the deployment's where it set none."""

    access_lifetime: timedelta = timedelta(minutes=15)
    idle_lifetime: timedelta = timedelta(days=7)
    absolute_lifetime: timedelta = timedelta(days=30)
    extend_idle: bool = True
    """Whether a rotation extends the idle deadline."""
    grace: timedelta = timedelta(seconds=10)
    lost_response_window: timedelta = timedelta(0)
    """Zero: off."""
    foreign_replays: int | None = 5
    """How many foreign replays in ten generations are borne; None: any number."""
    shadow: bool = False
    """Report reuse, let the family live."""
    rate_per_family: Rate | None = DEFAULT_RATE_PER_FAMILY
    """Rotations; None: unlimited."""
    max_sessions: int | None = None
    """Of one subject at a time; None: any number."""
    when_full: WhenFull = WhenFull.REJECT_NEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client and its rules."""

    client_id: str
    confidential: bool
    policy: Policy
