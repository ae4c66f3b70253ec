"""Which media type an answer has, by the Accept header."""

from __future__ import annotations

import pytest

from api.media_type import MediaType, _kept, answer_media_type

GRAPHQL = MediaType.GRAPHQL_RESPONSE
JSON = MediaType.JSON


@pytest.mark.parametrize("accept", [None, "", "  ", "*/*", "application/*", "text/html, */*;q=0.1"])
def test_without_a_preference_it_is_the_type_that_was_made_for_graphql(accept: str | None) -> None:
    assert answer_media_type(accept) is GRAPHQL


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", JSON),
        ("Application/JSON", JSON),
        (" application/json ; charset=utf-8 ", JSON),
        ("application/json; q=1, */*; q=0.5", JSON),
        ("application/json;q=0.5, application/graphql-response+json;q=0.4", JSON),
        ("application/graphql-response+json;charset=utf-8, application/json;charset=utf-8", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/json;Q=0.9, application/graphql-response+json", GRAPHQL),
        ("application/json;q=0.001", JSON),
        ("text/html, application/json", JSON),
    ],
)
def test_the_higher_quality_wins_and_the_first_where_they_are_alike(accept: str, expected: MediaType) -> None:
    assert answer_media_type(accept) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/graphql-response+json;q=0, */*", JSON),
        ("application/json;q=0, */*", GRAPHQL),
        ("application/*;q=0, */*", None),
        ("application/*;q=0.1, application/json;q=0.2", JSON),
        ("*/*;q=0", None),
    ],
)
def test_the_most_specific_range_decides(accept: str, expected: MediaType | None) -> None:
    assert answer_media_type(accept) is expected


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml, text/*", "json", "application/json/x", "application", "/", ","]
)
def test_neither_is_acceptable(accept: str) -> None:
    assert answer_media_type(accept) is None


@pytest.mark.parametrize("quality", ["x", "", "-1", "2", "nan", "inf", "1e9", "0x1"])
def test_a_quality_that_is_none_is_zero(quality: str) -> None:
    assert answer_media_type(f"application/json;q={quality}") is None


def test_long_headers_are_read_but_not_kept() -> None:
    _kept.cache_clear()
    assert answer_media_type("text/html," * 5000 + "application/json") is JSON
    assert _kept.cache_info().currsize == 0
