"""Limits per address: what one address uses up, no other misses; memory stays bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.address_limits import AddressLimiter
from ledger.gcra import Rate


class Clock:
    """A clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def limiter(
    clock: Clock, limit: int = 3, seconds: int = 30, *, workers: int = 1, capacity: int = 100
) -> AddressLimiter:
    rate = Rate(limit=limit, period=timedelta(seconds=seconds))
    return AddressLimiter(rate, workers=workers, clock=clock, capacity=capacity)


def taken(limits: AddressLimiter, address: str) -> int:
    """How many units the address gets at this moment."""
    count = 0
    while limits.take(address) is None:
        count += 1
    return count


def test_an_address_is_limited_after_its_burst_and_told_how_long() -> None:
    clock = Clock()
    limits = limiter(clock)

    assert taken(limits, "203.0.113.9") == 3
    clock.advance(4)
    assert limits.take("203.0.113.9") == timedelta(seconds=6)
    clock.advance(6)
    assert taken(limits, "203.0.113.9") == 1


def test_one_address_does_not_use_up_the_limit_of_another() -> None:
    limits = limiter(Clock())

    assert taken(limits, "203.0.113.9") == 3
    assert taken(limits, "203.0.113.10") == 3


def test_a_host_cannot_outrun_its_limit_by_picking_addresses_of_its_ipv6_network() -> None:
    limits = limiter(Clock())

    assert [limits.take(f"2001:db8:1:2::{host:x}") is None for host in range(1, 6)] == [True] * 3 + [
        False
    ] * 2
    assert limits.take("2001:db8:1:3::1") is None


def test_an_unknown_address_is_limited_too() -> None:
    assert taken(limiter(Clock()), "unknown") == 3


def test_workers_share_the_limit_and_each_has_at_least_one() -> None:
    assert taken(limiter(Clock(), limit=300, workers=4), "203.0.113.9") == 75
    assert taken(limiter(Clock(), limit=3, workers=2), "203.0.113.9") == 2
    assert taken(limiter(Clock(), limit=3, workers=64), "203.0.113.9") == 1


def test_off_never_limits() -> None:
    limits = AddressLimiter(None, workers=1, clock=Clock())

    assert all(limits.take("203.0.113.9") is None for _ in range(10_000))
    assert limits.peek("203.0.113.9") is None


def test_peeking_takes_nothing_and_tells_the_same() -> None:
    clock = Clock()
    limits = limiter(clock, limit=1)

    assert all(limits.peek("203.0.113.9") is None for _ in range(10))
    assert limits.take("203.0.113.9") is None
    assert limits.peek("203.0.113.9") == timedelta(seconds=30)
    assert limits.peek("203.0.113.9") == limits.take("203.0.113.9")
    clock.advance(30)
    assert limits.peek("203.0.113.9") is None


def test_memory_is_bounded() -> None:
    limits = limiter(Clock(), capacity=100)

    for host in range(5_000):
        limits.take(f"10.0.{host // 250}.{host % 250}")

    assert len(limits._arrivals) == 100


def test_when_full_the_address_that_asked_longest_ago_is_forgotten() -> None:
    limits = limiter(Clock(), capacity=3)
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        assert taken(limits, address) == 3
    limits.take("10.0.0.1")

    assert limits.take("10.0.0.4") is None

    assert limits.peek("10.0.0.1") is not None
    assert limits.peek("10.0.0.2") is None
    assert limits.peek("10.0.0.3") is not None


def test_a_flood_of_addresses_does_not_free_one_that_is_limited() -> None:
    clock = Clock()
    limits = limiter(clock, capacity=10)
    assert taken(limits, "203.0.113.9") == 3

    for host in range(9):
        limits.take(f"10.0.0.{host}")
    clock.advance(15)  # those of the flood took one each and are full again, the first is not
    for host in range(9):
        limits.take(f"10.0.1.{host}")

    assert taken(limits, "203.0.113.9") == 1


def test_a_refused_request_does_not_make_the_wait_longer() -> None:
    clock = Clock()
    limits = limiter(clock, limit=1)
    assert limits.take("203.0.113.9") is None

    for _ in range(29):
        clock.advance(1)
        assert limits.take("203.0.113.9") is not None
    clock.advance(1)

    assert limits.take("203.0.113.9") is None
