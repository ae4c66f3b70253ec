"""`token-ledger replay` of a projection that catches up with the log."""

from __future__ import annotations

import asyncio
import json
import os
import time

import click
import psycopg

from api.cli.progress import progress
from api.database import Database, unhurried_connection
from api.settings import load_settings
from projections.catching_up import Projection
from projections.rebuilding import Difference, RebuildRunningError, Rebuilt, rebuild


def rebuild_projection(projection: Projection, *, dry_run: bool, as_json: bool) -> int:
    """Rebuild and switch, or compare; gives the exit status.

    Raises:
        click.ClickException: it is being rebuilt already, or somebody keeps its tables locked.
    """
    started = time.monotonic()
    with Database(load_settings(os.environ)) as database:
        try:
            rebuilt = asyncio.run(_rebuild(database.url, projection, dry_run=dry_run))
        except RebuildRunningError as error:
            raise click.ClickException(f"{error}: wait until it is done") from None
        except psycopg.errors.LockNotAvailable:
            raise click.ClickException(
                f"the tables of {projection.name} are locked by somebody: try again"
            ) from None
    seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(_summary(projection, rebuilt, seconds, dry_run=dry_run)))
    else:
        for one in rebuilt.first:
            click.echo(_line(one))
        outcome = f"version {rebuilt.version} is live"
        if dry_run:
            outcome = f"{rebuilt.differences} differences" if rebuilt.differences else "no difference"
        rate = rebuilt.leaves / seconds
        click.echo(f"{projection.name}: {rebuilt.leaves} leaves in {seconds:.1f} s ({rate:.0f}/s): {outcome}")
    return 1 if rebuilt.differences else 0


async def _rebuild(url: str, projection: Projection, *, dry_run: bool) -> Rebuilt:
    async with unhurried_connection(url) as connection:
        steps = rebuild(connection, projection, dry_run=dry_run)
        last = await anext(steps)
        with progress(last.total, "leaves") as report:
            async for last in steps:
                report(last.leaves, last.leaves)
    return last


def _line(difference: Difference) -> str:
    where = f"{difference.table} {difference.row}"
    if difference.columns:
        return f"{where}: {', '.join(difference.columns)} differ"
    return f"{where}: {'is in no event' if difference.in_live else 'is missing'}"


def _summary(projection: Projection, rebuilt: Rebuilt, seconds: float, *, dry_run: bool) -> dict[str, object]:
    return {
        "projection": projection.name,
        "dry_run": dry_run,
        "version": rebuilt.version,
        "leaves": rebuilt.leaves,
        "seconds": round(seconds, 3),
        "differences": rebuilt.differences,
        "first": [
            {"table": one.table, "row": one.row, "columns": list(one.columns)} for one in rebuilt.first
        ],
    }
