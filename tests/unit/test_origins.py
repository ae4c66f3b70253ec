"""Origins: which are allowed, and how they must be written."""

from __future__ import annotations

import pytest

from api.origins import Origins, origin_of, parse_origin

ORIGINS = Origins(
    ("https://app.example.com", "http://localhost:5173"),
    issuer="https://login.example.com/tenant",
    development=False,
    port=8000,
)


@pytest.mark.parametrize(
    "origin", ["https://app.example.com", "http://localhost:5173", "https://login.example.com"]
)
def test_listed_origins_and_the_issuers_own_are_allowed(origin: str) -> None:
    assert ORIGINS.allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://app.example.com/",
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://APP.example.com",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://sub.app.example.com",
        "https://app.example.com@evil.example",
        "https://app.example.com https://evil.example",
        "https://login.example.com/tenant",
        "http://localhost:8000",
        "http://127.0.0.1:8000",
    ],
)
def test_everything_else_is_not(origin: str | None) -> None:
    assert not ORIGINS.allows(origin)


def test_in_development_the_servers_own_port_on_this_machine_is_allowed() -> None:
    origins = Origins((), issuer="http://[::1]:8000", development=True, port=8000)

    assert origins.allows("http://localhost:8000")
    assert origins.allows("http://127.0.0.1:8000")
    assert origins.allows("http://[::1]:8000")
    assert not origins.allows("http://localhost:8001")
    assert not origins.allows("https://localhost:8000")


@pytest.mark.parametrize(
    "text",
    [
        "https://app.example.com",
        "https://app.example.com:8443",
        "http://localhost:5173",
        "http://[::1]:3000",
        "https://xn--bcher-kva.example",
        "capacitor://localhost",
    ],
)
def test_an_origin_is_taken_as_it_is_written(text: str) -> None:
    assert parse_origin(text) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("*", "wildcard"),
        ("https://*.example.com", "wildcard"),
        ("null", "null"),
        ("", "scheme://host"),
        ("app.example.com", "scheme://host"),
        ("https://", "scheme://host"),
        ("https://app.example.com/", "nothing after it"),
        ("https://app.example.com/path", "nothing after it"),
        ("https://app.example.com?x", "nothing after it"),
        ("https://app.example.com#x", "nothing after it"),
        ("https://user:password@app.example.com", "nothing after it"),
        ("https://App.example.com", "lower case"),
        ("https://bücher.example", "scheme://host"),
        ("https://app.example.com:443", "port"),
        ("http://localhost:80", "port"),
        ("https://app.example.com:65536", "port"),
        ("https://app.example.com:0", "scheme://host"),
        ("https://app.example.com\n", "scheme://host"),
        ("https://[::1", "scheme://host"),
        ("https://[:::1]", "port"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match="must be exact origins") as refused:
        parse_origin(text)

    assert hint in str(refused.value)
    assert "password" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Login.Example.com:443/tenant?x#y", "https://login.example.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/x", "http://[::1]:8000"),
        ("urn:token-ledger:development", None),
        ("https://host:port", None),
        ("", None),
    ],
)
def test_the_origin_of_a_url_is_spelt_as_browsers_spell_it(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin
