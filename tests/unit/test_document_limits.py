"""Limits of a document: each at its edge, and what counts towards it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from graphql import (
    DocumentNode,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
)

from api.document_limits import (
    MAXIMUM_ALIASES,
    MAXIMUM_DEPTH,
    MAXIMUM_DIRECTIVES,
    MAXIMUM_FIELDS,
    MAXIMUM_ROOT_FIELDS,
    MAXIMUM_SELECTION_SETS,
    MAXIMUM_SPREADS,
    DocumentLimitError,
    PageSizeError,
    check_document,
    node_counter,
    page_sizes,
)
from api.graphql.schema import executable, make_schema

PAGES = {"a": 50, "sessions": 50, "events": 50}


def operation_of(document: DocumentNode) -> OperationDefinitionNode:
    operation = get_operation_ast(document, None)
    assert operation is not None
    return operation


def roots(query: str) -> list[str]:
    """The names of the root fields of a document that is within all limits."""
    document = parse(query)
    return [one.name for one in check_document(document, operation_of(document))]


def refused(query: str, by: str) -> None:
    with pytest.raises(DocumentLimitError, match=by):
        roots(query)


def nodes(query: str, variables: Mapping[str, object] | None = None) -> int:
    document = parse(query)
    return node_counter(document, operation_of(document), PAGES)(variables or {})


@pytest.mark.parametrize(
    ("maximum", "by", "document"),
    [
        (MAXIMUM_FIELDS - 1, "fields", lambda count: "{ b { " + "c " * count + "} }"),
        (MAXIMUM_SELECTION_SETS - 1, "have fields", lambda count: "{ b { " + "c { d } " * count + "} }"),
        (
            MAXIMUM_SPREADS,
            "uses of fragments",
            lambda count: "{ b { " + "...F " * count + "} } fragment F on Query { b }",
        ),
        (MAXIMUM_ALIASES, "aliases", lambda count: "{ b { " + "c: d " * count + "} }"),
        (MAXIMUM_DIRECTIVES, "directives", lambda count: "{ b " + "@skip(if: true) " * count + "}"),
        (MAXIMUM_ROOT_FIELDS, "root fields", lambda count: "{ " + "b " * count + "}"),
        (MAXIMUM_DEPTH, "levels deep", lambda count: "{ b " * count + "}" * count),
    ],
)
def test_each_limit_is_reached_and_not_passed(maximum: int, by: str, document: object) -> None:
    assert callable(document)
    roots(document(maximum))
    refused(document(maximum + 1), by)


def test_limits_count_the_fragments_and_other_operations_of_the_document() -> None:
    half = "c " * (MAXIMUM_FIELDS // 2)
    refused(f"{{ b {{ {half} }} }} fragment F on Query {{ {half} }}", "fields")
    document = parse(f"query A {{ b {{ {half} }} }} query B {{ b {{ {half} }} }}")
    operation = get_operation_ast(document, "A")
    assert operation is not None
    with pytest.raises(DocumentLimitError, match="fields"):
        check_document(document, operation)
    directives = "@skip(if: true) " * 7
    refused(
        f"query {directives} {{ ...F {directives} ... {directives} {{ b }} }} fragment F on Query {{ b }}",
        "directives",
    )


def test_depth_goes_through_fragments_but_their_levels_are_not_counted() -> None:
    deep = "{ b " * 8 + "{ ...F0 }" + "}" * 8
    roots(f"{deep} fragment F0 on Query {'{ b ' * 7} {'}' * 7}")
    refused(f"{deep} fragment F0 on Query {'{ b ' * 8} {'}' * 8}", "levels deep")


@pytest.mark.parametrize("length", [1, 2, 5])
def test_fragments_that_contain_themselves_are_refused(length: int) -> None:
    circle = " ".join(f"fragment F{at} on Query {{ ...F{(at + 1) % length} }}" for at in range(length))
    refused(f"{{ b {{ ...F0 }} }} {circle}", "contains itself")
    refused(f"{{ b }} {circle}", "contains itself")


def test_long_chains_of_fragments_are_refused() -> None:
    chain = " ".join(f"fragment F{at} on Query {{ ...F{at + 1} b }}" for at in range(45))
    refused(f"{{ ...F0 }} {chain} fragment F45 on Query {{ b }}", "levels deep")


def test_a_fragment_of_fragments_is_measured_once() -> None:
    doubled = " ".join(f"fragment F{at} on Query {{ ...F{at + 1} ...F{at + 1} }}" for at in range(20))
    assert roots(f"{{ ...F0 }} {doubled} fragment F20 on Query {{ b }}") == ["b"]


def test_root_fields_are_found_through_fragments_whatever_their_conditions() -> None:
    query = """
    query ($no: Boolean = false) { me ... @include(if: $no) { a } ...F @skip(if: true) b @skip(if: true) }
    fragment F on Query { ...G }
    fragment G on Query { b }
    """
    assert sorted(roots(query)) == ["a", "b", "b", "me"]


@pytest.mark.parametrize(
    "body",
    [
        "login refresh",
        "refresh refresh",
        "a: refresh b: refresh",
        "refresh ... { refresh }",
        "refresh ... on Mutation @include(if: false) { logout }",
        "refresh @skip(if: true) logout @skip(if: false)",
        "...F logout",
        "...F ...G",
    ],
)
def test_two_token_mutations_are_refused_however_they_are_written(body: str) -> None:
    query = f"mutation {{ {body} }} fragment F on Mutation {{ refresh }} fragment G on Mutation {{ login }}"
    refused(query, "that once")


@pytest.mark.parametrize("body", ["refresh", "refresh rename", "rename rename", "...F", "...F ...F"])
def test_one_token_mutation_is_allowed_beside_others(body: str) -> None:
    roots(f"mutation {{ {body} }} fragment F on Mutation {{ refresh }}")


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{ me { name } }", {}, 0),
        ("{ me { sessions { edges { node { id } } } } }", {}, 50),
        ("{ me { sessions(first: 3) { edges { node { id } } } } }", {}, 3),
        ("{ me { sessions(first: 3) { edges { node { events(first: 4) { edges } } } } } }", {}, 15),
        ("{ me { sessions(first: 3) { edges { node { events { edges } } } } } }", {}, 153),
        ("{ x: a(first: 3) { edges } y: a(first: 4) { edges } }", {}, 7),
        ("query ($n: Int) { a(first: $n) { edges } }", {}, 50),
        ("query ($n: Int = 7) { a(first: $n) { edges } }", {}, 7),
        ("query ($n: Int = 7) { a(first: $n) { edges } }", {"n": 8}, 8),
        ("query ($n: Int) { a(first: $n) { edges } }", {"n": 500.0}, 500),
        ("query ($n: Int) { a(first: $n) { edges } }", {"n": "500"}, 50),
        ("query ($n: Int) { a(first: $n) { edges } }", {"n": True}, 50),
        (
            "{ a(first: 2) { edges { node { ...F } } } } fragment F on Item { events(first: 5) { edges } }",
            {},
            12,
        ),
        ("{ ...F x: a(first: 1) { edges } ...F } fragment F on Query { a(first: 5) { edges } }", {}, 11),
        ("{ a(first: 2) { edges { node { ... on Item { events(first: 1) { edges } } } } } }", {}, 4),
    ],
)
def test_nodes_are_the_product_of_pages_along_a_path_summed(
    query: str, variables: Mapping[str, object], expected: int
) -> None:
    assert nodes(query, variables) == expected


@pytest.mark.parametrize("first", ["0", "-1", "501", "null", "9" * 30, "9" * 5000, "-" + "9" * 5000])
def test_a_page_that_none_can_have_is_no_page_size(first: str) -> None:
    with pytest.raises(PageSizeError, match="from 1 to 500"):
        nodes(f"{{ a(first: {first}) {{ edges }} }}")
    with pytest.raises(PageSizeError):
        nodes(f"query ($n: Int = {first}) {{ a(first: $n) {{ edges }} }}")


@pytest.mark.parametrize("first", [0, -1, 501, None, 0.0, 501.0, 2**53])
def test_nor_is_one_from_a_variable(first: object) -> None:
    with pytest.raises(PageSizeError):
        nodes("query ($n: Int) { a(first: $n) { edges } }", {"n": first})


def test_a_number_of_any_length_elsewhere_is_no_page() -> None:
    digits = "9" * 5000
    assert nodes(f"query ($id: ID = {digits}) {{ a(first: 2) {{ edges }} }}") == 2


def test_the_default_pages_of_the_schema_are_known() -> None:
    assert page_sizes(executable(make_schema())) == {
        "sessions": 50,
        "events": 50,
        "sessionsAsOf": 50,
    }
