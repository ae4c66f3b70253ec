"""GraphQL requests that Schemathesis makes of the schema, with values that the server knows, or hostile.

By type alone few arguments would get past the first look-up, so most texts are drawn by the name of their
argument: ids of sessions, tokens, cursors that the server gave out itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import graphql
import schemathesis
from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    InlineFragmentNode,
    ListValueNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.graphql import nodes

from tests.api.http import ORIGIN
from tests.api.stock import UNKNOWN, Stock, newest

SUBJECTS = ("ada", "bob", "eve")
ERASABLE = ("gone", "lost")
"""Nobody comes back from an erasure, so that those who sign in are not among them."""
SCOPES = ("audit:read", "sessions:admin", "sessions:issue", "subjects:erase", "tokens:introspect")
GRAPHQL_RESPONSE = "application/graphql-response+json"
HOSTILE = (
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfffb",
    "\u202egnp.exe",
    "\u2066ada\u2069",
    "\ufeffada",
    "a\u0300\u0301",
    "\U000e0001",
    "ada ",
    "ﬁle",
    "\r\nSet-Cookie: a=b",
    "\x1b[31m",
    "'; DROP TABLE events; --",
    '"""\\u0000',
    "%00%ff",
    "${jndi:ldap://x}",
    "x" * 101,
    "x" * 256,
    "x" * 1001,
    "\U0001f469\u200d" * 300,
    "x" * 60_000,
    "x" * 70_000,
)
_STAND_INS = {0xD800: 0xE800, 0xDFFF: 0xEFFF}
"""For the lone surrogates above while a document is parsed here, which refuses them."""
_SURROGATES = {stand_in: surrogate for surrogate, stand_in in _STAND_INS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: everything of it but the access token."""

    operation: str
    query: str
    variables: Mapping[str, Any]
    caller: str
    """Whose access token it carries."""
    valid: bool
    """Whether the document fits the schema, save for what its scalars refuse."""
    by_get: bool = False
    accept: str = GRAPHQL_RESPONSE
    cookie: str | None = None
    marked: bool = True
    """Whether it has the header that requests with a cookie need."""

    def headers(self) -> dict[str, str]:
        """All but Authorization."""
        given = {"accept": self.accept, "content-type": "application/json", "origin": ORIGIN}
        if self.marked:
            given["x-token-ledger"] = "1"
        if self.cookie is not None:
            given["cookie"] = self.cookie
        return given

    def body(self) -> str:
        """The body of a POST."""
        return json.dumps({"query": self.query, "variables": self.variables})

    def query_string(self) -> str:
        """The parameters of a GET."""
        return urlencode({"query": self.query, "variables": json.dumps(self.variables)})


class RequestMaker:
    """Strategies for the requests of a schema."""

    def __init__(
        self, url: str, stock: Stock, *, assertion: Callable[[str], str], now: Callable[[], datetime]
    ) -> None:
        """The schema is what the server at `url` shows; `assertion` makes a fresh one of a subject."""
        self._stock = stock
        self._assertion = assertion
        self._now = now
        scalars = {
            "ID": self._ids() | texts(),
            "String": texts(),
            "Cursor": self._cursors(),
            "DateTime": self._times(),
        }
        for name, strategy in scalars.items():
            schemathesis.graphql.scalar(name, _as_one(strategy.map(nodes.String)))
        schemathesis.graphql.scalar("SafeInt", _as_one(_places_in_the_log().map(nodes.Int)))
        schemathesis.graphql.scalar("JSON", _as_one(json_values().map(literal)))
        self._invalid = schemathesis.graphql.from_url(url)
        valid = schemathesis.graphql.from_dict(self._invalid.raw_schema)
        valid.hook("flatmap_body")(lambda _, document: self._filling(document))
        self._operations = {one.ok().label: one.ok() for one in valid.get_all_operations()}
        self.schema: graphql.GraphQLSchema = valid.client_schema
        self._named = self._strategies_by_name()
        self._filling = st.composite(self._filled)
        self._valid = {operation: self._valid_requests(operation) for operation in self._operations}

    @property
    def operations(self) -> list[str]:
        """All root fields of queries and mutations, as `Query.me`."""
        return list(self._operations)

    def requests(self, operation: str) -> st.SearchStrategy[Request]:
        """Requests of one root field: seven of eight with a document that fits the schema."""
        return st.integers(0, 7).flatmap(
            lambda number: self._valid[operation] if number else self._invalid_requests(operation)
        )

    def _invalid_requests(self, operation: str) -> st.SearchStrategy[Request]:
        """Documents with one fault; valid ones where the operation has nothing to get wrong."""
        found = self._invalid.find_operation_by_label(operation)
        assert found is not None

        def request(case: Any) -> st.SearchStrategy[Request]:
            if case.meta.generation.mode is not GenerationMode.NEGATIVE:
                return self._valid[operation]
            return st.just(
                Request(operation=operation, query=case.body, variables={}, caller="root", valid=False)
            )

        return found.as_strategy(generation_mode=GenerationMode.NEGATIVE).flatmap(request)

    def _valid_requests(self, operation: str) -> st.SearchStrategy[Request]:
        is_query = operation.startswith("Query.")
        by_cookie = operation in ("Mutation.refresh", "Mutation.logout", "Mutation.login")
        cases = self._operations[operation].as_strategy()

        @st.composite
        def made(draw: st.DrawFn) -> Request:
            case = draw(cases)
            query, variables = case.body, {}
            if draw(st.booleans()):
                query, variables = self._with_variables(query, draw)
            by_get = is_query and draw(st.integers(0, 3)) == 0
            cookie = None
            if by_cookie and draw(st.integers(0, 3)) == 0:
                cookie = newest(self._stock.cookies, draw(_places()), otherwise="token-ledger=x")
            return Request(
                operation=operation,
                query=query,
                variables=variables,
                caller=draw(st.sampled_from(("root", "root", "root", "root", "backend", "nobody"))),
                valid=True,
                by_get=by_get and _fits_into_a_head(query, variables),
                accept=draw(st.sampled_from((GRAPHQL_RESPONSE, GRAPHQL_RESPONSE, "application/json"))),
                cookie=cookie,
                marked=draw(st.integers(0, 7)) > 0,
            )

        return made()

    def _with_variables(self, query: str, draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
        """The same with every argument in a variable; JSON may then have names that no literal can."""
        document = graphql.parse(query.translate(_STAND_INS))
        types = graphql.TypeInfo(self.schema)
        variables: dict[str, Any] = {}
        declared: list[str] = []

        class Visitor(graphql.Visitor):  # type: ignore[misc]
            def enter_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode:
                name = f"v{len(variables)}"
                declared.append(f"${name}: {types.get_input_type()}")
                value = graphql.value_from_ast_untyped(node.value)
                if isinstance(value, dict) and value.get("claims") is not None:
                    value["claims"] = draw(json_values(names=st.text(max_size=5)))
                variables[name] = value
                return ArgumentNode(name=node.name, value=graphql.VariableNode(name=NameNode(value=name)))

        changed = graphql.visit(document, graphql.TypeInfoVisitor(types, Visitor()))
        text = graphql.print_ast(changed)
        if not declared:
            return text, variables
        variables = _with_surrogates(variables)
        kind = "mutation" if text.startswith("mutation") else "query"
        return f"{kind} ({', '.join(declared)}) {text.removeprefix(kind).lstrip()}", variables

    def _filled(self, draw: st.DrawFn, document: DocumentNode) -> DocumentNode:
        """The document with most texts drawn by name, and with `__typename` of what each root field gives."""
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        (root,) = operation.selection_set.selections
        assert isinstance(root, FieldNode)
        new = self._field(root, draw)
        typename = FieldNode(name=NameNode(value="__typename"))
        below = new.selection_set.selections if new.selection_set else ()
        new = _copy(new, selection_set=SelectionSetNode(selections=(typename, *below)))
        whole = _copy(operation, selection_set=SelectionSetNode(selections=(new,)))
        return DocumentNode(definitions=(whole,))

    def _field(self, node: FieldNode, draw: st.DrawFn) -> FieldNode:
        arguments = tuple(
            ArgumentNode(name=one.name, value=self._value(_drawn_as(node, one), one.value, draw))
            for one in node.arguments or ()
        )
        return _copy(node, arguments=arguments, selection_set=self._selections(node.selection_set, draw))

    def _selections(self, given: SelectionSetNode | None, draw: st.DrawFn) -> SelectionSetNode | None:
        if given is None:
            return None
        found: list[Any] = []
        for one in given.selections:
            if isinstance(one, FieldNode):
                found.append(self._field(one, draw))
            else:
                assert isinstance(one, InlineFragmentNode)
                found.append(_copy(one, selection_set=self._selections(one.selection_set, draw)))
        return SelectionSetNode(selections=tuple(found))

    def _value(self, name: str, value: ValueNode, draw: st.DrawFn) -> ValueNode:
        if isinstance(value, ObjectValueNode) and name != "claims":
            fields = (
                ObjectFieldNode(name=one.name, value=self._value(one.name.value, one.value, draw))
                for one in value.fields
            )
            return ObjectValueNode(fields=tuple(fields))
        if name not in self._named or isinstance(value, NullValueNode | EnumValueNode):
            return value
        if draw(st.integers(0, 7)) == 0:
            return value
        if isinstance(value, ListValueNode):
            return nodes.List(draw(st.lists(self._named[name], min_size=1, max_size=4)))
        return draw(self._named[name])

    def _strategies_by_name(self) -> dict[str, st.SearchStrategy[ValueNode]]:
        text = short_texts()
        named: dict[str, st.SearchStrategy[str]] = {
            "id": self._ids() | self._ids() | self._ids() | st.sampled_from(SUBJECTS),
            "ids": self._ids(),
            "eventId": self._ids(),
            "sessionId": self._ids(),
            "actor": st.sampled_from(("subject:ada", "client:backend", "operator", "system", "")) | text,
            "subject": st.sampled_from(SUBJECTS) | text,
            "erased": st.sampled_from(ERASABLE) | text,
            "clientId": st.sampled_from(("web", "web", "web", "spa", "backend", "nobody", "")),
            "refreshToken": refresh_tokens(self._stock),
            "assertion": assertions(self._stock, self._assertion),
            "ipAddress": st.sampled_from(
                ("127.0.0.1", "203.0.113.7", "203.0.113.0/24", "::1", "2001:db8::/32", "0.0.0.0/0", "1.2.3")
            ),
            "scope": st.sampled_from((*SCOPES, "sessions:admin", "openid")),
            "deviceLabel": text,
            "userAgent": text,
            "reason": text,
        }
        numbers = st.integers(1, 100) | st.sampled_from((0, 1, 500, 501, -1))
        return {
            **{name: strategy.map(nodes.String) for name, strategy in named.items()},
            "first": numbers.map(nodes.Int),
            "expectAtMost": st.sampled_from((0, 1, 10, 1000, -1)).map(nodes.Int),
        }

    def _ids(self) -> st.SearchStrategy[str]:
        """Of a session, of an event, in another spelling, of nothing."""

        def spelled(kind: int, place: int) -> str:
            if kind > 10:
                return self._stock.own_session
            known = newest(self._stock.sessions, place, otherwise=UNKNOWN)
            others = (f"{known}:1", f"{known}:1", f"{known}:2", f"{known}:0", UNKNOWN, known.upper())
            return others[kind] if kind < len(others) else known

        return st.builds(spelled, st.integers(0, 13), _places())

    def _cursors(self) -> st.SearchStrategy[str]:
        known = _places().map(lambda place: newest(self._stock.cursors, place, otherwise="x"))
        return known | known | known.map(lambda cursor: cursor[::-1]) | texts()

    def _times(self) -> st.SearchStrategy[str]:
        """Mostly of the last days; some in other centuries, in other zones, or none at all."""
        recent = st.integers(-7 * 86400, 60).map(
            lambda seconds: (self._now() + timedelta(seconds=seconds)).isoformat()
        )
        any_time = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
        edges = st.sampled_from(
            (
                "0001-01-01T00:00:00+23:59",
                "9999-12-31T23:59:59.999999-23:59",
                "2026-02-30T00:00:00Z",
                "2026-06-30T23:59:60Z",
                "2026-11-25t10:00:00z",
                "2026-11-25",
                "",
            )
        )
        return recent | recent | any_time | edges


def _places_in_the_log() -> st.SearchStrategy[int]:
    """Mostly such as there are."""
    return st.integers(0, 300) | st.sampled_from((0, 255, 256, 2**31, 2**53 - 1, 2**53, 2**63, -1))


def refresh_tokens(stock: Stock) -> st.SearchStrategy[str]:
    """The newest, older ones that were replaced, changed ones, and none."""

    def token(kind: int, place: int) -> str:
        known = newest(stock.refresh_tokens, place if kind > 3 else 0, otherwise="tlrt_x")
        match kind:
            case 8:
                return known[:-1] + ("A" if known[-1] != "A" else "B")
            case 9:
                return known[:40]
            case 10:
                return ""
            case _:
                return known

    return st.builds(token, st.integers(0, 10), _places())


def assertions(stock: Stock, make: Callable[[str], str]) -> st.SearchStrategy[str]:
    """Fresh ones, ones that were used, changed ones."""

    def assertion(kind: int, subject: str) -> str:
        if kind == 0:
            return newest(stock.used_assertions, 0, otherwise="x")
        made = make(subject)
        stock.used_assertions.append(made)
        return made[:-2] if kind == 1 else made

    return st.builds(assertion, st.integers(0, 5), st.sampled_from((*SUBJECTS, "root")))


def texts() -> st.SearchStrategy[str]:
    """Whatever a text can be, hostile ones among them."""
    return st.text(max_size=40) | st.sampled_from(HOSTILE)


def short_texts() -> st.SearchStrategy[str]:
    """Mostly such as can be kept."""
    fine = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
    return fine | fine | fine | st.sampled_from(HOSTILE)


def json_values(names: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Any]:
    """Objects of claims mostly; floats, large integers, registered names and deep nesting among them."""
    name = st.sampled_from(("email", "role", "tenant", "sub", "a", "b")) if names is None else names
    leaf = (
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.sampled_from((2**53 + 1, -(2**63), 0.5, 1e300))
        | st.sampled_from(("ada@example.org", "admin"))
        | short_texts()
    )
    value = st.recursive(
        leaf,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(name, below, max_size=3),
        max_leaves=6,
    )
    deep: Any = "x"
    for _ in range(60):
        deep = {"a": deep}
    flat = st.dictionaries(
        st.sampled_from(("email", "role", "tenant")), st.text("abc", max_size=5), max_size=3
    )
    return flat | st.dictionaries(name, value, max_size=4) | value | st.just(deep)


def literal(value: Any) -> ValueNode:
    """A JSON value as it stands in a document."""
    match value:
        case None:
            return nodes.Null
        case bool():
            return nodes.Boolean(value)
        case int():
            return nodes.Int(value)
        case float():
            return nodes.Float(value)
        case str():
            return nodes.String(value)
        case list():
            return nodes.List([literal(one) for one in value])
        case _:
            fields = [
                ObjectFieldNode(name=NameNode(value=name), value=literal(one)) for name, one in value.items()
            ]
            return nodes.Object(fields)


def _as_one(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The same as one branch: of a nullable argument one half is null then, whatever the strategy has."""
    return st.composite(lambda draw: draw(strategy))()


def _drawn_as(field: FieldNode, argument: ArgumentNode) -> str:
    name: str = argument.name.value
    return "erased" if (field.name.value, name) == ("eraseSubject", "subject") else name


def _places() -> st.SearchStrategy[int]:
    return st.integers(0, 31)


def _with_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.translate(_SURROGATES)
        case list():
            return [_with_surrogates(one) for one in value]
        case dict():
            return {name: _with_surrogates(one) for name, one in value.items()}
        case _:
            return value


def _copy(node: Any, **changed: Any) -> Any:
    """The node with other parts."""
    parts = {key: getattr(node, key, None) for key in node.keys if key != "loc"}
    return type(node)(**{**parts, **changed})


def _fits_into_a_head(query: str, variables: Mapping[str, Any]) -> bool:
    """Whether it can be sent by GET: no lone surrogate, which no URL can hold, and not too long."""
    try:
        return len(urlencode({"query": query, "variables": json.dumps(variables)})) < 16_000
    except UnicodeEncodeError:
        return False
