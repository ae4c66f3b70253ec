"""`token-ledger verify`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import click

from api.cli.progress import progress
from api.cli.replay import difference_line
from api.database import Database, unhurried_connection
from api.settings import Settings, load_settings
from api.verification import FIRST, LAST, Signed, parts_of, read_signed, verify
from ledger import key_store
from ledger.checkpoint_file import CheckpointFile
from ledger.key_sealing import SecretKey
from ledger.tree_verification import Problem
from projections.active_tokens.rebuild import Difference
from projections.active_tokens.verification import Streams

_SHOWN = 100


@dataclass(slots=True)
class _Found:
    leaves: int = 0
    unrecorded: int = 0
    """Leaves that an older version sealed without a hash of their recording."""
    events: int = 0
    unsealed: int = 0
    families: int = 0
    archived: int = 0
    """Leaves of months that were archived."""
    seconds: float = 0
    count: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first of them by index, `_SHOWN` at the most."""
    differences: list[Difference] = field(default_factory=list)
    """Of the view, `_SHOWN` at the most."""
    differing: int = 0

    def add(self, problems: tuple[Problem, ...]) -> None:
        self.count += len(problems)
        self.problems = sorted([*self.problems, *problems])[:_SHOWN]


@dataclass(slots=True)
class _Resume:
    """Which parts of all streams are verified, kept in a file so that a run that was cut off goes on."""

    path: Path | None
    size: int = 0
    """Of the log when it was cut into parts."""
    note: str = ""
    parts: list[Streams] = field(default_factory=list)
    done: set[int] = field(default_factory=set)

    def load(self) -> bool:
        """Whether there was something to go on with."""
        if self.path is None or not self.path.exists():
            return False
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            self.size, self.note = int(kept["size"]), str(kept["checkpoint"])
            self.done = {int(one) for one in kept["done"]}
            bounds = [UUID(one) for one in kept["bounds"]]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            raise self._unusable() from None
        if len(bounds) < 2 or bounds[0] != FIRST or bounds[-1] != LAST or bounds != sorted(set(bounds)):
            raise self._unusable()
        self.parts = [Streams(after=after, until=until) for after, until in pairwise(bounds)]
        return True

    def save(self) -> None:
        if self.path is None:
            return
        kept = {
            "size": self.size,
            "checkpoint": self.note,
            "bounds": [str(self.parts[0].after), *(str(one.until) for one in self.parts)],
            "done": sorted(one for one in self.done if one < len(self.parts)),
        }
        draft = self.path.with_name(f"{self.path.name}.draft")
        try:
            draft.write_text(json.dumps(kept), "utf-8")
            draft.replace(self.path)
        except OSError as error:
            raise click.UsageError(f"{str(self.path)!r} cannot be written ({error.strerror}).") from None

    def forget(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _unusable(self) -> click.UsageError:
        return click.UsageError(
            f"{str(self.path)!r} is not a file that verify wrote: remove it, or give another --resume"
        )


@click.command()
@click.option(
    "--from-index", "first", type=click.IntRange(0), default=0, help="Only streams with events from here on."
)
@click.option(
    "--checkpoint",
    "kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A checkpoint that was kept: the log must have begun as it says. May be given several times.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep in this file how far it is; given again, it goes on there.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(first: int, kept: tuple[Path, ...], resume: Path | None, as_json: bool) -> None:
    """Verify the ledger from what is stored: every event, the log, its signature, and the view.

    Each leaf is recomputed from its row, each stream's chain followed, each tile and the root recomputed and
    held to the signed checkpoint, to the one of TOKEN_LEDGER_CHECKPOINT_FILE and to those given; the events
    are folded again and compared with the view of sessions. The server may go on meanwhile.

    Exit status 1 when anything differs, with the first leaf that cannot be vouched for.
    """
    if resume is not None and first:
        raise click.UsageError("--resume goes with a run over everything, not with --from-index.")
    settings = load_settings(os.environ)
    with Database(settings) as database:
        signed, found = asyncio.run(_verify(settings, database.url, first, kept, _Resume(resume)))
    if as_json:
        click.echo(json.dumps(_summary(signed, found)))
    else:
        _tell(signed, found)
    sys.exit(1 if found.count or found.differing else 0)


async def _verify(
    settings: Settings, url: str, first: int, kept: tuple[Path, ...], resume: _Resume
) -> tuple[Signed, _Found]:
    notes = {str(path): _read(path) for path in kept}
    if settings.checkpoint_file is not None:
        outside = CheckpointFile(settings.checkpoint_file).read()
        if outside is not None:
            notes["TOKEN_LEDGER_CHECKPOINT_FILE"] = outside
    going_on = resume.load()
    if going_on and resume.note:
        notes["the run that was cut off"] = resume.note
    async with unhurried_connection(url) as connection:
        keys = await key_store.load_log_keys(connection, SecretKey.parse(settings.secret_key))
        signed = await read_signed(connection, keys, notes)
        if first > signed.size:
            raise click.UsageError(f"--from-index must be at most {signed.size}, the size of the log.")
        if going_on:
            since = await parts_of(connection, signed.size, first=resume.size) if resume.size else []
        else:
            resume.parts, since = await parts_of(connection, signed.size, first=first), []
            resume.note, resume.size = signed.note, signed.size
            resume.save()
    found, started = _Found(), time.monotonic()
    found.add(signed.problems)
    parts = dict(enumerate([*resume.parts, *since]))
    for number in resume.done:
        parts.pop(number, None)
    with progress("verify", unit="events") as report:
        async for step in verify(url, signed, parts, first=first):
            found.leaves += step.leaves
            found.unrecorded += step.unrecorded
            found.add(step.problems)
            if step.verified is not None and step.part is not None:
                found.events += step.verified.events
                found.unsealed += step.verified.unsealed
                found.families += step.verified.families
                found.archived += step.verified.archived
                found.differing += len(step.verified.differences)
                found.differences += step.verified.differences[: _SHOWN - len(found.differences)]
                if step.clean:  # what is wrong is to be found again
                    resume.done.add(step.part)
                    resume.save()
            report(found.events, signed.size - first, found.events)
    found.seconds = time.monotonic() - started
    resume.forget()
    return signed, found


def _read(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    raise click.UsageError(f"{str(path)!r} cannot be read as text.")


def _tell(signed: Signed, found: _Found) -> None:
    for problem in found.problems:
        click.echo(f"leaf {problem.index}: {problem.what}")
    for difference in found.differences:
        click.echo(difference_line(difference))
    rate = found.events / found.seconds if found.seconds else 0.0
    unsealed = f", {found.unsealed} of them not sealed yet" if found.unsealed else ""
    click.echo(
        f"{found.leaves} leaves and {found.events} events{unsealed} of {found.families} sessions in "
        f"{found.seconds:.1f} s ({rate:.0f} events/s)"
    )
    if found.archived:
        click.echo(f"{found.archived} leaves of archived months: hash alone")
    if found.unrecorded:
        click.echo(
            f"{found.unrecorded} leaves were sealed by an older version: nothing vouches for position, "
            "recorded_at and xid of their events"
        )
    if found.problems:
        click.echo(f"NOT VERIFIED: {found.count} problems, the first at leaf {found.problems[0].index}")
    elif found.differing:
        click.echo(
            f"the log is as it was signed; the view is not what the events say: {found.differing} "
            "differences (token-ledger replay mends it)"
        )
    elif not signed.size:
        click.echo("nothing is sealed yet")
    else:
        held = ", ".join(str(size) for size in sorted(signed.vouched.roots))
        click.echo(f"verified: the log is as it was signed at {held}, and the view is what the events say")


def _summary(signed: Signed, found: _Found) -> dict[str, object]:
    return {
        "verified": not (found.count or found.differing),
        "size": signed.size,
        "checkpoints": sorted(signed.vouched.roots),
        "leaves": found.leaves,
        "events": found.events,
        "unsealed": found.unsealed,
        "sessions": found.families,
        "archived": found.archived,
        "unrecorded": found.unrecorded,
        "seconds": round(found.seconds, 3),
        "problems": found.count,
        "first_bad_index": found.problems[0].index if found.problems else None,
        "first": [{"index": one.index, "what": one.what} for one in found.problems],
        "view_differences": found.differing,
    }
