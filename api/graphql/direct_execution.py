"""Operations of a plain shape, compiled from their document into the call and the look-ups that answer them.

The general executor walks the document anew for every request, which is a third of what a refresh costs.
Plain is: a mutation of one field, below it fields without arguments, directives, lists and async resolvers.
What is not plain is left to the general executor; both answer alike (a test compares them).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_input_object_type,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from api.graphql.context import RequestContext

Direct = Callable[[RequestContext, Mapping[str, object]], Awaitable[ExecutionResult]]
"""Answers an operation with the variables of a request."""

_DEFINITION = "strawberry-definition"
_PASSED_AS_THEY_ARE = frozenset({"String", "ID", "Boolean", "Int"})

_Complete = Callable[[Any, "_Info"], Any]
"""Makes the JSON of a value that a resolver gave."""


class _NotPlainError(Exception):
    """Left to the general executor."""


@dataclass(frozen=True, slots=True)
class _Info:
    """What resolvers here use of Strawberry's `Info`."""

    context: RequestContext


def compile_operation(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    *,
    hide_suggestions: bool,
) -> Direct | None:
    """The operation compiled; None where it is not plain. The document has been validated."""
    try:
        return _compiled(schema, document, operation, hide_suggestions=hide_suggestions)
    except _NotPlainError:
        return None


def _compiled(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    *,
    hide_suggestions: bool,
) -> Direct:
    root = schema.mutation_type if operation.operation is OperationType.MUTATION else None
    selections = operation.selection_set.selections
    node = selections[0]
    if root is None or operation.directives or len(selections) != 1 or not isinstance(node, FieldNode):
        raise _NotPlainError
    field = root.fields.get(node.name.value)
    if field is None or node.directives:  # no field: __typename
        raise _NotPlainError
    resolver = _resolver(field)
    if resolver is None or not inspect.iscoroutinefunction(resolver):
        raise _NotPlainError
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    complete = _completion(schema, fragments, field.type, node.selection_set)
    inputs = {
        name: (argument.extensions[_DEFINITION].python_name, _input_conversion(argument.type))
        for name, argument in field.args.items()
    }
    key = node.alias.value if node.alias is not None else node.name.value
    variable_definitions = operation.variable_definitions or ()

    async def execute(context: RequestContext, given: Mapping[str, object]) -> ExecutionResult:
        variables = get_variable_values(
            schema, variable_definitions, dict(given), max_errors=50, hide_suggestions=hide_suggestions
        )
        if not isinstance(variables, VariableValues):
            return ExecutionResult(None, list(variables))
        info = _Info(context)
        try:
            arguments = get_argument_values(field, node, variables, hide_suggestions=hide_suggestions)
            converted = {}
            for name, value in arguments.items():
                parameter, conversion = inputs[name]
                converted[parameter] = conversion(value)
            return ExecutionResult({key: complete(await resolver(None, info, **converted), info)}, None)
        except Exception as error:  # noqa: BLE001 - as the general executor, which tells of it in its result
            cause = error if isinstance(error, GraphQLError) else None
            message = str(error) if cause is None else cause.message
            return ExecutionResult(None, [GraphQLError(message, node, path=[key], original_error=error)])

    return execute


def _resolver(field: Any) -> Callable[..., Any] | None:
    """The function written for a field; None: the attribute of its name is the value."""
    resolver = field.extensions[_DEFINITION].base_resolver
    return None if resolver is None else resolver.wrapped_func


def _completion(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    of: GraphQLOutputType,
    selection_set: SelectionSetNode | None,
) -> _Complete:
    match of:
        case GraphQLNonNull():
            return _not_null(_completion(schema, fragments, of.of_type, selection_set))
        case GraphQLScalarType():
            return _nullable(_scalar(of))
        case GraphQLEnumType():
            names = {member: member.name for member in of.extensions[_DEFINITION].wrapped_cls}
            return lambda value, _: None if value is None else names[value]
        case GraphQLObjectType() if selection_set is not None:
            return _nullable(_object(schema, fragments, of, selection_set))
        case GraphQLUnionType() if selection_set is not None:
            members = {
                one.extensions[_DEFINITION].origin: _object(schema, fragments, one, selection_set)
                for one in of.types
            }
            return _nullable(lambda value, info: members[type(value)](value, info))
        case _:
            raise _NotPlainError


