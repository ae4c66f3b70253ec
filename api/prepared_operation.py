"""Operations, parsed and validated once: what is known of a document before it is executed."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SourceLocation,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from api.document_limits import (
    MAXIMUM_TOKENS,
    DocumentLimitError,
    RootField,
    check_document,
    node_counter,
    page_sizes,
)
from api.graphql.direct_execution import Direct, compile_operation
from api.graphql_params import RequestRefusedError
from api.redaction import redacted

KEPT_CHARACTERS = 256 * 1024
"""Of all documents that are kept; a prepared one takes some 250 bytes for each of its characters."""
LONGEST_KEPT = 8_192
_ERRORS_TOLD = 5
_LONG_WORD = re.compile(r"[\w-]{32,}")
"""No name of the schema is as long; a part of a token may be."""


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    """One operation of a valid document within all limits that do not depend on variables."""

    document: DocumentNode
    operation: OperationDefinitionNode
    root_fields: tuple[RootField, ...]
    nodes: Callable[[Mapping[str, object]], int]
    """How many nodes of pages it can answer at the most, by the variables of a request."""
    direct: Direct | None
    """How it is answered without the general executor, where it is plain enough for that."""


class Operations:
    """Prepares documents and keeps those that come again; memory is bounded."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        """Without `introspection` the schema is not shown, and errors suggest no names of it."""
        self._schema = schema
        self._pages = page_sizes(schema)
        self._rules = [*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,))]
        self._hide_suggestions = not introspection
        self._kept: OrderedDict[tuple[str, str | None], PreparedOperation] = OrderedDict()  # by last use
        self._kept_characters = 0

    def prepare(self, query: str, operation_name: str | None) -> PreparedOperation:
        """The operation of that name, or the only one.

        Raises:
            RequestRefusedError: 400 for what cannot be parsed; 422 for what is not valid, too large, or where
                there is no such operation.
        """
        key = query, operation_name
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        prepared = self._prepare(query, operation_name)
        if len(query) <= LONGEST_KEPT:
            self._kept[key] = prepared
            self._kept_characters += len(query)
            while self._kept_characters > KEPT_CHARACTERS:
                (forgotten, _), _ = self._kept.popitem(last=False)
                self._kept_characters -= len(forgotten)
        return prepared

    def _prepare(self, query: str, operation_name: str | None) -> PreparedOperation:
        document = _parsed(query)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise RequestRefusedError(
                422,
                "BAD_REQUEST",
                "The document has no operation of this name."
                if operation_name is not None
                else "The document must hold one operation, or `operationName` name one of them.",
            )
        try:
            root_fields = check_document(document, operation)
        except DocumentLimitError as error:
            raise RequestRefusedError(422, "LIMIT_EXCEEDED", str(error)) from None
        errors = validate(
            self._schema,
            document,
            self._rules,
            max_errors=_ERRORS_TOLD,
            hide_suggestions=self._hide_suggestions,
            allow_empty_selection_sets=False,
        )
        if errors:
            raise RequestRefusedError(
                422,
                "GRAPHQL_VALIDATION_FAILED",
                "The document is not valid.",
                errors=[_told(error) for error in errors[:_ERRORS_TOLD]],
            )
        return PreparedOperation(
            document=document,
            operation=operation,
            root_fields=root_fields,
            nodes=node_counter(document, operation, self._pages),
            direct=compile_operation(
                self._schema, document, operation, hide_suggestions=self._hide_suggestions
            ),
        )


def _parsed(query: str) -> DocumentNode:
    try:
        return parse(
            query,
            max_lexical_tokens=MAXIMUM_TOKENS,
            max_comments=MAXIMUM_TOKENS,
            allow_empty_selection_sets=False,
        )
    except GraphQLSyntaxError as error:
        raise RequestRefusedError(
            400, "GRAPHQL_PARSE_FAILED", "The document cannot be parsed.", errors=[_told(error)]
        ) from None


def _told(error: GraphQLError) -> dict[str, object]:
    """What the caller is told. The library's text may repeat literals of the document, secrets among them."""
    locations: Sequence[SourceLocation] = error.locations or ()
    return {
        "message": _LONG_WORD.sub("…", redacted(error.message))[:500],
        "locations": [{"line": one.line, "column": one.column} for one in locations],
    }
