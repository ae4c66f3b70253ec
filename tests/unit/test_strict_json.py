"""JSON from outside has one meaning, and holds nothing that cannot be stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.strict_json import DEEPEST, LARGEST_INTEGER, StrictJsonError, parse_json

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_TEXTS, below, max_size=3),
    max_leaves=10,
)


def refused(data: bytes) -> str:
    with pytest.raises(StrictJsonError) as caught:
        parse_json(data)
    return str(caught.value)


@given(_VALUES, st.booleans())
def test_whatever_json_can_say_is_taken_as_it_is(value: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")))
def test_nothing_but_the_one_error_comes_of_any_bytes(data: bytes) -> None:
    try:
        value = parse_json(data)
    except StrictJsonError:
        return
    assert json.loads(data) == value


@pytest.mark.parametrize(
    "data", [b"\xff", b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\x80"', '"é"'.encode("utf-16")]
)
def test_other_encodings_are_refused(data: bytes) -> None:
    assert "UTF-8" in refused(data) or "well-formed" in refused(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b'{"a": 1} x',
        b'{"a": 1}{"a": 1}',
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x1",
        b'"\\x"',
        b'"\\u12"',
        b'"a\nb"',
        b"\xef\xbb\xbf{}",
        b"// a comment\n1",
        b"nul",
        b"\x00",
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    assert "well-formed" in refused(data)


@pytest.mark.parametrize("data", [b'{"a": 1, "a": 1}', b'{"b": {"a": 1, "\\u0061": 2}}', b'[{"": 1, "": 2}]'])
def test_a_key_twice_is_refused(data: bytes) -> None:
    assert "key twice" in refused(data)


def test_keys_that_only_look_alike_are_two() -> None:
    cyrillic, fullwidth = "\u0430", "\uff41"
    value = {"a": 1, cyrillic: 2, "A": 3, fullwidth: 4}
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize("data", [b"NaN", b"Infinity", b"[-Infinity]", b'{"a": NaN}'])
def test_numbers_that_are_none_are_refused(data: bytes) -> None:
    assert "NaN" in refused(data)


@pytest.mark.parametrize("data", [b"1e309", b"-1e999", b"9" * 400 + b".0"])
def test_numbers_that_overflow_are_refused(data: bytes) -> None:
    assert "overflows" in refused(data)


@pytest.mark.parametrize(
    "data",
    [
        str(2**53).encode(),
        str(-(2**53)).encode(),
        b"[18446744073709551616]",
        b"9" * 5000,
        b"-" + b"9" * 60_000,
    ],
)
def test_integers_that_a_double_does_not_hold_are_refused(data: bytes) -> None:
    assert "2^53" in refused(data)


@pytest.mark.parametrize("number", [LARGEST_INTEGER, -LARGEST_INTEGER, 0])
def test_the_largest_integers_are_taken(number: int) -> None:
    assert parse_json(str(number).encode()) == number


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_it_is_nested_so_deep_at_the_most(opening: bytes) -> None:
    closing = opening[::-1].translate(bytes.maketrans(b"[{", b"]}"), b'"a:')
    levels = len(closing)
    fits = DEEPEST // levels
    parse_json(opening * fits + b"1" + closing * fits)
    assert "nested" in refused(opening * (fits + 1) + b"1" + closing * (fits + 1))
    assert "nested" in refused(opening * 20_000)


def test_brackets_in_texts_and_side_by_side_are_no_depth() -> None:
    text = "[{" * 100 + '\\"' + "[" * 100
    assert parse_json(json.dumps([text, {}, [], {}] * 20).encode()) == [text, {}, [], {}] * 20


@pytest.mark.parametrize(
    "data",
    [
        b'"\\u0000"',
        b'["a", {"b": "c\\u0000"}]',
        b'{"\\u0000": 1}',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\udc00\\ud800"',
        b'{"a\\udfff": 1}',
        b'[[["\\ud83d x"]]]',
    ],
)
def test_nul_and_lone_surrogates_are_refused_wherever_they_stand(data: bytes) -> None:
    assert "lone surrogate" in refused(data)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_an_error_repeats_nothing_of_the_text() -> None:
    for data in (b'{"tlrt_secret": 1, "tlrt_secret": 2}', b'"tlrt_secret', b'["tlrt_secret\\u0000"]'):
        assert "secret" not in refused(data)
