"""What a decision depends on besides the session, and the facts that it leaves, in the model's own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a client set: seconds, and numbers."""

    access: int = 900
    idle: int = 7 * 86400
    absolute: int = 30 * 86400
    extend: bool = True
    grace: int = 10
    lost: int = 0
    foreign: int | None = 5
    shadow: bool = False
    rotations: int | None = 20
    """Of a session, a minute."""
    most: int | None = None
    """Sessions of a subject."""
    full: str = "reject_new"
    """What a login does that would be one too many."""

    def stored(self) -> dict[str, object]:
        """As a client's policy has them, keys in their order."""
        limit = {"limit": self.rotations, "seconds": 60} if self.rotations else None
        return {
            "absolute_ttl": self.absolute,
            "access_ttl": self.access,
            "extend_idle": self.extend,
            "foreign_replays": self.foreign,
            "grace": self.grace,
            "idle_ttl": self.idle,
            "lost_response_window": self.lost,
            "max_sessions": self.most,
            "rate_per_family": limit,
            "shadow": self.shadow,
            "when_full": self.full,
        }

    def written(self) -> list[str]:
        """As an operator writes them, `KEY=VALUE`."""
        rate = f"{self.rotations}/minute" if self.rotations else None
        return [f"{key}={_text(value)}" for key, value in (self.stored() | {"rate_per_family": rate}).items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenter:
    """Who presents a token: a user-agent family and a network."""

    agent: str = "Firefox"
    network: str = "home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event, without the hashes of secrets."""

    kind: str
    actor: str
    payload: dict[str, object]
    said: str | None = None
    """What lies beside it: a reason that was given, or the label of a device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The moment of a decision."""

    now: datetime
    rules: Rules
    suspended: bool = False
    not_before: datetime | None = None
    confidential: bool = False


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket: so many at once, then one at a time as it fills again; the rate may change."""

    backlog: Fraction = Fraction(0)
    """Microseconds until it is full."""
    at: datetime | None = None

    def take(self, limit: int, period: timedelta, now: datetime) -> timedelta | None:
        """Take one; the wait where there is none, never longer than for one."""
        every = Fraction(period // _MICROSECOND, limit)
        if self.at is not None:
            self.backlog = max(Fraction(0), self.backlog - (now - self.at) // _MICROSECOND)
        self.at = now
        free = every * (limit - 1)
        if free < self.backlog <= free + every:
            return _milliseconds(self.backlog - free)
        self.backlog = min(self.backlog, free) + every
        return None


_MICROSECOND = timedelta(microseconds=1)


def stamp(at: datetime) -> str:
    """A time as events spell it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(value: object) -> str:
    if value is None:
        return "off"
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _milliseconds(microseconds: Fraction) -> timedelta:
    """Rounded up."""
    return timedelta(milliseconds=-(-microseconds // 1000))
