"""`token-ledger retention`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
from psycopg.errors import InsufficientPrivilege

from api.cli.export import log_verifiers
from api.cli.output import printable
from api.cli.progress import progress
from api.database import Database, DatabaseError, tables_owner_connection, unhurried_connection
from api.settings import Settings, load_settings
from ledger.canonical import timestamp
from ledger.export.exporter import Exporter
from ledger.export.ocsf import OcsfMapping
from ledger.export.sealed_events import DamagedLogError
from ledger.retention.archive import Archive
from ledger.retention.removal import Removal
from ledger.retention.run import Fate, MonthTold, Report, Retention, Told
from projections.active_tokens.retiring import RemovableTokens


@click.group()
def command() -> None:
    """Archive months of events that are old enough, and remove them from the database."""


@command.command()
@click.option(
    "--archive",
    "archive",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the exports are, one directory each; always the same one.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen to which month, and why not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def run(archive: Path, dry_run: bool, as_json: bool) -> None:
    """Remove the months that ended longer than TOKEN_LEDGER_RETENTION ago.

    What the archive DIR lacks is exported, all exports that hold a month are verified offline, and then it is
    dropped, with an event PartitionArchived. Hashes stay: the log is verified as before. A month stays, and
    it is said why, while a session that began in it lives, an event of it is not sealed, a subject with
    something in it is under a legal hold, or the archive does not hold all of it.

    The server goes on meanwhile. Whatever ends a run, the next one goes on. Exit status 1 when an export or
    the log is not what was signed; months that are kept for good reasons are no failure.
    """
    settings = load_settings(os.environ)
    try:
        told = asyncio.run(_run(settings, archive, dry_run=dry_run))
    except DamagedLogError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(_summary(archive, told, dry_run=dry_run)))
    else:
        for line in _lines(told):
            click.echo(printable(line))
    sys.exit(1 if any(reason.is_fault for one in told.months for reason in one.reasons) else 0)


async def _run(settings: Settings, archive: Path, *, dry_run: bool) -> Told:
    with Database(settings) as database:
        async with (
            tables_owner_connection(database) as owner,
            unhurried_connection(database.url) as connection,
        ):
            verifiers = await log_verifiers(settings, connection)
            exporter = Exporter(
                connection=connection,
                verifiers=verifiers,
                ocsf=OcsfMapping(product_version=version("token-ledger")),
                now=lambda: datetime.now(UTC),
                random=os.urandom,
                report=lambda _done, _total: None,
            )
            retention = Retention(
                exporter=exporter,
                verifiers=verifiers,
                removal=Removal(
                    connection=owner,
                    families=RemovableTokens(),
                    now=lambda: datetime.now(UTC),
                    random=os.urandom,
                ),
                archive=Archive(archive),
                progress=_progress,
            )
            try:
                return await retention.run(settings.retention, dry_run=dry_run)
            except InsufficientPrivilege:
                raise DatabaseError(
                    f"the login of {database.migration_variable} does not own the tables, so that it cannot "
                    "remove months: give TOKEN_LEDGER_MIGRATION_DATABASE_URL"
                ) from None


@contextmanager
def _progress(title: str) -> Iterator[Report]:
    with progress(title, unit="events") as report:
        yield lambda done, total: report(done, total, done)


def _lines(told: Told) -> Iterator[str]:
    for path in told.exported:
        yield f"exported: {path}"
    for one in told.months:
        yield f"{one.month.name}: {one.fate.value}{_detail(one)}"
    if not told.months:
        later = ""
        if told.next_month is not None:
            month, time = told.next_month
            later = f": {month.name} will be on {time:%Y-%m-%d}"
        yield f"no month is old enough{later}"


def _detail(one: MonthTold) -> str:
    if one.fate is Fate.KEPT:
        return ", as " + "; ".join(reason.what for reason in one.reasons)
    if one.first_index is None:
        return ", without any event"
    leaves = f", {one.events} events, leaves {one.first_index} to {one.last_index}"
    return leaves + (f", in {' and '.join(path.name for path in one.exports)}" if one.exports else "")


def _summary(archive: Path, told: Told, *, dry_run: bool) -> dict[str, object]:
    return {
        "archive": str(archive),
        "dry_run": dry_run,
        "exported": [str(path) for path in told.exported],
        "months": [
            {
                "month": one.month.name,
                "fate": one.fate.name.lower(),
                "events": one.events,
                "first_index": one.first_index,
                "last_index": one.last_index,
                "reasons": [reason.what for reason in one.reasons],
                "held": list(one.held),
                "exports": [path.name for path in one.exports],
            }
            for one in told.months
        ],
        "next_month": None if told.next_month is None else told.next_month[0].name,
        "next_month_at": None if told.next_month is None else timestamp(told.next_month[1]),
    }
