"""The bookkeeping of a family survives its column."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bookkeeping import Bookkeeping, Window
from projections.active_tokens import windows_codec
from projections.active_tokens.bookkeeping_codec import decode, encode

moments = st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
st.register_type_strategy(datetime, moments)
generations = st.integers(0, 2**32 - 1)
generation_lists = st.lists(generations).map(tuple)
digests = st.binary(min_size=32, max_size=32)
windows = st.lists(
    st.builds(
        Window,
        generation=generations,
        secret_hash=digests,
        nonce=digests,
        agent=st.binary(min_size=8, max_size=8),
        replays=generations,
        fingerprints=st.lists(st.binary(min_size=16, max_size=16), max_size=4).map(tuple),
    ),
    max_size=8,
).map(tuple)


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
    assert decode(encode(book), windows_codec.decode(windows_codec.encode(book.windows))) == book


def test_windows_of_an_unknown_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="layout 2"):
        windows_codec.decode(b"\x02")


def test_an_empty_bookkeeping_takes_next_to_no_room() -> None:
    assert len(encode(Bookkeeping())) < 30
    assert windows_codec.encode(()) == b""
