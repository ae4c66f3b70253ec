"""Errors that a caller is told as they are; whatever else goes wrong is masked."""

from __future__ import annotations

from graphql import GraphQLError


class BadUserInputError(GraphQLError):
    """An argument is not one that can be used; the message names it and says what it may be."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_USER_INPUT"})


def checked_text(value: str, *, name: str, longest: int) -> str:
    """A text that can be stored.

    Raises:
        BadUserInputError: it is empty, longer than `longest` characters, or holds a NUL.
    """
    if not 1 <= len(value) <= longest or "\x00" in value:
        raise BadUserInputError(f"`{name}` must be a text of 1 to {longest} characters without NUL.")
    return value
