"""SECRET_KEY: how it may be written, and what it opens."""

from __future__ import annotations

import traceback
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.key_sealing import KeySealingError, SecretKey

OLD, NEW = bytes(range(200, 232)), b"\xfb\xff" * 16
OLD_TEXT, NEW_TEXT = b64encode(OLD).decode(), b64encode(NEW).decode()


@pytest.mark.parametrize(
    "text",
    [
        b64encode(NEW).decode(),
        urlsafe_b64encode(NEW).decode(),
        b64encode(NEW).decode().rstrip("="),
        urlsafe_b64encode(NEW).decode().rstrip("="),
        f"  {b64encode(NEW).decode()}\n",
    ],
)
def test_a_value_is_read_in_either_alphabet_padded_or_not(text: str) -> None:
    assert SecretKey.parse(text) == SecretKey(values=(NEW,))


def test_two_values_are_read_in_their_order() -> None:
    assert SecretKey.parse(f"{NEW_TEXT}, {OLD_TEXT}") == SecretKey(values=(NEW, OLD))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        f"{NEW_TEXT},",
        f",{NEW_TEXT}",
        f"{NEW_TEXT},{OLD_TEXT},{NEW_TEXT}",
        b64encode(b"s" * 31).decode(),
        b64encode(b"s" * 33).decode(),
        b"s".hex() * 32,
        NEW_TEXT[:20] + " " + NEW_TEXT[20:],
        NEW_TEXT[:20] + "é" + NEW_TEXT[21:],
        "correct horse battery staple",
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="SECRET_KEY") as caught:
        SecretKey.parse(text)
    shown = "".join(traceback.format_exception_only(caught.value))
    assert "\n" not in shown.strip()
    assert not any(part in shown for part in (NEW_TEXT, OLD_TEXT, "correct horse") if part in text)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_was_sealed_opens_again(plain: bytes, context: bytes) -> None:
    key = SecretKey(values=(NEW,))
    assert key.open(key.seal(plain, context=context), context=context) == plain


def test_the_same_bytes_are_never_sealed_alike() -> None:
    key = SecretKey(values=(NEW,))
    assert len({key.seal(b"plain", context=b"") for _ in range(50)}) == 50


def test_the_first_value_seals_and_both_open() -> None:
    both, new, old = (SecretKey(values=values) for values in ((NEW, OLD), (NEW,), (OLD,)))
    sealed = both.seal(b"plain", context=b"c")
    assert new.open(sealed, context=b"c") == b"plain"
    with pytest.raises(KeySealingError):
        old.open(sealed, context=b"c")
    assert both.open(old.seal(b"plain", context=b"c"), context=b"c") == b"plain"


def test_resealing_moves_what_the_second_value_sealed_to_the_first() -> None:
    both, new, old = (SecretKey(values=values) for values in ((NEW, OLD), (NEW,), (OLD,)))
    resealed = both.reseal(old.seal(b"plain", context=b"c"), context=b"c")
    assert resealed is not None
    assert new.open(resealed, context=b"c") == b"plain"
    assert both.reseal(resealed, context=b"c") is None
    with pytest.raises(KeySealingError):
        old.reseal(resealed, context=b"c")


def test_nothing_opens_for_another_context() -> None:
    key = SecretKey(values=(NEW, OLD))
    with pytest.raises(KeySealingError):
        key.open(key.seal(b"plain", context=b"access"), context=b"cursor")


@given(st.integers(0, 12 + 5 + 16 - 1), st.integers(1, 255))
def test_nothing_opens_after_a_change_of_any_byte(place: int, difference: int) -> None:
    key = SecretKey(values=(NEW,))
    sealed = bytearray(key.seal(b"plain", context=b""))
    sealed[place] ^= difference
    with pytest.raises(KeySealingError):
        key.open(bytes(sealed), context=b"")


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 27])
def test_what_is_too_short_does_not_open(length: int) -> None:
    key = SecretKey(values=(NEW,))
    with pytest.raises(KeySealingError):
        key.open(key.seal(b"", context=b"")[:length], context=b"")


def test_derived_bytes_belong_to_their_purpose_and_the_first_value() -> None:
    derived = SecretKey(values=(NEW,)).derive("development issuer")
    assert len(derived) == 32
    assert derived == SecretKey(values=(NEW, OLD)).derive("development issuer")
    assert derived != SecretKey(values=(NEW,)).derive("something else")
    assert derived != SecretKey(values=(OLD, NEW)).derive("development issuer")


def test_a_printed_secret_key_shows_nothing_of_it() -> None:
    assert repr(SecretKey(values=(NEW, OLD))) == "SecretKey()"
