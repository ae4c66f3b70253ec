"""What the ledger's database holds, so that what was answered can be held against it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from benchmarks.database import BenchmarkDatabase

_EVENTS = "SELECT type, count(*) FROM events GROUP BY type"
_FAMILIES = """
SELECT
  count(*),
  count(*) FILTER (WHERE status <> 'active'),
  coalesce(sum(generation), 0)::bigint,
  coalesce(sum(version), 0)::bigint
FROM active_tokens
"""


class OutcomeError(Exception):
    """What the database holds is not what was answered, so that no figure counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Counts at one moment; all of them of one snapshot."""

    events: Counter[str]
    """By type."""
    families: int
    ended: int
    generations: int
    """The sum over all families."""
    versions: int
    """The sum over all families: as many events as the view has folded."""


def read_books(database: BenchmarkDatabase) -> Books:
    """Count everything there is."""
    with database.connect() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        events: Counter[str] = Counter(dict(connection.execute(_EVENTS).fetchall()))
        row = connection.execute(_FAMILIES).fetchone()
    assert row is not None
    families, ended, generations, versions = row
    return Books(events=events, families=families, ended=ended, generations=generations, versions=versions)


def discrepancies(before: Books, after: Books, *, opened: int, rotated: int) -> list[str]:
    """What the database holds otherwise than was answered between two moments, a sentence each."""
    added = {name: count - before.events[name] for name, count in after.events.items()}
    expected = {"TokenIssued": opened, "TokenRotated": rotated}
    found = [
        f"{added.get(name, 0)} events {name} were added, and {expected.get(name, 0)} answered"
        for name in sorted(added.keys() | expected.keys())
        if added.get(name, 0) != expected.get(name, 0)
    ]
    if after.generations - before.generations != rotated:
        found.append(f"generations grew by {after.generations - before.generations} in {rotated} rotations")
    if after.versions - before.versions != opened + rotated:
        found.append(
            f"the view folded {after.versions - before.versions} events, of {opened + rotated} answered"
        )
    if after.families - before.families != opened:
        found.append(f"{after.families - before.families} families were added, and {opened} opened")
    if after.ended != before.ended:
        found.append(f"{after.ended - before.ended} families ended, and nobody ended one")
    return found
