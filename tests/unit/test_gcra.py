"""The rate algorithm: a burst, then one unit per interval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledger.gcra import Allowed, Limited, Rate, take

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def taken_at_once(rate: Rate, arrival: datetime | None, now: datetime) -> tuple[int, datetime | None]:
    """How many units are given at one moment, and the theoretical arrival afterwards."""
    count = 0
    while isinstance(answer := take(rate, arrival, now), Allowed):
        arrival = answer.theoretical_arrival
        count += 1
    return count, arrival


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 300, 997])
@pytest.mark.parametrize("period", [timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=5)])
def test_a_burst_of_exactly_the_limit_is_allowed(limit: int, period: timedelta) -> None:
    rate = Rate(limit=limit, period=period)

    count, arrival = taken_at_once(rate, None, NOW)

    assert count == limit
    assert take(rate, arrival, NOW) == Limited(retry_after=rate.interval)


def test_after_the_burst_one_unit_comes_back_per_interval() -> None:
    rate = Rate(limit=20, period=timedelta(minutes=1))
    _, arrival = taken_at_once(rate, None, NOW)

    for turn in range(1, 50):
        count, arrival = taken_at_once(rate, arrival, NOW + turn * timedelta(seconds=3))
        assert count == 1


def test_the_answer_says_exactly_how_long_to_wait() -> None:
    rate = Rate(limit=4, period=timedelta(seconds=60))
    _, arrival = taken_at_once(rate, None, NOW)
    answer = take(rate, arrival, NOW + timedelta(seconds=10))

    assert answer == Limited(retry_after=timedelta(seconds=5))
    assert isinstance(take(rate, arrival, NOW + timedelta(seconds=15, microseconds=-1)), Limited)
    assert isinstance(take(rate, arrival, NOW + timedelta(seconds=15)), Allowed)


def test_a_bucket_left_alone_for_a_period_is_full_and_never_more_than_full() -> None:
    rate = Rate(limit=7, period=timedelta(minutes=1))
    _, arrival = taken_at_once(rate, None, NOW)

    assert taken_at_once(rate, arrival, NOW + rate.interval * 7)[0] == 7
    assert taken_at_once(rate, arrival, NOW + timedelta(days=30))[0] == 7


def test_after_a_clock_was_set_back_one_unit_is_given_and_the_rate_holds_from_there() -> None:
    rate = Rate(limit=10, period=timedelta(minutes=1))
    _, arrival = taken_at_once(rate, None, NOW)
    set_back = NOW - timedelta(days=1)

    count, arrival = taken_at_once(rate, arrival, set_back)
    assert count == 1
    assert take(rate, arrival, set_back) == Limited(retry_after=timedelta(seconds=6))
    assert taken_at_once(rate, arrival, set_back + timedelta(seconds=6))[0] == 1


def test_a_raised_rate_applies_at_once() -> None:
    _, arrival = taken_at_once(Rate(limit=1, period=timedelta(days=1)), None, NOW)
    raised = Rate(limit=60, period=timedelta(minutes=1))

    count, arrival = taken_at_once(raised, arrival, NOW)
    assert count == 1
    assert take(raised, arrival, NOW) == Limited(retry_after=timedelta(seconds=1))


def test_more_units_than_microseconds_still_come_back_one_by_one() -> None:
    assert Rate(limit=10**9, period=timedelta(seconds=1)).interval == timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("limit", "period"), [(0, timedelta(1)), (-1, timedelta(1)), (1, timedelta(0)), (1, timedelta(-1))]
)
def test_a_rate_that_allows_nothing_is_refused(limit: int, period: timedelta) -> None:
    with pytest.raises(ValueError, match="of a rate is"):
        Rate(limit=limit, period=period)
