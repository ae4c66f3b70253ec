"""Whoever is told what becomes of batches, so that it can be counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ledger.batch import Committed


class CommitWatch(Protocol):
    """Told by the group commit. Never raises, and takes microseconds, as refreshes wait for it."""

    def committed(
        self, results: Sequence[Committed | Exception], event_types: Iterable[str], seconds: float
    ) -> None:
        """A batch was committed; `seconds` is how long that took, from asking for a connection."""
        ...

    def tried_apart(self, commands: int) -> None:
        """So many commands of a batch that failed are tried one by one."""
        ...

    def unavailable(self) -> None:
        """A command was not decided, or it is unknown whether it was stored."""
        ...


class Unwatched:
    """Counts nothing."""

    def committed(
        self, results: Sequence[Committed | Exception], event_types: Iterable[str], seconds: float
    ) -> None:
        pass

    def tried_apart(self, commands: int) -> None:
        pass

    def unavailable(self) -> None:
        pass
