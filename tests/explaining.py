"""A connection that keeps the plan of what it runs on the tables of projections, with what it looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan of a table in a plan that was run."""

    kind: str
    relation: str
    index: str | None
    rows: int
    """That it looked at, in all its loops; those that a filter left out among them."""


@dataclass(slots=True)
class Plans:
    """Of the statements of one call."""

    scans: list[Scan] = field(default_factory=list)

    def of(self, *tables: str) -> list[Scan]:
        """Scans of these tables or their partitions that looked at anything."""
        return [one for one in self.scans if one.rows and _table(one.relation) in tables]

    def indexes(self, table: str) -> set[str]:
        """What a table was found by, without the number of the slot."""
        return {_unnumbered(one.index or one.kind) for one in self.of(table)}

    def sequential(self, *tables: str) -> list[Scan]:
        """Scans without an index."""
        return [one for one in self.of(*tables) if one.index is None]

    def looked_at(self, *tables: str) -> int:
        """Rows."""
        return sum(one.rows for one in self.of(*tables))


class Explaining(AsyncConnection[Any]):
    """Runs each statement on a projection twice: to see how, and to answer."""

    plans: Plans | None = None

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # type: ignore[override]
        if self.plans is not None and isinstance(query, str) and "audit_" in query:
            cursor = await super().execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query, params, prepare=False)
            row = await cursor.fetchone()
            assert row is not None
            for node in _nodes(row[0][0]["Plan"]):
                _keep(self.plans, node)
        return await super().execute(query, params, **options)


def _keep(plans: Plans, node: dict[str, Any]) -> None:
    loops = node["Actual Loops"]
    if "Relation Name" in node:
        seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        plans.scans.append(
            Scan(
                kind=node["Node Type"],
                relation=node["Relation Name"],
                index=node.get("Index Name"),
                rows=round(seen * loops),
            )
        )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for one in node.get("Plans", ()):
        yield from _nodes(one)


def _table(relation: str) -> str:
    """The table that a partition is of: a slot, or a month."""
    return re.sub(r"(_\d+)+$", "", relation)


def _unnumbered(index: str) -> str:
    return re.sub(r"_[01]_", "_", index, count=1)
