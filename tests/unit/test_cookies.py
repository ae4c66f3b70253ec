"""The session cookie: what is sent, and what is read of what browsers send."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.cookies import SessionCookie

SECURE = SessionCookie(name="__Host-token-ledger", secure=True)
PLAIN = SessionCookie(name="token-ledger", secure=False)
TOKEN = "tlrt_" + "A" * 92


def test_a_secure_cookie_has_every_attribute_that_its_prefix_asks_for() -> None:
    assert SECURE.header(TOKEN, lifetime=timedelta(days=7)) == (
        f"__Host-token-ledger={TOKEN}; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict; Secure"
    )


def test_a_plain_one_differs_by_its_name_and_secure_alone() -> None:
    plain = PLAIN.header(TOKEN, lifetime=timedelta(seconds=1))
    secure = SECURE.header(TOKEN, lifetime=timedelta(seconds=1))
    assert secure == f"__Host-{plain}; Secure"


def test_no_cookie_names_a_domain() -> None:
    assert "domain" not in SECURE.header(TOKEN, lifetime=timedelta(days=1)).lower()


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (timedelta(seconds=59.999), 59),
        (timedelta(0), 0),
        (timedelta(seconds=-5), 0),
        (timedelta(days=30), 2592000),
    ],
)
def test_the_lifetime_is_in_whole_seconds_and_never_longer(lifetime: timedelta, seconds: int) -> None:
    assert f"; Max-Age={seconds};" in PLAIN.header(TOKEN, lifetime=lifetime)


def test_clearing_has_the_attributes_of_what_it_clears() -> None:
    kept = SECURE.header(TOKEN, lifetime=timedelta(days=7)).partition("; Path")[2]
    cleared = SECURE.clearing_header()
    assert cleared == "__Host-token-ledger=; Max-Age=0; Path" + kept


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        ([""], None),
        (["token-ledger=a"], "a"),
        (["token-ledger="], None),
        (["token-ledger"], None),
        (["a=b; token-ledger=c; d=e"], "c"),
        (["a=b;token-ledger=c;d=e"], "c"),
        (["a=b;\ttoken-ledger=c"], "c"),
        (["a=b", "token-ledger=c"], "c"),
        (["token-ledger=a=b="], "a=b="),
        (["xtoken-ledger=a; token-ledgerx=b; Token-Ledger=c"], None),
        (["__Host-token-ledger=a"], None),
        (["token-ledger=first; token-ledger=second"], "first"),
        (['token-ledger="a"'], '"a"'),
        ([";;; ; =; token-ledger=a"], "a"),
    ],
)
def test_the_cookie_of_this_very_name_is_read(headers: list[str], found: str | None) -> None:
    assert PLAIN.read(headers) == found


def test_a_plain_cookie_does_not_stand_for_a_secure_one() -> None:
    assert SECURE.read(["token-ledger=a"]) is None
    assert SECURE.read(["token-ledger=a; __Host-token-ledger=b"]) == "b"


def test_what_was_set_is_read_again() -> None:
    sent = SECURE.header(TOKEN, lifetime=timedelta(days=7)).partition(";")[0]
    assert SECURE.read([sent]) == TOKEN
