"""How often something may happen: the generic cell rate algorithm, a token bucket held in one timestamp.

The timestamp is the theoretical arrival: when the bucket will be full again. None stands for a full bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A burst of `limit`, then one per `period / limit`.

    Raises:
        ValueError: the limit is below 1 or the period not above zero.
    """

    limit: int
    period: timedelta

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("the limit of a rate is at least 1")
        if self.period <= timedelta(0):
            raise ValueError("the period of a rate is above zero")

    @property
    def interval(self) -> timedelta:
        """The time in which one unit comes back, rounded up to a microsecond so that none comes too early."""
        return -(-self.period // self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """One unit was taken; the caller keeps the new theoretical arrival."""

    theoretical_arrival: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Nothing was taken; one unit is there after this time, always above zero."""

    retry_after: timedelta


def take(rate: Rate, theoretical_arrival: datetime | None, now: datetime) -> Allowed | Limited:
    """Take one unit, if there is one.

    Nobody waits longer than one interval, whatever the stored time: one further ahead than that of an empty
    bucket comes from a clock that was set back or from a rate that was raised, and one unit is given for it.
    """
    interval = rate.interval
    if theoretical_arrival is None or theoretical_arrival <= now:
        return Allowed(theoretical_arrival=now + interval)
    last_unit = now + interval * (rate.limit - 1)
    if last_unit < theoretical_arrival <= last_unit + interval:
        return Limited(retry_after=theoretical_arrival - last_unit)
    return Allowed(theoretical_arrival=min(theoretical_arrival, last_unit) + interval)
