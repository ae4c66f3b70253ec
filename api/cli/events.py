"""`token-ledger events`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, get_args

import click
import orjson
import psycopg
from psycopg import AsyncConnection

from api.cli.output import printable
from api.cli.parameters import Moment
from api.cli.sessions import gist, plain_event
from api.database import Database, DatabaseError, reader_connection
from api.settings import load_settings
from ledger.canonical import timestamp
from ledger.events import AdministrativeEvent, FamilyEvent
from projections.audit_events.event_filter import EventFilter, EventOrder
from projections.audit_events.reading import SealedEvent, next_index, read_events

_AT_ONCE = 500
_LOOKED_EVERY_SECONDS = 0.5
_TYPES = sorted(one.__name__ for one in (*get_args(FamilyEvent), *get_args(AdministrativeEvent)))


@click.group()
def command() -> None:
    """Read sealed events, in the order of the log."""


@command.command()
@click.option("--follow", is_flag=True, help="Go on with what is sealed from now on, until interrupted.")
@click.option("--type", "types", type=click.Choice(_TYPES), multiple=True, help="May be given several times.")
@click.option("--since", type=Moment(), help="All that occurred at this time or later.")
@click.option(
    "--lines", type=click.IntRange(0, _AT_ONCE), default=10, show_default=True, help="Without --since."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def tail(follow: bool, types: tuple[str, ...], since: datetime | None, lines: int, as_json: bool) -> None:
    """The last events, oldest first, a line each: place in the log, time, type, id, subject, actor, what."""
    wanted = EventFilter(types=frozenset(types) or None, since=since)

    async def write(url: str) -> None:
        async for one in _events(url, wanted, lines=lines, follow=follow):
            click.echo(json.dumps(_plain(one)) if as_json else _line(one))

    with Database(load_settings(os.environ)) as database:
        asyncio.run(write(database.url))


async def _events(url: str, wanted: EventFilter, *, lines: int, follow: bool) -> AsyncIterator[SealedEvent]:
    """Each once and in order, also when the database goes and comes back meanwhile."""
    last: int | None = None
    told = False
    while True:
        try:
            async with reader_connection(url) as connection:
                if last is None:
                    first, last = await _first(connection, wanted, lines=lines)
                    for one in first:
                        yield one
                while True:
                    page = await read_events(
                        connection, wanted, order=EventOrder.OLDEST_FIRST, after=last, maximum=_AT_ONCE
                    )
                    for one in page.events:
                        yield one
                        last = one.leaf_index
                    last = max(last, -1 if page.position is None else page.position)
                    told = False
                    if not page.more and not follow:
                        return
                    if not page.more:
                        await asyncio.sleep(_LOOKED_EVERY_SECONDS)
        except (psycopg.OperationalError, DatabaseError) as error:
            if last is None or not follow:
                raise
            if not told:
                click.echo(f"the database does not answer, it is tried again: {error}", err=True)
            told = True
        await asyncio.sleep(_LOOKED_EVERY_SECONDS)


async def _first(
    connection: AsyncConnection[Any], wanted: EventFilter, *, lines: int
) -> tuple[list[SealedEvent], int]:
    """What is shown before all that follows, and the leaf after which that is."""
    if wanted.since is not None:
        return [], -1
    leaves = await next_index(connection)
    found: list[SealedEvent] = []
    before: int | None = leaves
    while before is not None and len(found) < lines:
        page = await read_events(
            connection,
            wanted,
            order=EventOrder.NEWEST_FIRST,
            after=before,
            maximum=lines - len(found),
        )
        found += page.events
        before = page.position if page.more else None
    return found[::-1], leaves - 1


def _line(event: SealedEvent) -> str:
    recorded = event.recorded
    parts = (
        str(event.leaf_index),
        timestamp(recorded.occurred_at),
        recorded.type_name,
        f"{recorded.stream_id}:{recorded.version}",
        event.subject or "-",
        recorded.actor or "-",
        gist(orjson.loads(recorded.payload)),
    )
    return printable("  ".join(parts).rstrip())


def _plain(event: SealedEvent) -> dict[str, object]:
    recorded = event.recorded
    return {
        "log_index": event.leaf_index,
        "id": f"{recorded.stream_id}:{recorded.version}",
        "subject": event.subject,
        **plain_event(recorded),
    }
