"""`token-ledger serve`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

import click
import structlog

from api.application import issuers_of
from api.database import Database, prepare
from api.listener import address_of, listen
from api.log import configure_logging
from api.settings import load_settings
from api.worker import run

_log = structlog.get_logger("token_ledger")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one."
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def command(host: str, port: int, workers: int) -> None:
    """Run the server until SIGTERM or SIGINT.

    In development (the default with the embedded database on a loopback address) the schema is migrated and
    keys are made first; else `token-ledger migrate` comes before.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    load_settings(os.environ, host=host, port=port)  # what is wrong with them is told before a port is taken
    listener = listen(host, port)
    settings = load_settings(os.environ, host=host, port=listener.getsockname()[1])
    configure_logging(settings.log_format)
    issuers_of(settings)  # every worker reads them: what is wrong is told once, here
    with Database(settings) as database:
        asyncio.run(prepare(settings, database, now=datetime.now(UTC)))
        _log.info(
            "serving",
            address=address_of(settings),
            workers=workers,
            database=f"embedded, in {settings.data_dir}"
            if settings.embedded
            else "TOKEN_LEDGER_DATABASE_URL",
            development=settings.development,
        )
        came_up = run(settings, database.url, listener, workers=workers, watch_database=database.watch)
    sys.exit(0 if came_up else 1)


def _end(*_: object) -> None:
    """Obey a signal that comes before the server takes it, or that it raises again once it has ended."""
    sys.exit(0)
