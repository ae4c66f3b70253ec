"""The refresh token's spelling, mac and ratchet."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.refresh_token import (
    PREFIX,
    TOKEN_LENGTH,
    RefreshToken,
    decode,
    encode,
    key_number,
    successor_secret,
)

KEYS = {3: b"k" * 32, 4: b"l" * 32}
TOKEN = RefreshToken(family_id=UUID(int=7), generation=5, secret=b"s" * 32)

tokens = st.builds(
    RefreshToken,
    family_id=st.uuids(),
    generation=st.integers(0, 2**32 - 1),
    secret=st.binary(min_size=32, max_size=32),
)


@given(tokens, st.sampled_from(sorted(KEYS)))
def test_a_token_survives_the_round_trip_in_one_spelling(token: RefreshToken, number: int) -> None:
    text = encode(token, key_number=number, key=KEYS[number])
    assert len(text) == TOKEN_LENGTH
    assert text.startswith(PREFIX)
    assert key_number(text) == number
    assert decode(text, key=KEYS.get) == token


@given(st.integers(0, TOKEN_LENGTH - 1), st.characters())
def test_a_token_with_one_character_changed_is_refused(place: int, character: str) -> None:
    text = encode(TOKEN, key_number=3, key=KEYS[3])
    changed = text[:place] + character + text[place + 1 :]
    assert decode(changed, key=KEYS.get) == (TOKEN if changed == text else None)


@given(st.text())
def test_other_text_is_no_token(text: str) -> None:
    assert decode(text, key=KEYS.get) is None
    assert decode(PREFIX + text, key=KEYS.get) is None


def test_a_token_under_another_or_a_revoked_key_is_refused() -> None:
    text = encode(TOKEN, key_number=3, key=KEYS[3])
    assert decode(text, key={3: b"x" * 32}.get) is None
    assert decode(text, key={4: KEYS[4]}.get) is None


@pytest.mark.parametrize("suffix", ["=", "\n", " ", "A"])
def test_a_longer_spelling_is_refused(suffix: str) -> None:
    assert decode(encode(TOKEN, key_number=3, key=KEYS[3]) + suffix, key=KEYS.get) is None


def test_the_successor_depends_on_secret_family_generation_and_nonce() -> None:
    def successor(
        secret: bytes = b"s" * 32, family: int = 7, generation: int = 6, nonce: bytes = b"n" * 32
    ) -> bytes:
        return successor_secret(secret, family_id=UUID(int=family), generation=generation, nonce=nonce)

    assert successor() == successor()
    others = [
        successor(secret=b"t" * 32),
        successor(family=8),
        successor(generation=7),
        successor(nonce=b"m" * 32),
    ]
    assert len({successor(), *others}) == 5


def test_neither_repr_nor_str_shows_the_secret() -> None:
    assert "secret" not in f"{TOKEN!r} {TOKEN}"
    assert "ssss" not in f"{TOKEN!r} {TOKEN}"
