"""A run: months over age are exported, verified and removed; what stays says why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from ledger.archived_months import MonthOfStreams
from ledger.events import PartitionArchived
from ledger.export.directory import open_directory
from ledger.export.exporter import Exporter
from ledger.export.fault import ExportFaultError
from ledger.export.manifest import ExportFormat
from ledger.export.verification import verify_export
from ledger.retention.archive import Archive, ArchivedExport, Counts
from ledger.retention.months import Contents, Reason, months_over_age, read_contents
from ledger.retention.removal import Removal, Verified, shortcomings
from ledger.signed_note import Verifier
from ledger.sql_files import sql
from ledger.tree_reader import read_root

_LOCK = 0x726574656E74
"""Of the one run; any number that others are unlikely to lock."""

Report = Callable[[int, int], None]
"""Told how many are done, of how many."""


class RetentionError(Exception):
    """Nothing more is done; one line that says what to do."""


class Fate(StrEnum):
    """What became of a month, or would have."""

    REMOVED = "removed"
    KEPT = "kept"
    TO_BE_REMOVED = "to be removed"
    """By a run that is not dry, unless the archive is not good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthTold:
    """A month that is over age."""

    month: MonthOfStreams
    fate: Fate
    events: int
    first_index: int | None
    last_index: int | None
    reasons: tuple[Reason, ...] = ()
    """Why it was kept."""
    held: tuple[str, ...] = ()
    """Subjects under a legal hold of whom there is something in it."""
    exports: tuple[Path, ...] = ()
    """That hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a run did."""

    months: tuple[MonthTold, ...]
    exported: tuple[Path, ...]
    """Exports that it completed."""
    next_month: tuple[MonthOfStreams, datetime] | None
    """The first one that is not over age, and when it will be."""


@dataclass(slots=True, kw_only=True)
class Retention:
    """What a run needs."""

    exporter: Exporter
    """On a connection of the service."""
    verifiers: Callable[[str], Sequence[Verifier]]
    """The log's keys that are not revoked, by its origin."""
    removal: Removal
    """On a connection of the owner."""
    archive: Archive
    progress: Callable[[str], AbstractContextManager[Report]]
    """Shows how far a step of this name is, in events."""

    async def run(self, retention: timedelta, *, dry_run: bool) -> Told:
        """Remove what is over age and may go.

        Whatever ends it, the next run goes on. A dry run only looks, and neither exports nor verifies.

        Raises:
            RetentionError: another run is under way, or the archive is of another log.
            ArchiveError: the archive has gaps.
            ExportError, DamagedLogError: what is lacking in the archive cannot be exported.
            psycopg.Error: the database refused.
        """
        connection = self.removal.connection
        cursor = await connection.execute(sql("ledger", "lead"), {"lock": _LOCK})
        if await cursor.fetchone() != (True,):
            raise RetentionError("another retention run is under way on this database")
        over, next_month = await months_over_age(connection, retention)
        looked = {month: await read_contents(connection, self.removal.families, month) for month in over}
        going = {month: contents for month, contents in looked.items() if not contents.reasons()}
        told = {month: _kept(month, one, one.reasons()) for month, one in looked.items()}
        exported: tuple[Path, ...] = ()
        if dry_run:
            self.archive.end()
            told |= {month: _to_be_removed(month, contents) for month, contents in going.items()}
        elif going:
            exported = await self._export(going.values())
            told |= await self._remove(going)
        return Told(months=tuple(told[month] for month in over), exported=exported, next_month=next_month)

    async def _export(self, wanted: Iterable[Contents]) -> tuple[Path, ...]:
        """Export what the archive lacks of these months, with all that was sealed since."""
        last = max((one.last_index for one in wanted if one.last_index is not None), default=-1)
        exported = []
        unrecorded = self.archive.unrecorded()
        while unrecorded is not None or self.archive.end() <= last:
            first_index = self.archive.end() if unrecorded is None else unrecorded
            path = self.archive.directory_from(first_index)
            with self.progress("export") as report, open_directory(path) as directory:
                exporter = replace(self.exporter, report=report)
                latest = await exporter.latest()
                await exporter.export(directory, latest, format=ExportFormat.JSONL, first_index=first_index)
            exported.append(path)
            unrecorded = self.archive.unrecorded()
        return tuple(exported)

    async def _remove(self, going: dict[MonthOfStreams, Contents]) -> dict[MonthOfStreams, MonthTold]:
        """Verify the exports that hold the months, and remove those of which all is there."""
        exports = self.archive.exports()
        holding = {month: _holding(exports, contents) for month, contents in going.items()}
        needed = {one.path: one for several in holding.values() for one in several}
        counts = Counts(going)
        hashes: dict[Path, bytes] = {}
        faults: dict[Path, str] = {}
        for path, export in needed.items():
            try:
                hashes[path] = await self._verify(export, counts)
            except ExportFaultError as error:
                faults[path] = f"the archive is not what was signed: {path.name}/{error}"
        told = {}
        for month, contents in going.items():
            paths = tuple(one.path for one in holding[month])
            reasons = [Reason(what=faults[path], is_fault=True) for path in paths if path in faults]
            reasons = reasons or shortcomings(month, contents, counts)
            if reasons:
                told[month] = _kept(month, contents, reasons, paths)
                continue
            verified = Verified(counts=counts, manifest_hashes=tuple(hashes[path] for path in paths))
            outcome = await self.removal.remove(month, verified)
            told[month] = (
                _removed(month, outcome, paths)
                if isinstance(outcome, PartitionArchived)
                else _kept(month, contents, outcome, paths)
            )
        return told

    async def _verify(self, export: ArchivedExport, counts: Counts) -> bytes:
        """Verify an export offline, and that it is of this log; gives the hash of its manifest."""
        latest = await self.exporter.latest()
        with self.progress("verify-export") as report:
            found = verify_export(export.path, self.verifiers(latest.origin), report=report, seen=counts.add)
        size, root = found.checkpoint.size, None
        if size <= latest.size:
            root = await read_root(self.exporter.connection, size)
        if root != found.checkpoint.root:
            raise RetentionError(f"{export.path} is of another history of this log: run token-ledger verify")
        return found.manifest_hash


def _holding(exports: Sequence[ArchivedExport], contents: Contents) -> list[ArchivedExport]:
    if contents.first_index is None or contents.last_index is None:
        return []
    return [one for one in exports if one.holds_any(contents.first_index, contents.last_index)]


def _kept(
    month: MonthOfStreams, contents: Contents, reasons: Collection[Reason], exports: tuple[Path, ...] = ()
) -> MonthTold:
    return MonthTold(
        month=month,
        fate=Fate.KEPT,
        events=contents.events,
        first_index=contents.first_index,
        last_index=contents.last_index,
        reasons=tuple(reasons),
        held=contents.held,
        exports=exports,
    )


def _to_be_removed(month: MonthOfStreams, contents: Contents) -> MonthTold:
    return MonthTold(
        month=month,
        fate=Fate.TO_BE_REMOVED,
        events=contents.events,
        first_index=contents.first_index,
        last_index=contents.last_index,
    )


def _removed(month: MonthOfStreams, event: PartitionArchived, exports: tuple[Path, ...]) -> MonthTold:
    return MonthTold(
        month=month,
        fate=Fate.REMOVED,
        events=event.events,
        first_index=event.first_index,
        last_index=event.last_index,
        exports=exports,
    )
