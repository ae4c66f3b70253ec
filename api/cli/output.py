"""How commands write tables and text of unknown origin."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_NARROWEST = 180
"""A narrower terminal wraps whole lines itself, which reads better than cells cut into columns of letters."""


def console() -> Console:
    """For standard output."""
    made = Console(highlight=False)
    made.width = max(made.width, _NARROWEST)
    return made


def table(*columns: str, whole: frozenset[str] = frozenset(), title: str | None = None) -> Table:
    """A table; the columns `whole` are never cut or broken, as they are to be copied."""
    made = Table(box=box.SIMPLE, title=title, title_justify="left")
    for name in columns:
        made.add_column(name, no_wrap=name in whole, overflow="fold")
    return made


def add_row(made: Table, *cells: str) -> None:
    """Add cells as they stand: a label chosen by a caller is no markup and moves no cursor."""
    made.add_row(*(Text(printable(cell)) for cell in cells))


def printable(text: str) -> str:
    """The text with what a terminal would obey, such as the start of an escape sequence, as its escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
