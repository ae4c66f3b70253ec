"""How commands write tables."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table

_PLAIN_WIDTH = 180
"""Where no terminal says how wide it is."""


def console() -> Console:
    """For standard output."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


def table(*columns: str, whole: frozenset[str] = frozenset(), title: str | None = None) -> Table:
    """A table; the columns `whole` are never cut or broken, as they are to be copied."""
    made = Table(box=box.SIMPLE, title=title, title_justify="left")
    for name in columns:
        made.add_column(name, no_wrap=name in whole, overflow="fold")
    return made
