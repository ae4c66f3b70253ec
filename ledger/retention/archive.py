"""The archive: a directory of exports that follow one another, each named by its first leaf."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ledger.archived_months import MonthOfStreams
from ledger.export.directory import PROGRESS_NAME
from ledger.export.fault import ExportFaultError, read_whole
from ledger.export.lines import LeafFacts
from ledger.export.manifest import MANIFEST_NAME, ExportFormat, Manifest, ManifestError

_NAME = re.compile(r"leaves-(\d{12})")


class ArchiveError(Exception):
    """The directory is no archive of this log, or a damaged one; one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedExport:
    """One that is complete, by its manifest."""

    path: Path
    first_index: int
    end: int
    """Exclusive."""

    def holds_any(self, first_index: int, last_index: int) -> bool:
        """Whether leaves between these, both inclusive, are in it."""
        return first_index < self.end and last_index >= self.first_index


class Counts:
    """What verified exports hold of some months."""

    def __init__(self, months: Iterable[MonthOfStreams]) -> None:
        self._months = sorted(months, key=lambda one: one.lower)
        self._lowers = [one.lower for one in self._months]
        self.leaves: Counter[MonthOfStreams] = Counter()
        """Those of which more than the hash is there."""
        self.personal_data: Counter[MonthOfStreams] = Counter()

    def add(self, facts: LeafFacts, has_record: bool) -> None:
        """Count a leaf of which more than the hash is there, and whether its personal data is."""
        place = bisect_right(self._lowers, facts.stream)
        if place and facts.stream < self._months[place - 1].upper:
            self.leaves[self._months[place - 1]] += 1
            self.personal_data[self._months[place - 1]] += has_record


class Archive:
    """Of one log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exports(self) -> list[ArchivedExport]:
        """The complete ones, in order. Those before the first may be kept elsewhere.

        Raises:
            ArchiveError: one is missing among them, or is not what its name says.
        """
        found = [one for one in self._named() if (one / MANIFEST_NAME).exists()]
        exports = [_described(one) for one in found]
        for before, one in pairwise(exports):
            if one.first_index != before.end:
                raise ArchiveError(
                    f"{one.path} does not follow on {before.path}, which ends before leaf {before.end}: "
                    f"bring back {self.directory_from(before.end)}, or name an empty directory"
                )
        return exports

    def unrecorded(self) -> int | None:
        """The first leaf of a complete export whose event may not be recorded; None: there is none."""
        for one in self._named():
            if (one / MANIFEST_NAME).exists() and (one / PROGRESS_NAME).exists():
                return _index_of(one)
        return None

    def end(self) -> int:
        """The first leaf of the next export, which may have been begun.

        Raises:
            ArchiveError: as `exports`; or another one was begun.
        """
        exports = self.exports()
        end = exports[-1].end if exports else 0
        for begun in self._named():
            if not (begun / MANIFEST_NAME).exists() and begun != self.directory_from(end):
                raise ArchiveError(
                    f"{begun} is not complete and does not follow on the newest export: remove it"
                )
        return end

    def directory_from(self, first_index: int) -> Path:
        """Of the export that begins with a leaf."""
        return self.path / f"leaves-{first_index:012}"

    def _named(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return sorted(one for one in self.path.iterdir() if _NAME.fullmatch(one.name))


def _described(path: Path) -> ArchivedExport:
    try:
        manifest = Manifest.decode(read_whole(path / MANIFEST_NAME))
    except (ManifestError, ExportFaultError) as error:
        raise ArchiveError(f"{path}/{MANIFEST_NAME} {error}") from None
    if (manifest.format, manifest.first_index) != (ExportFormat.JSONL, _index_of(path)):
        raise ArchiveError(
            f"{path} holds an export in the format {manifest.format.value} from leaf {manifest.first_index}, "
            "which is not what its name says"
        )
    return ArchivedExport(
        path=path, first_index=manifest.first_index, end=manifest.first_index + manifest.count
    )


def _index_of(path: Path) -> int:
    name = _NAME.fullmatch(path.name)
    assert name is not None  # noqa: S101 - only such names are looked at
    return int(name[1])
