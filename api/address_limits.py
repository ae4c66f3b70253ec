"""How much one address may ask of this process before anything else is done for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from api.client_address import limited_network
from ledger.gcra import Allowed, Limited, Rate, take

DEFAULT_CAPACITY = 100_000


class AddressLimiter:
    """A token bucket for each address, and for each /64 of IPv6.

    Each of several workers sees its share of the requests, so each gives its share of the limit (at least
    one). Memory is bounded: at `capacity` addresses full buckets are forgotten first, which changes nothing,
    else the one that asked longest ago. Not for use from several threads.
    """

    __slots__ = ("_arrivals", "_capacity", "_clock", "_limited", "_next_sweep", "_rate")

    def __init__(
        self,
        rate: Rate | None,
        *,
        workers: int,
        clock: Callable[[], datetime],
        capacity: int = DEFAULT_CAPACITY,
        limited: Callable[[], object] | None = None,
    ) -> None:
        """Make a limiter; a rate of None never limits. `clock` gives aware UTC.

        `limited` is called whenever there was no unit to take.
        """
        self._limited = limited
        self._rate = None if rate is None else Rate(limit=-(-rate.limit // workers), period=rate.period)
        self._clock = clock
        self._capacity = capacity
        self._arrivals: OrderedDict[str, datetime] = OrderedDict()  # in the order of the last question
        self._next_sweep: datetime | None = None

    def take(self, address: str) -> timedelta | None:
        """Take one unit. None: it was there; else nothing was taken, and one is there after this time."""
        if self._rate is None:
            return None
        now = self._clock()
        network = limited_network(address)
        arrival = self._arrivals.get(network)
        if arrival is None and len(self._arrivals) >= self._capacity:
            self._make_room(self._rate, now)
        match take(self._rate, arrival, now):
            case Allowed(theoretical_arrival=theoretical_arrival):
                self._arrivals[network] = theoretical_arrival
                self._arrivals.move_to_end(network)
                return None
            case Limited(retry_after=retry_after):
                self._arrivals.move_to_end(network)
                if self._limited is not None:
                    self._limited()
                return retry_after

    def peek(self, address: str) -> timedelta | None:
        """Whether one unit is there, answered as by `take`, without taking it."""
        if self._rate is None:
            return None
        arrival = self._arrivals.get(limited_network(address))
        match take(self._rate, arrival, self._clock()):
            case Allowed():
                return None
            case Limited(retry_after=retry_after):
                return retry_after

    def _make_room(self, rate: Rate, now: datetime) -> None:
        """Forget full buckets, else the oldest; looks through all of them at most once an interval."""
        if self._next_sweep is None or now >= self._next_sweep:
            self._next_sweep = now + max(rate.interval, timedelta(seconds=1))
            self._arrivals = OrderedDict(one for one in self._arrivals.items() if one[1] > now)
        while len(self._arrivals) >= self._capacity:
            self._arrivals.popitem(last=False)
