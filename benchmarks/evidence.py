"""How fast a long history is sealed, verified, replayed, read and erased from, on one durable PostgreSQL.

`python -m benchmarks.evidence` ends with exit status 1 when what is counted is not what was made.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from api import migrator
from api.leader_connection import leader_connection
from benchmarks.audit_pages import catch_up_all, measure_pages
from benchmarks.books import OutcomeError
from benchmarks.command import run_command
from benchmarks.database import BUILD, BenchmarkDatabase, durable_postgres
from benchmarks.erasing import erase, live_before, prove_before
from benchmarks.history import make_history
from benchmarks.service import ServiceError, new_secret_key
from ledger import key_store
from ledger.key_sealing import SecretKey
from ledger.sealer import Sealer
from ledger.signing_algorithm import SigningAlgorithm

_TARGETS = {"sealed": 50_000.0, "verified": 100_000.0, "replayed": 100_000.0}


@click.command()
@click.option("--events", type=click.IntRange(1000), default=1_000_000, show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=BUILD / "evidence.json",
    show_default=True,
    help="Where the figures go as JSON.",
)
def main(*, events: int, output: Path) -> None:
    """Measure sealing, verifying, replaying, audit queries and erasing."""
    try:
        _measure(events, output)
    except (OutcomeError, ServiceError) as error:
        click.echo(f"failed: {error}", err=True)
        sys.exit(1)


def _measure(events: int, output: Path) -> None:
    console = Console()
    secret_key = new_secret_key()
    with durable_postgres() as database:
        with database.connect() as connection:
            migrator.migrate(connection)
        asyncio.run(live_before(database))
        console.print(f"making {events:,} events …")
        seconds = make_history(database.url, events, on_progress=lambda _: None)
        made = _events(database)
        console.print(f"made {made:,} events in {seconds:.0f} s ({made / seconds:,.0f}/s)")
        figures: dict[str, float] = {}
        sealed, seconds = asyncio.run(_seal(database, SecretKey.parse(secret_key)))
        _expect(sealed, made, "sealed")
        figures["sealed"] = sealed / seconds
        for name, arguments in (("verified", ("verify",)), ("replayed", ("replay", "--dry-run"))):
            told = run_command(database, secret_key, *arguments)
            _expect(told["events"], made, name)
            figures[name] = made / told["seconds"]

        def told(name: str, rate: float) -> None:
            console.print(f"folded into {name}: {rate:,.0f} leaves/s", highlight=False)

        asyncio.run(catch_up_all(database, on_projection=told))
        pages = asyncio.run(measure_pages(database))
        proofs = asyncio.run(prove_before(database))
        erased = erase(database, secret_key, proofs)
    console.print(
        f"a person erased in {erased.seconds:.2f} s: no word of them in any table, in an export or the log; "
        f"{erased.proofs} proofs from before still hold, and the ledger is verified",
        highlight=False,
    )
    for name, milliseconds in pages.first_p95.items():
        console.print(f"first page by {name}: p95 {milliseconds:.1f} ms (target 50)", highlight=False)
    console.print(
        f"page {pages.far_page} takes {pages.far:.2f} ms, page 1 {pages.near:.2f} ms: "
        f"{pages.far / pages.near:.2f} times (target 1.5)",
        highlight=False,
    )
    for name, rate in figures.items():
        met = "met" if rate >= _TARGETS[name] else "missed"
        console.print(f"{name:9} {rate:10,.0f} events/s (target {_TARGETS[name]:,.0f}: {met})")
    console.print(f"load average now {os.getloadavg()[0]:.2f}; figures in {output}", highlight=False)
    told_all = {"events": made, "per_second": figures, "pages_ms": asdict(pages), "erased": asdict(erased)}
    output.write_text(json.dumps(told_all, indent=2), "utf-8")


def _events(database: BenchmarkDatabase) -> int:
    with database.connect() as connection:
        row = connection.execute("SELECT count(*) FROM events").fetchone()
    assert row is not None
    return int(row[0])


def _expect(found: int, made: int, name: str) -> None:
    if found != made:
        raise OutcomeError(f"{found} events were {name}, {made} were made")


async def _seal(database: BenchmarkDatabase, secret_key: SecretKey) -> tuple[int, float]:
    """Seal the backlog as a leader does; how many events, and how long."""
    async with leader_connection(database.url) as connection:
        await key_store.ensure(
            connection, secret_key, algorithm=SigningAlgorithm.EDDSA, now=datetime.now(UTC)
        )
        ring = (await key_store.load(connection, secret_key)).log
        sealer = Sealer(
            connect=partial(leader_connection, database.url),
            keys=lambda: ring,
            origin="bench.example.com",
            checkpoint_file=None,
            now=lambda: datetime.now(UTC),
            who="bench",
        )
        await connection.execute("SET statement_timeout = 0")
        total, quiet, started, ended = 0, 0, time.monotonic(), 0.0
        while quiet < 4:
            sealed = await sealer.seal(connection)
            total, quiet = total + sealed, 0 if sealed else quiet + 1
            ended = time.monotonic() if sealed else ended
        return total, ended - started


if __name__ == "__main__":
    main()
