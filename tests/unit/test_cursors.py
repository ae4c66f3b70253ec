"""Cursors: of use in the list that gave them, unchanged, and nowhere else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.cursors import Cursors
from api.graphql.errors import BadUserInputError

CURSORS = Cursors(lambda: b"k" * 32)


def refused(cursors: Cursors, scope: str, text: str, length: int) -> None:
    with pytest.raises(BadUserInputError, match="`after` must be a cursor"):
        cursors.decode(scope, text, length=length)


@given(st.text(), st.binary(min_size=1, max_size=24))
def test_a_cursor_gives_its_position_back(scope: str, position: bytes) -> None:
    scope = scope.encode(errors="replace").decode()
    text = CURSORS.encode(scope, position)
    assert CURSORS.decode(scope, text, length=len(position)) == position
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_cursor_of_another_list_filter_key_or_length_is_refused() -> None:
    text = CURSORS.encode("a|active", b"1234")
    refused(CURSORS, "b|active", text, 4)
    refused(CURSORS, "a|revoked", text, 4)
    refused(Cursors(lambda: b"j" * 32), "a|active", text, 4)
    refused(CURSORS, "a|active", text, 5)


def test_where_position_and_scope_meet_cannot_be_moved() -> None:
    refused(CURSORS, "4a", CURSORS.encode("a", b"1234"), 3)
    moved = base64.urlsafe_b64decode(CURSORS.encode("4a", b"123") + "==")
    refused(CURSORS, "a", base64.urlsafe_b64encode(moved[:3] + b"4" + moved[3:]).rstrip(b"=").decode(), 4)


def test_every_changed_bit_is_noticed() -> None:
    raw = base64.urlsafe_b64decode(CURSORS.encode("a", b"123456") + "==")
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        refused(CURSORS, "a", base64.urlsafe_b64encode(changed).rstrip(b"=").decode(), 6)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "=",
        lambda text: text + "==",
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: text[:5] + "*" + text[5:],
        lambda text: text.swapcase(),
        lambda text: text * 9,
        lambda _: "",
        lambda _: "=",
        lambda _: "\x00",
        lambda _: "☂",
        lambda _: "A" * 100_000,
    ],
)
def test_another_spelling_is_another_cursor(change: object) -> None:
    assert callable(change)
    refused(CURSORS, "a", change(CURSORS.encode("a", b"1234")), 4)


@given(st.text(max_size=60))
def test_no_text_at_all_is_an_error_of_ours(text: str) -> None:
    refused(CURSORS, "a", text, 4)
