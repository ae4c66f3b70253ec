"""`token-ledger export`."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from api.cli.progress import progress
from api.database import Database, unhurried_connection
from api.settings import Settings, load_settings
from ledger import key_store
from ledger.export.directory import open_directory
from ledger.export.exporter import Exported, Exporter
from ledger.export.manifest import MANIFEST_NAME, ExportFormat
from ledger.export.ocsf import OcsfMapping
from ledger.export.sealed_events import DamagedLogError
from ledger.key_ring import KeyState
from ledger.key_store import KeyKind
from ledger.log_key_ring import verifier_of
from ledger.signed_note import Verifier
from ledger.signing_algorithm import verification_key


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
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def command(directory: Path, format_name: str, first_index: int, as_json: bool) -> None:
    """Export the sealed log into the directory DIR, up to the latest checkpoint, with what proves it.

    Run again after whatever ended it, the same command goes on after the last complete file, towards the same
    checkpoint. An export with a manifest.json is complete; an event ExportCompleted is recorded with it.

    The files personal-data-*.jsonl may be stored or deleted apart: the rest is verified without them. All
    files are readable by their owner only.
    """
    started = time.monotonic()
    settings = load_settings(os.environ)
    try:
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
            records = [one for one in await key_store.list_keys(connection) if one.kind is KeyKind.LOG]
            keys = [
                verification_key(one.public_jwk or {}) for one in records if one.state is not KeyState.REVOKED
            ]

            def verifiers(origin: str) -> Sequence[Verifier]:
                return [verifier_of(key, origin) for key in keys]

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
