"""Prepared operations: what is kept, what is forgotten, and what a caller is told of a document."""

from __future__ import annotations

import pytest

from api.graphql.schema import executable, make_schema
from api.graphql_params import RequestRefusedError
from api.prepared_operation import KEPT_CHARACTERS, LONGEST_KEPT, Operations

SCHEMA = executable(make_schema())


@pytest.fixture
def operations() -> Operations:
    return Operations(SCHEMA, introspection=False)


def padded(number: int, length: int) -> str:
    """A document of this length, another for each number."""
    query = f"query Q{number} {{ __typename }}"
    return query + " " * (length - len(query))


def told(operations: Operations, query: str) -> str:
    with pytest.raises(RequestRefusedError) as caught:
        operations.prepare(query, None)
    return " ".join([caught.value.message, *(str(one["message"]) for one in caught.value.errors)])


def test_a_document_that_comes_again_is_prepared_once(operations: Operations) -> None:
    query = "query A { __typename } query B { __typename }"
    first = operations.prepare(query, "A")
    assert operations.prepare(query, "A") is first
    assert operations.prepare(query, "B") is not first


def test_a_document_that_is_refused_is_refused_again(operations: Operations) -> None:
    for _ in range(2):
        assert "not valid" in told(operations, "{ nothing }")


def test_documents_are_forgotten_by_their_last_use_beyond_a_number_of_characters(
    operations: Operations,
) -> None:
    often = operations.prepare(padded(0, LONGEST_KEPT), None)
    once = operations.prepare(padded(1, LONGEST_KEPT), None)
    for number in range(2, KEPT_CHARACTERS // LONGEST_KEPT + 1):
        assert operations.prepare(padded(0, LONGEST_KEPT), None) is often
        operations.prepare(padded(number, LONGEST_KEPT), None)
    assert operations.prepare(padded(0, LONGEST_KEPT), None) is often
    assert operations.prepare(padded(1, LONGEST_KEPT), None) is not once


def test_a_flood_of_documents_does_not_grow_what_is_kept(operations: Operations) -> None:
    for number in range(1000):
        operations.prepare(padded(number, 1000), None)
    assert sum(len(query) for query, _ in operations._kept) == operations._kept_characters
    assert KEPT_CHARACTERS - 1000 < operations._kept_characters <= KEPT_CHARACTERS


def test_a_long_document_is_not_kept(operations: Operations) -> None:
    query = padded(0, LONGEST_KEPT + 1)
    assert operations.prepare(query, None) is not operations.prepare(query, None)


SECRET = "q3Jx0Zk8mC7tYv5nR2wLfB9hPdS6uGaE1iKoXyTzM4"


@pytest.mark.parametrize(
    "query",
    [
        '{{ "{0}" }}',
        '{{ me(a: "{0}" }}',
        "{{ {0} }}",
        "{{ session(id: 1) {{ {0} }} }}",
        "mutation {{ refresh(input: {{ transport: {0} }}) {{ __typename }} }}",
        'mutation {{ refresh(input: {{ transport: "{0}" }}) {{ __typename }} }}',
        'mutation {{ refresh(input: {{ {0}: "x" }}) {{ __typename }} }}',
        'mutation {{ refresh(input: "{0}") {{ __typename }} }}',
        'mutation {{ refresh(input: ["a {0}"]) {{ __typename }} }}',
        'mutation {{ refresh(input: {{ nothing: {{ a: "{0}" }} }}) {{ __typename }} }}',
        "query ($a: {0}) {{ __typename }}",
        "query (${0}: Int) {{ __typename }}",
        "query {0} {{ nothing }} query {0} {{ nothing }}",
        "{{ __typename @{0} }}",
        "{{ ...{0} }}",
        "fragment {0} on {0} {{ a }} {{ me {{ id }} }}",
        '{{ __typename @skip(if: "{0}") }}',
        '""" {0} """ """ {0} """',
    ],
)
def test_no_error_of_a_document_repeats_a_long_word_of_it(operations: Operations, query: str) -> None:
    assert SECRET not in told(operations, query.format(SECRET))
    assert SECRET[:30] not in told(operations, query.format(SECRET))


def test_an_error_still_names_what_is_wrong(operations: Operations) -> None:
    assert "sesion" in told(operations, "{ sesion { id } }")
    assert "'Query'" in told(operations, "{ sesion { id } }")


def test_only_with_introspection_are_names_of_the_schema_suggested() -> None:
    assert "session" in told(Operations(SCHEMA, introspection=True), "{ sesion { id } }")
    assert "session" not in told(Operations(SCHEMA, introspection=False), "{ sesion { id } }")
