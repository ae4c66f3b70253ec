"""The bookkeeping of a family survives its column."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ledger.bookkeeping import Bookkeeping, Window
from projections.active_tokens.bookkeeping_codec import decode, encode

moments = st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
st.register_type_strategy(datetime, moments)
generations = st.integers(0, 2**32 - 1)
generation_lists = st.lists(generations).map(tuple)
windows = st.lists(st.builds(Window, generation=generations, replays=generations), max_size=8).map(tuple)


@given(
    st.builds(
        Bookkeeping,
        windows=windows,
        crowded_out=st.none() | generations,
        handed_out=generations,
        foreign=generation_lists,
        recoveries=generation_lists,
        refusals_recorded=generations,
        unrecorded_replays=generations,
    )
)
def test_bookkeeping_survives_the_round_trip(book: Bookkeeping) -> None:
    assert decode(encode(book)) == book


def test_an_empty_bookkeeping_takes_next_to_no_room() -> None:
    assert len(encode(Bookkeeping())) < 30
