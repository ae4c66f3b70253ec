"""Docstrings of classes become the descriptions that callers read."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TypeVar, dataclass_transform

import strawberry

Described = TypeVar("Described", bound=type)
DescribedEnum = TypeVar("DescribedEnum", bound=Enum)


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def described_type(cls: Described) -> Described:
    """An object type."""
    return strawberry.type(cls, description=inspect.getdoc(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def described_interface(cls: Described) -> Described:
    """An interface."""
    return strawberry.interface(cls, description=inspect.getdoc(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def described_input(cls: Described) -> Described:
    """An input object."""
    return strawberry.input(cls, description=inspect.getdoc(cls))


def described_enum(cls: type[DescribedEnum]) -> type[DescribedEnum]:
    """An enum."""
    return strawberry.enum(cls, description=inspect.getdoc(cls))
