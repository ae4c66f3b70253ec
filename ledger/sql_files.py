"""SQL statements read from the files beside a package's modules."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import LiteralString


@cache
def sql(package: str, name: str) -> LiteralString:
    """The statement of `sql/<name>.sql` in a package, without the comments above it."""
    text = files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[start:])
