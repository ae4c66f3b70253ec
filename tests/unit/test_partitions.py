"""Until when there are partitions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.partitions import covered_until


@pytest.mark.parametrize(
    ("months", "now", "until"),
    [
        (0, datetime(2026, 11, 25, 17, 5, 3, 9, UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (0, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (1, datetime(2026, 11, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (3, datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)),
        (12, datetime(2026, 12, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_last_month_ahead_ends_with_the_month_after_it(
    months: int, now: datetime, until: datetime
) -> None:
    assert covered_until(months, now) == until
