"""How large an operation may be, measured on its document before anything is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

MAXIMUM_TOKENS = 2_000
MAXIMUM_FIELDS = 300
"""In the whole document; validation compares fields of the same name in pairs."""
MAXIMUM_SELECTION_SETS = 60
"""Fields that have fields; comparing a pair of them compares all that is below."""
MAXIMUM_SPREADS = 50
"""Fragments that are used; they are compared in pairs too."""
MAXIMUM_DEPTH = 15
"""Fields within fields; the introspection query of the usual tools has 14."""
MAXIMUM_ALIASES = 30
MAXIMUM_DIRECTIVES = 20
MAXIMUM_ROOT_FIELDS = 20
MAXIMUM_NODES = 5_000
LARGEST_PAGE = 500
_LONGEST_NUMBER = 20
TOKEN_MUTATIONS = frozenset({"login", "refresh", "logout", "issueSession"})
"""At most one of them an operation, so that aliases cannot outrun a limiter."""


class PageSizeError(Exception):
    """A page is asked for that is none; the message says what a size may be."""


class DocumentLimitError(Exception):
    """The document is larger than is executed; the message says by what."""


@dataclass(frozen=True, slots=True)
class RootField:
    """One root field of an operation, as it stands in the document."""

    name: str
    node: FieldNode


@dataclass(slots=True)
class _Count:
    fields: int = 0
    selection_sets: int = 0
    spreads: int = 0
    aliases: int = 0
    directives: int = 0
    depths: dict[str, int] = field(default_factory=dict)


def check_document(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[RootField, ...]:
    """The root fields of the operation, through fragments and whatever their conditions are.

    Raises:
        DocumentLimitError: a limit is exceeded, or fragments contain themselves.
    """
    fragments = _fragments(document)
    count = _Count()
    for definition in _executable(document):
        count.directives += len(definition.directives or ())
        _count(definition.selection_set, count)
    for counted, maximum, name in (
        (count.fields, MAXIMUM_FIELDS, "fields"),
        (count.selection_sets, MAXIMUM_SELECTION_SETS, "fields that have fields"),
        (count.spreads, MAXIMUM_SPREADS, "uses of fragments"),
        (count.aliases, MAXIMUM_ALIASES, "aliases"),
        (count.directives, MAXIMUM_DIRECTIVES, "directives"),
    ):
        if counted > maximum:
            raise DocumentLimitError(f"The document has more than {maximum} {name}.")
    for definition in _executable(document):
        _depth(definition.selection_set, fragments, count.depths, ())
    roots = tuple(_root_fields(operation.selection_set, fragments, set()))
    if len(roots) > MAXIMUM_ROOT_FIELDS:
        raise DocumentLimitError(f"The operation has more than {MAXIMUM_ROOT_FIELDS} root fields.")
    if sum(root.name in TOKEN_MUTATIONS for root in roots) > 1:
        raise DocumentLimitError(
            f"An operation may have one of {', '.join(sorted(TOKEN_MUTATIONS))}, and that once."
        )
    return roots


def page_sizes(schema: GraphQLSchema) -> dict[str, int]:
    """The default page sizes of the fields that answer in pages, by the name of the field."""
    return {
        name: argument.default_value if type(argument.default_value) is int else 0
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, one in kind.fields.items()
        if (argument := one.args.get("first")) is not None
    }


def node_counter(
    document: DocumentNode, operation: OperationDefinitionNode, pages: Mapping[str, int]
) -> Callable[[Mapping[str, object]], int]:
    """Gives a function of the variables: how many nodes of pages the operation can answer at the most.

    That is the product of `first` along a path, summed. `pages` as `page_sizes` gives them. The function
    raises PageSizeError for a `first` that no page can have, so that nothing is executed for it.
    """
    if not any(one.name.value in pages for one in _fields(document)):
        return lambda _: 0
    fragments = _fragments(document)
    defaults = {
        one.variable.name.value: _number(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }

    def size(node: FieldNode, default: int, variables: Mapping[str, object]) -> int:
        first = next((one.value for one in node.arguments or () if one.name.value == "first"), None)
        value: object = default
        if isinstance(first, VariableNode):
            name = first.name.value
            value = variables.get(name, defaults.get(name, default))
        elif first is not None:
            value = _number(first)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # as it is coerced: 500.0 is 500
        if value is not None and type(value) is not int:
            return default  # of another type: it is refused when it is coerced
        if value is None or not 1 <= value <= LARGEST_PAGE:
            raise PageSizeError(f"`first` must be from 1 to {LARGEST_PAGE}.")
        return value

    def nodes(
        selection_set: SelectionSetNode | None, variables: Mapping[str, object], known: dict[str, int]
    ) -> int:
        total = 0
        for selection in selection_set.selections if selection_set is not None else ():
            match selection:
                case FieldNode():
                    below = nodes(selection.selection_set, variables, known)
                    default = pages.get(selection.name.value)
                    total += below if default is None else size(selection, default, variables) * (1 + below)
                case InlineFragmentNode():
                    total += nodes(selection.selection_set, variables, known)
                case FragmentSpreadNode():
                    name = selection.name.value
                    if name not in known:
                        known[name] = nodes(fragments[name].selection_set, variables, known)
                    total += known[name]
        return total

    return lambda variables: nodes(operation.selection_set, variables, {})


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}


def _count(selection_set: SelectionSetNode, count: _Count) -> None:
    for selection in _selections(selection_set):
        count.directives += len(selection.directives or ())
        if isinstance(selection, FieldNode):
            count.fields += 1
            count.selection_sets += selection.selection_set is not None
            count.aliases += selection.alias is not None
        count.spreads += isinstance(selection, FragmentSpreadNode)


def _depth(
    selection_set: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, int],
    within: tuple[str, ...],
    above: int = 0,
) -> int:
    """Levels of fields below; each fragment is measured once."""
    if above > 2 * MAXIMUM_DEPTH:  # fragments within fragments have levels of their own
        raise _too_deep()
    deepest = 0
    for selection in selection_set.selections if selection_set is not None else ():
        match selection:
            case FieldNode():
                depth = 1 + _depth(selection.selection_set, fragments, known, within, above + 1)
            case InlineFragmentNode():
                depth = _depth(selection.selection_set, fragments, known, within, above + 1)
            case FragmentSpreadNode():
                name = selection.name.value
                if name in within:
                    raise DocumentLimitError("A fragment contains itself.")
                if name not in known and name in fragments:
                    known[name] = _depth(
                        fragments[name].selection_set, fragments, known, (*within, name), above + 1
                    )
                depth = known.get(name, 0)
            case _:
                depth = 0
        deepest = max(deepest, depth)
    if deepest > MAXIMUM_DEPTH:
        raise _too_deep()
    return deepest


def _too_deep() -> DocumentLimitError:
    return DocumentLimitError(f"The document is nested more than {MAXIMUM_DEPTH} levels deep.")


def _root_fields(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[RootField]:
    for selection in selection_set.selections:
        match selection:
            case FieldNode():
                yield RootField(selection.name.value, selection)
            case InlineFragmentNode():
                yield from _root_fields(selection.selection_set, fragments, seen)
            case FragmentSpreadNode():
                name = selection.name.value
                if name in fragments and name not in seen:
                    seen.add(name)
                    yield from _root_fields(fragments[name].selection_set, fragments, seen)


def _executable(document: DocumentNode) -> list[OperationDefinitionNode | FragmentDefinitionNode]:
    kinds = OperationDefinitionNode | FragmentDefinitionNode
    return [one for one in document.definitions if isinstance(one, kinds)]


def _fields(document: DocumentNode) -> Iterator[FieldNode]:
    for definition in _executable(document):
        for selection in _selections(definition.selection_set):
            if isinstance(selection, FieldNode):
                yield selection


def _selections(selection_set: SelectionSetNode) -> Iterator[SelectionNode]:
    """All selections at every level, not through fragments that are spread."""
    waiting = [selection_set]
    while waiting:
        for selection in waiting.pop().selections:
            yield selection
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set is not None:
                waiting.append(selection.selection_set)


def _number(value: object) -> int | None:
    """The value of a literal; of one that is too long to be a page, one that is too large."""
    if not isinstance(value, IntValueNode):
        return None
    return int(value.value) if len(value.value) <= _LONGEST_NUMBER else 10**_LONGEST_NUMBER
