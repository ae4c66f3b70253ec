"""Payloads of older schema versions as their current one; what is stored never changes, nor does its hash.

A type whose fields change gets another version and, here, a function from each version to the next, which is
applied when an event is read. Statements in `.sql` files look into stored payloads without it, so that what
they look for (`grep payload`) keeps its name, or the statement says both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Payload = dict[str, Any]
"""The JSON of a payload."""
Upcaster = Callable[[Payload], Payload]
"""From a payload of one version to the same of the next; it may change what it gets."""


class UnknownVersionError(ValueError):
    """There is no such version of the type, or not yet for this program."""


class Upcasting:
    """The current version of each type, and the way to it."""

    def __init__(self, upcasters: Mapping[tuple[str, int], Upcaster]) -> None:
        """By type and by the version that they start from. A type that is not there has version 1 only.

        Raises:
            ValueError: a type lacks the step from one of its versions.
        """
        self._upcasters = MappingProxyType(dict(upcasters))
        current: dict[str, int] = {}
        for type_name, version in sorted(upcasters):
            known = current.get(type_name, 1)
            if version != known:
                raise ValueError(f"nothing leads from version {known} of {type_name}")
            current[type_name] = version + 1
        self._current = MappingProxyType(current)

    def current(self, type_name: str) -> int:
        """The version in which events of the type are written now."""
        return self._current.get(type_name, 1)

    def upcast(self, type_name: str, version: int, payload: Payload) -> Payload:
        """The payload in the type's current version, step by step.

        Raises:
            UnknownVersionError: a version that the type does not have.
        """
        current = self.current(type_name)
        if version > current:
            raise UnknownVersionError(
                f"a {type_name} of schema version {version} was written by a newer program: this one is "
                f"older than the data and knows version {current}, upgrade it"
            )
        if version < 1:
            raise UnknownVersionError(f"there is no schema version {version} of {type_name}")
        for step in range(version, current):
            payload = self._upcasters[type_name, step](payload)
        return payload


UPCASTING = Upcasting({})
"""Of the events of this program: every type has its first version."""
