"""`token-ledger checkpoint`."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from api.database import Database, reader_connection
from api.settings import Settings, load_settings
from ledger.checkpoints import latest_checkpoint


@click.command()
def command() -> None:
    """Print the latest signed checkpoint of the log, byte for byte as `/checkpoint` serves it.

    Kept somewhere else, it is what `token-ledger verify --checkpoint FILE` holds the log to. Exit status 1
    while nothing is sealed yet.
    """
    note = asyncio.run(_read(load_settings(os.environ)))
    if note is None:
        click.echo("nothing is sealed yet: the server seals about ten times a second", err=True)
        sys.exit(1)
    click.echo(note, nl=False)


async def _read(settings: Settings) -> str | None:
    with Database(settings) as database:
        async with reader_connection(database.url) as connection:
            found = await latest_checkpoint(connection)
    return None if found is None else found.note
