"""What a client sends to prove itself and to ask for tokens: read exactly, whatever it is."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client_authentication import _id_and_secret, is_basic
from api.form_body import parse_form
from api.graphql_params import RequestRefusedError
from api.oauth_error import OAuthError, of_refusal
from ledger.answers import RefusalCode, Refused

FORM = "application/x-www-form-urlencoded"
text = st.text(st.characters(exclude_categories=["Cs"]))
filled = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


@given(text, text)
def test_any_id_and_secret_are_read_as_they_were_encoded(client_id: str, secret: str) -> None:
    pair = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    if len(pair) < 4000:
        assert _id_and_secret(f"Basic {pair}") == (client_id, secret)
        assert _id_and_secret(f"bASIC  {pair}") == (client_id, secret)


@given(st.text(st.characters(max_codepoint=255)))
def test_any_other_header_proves_nothing_and_breaks_nothing(header: str) -> None:
    for authorization in (header, f"Basic {header}"):
        found = _id_and_secret(authorization)
        assert found is None or is_basic(authorization)


@given(st.binary())
def test_any_bytes_in_the_header_break_nothing(data: bytes) -> None:
    found = _id_and_secret("Basic " + base64.b64encode(data).decode())
    assert found is None or b":" in data


@given(st.dictionaries(filled, filled, max_size=20))
def test_a_form_is_read_as_it_was_written(parameters: dict[str, str]) -> None:
    assert parse_form(FORM, urlencode(parameters).encode()) == parameters
    assert parse_form(f"{FORM.upper()}; charset=UTF-8", urlencode(parameters).encode()) == parameters


@given(st.binary(max_size=200))
def test_any_body_is_a_form_or_refused(body: bytes) -> None:
    try:
        told = parse_form(FORM, body)
    except RequestRefusedError as refused:
        status, told = refused.status, {}
    else:
        status = 200
    assert status in (200, 400)
    assert all(value and "\x00" not in value for value in told.values())


@pytest.mark.parametrize("code", RefusalCode)
def test_exactly_what_signs_the_user_out_or_is_no_grant_at_all_is_invalid_grant(code: RefusalCode) -> None:
    told = of_refusal(Refused(code=code, retry_after=timedelta(milliseconds=1)), hide_reuse=False)
    no_grant = (RefusalCode.ASSERTION_INVALID, RefusalCode.CLIENT_MISMATCH)
    assert (told.error == "invalid_grant") == (code.terminal or code in no_grant)
    assert (told.status == 429) == (code is RefusalCode.RATE_LIMITED)
    assert told.headers == ((("retry-after", "1"),) if code is RefusalCode.RATE_LIMITED else ())


@given(st.text())
def test_a_description_has_no_character_that_oauth_forbids(description: str) -> None:
    told = OAuthError(400, "invalid_request", description).description
    assert len(told) == len(description)
    assert all(" " <= character <= "~" and character not in '"\\' for character in told)