def _scalar(of: GraphQLScalarType) -> _Complete:
    if of.name in _PASSED_AS_THEY_ARE:
        return lambda value, _: value
    serialize = of.coerce_output_value
    return lambda value, _: serialize(value)


def _nullable(complete: _Complete) -> _Complete:
    return lambda value, info: None if value is None else complete(value, info)


def _not_null(complete: _Complete) -> _Complete:
    def checked(value: Any, info: _Info) -> Any:
        completed = complete(value, info)
        if completed is None:
            raise TypeError("a field that is never null has no value")
        return completed

    return checked


def _object(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    of: GraphQLObjectType,
    selection_set: SelectionSetNode,
) -> _Complete:
    entries: list[tuple[str, Callable[[Any, _Info], Any]]] = []
    for node in _fields_of(schema, fragments, of, selection_set):
        key = node.alias.value if node.alias is not None else node.name.value
        if any(key == known for known, _ in entries):  # to be merged
            raise _NotPlainError
        entries.append((key, _entry(schema, fragments, of, node)))

    return lambda value, info: {key: complete(value, info) for key, complete in entries}


def _entry(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    of: GraphQLObjectType,
    node: FieldNode,
) -> Callable[[Any, _Info], Any]:
    if node.directives or node.arguments:
        raise _NotPlainError
    if node.name.value == "__typename":
        return lambda _value, _info: of.name
    field = of.fields[node.name.value]
    if field.args:
        raise _NotPlainError
    complete = _completion(schema, fragments, field.type, node.selection_set)
    resolver = _resolver(field)
    if resolver is None:
        attribute = field.extensions[_DEFINITION].python_name
        return lambda value, info: complete(getattr(value, attribute), info)
    if inspect.iscoroutinefunction(resolver):
        raise _NotPlainError
    if "info" in inspect.signature(resolver).parameters:
        return lambda value, info: complete(resolver(value, info), info)
    return lambda value, info: complete(resolver(value), info)


def _fields_of(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    of: GraphQLObjectType,
    selection_set: SelectionSetNode,
) -> list[FieldNode]:
    """The fields that an object of the type is asked for, through the fragments that apply to it."""
    found: list[FieldNode] = []
    for selection in selection_set.selections:
        if selection.directives:
            raise _NotPlainError
        match selection:
            case FieldNode():
                found.append(selection)
            case InlineFragmentNode():
                condition = selection.type_condition
                if condition is None or _applies(schema, condition.name.value, of):
                    found += _fields_of(schema, fragments, of, selection.selection_set)
            case FragmentSpreadNode():
                fragment = fragments[selection.name.value]
                if fragment.directives:
                    raise _NotPlainError
                if _applies(schema, fragment.type_condition.name.value, of):
                    found += _fields_of(schema, fragments, of, fragment.selection_set)
    return found


def _applies(schema: GraphQLSchema, condition: str, of: GraphQLObjectType) -> bool:
    named = schema.type_map[condition]
    return named is of or (
        not isinstance(named, GraphQLObjectType) and schema.is_sub_type(named, of)  # type: ignore[arg-type]
    )


def _input_conversion(of: Any) -> Callable[[Any], Any]:
    """From what the library coerced to what resolvers take: inputs and enums have classes of their own."""
    inner = of.of_type if isinstance(of, GraphQLNonNull) else of
    named = get_named_type(of)
    if inner is not named:  # a list
        raise _NotPlainError
    if is_input_object_type(named):
        return _input_object(named)
    if isinstance(named, GraphQLEnumType):
        members: type[Enum] = named.extensions[_DEFINITION].wrapped_cls
        return lambda value: value if value is None or isinstance(value, members) else members(value)
    return lambda value: value


def _input_object(of: GraphQLInputObjectType) -> Callable[[Any], Any]:
    made: type[Any] = of.extensions[_DEFINITION].origin
    fields = {
        name: (field.extensions[_DEFINITION].python_name, _input_conversion(field.type))
        for name, field in of.fields.items()
    }

    def convert(value: Any) -> Any:
        if value is None:
            return None
        given = {}
        for name, one in value.items():
            attribute, conversion = fields[name]
            given[attribute] = conversion(one)
        return made(**given)

    return convert
