"""A subscriber that comes back with its last cursor sees each event once, in order."""

from __future__ import annotations

from tests.live_restarts import followed


async def test_each_of_300_events_is_seen_once_in_order_through_two_restarts(database_url: str) -> None:
    seen, expected = await followed(database_url, events=300, restarts=2)
    assert seen.connections >= 3
    assert seen.indexes == sorted(seen.indexes)
    assert seen.events == expected
