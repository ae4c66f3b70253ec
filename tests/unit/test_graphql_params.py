"""The parameters of a request, from a body and from a query string."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql_params import (
    MAXIMUM_BODY,
    GraphQLParams,
    RequestRefusedError,
    params_of_body,
    params_of_query_string,
)

HELLO = GraphQLParams("{ a }", {}, None)


def body(**message: object) -> GraphQLParams:
    return params_of_body("application/json", orjson.dumps(message))


def refused(given_body: bytes, content_type: str | None = "application/json") -> RequestRefusedError:
    with pytest.raises(RequestRefusedError) as caught:
        params_of_body(content_type, given_body)
    return caught.value


def refused_query(query_string: bytes) -> RequestRefusedError:
    with pytest.raises(RequestRefusedError) as caught:
        params_of_query_string(query_string)
    return caught.value


def test_a_body_has_a_document_and_may_have_variables_and_a_name() -> None:
    assert body(query="{ a }") == HELLO
    assert body(query="{ a }", variables={"b": [1]}, operationName="C") == GraphQLParams(
        "{ a }", {"b": [1]}, "C"
    )


def test_what_is_null_is_as_if_it_were_not_there_and_what_is_not_known_is_ignored() -> None:
    assert body(query="{ a }", variables=None, operationName=None, extensions=None) == HELLO
    assert body(query="{ a }", extensions={"persistedQuery": {}}, id=7, doc_id="x") == HELLO


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({}, "query"),
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": 7}, "query"),
        ({"query": ["{ a }"]}, "query"),
        ({"Query": "{ a }"}, "query"),
        ({"query": "{ a }", "variables": []}, "variables"),
        ({"query": "{ a }", "variables": "{}"}, "variables"),
        ({"query": "{ a }", "variables": False}, "variables"),
        ({"query": "{ a }", "operationName": 7}, "operationName"),
        ({"query": "{ a }", "operationName": {}}, "operationName"),
        ({"query": "{ a }", "operationName": "x" * 256}, "operationName"),
        ({"query": "{ a }", "extensions": []}, "extensions"),
        ({"query": "{ a }", "extensions": "x"}, "extensions"),
    ],
)
def test_a_parameter_of_another_type_is_named(message: dict[str, object], named: str) -> None:
    error = refused(orjson.dumps(message))
    assert (error.status, error.code) == (400, "BAD_REQUEST")
    assert f"`{named}`" in error.message


@pytest.mark.parametrize("given_body", [b"[]", b'[{"query": "{ a }"}]', b"null", b'"x"', b"7"])
def test_a_body_is_one_object(given_body: bytes) -> None:
    assert "arrays of operations" in refused(given_body).message


@given(st.binary(max_size=60))
def test_any_bytes_are_parameters_or_refused(given_body: bytes) -> None:
    try:
        params = params_of_body("application/json", given_body)
    except RequestRefusedError:
        return
    assert params.query


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json ; Charset = "UTF-8"',
        "application/json; charset=utf8; boundary=x",
        "application/json;",
        "application/json; profile=x",
    ],
)
def test_json_in_utf8_is_taken_however_it_is_spelt(content_type: str) -> None:
    assert params_of_body(content_type, b'{"query": "{ a }"}') == HELLO


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "json",
        "application/jsonx",
        "application/graphql+json",
        "text/plain",
        "text/plain; application/json",
        "text/plain, application/json",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/json; charset=",
        "application/json; charset=utf-8; charset=latin-1",
    ],
)
def test_anything_that_a_form_of_another_site_can_send_is_refused(content_type: str | None) -> None:
    error = refused(b'{"query": "{ a }"}', content_type)
    assert (error.status, error.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_query_string_has_the_same_parameters() -> None:
    assert params_of_query_string(b"query=%7B%20a%20%7D") == HELLO
    assert params_of_query_string(b"query={+a+}&variables=&operationName=&extensions={}&x=") == HELLO
    assert params_of_query_string(b"query={+a+}&variables=null") == HELLO
    variables = quote('{"b": "☂ & ="}')
    string = f"query={quote('{ a }')}&variables={variables}&operationName=C"
    assert params_of_query_string(string.encode()) == GraphQLParams("{ a }", {"b": "☂ & ="}, "C")


@pytest.mark.parametrize(
    ("query_string", "said"),
    [
        (b"", "`query`"),
        (b"query=", "`query`"),
        (b"variables={}", "`query`"),
        (b"query=a&query=a", "once"),
        (b"query=a&x=1&x=1", "once"),
        (b"query=%FF", "UTF-8"),
        (b"query=%ED%A0%80", "UTF-8"),
        (b"query=\xe9", "UTF-8"),
        (b"query=%00", "NUL"),
        (b"query=a&operationName=%00", "NUL"),
        (b"query=a&variables={", "`variables`"),
        (b"query=a&variables=[]", "`variables`"),
        (b'query=a&variables={"a":1,"a":2}', "`variables` must not have a key twice"),
        (b'query=a&variables={"a":"%5Cud800"}', "surrogate"),
        (b"query=a&operationName=" + b"x" * 256, "`operationName`"),
        (b"&".join(b"a%d=1" % number for number in range(21)), "UTF-8"),
    ],
)
def test_a_query_string_that_is_none_is_refused(query_string: bytes, said: str) -> None:
    error = refused_query(query_string)
    assert error.status == 400
    assert said in error.message


def test_a_query_string_is_as_long_as_a_body_at_the_most() -> None:
    fits = b"query=a&x=" + b"x" * (MAXIMUM_BODY - 10)
    assert params_of_query_string(fits).query == "a"
    assert refused_query(fits + b"x").status == 414


@given(st.binary(max_size=60))
def test_any_query_string_is_parameters_or_refused(query_string: bytes) -> None:
    try:
        params = params_of_query_string(query_string)
    except RequestRefusedError:
        return
    assert params.query
