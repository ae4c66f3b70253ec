"""10,000 events told to a subscriber while the server that tells them is ended and killed."""

from __future__ import annotations

import pytest

from tests.live_restarts import followed


@pytest.mark.proof
async def test_each_of_10000_events_is_seen_once_in_order_through_two_restarts(database_url: str) -> None:
    seen, expected = await followed(database_url, events=10_000, restarts=2)
    print(f"{len(seen.events)} events over {seen.connections} connections")
    assert seen.connections >= 3
    assert seen.indexes == sorted(seen.indexes)
    assert seen.events == expected
