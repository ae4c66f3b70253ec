"""Secrets are taken out of any text, whole or cut, and nothing else is; however the text was made up."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.redaction import REDACTED, redacted

REFRESH_TOKEN = "tlrt_" + base64.urlsafe_b64encode(bytes(range(69))).decode()


def jwt(header: str) -> str:
    payload = header[:2].strip('"') + json.dumps({"sub": "ada", "n": list(range(20))})[1:]
    parts = (header.encode(), payload.encode(), bytes(range(64)))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)


COMPACT = jwt('{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}')
SPACED = jwt('{ "alg" : "EdDSA" }')
ON_LINES = jwt('{\n  "alg": "RS256"\n}')


@pytest.mark.parametrize("secret", [REFRESH_TOKEN, COMPACT, SPACED, ON_LINES])
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "a {} b",
        "'{}'",
        '{{"token": "{}"}}',
        "token={}&x=1",
        "token-ledger={}; Path=/",
        "({})",
        "{}, {}",
        "\\n{}\\n",
        "invalid token: {}.",
    ],
)
def test_tokens_are_taken_out_wherever_they_stand(secret: str, around: str) -> None:
    told = redacted(around.format(secret, secret))
    for part in (secret, *secret.split(".")[1:]):
        assert part not in told
    assert told.startswith(around.partition("{}")[0].format())
    assert REDACTED in told


@pytest.mark.parametrize("length", [6, 20, 50, 96])
def test_the_beginning_of_a_refresh_token_is_a_secret_too(length: int) -> None:
    assert redacted(f"a {REFRESH_TOKEN[:length]}") == f"a {REDACTED}"


@pytest.mark.parametrize("length", [15, 60, 120])
def test_so_is_the_beginning_of_an_access_token(length: int) -> None:
    assert redacted(f"a {COMPACT[:length]} b") == f"a {REDACTED} b"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://u:p@h/d", "postgresql://[redacted]@h/d"),
        ("postgresql://u:p:q%40@h:5432/d?x=1", "postgresql://[redacted]@h:5432/d?x=1"),
        ("https://:p@h", "https://[redacted]@h"),
        ("host=h password=abc dbname=d", "host=h password=[redacted] dbname=d"),
        ("password='a b' x", "password=[redacted] x"),
        (r"password='a\'b' x", "password=[redacted] x"),
        ("PASSWORD=abc", "PASSWORD=[redacted]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic [redacted]"),
    ],
)
def test_credentials_are_taken_out(text: str, told: str) -> None:
    assert redacted(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the database does not answer",
        "https://auth.example.com:8443/a?b=c@d",
        "postgresql://h:5432/d",
        "host=h user=u dbname=d",
        "projections.active_tokens.sessions.read_sessions",
        'File "/srv/site-packages/starlette/applications.py", line 3, in __call__',
        "01a21201-6095-7fc5-b4da-c3a7b59fa3bf:12",
        "tlrt is a prefix",
        "key",
        "1 eye",
        "framework_settings.applications.configuration",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@given(st.text(), st.text())
def test_no_text_around_it_hides_a_token(before: str, after: str) -> None:
    assert REFRESH_TOKEN not in redacted(before + REFRESH_TOKEN + after)


@given(st.text())
def test_what_was_redacted_is_not_changed_again(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    "made_up",
    [
        "://" + ":" * 60_000,
        "://a:b" * 10_000,
        "://" + "a:" * 30_000,
        "eyJ" * 20_000,
        "eyJaaaaaaaa" + "." * 60_000,
        ("a" * 20 + ".") * 3_000,
        "a" * 60_000,
        "a-" * 30_000 + ".",
        "eyA" + "a" * 60_000,
        "eyA" + ("a" * 20 + ".") * 3_000 + "!",
        "eyAaaaaaaaa " * 5_000,
        "password='" * 6_000,
        "password='" + "\\" * 60_000,
        "bearer " * 8_000,
        "tlrt_" * 12_000,
        " " * 60_000,
    ],
    ids=lambda text: text[:12],
)
def test_the_longest_text_of_a_request_takes_a_moment(made_up: str) -> None:
    before = time.perf_counter()
    redacted(made_up)
    assert time.perf_counter() - before < 0.5
