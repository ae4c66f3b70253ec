"""`token-ledger replay`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from uuid import UUID

import click

from api.cli.progress import progress
from api.cli.rebuild_projection import rebuild_projection
from api.database import Database, unhurried_connection
from api.in_processes import in_processes
from api.settings import load_settings
from ledger.event_codec import UnknownEventError
from ledger.evolve import BrokenStreamError
from projections.active_tokens.rebuild import (
    FIRST,
    LAST,
    Difference,
    Step,
    boundaries,
    count_families,
    rebuild,
)
from projections.catching_up import PROJECTIONS

_CATCHING_UP = {one.name: one for one in PROJECTIONS}
_SHOWN = 100
_FAMILIES_A_PART = 2_000
_PRIVATE = frozenset(
    {"secret_hash", "head", "claims", "address", "user_agent", "device_label", "sender_key", "bookkeeping"}
)
"""Columns whose values are not printed."""


@dataclass(slots=True)
class _Replayed:
    families: int = 0
    events: int = 0
    seconds: float = 0
    differences: int = 0
    first: list[Difference] = field(default_factory=list)
    """Of the differences, `_SHOWN` at the most: a view may be wholly wrong."""


@click.command()
@click.option(
    "--projection",
    type=click.Choice(["active_tokens", *_CATCHING_UP]),
    default="active_tokens",
    show_default=True,
)
@click.option("--dry-run", is_flag=True, help="Only compare; exit status 1 if anything differs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(projection: str, dry_run: bool, as_json: bool) -> None:
    """Rebuild a view from the events alone and compare it with the live one, field by field.

    The server may go on meanwhile. Without --dry-run rows of active_tokens that differ are replaced by the
    rebuilt ones; any other view is rebuilt as a whole, beside the live one, and takes its place. Exit status
    1, too, where there are events that no decision can have made.
    """
    if projection in _CATCHING_UP:
        sys.exit(rebuild_projection(_CATCHING_UP[projection], dry_run=dry_run, as_json=as_json))
    with Database(load_settings(os.environ)) as database:
        try:
            replayed = asyncio.run(_replay(database.url, dry_run=dry_run))
        except (BrokenStreamError, UnknownEventError) as error:
            raise click.ClickException(f"the events cannot be replayed: {error}") from None
    if as_json:
        click.echo(json.dumps(_summary(projection, replayed, dry_run=dry_run)))
    else:
        for one in replayed.first:
            click.echo(difference_line(one))
        seconds = replayed.seconds
        rate = replayed.events / seconds if seconds else 0.0
        outcome = f"{replayed.differences} differences" if replayed.differences else "no difference"
        mended = ", replaced by the rebuilt rows" if replayed.differences and not dry_run else ""
        click.echo(
            f"{projection}: {replayed.families} families, {replayed.events} events in {seconds:.1f} s "
            f"({rate:.0f}/s): {outcome}{mended}"
        )
    sys.exit(1 if dry_run and replayed.differences else 0)


async def _replay(url: str, *, dry_run: bool) -> _Replayed:
    replayed, started = _Replayed(), time.monotonic()
    async with unhurried_connection(url) as connection:
        total = await count_families(connection)
        bounds = [FIRST, *await boundaries(connection, _FAMILIES_A_PART), LAST]
    calls = {after: partial(_part, url, after, until, dry_run) for after, until in pairwise(bounds)}
    with progress("replay", unit="families") as report:
        async for _, steps in in_processes(calls):
            for step in steps:
                replayed.families += step.families
                replayed.events += step.events
                replayed.differences += len(step.differences)
                replayed.first += step.differences[: _SHOWN - len(replayed.first)]
            report(replayed.families, total, replayed.events)
    replayed.seconds = time.monotonic() - started
    return replayed


def _part(url: str, after: UUID, until: UUID, dry_run: bool) -> list[Step]:
    return asyncio.run(_rebuild(url, after, until, dry_run=dry_run))


async def _rebuild(url: str, after: UUID, until: UUID, *, dry_run: bool) -> list[Step]:
    async with unhurried_connection(url) as connection:
        return [step async for step in rebuild(connection, dry_run=dry_run, after=after, until=until)]


def difference_line(difference: Difference) -> str:
    """One field in which a family is not what its events say; personal values are not told."""
    if difference.column == "family_id":
        what = "has no row" if difference.live is None else "has a row and no events"
        return f"{difference.family_id}: {what}"
    if difference.column in _PRIVATE:
        return f"{difference.family_id}: {difference.column} differs"
    return f"{difference.family_id}: {difference.column} is {difference.live}, rebuilt {difference.rebuilt}"


def _summary(projection: str, replayed: _Replayed, *, dry_run: bool) -> dict[str, object]:
    return {
        "projection": projection,
        "dry_run": dry_run,
        "families": replayed.families,
        "events": replayed.events,
        "seconds": round(replayed.seconds, 3),
        "differences": replayed.differences,
        "first": [{"family_id": str(one.family_id), "column": one.column} for one in replayed.first],
    }
