"""Headers, read once."""

from __future__ import annotations

import pytest

from api.request_head import LONGEST_USER_AGENT, RequestHead, read_head


def test_each_header_is_read_by_what_it_is_for() -> None:
    head = read_head(
        [
            (b"accept", b"a"),
            (b"content-type", b"b"),
            (b"content-encoding", b"c"),
            (b"content-length", b"7"),
            (b"origin", b"https://d.example"),
            (b"authorization", b"Bearer e"),
            (b"x-token-ledger", b"1"),
            (b"user-agent", b"f"),
            (b"cookie", b"g=h"),
            (b"x-forwarded-for", b"192.0.2.1"),
            (b"x-other", b"i"),
        ]
    )
    assert head == RequestHead(
        accept="a",
        content_type="b",
        content_encoding="c",
        content_length="7",
        origin="https://d.example",
        authorization="Bearer e",
        marker="1",
        user_agent="f",
        cookies=["g=h"],
        forwarded_for=["192.0.2.1"],
    )


def test_what_was_not_sent_is_none() -> None:
    assert read_head([]) == RequestHead()
    assert read_head([]).user_agent is None


def test_cookies_and_forwarded_addresses_are_all_kept_in_order_of_the_rest_the_last_one() -> None:
    head = read_head(
        [
            (b"cookie", b"a=1"),
            (b"x-forwarded-for", b"192.0.2.1"),
            (b"origin", b"https://a.example"),
            (b"cookie", b"b=2"),
            (b"x-forwarded-for", b"192.0.2.2"),
            (b"origin", b"https://b.example"),
        ]
    )
    assert head.cookies == ["a=1", "b=2"]
    assert head.forwarded_for == ["192.0.2.1", "192.0.2.2"]
    assert head.origin == "https://b.example"


def test_every_byte_is_some_character() -> None:
    every = bytes(range(256))
    assert read_head([(b"origin", every)]).origin == every.decode("latin-1")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", None),
        (b"\x00", None),
        (b"a\x00b", "ab"),
        (b"x" * 5000, "x" * LONGEST_USER_AGENT),
        ("Überall".encode("latin-1"), "Überall"),
    ],
)
def test_a_user_agent_is_cut_to_what_can_be_kept(sent: bytes, kept: str | None) -> None:
    assert read_head([(b"user-agent", sent)]).user_agent == kept
