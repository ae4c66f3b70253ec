"""`token-ledger export`."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from click.core import ParameterSource
from psycopg import AsyncConnection

from api.cli.progress import progress
from api.database import Database, unhurried_connection
from api.settings import Settings, load_settings
from ledger import key_store
from ledger.export.directory import open_directory
from ledger.export.exporter import Exported, Exporter
from ledger.export.manifest import MANIFEST_NAME, ExportFormat
from ledger.export.ocsf import OcsfMapping
from ledger.export.sealed_events import DamagedLogError
from ledger.export.session import SESSION_NAME, SessionExport, export_session
from ledger.key_sealing import SecretKey
from ledger.signed_note import Verifier


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice([one.value for one in ExportFormat]),
    default=ExportFormat.JSONL.value,
    show_default=True,
    help="OCSF files hold personal data; JSON lines keep it in files of its own.",
)
@click.option(
    "--from-index",
    "first_index",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The first leaf; with the end of an earlier export it holds what came since.",
)
@click.option("--session", "session", type=click.UUID, help="Only this session, with its inclusion proof.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    format_name: str,
    first_index: int,
    session: UUID | None,
    as_json: bool,
) -> None:
    """Export the sealed log into the directory DIR, up to the latest checkpoint, with what proves it.

    Run again after whatever ended it, the same command goes on after the last complete file, towards the same
    checkpoint. An export with a manifest.json is complete; an event ExportCompleted is recorded with it.

    With --session it is one small file, session.json, and the proof that its newest sealed event is in the
    log; the chain of hashes proves the others.

    The files personal-data-* may be stored or deleted apart: the rest is verified without them. All
    files are readable by their owner only.
    """
    whole = all(_is_default(ctx, name) for name in ("format_name", "first_index"))
    if session is not None and not whole:
        raise click.UsageError("--session goes with neither --format nor --from-index.")
    started = time.monotonic()
    settings = load_settings(os.environ)
    try:
        if session is not None:
            _tell_session(asyncio.run(_export_session(settings, directory, session)), as_json=as_json)
            return
        exported = asyncio.run(_export(settings, directory, ExportFormat(format_name), first_index))
    except DamagedLogError as error:
        raise click.ClickException(str(error)) from None
    seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(_summary(directory, exported, seconds)))
        return
    for line in _lines(directory, exported, seconds):
        click.echo(line)


async def _export(settings: Settings, directory: Path, wanted: ExportFormat, first_index: int) -> Exported:
    with Database(settings) as database:
        async with unhurried_connection(database.url) as connection:
            verifiers = await log_verifiers(settings, connection)
            with progress("export", unit="events") as report:
                exporter = Exporter(
                    connection=connection,
                    verifiers=verifiers,
                    ocsf=OcsfMapping(product_version=version("token-ledger")),
                    now=lambda: datetime.now(UTC),
                    random=os.urandom,
                    report=lambda done, total: report(done, total, done),
                )
                latest = await exporter.latest()
                with open_directory(directory) as opened:
                    return await exporter.export(opened, latest, format=wanted, first_index=first_index)


async def _export_session(settings: Settings, directory: Path, session: UUID) -> tuple[SessionExport, bytes]:
    with Database(settings) as database:
        async with unhurried_connection(database.url) as connection:
            verifiers = await log_verifiers(settings, connection)
            with open_directory(directory) as opened:
                return await export_session(
                    connection,
                    opened,
                    session,
                    verifiers=verifiers,
                    now=datetime.now(UTC),
                    random=os.urandom,
                )


async def log_verifiers(
    settings: Settings, connection: AsyncConnection[Any]
) -> Callable[[str], Sequence[Verifier]]:
    """The log's keys that are good, by its origin: the private keys' own, not as the database shows them."""
    return (await key_store.load_log_keys(connection, SecretKey.parse(settings.secret_key))).verifiers


def _is_default(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.DEFAULT


def _tell_session(exported: tuple[SessionExport, bytes], *, as_json: bool) -> None:
    export, digest = exported
    told = {
        "session": str(export.session),
        "count": len(export.leaves),
        "leaf_index": export.leaf_index,
        "sha256": digest.hex(),
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(
        f"{len(export.leaves)} events of session {export.session}, the newest leaf {export.leaf_index}"
    )
    click.echo(f"{SESSION_NAME}: SHA-256 {digest.hex()}")


def _lines(directory: Path, exported: Exported, seconds: float) -> list[str]:
    manifest = exported.manifest
    end = manifest.first_index + manifest.count
    told = f"{manifest.count} events, leaves {manifest.first_index} to {end - 1} of {manifest.origin}"
    if exported.new:
        lines = [f"{told}, in {seconds:.1f} s ({exported.written / seconds:.0f}/s)"]
    else:
        lines = [f"{directory} holds this export already: {told}"]
        if exported.log_size > end:
            lines.append(f"{exported.log_size - end} came since: another directory with --from-index {end}")
    if exported.removed:
        lines.append(f"of {exported.removed} of them retention left the hash alone")
    lines.append(f"{directory / MANIFEST_NAME}: SHA-256 {exported.manifest_hash.hex()}")
    return lines


def _summary(directory: Path, exported: Exported, seconds: float) -> dict[str, object]:
    manifest = exported.manifest
    return {
        "directory": str(directory),
        "new": exported.new,
        "origin": manifest.origin,
        "format": manifest.format.value,
        "first_index": manifest.first_index,
        "count": manifest.count,
        "removed": exported.removed,
        "written": exported.written,
        "files": len(manifest.files),
        "manifest_sha256": exported.manifest_hash.hex(),
        "seconds": round(seconds, 3),
    }
