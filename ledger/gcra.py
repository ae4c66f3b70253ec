"""The generic cell rate algorithm: a limit whose whole state is one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`limit` at once, and one more for every `period / limit` that passes."""

    limit: int
    period: timedelta

    def __post_init__(self) -> None:
        if self.limit < 1 or self.period <= timedelta(0):
            raise ValueError("a rate needs a limit of at least 1 and a period above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Within the rate; `theoretical_arrival` is the state to keep."""

    theoretical_arrival: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Over the rate; the state stays as it was."""

    retry_after: timedelta


def take(rate: Rate, theoretical_arrival: datetime | None, now: datetime) -> Allowed | Limited:
    """Take one from the rate. `theoretical_arrival` is the state kept, None at first."""
    next_arrival = now if theoretical_arrival is None else max(theoretical_arrival, now)
    next_arrival += rate.period / rate.limit
    earliest = next_arrival - rate.period
    if now < earliest:
        return Limited(retry_after=earliest - now)
    return Allowed(theoretical_arrival=next_arrival)
