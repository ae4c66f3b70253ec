"""`token-ledger sessions`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

import click
import orjson
from psycopg import AsyncConnection
from rich.table import Table

from api.cli.output import add_row, console, printable, table
from api.cli.parameters import AddressOrNetwork, Moment, Text
from api.database import Database, reader_connection
from api.settings import Settings, load_settings
from ledger.canonical import timestamp
from ledger.recorded_event import RecordedEvent, read_stream
from projections.active_tokens.sessions import (
    Session,
    SessionFilter,
    SessionStatus,
    read_session,
    read_sessions,
    unended,
)

_EVENTS_A_READ = 1000
_Found = TypeVar("_Found")


@click.group()
def command() -> None:
    """List sessions, show their history, and end them."""


_FILTER = (
    click.option("--id", "ids", type=click.UUID, multiple=True, help="May be given several times."),
    click.option("--subject", type=Text()),
    click.option("--client-id", type=Text()),
    click.option("--device-label", type=Text(), help="Exact."),
    click.option(
        "--ip-address", "network", type=AddressOrNetwork(), help="Of the last use: an address or a network."
    ),
    click.option("--status", type=click.Choice([one.value for one in SessionStatus])),
    click.option("--created-before", type=Moment(), help="Exclusive."),
    click.option("--created-after", type=Moment(), help="Inclusive."),
    click.option("--last-used-before", type=Moment(), help="Exclusive."),
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of the filter; it gets them as one filter, `wanted`."""

    @wraps(command)
    def with_filter(
        ids: tuple[UUID, ...],
        subject: str | None,
        client_id: str | None,
        device_label: str | None,
        network: Any,
        status: str | None,
        created_before: datetime | None,
        created_after: datetime | None,
        last_used_before: datetime | None,
        **others: Any,
    ) -> None:
        wanted = SessionFilter(
            ids=ids or None,
            subject=subject,
            client_id=client_id,
            device_label=device_label,
            network=network,
            status=None if status is None else SessionStatus(status),
            created_before=created_before,
            created_after=created_after,
            last_used_before=last_used_before,
        )
        command(wanted=wanted, **others)

    for option in reversed(_FILTER):
        with_filter = option(with_filter)
    return with_filter


@command.command("list")
@_filtered
@click.option("--first", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--after", type=click.UUID, help="The last id of the page before.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_sessions(wanted: SessionFilter, first: int, after: UUID | None, as_json: bool) -> None:
    """Sessions, newest first. Options given together must all hold."""

    def read(connection: AsyncConnection[Any]) -> Awaitable[list[Session]]:
        return read_sessions(connection, wanted, now=datetime.now(UTC), maximum=first + 1, before=after)

    found = _read(read)
    page = found[:first]
    if as_json:
        for one in page:
            click.echo(json.dumps(_plain(one)))
    elif page:
        console().print(_sessions_table(page))
    else:
        click.echo("no session is like that", err=True)
    if len(found) > first:
        click.echo(f"there are more: --after {page[-1].family_id}", err=True)


@command.command()
@click.argument("session_id", metavar="ID", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the events.")
def show(session_id: UUID, as_json: bool) -> None:
    """A session and everything that happened to it, oldest first."""

    async def read(connection: AsyncConnection[Any]) -> tuple[Session | None, list[RecordedEvent]]:
        found = await read_session(connection, session_id, now=datetime.now(UTC))
        events: list[RecordedEvent] = []
        while found is not None:
            after = events[-1].version if events else 0
            page = await read_stream(connection, session_id, after=after, maximum=_EVENTS_A_READ)
            events += page
            if len(page) < _EVENTS_A_READ:
                break
        return found, events

    session, events = _read(read)
    if session is None:
        raise click.ClickException(f"there is no session {session_id}")
    if as_json:
        click.echo(json.dumps({**_plain(session), "events": [plain_event(one) for one in events]}, indent=2))
    else:
        for name, value in _plain(session).items():
            click.echo(f"{name:>20}  {'-' if value is None else printable(str(value))}")
        console().print(_timeline_table(events))


@command.command()
@_filtered
@click.option("--reason", type=Text(), required=True, help="Kept beside each event.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(wanted: SessionFilter, reason: str, dry_run: bool, yes: bool) -> None:
    """End every session that matches and has not ended, each with its event. Counts and asks first.

    Options given together must all hold; one at least is needed.
    """
    if wanted == SessionFilter():
        raise click.UsageError("name what the sessions have in common: --subject, --client-id, …")
    if wanted.status in (SessionStatus.EXPIRED, SessionStatus.REVOKED):
        raise click.BadParameter("sessions of this status have ended", param_hint="--status")
    settings = load_settings(os.environ)
    with Database(settings) as database:
        asyncio.run(_revoke(settings, database.url, unended(wanted), reason, dry_run=dry_run, yes=yes))


async def _revoke(
    settings: Settings, url: str, wanted: SessionFilter, reason: str, *, dry_run: bool, yes: bool
) -> None:
    from api.cli.acting import bulk_revocation, operator  # noqa: PLC0415 - half a second, for this command alone

    async with bulk_revocation(settings, url) as bulk:
        matched = (await bulk.preview(wanted)).matched
        if dry_run or not matched:
            click.echo(f"{matched} sessions match")
            return
        if not yes:
            click.confirm(f"{matched} sessions match. End them?", abort=True)
        act, caller = operator()
        ended, left = 0, matched
        while left:
            step = await bulk.step(wanted, act, caller, reason=reason, expect_at_most=None)
            ended, left = ended + step.revoked, step.matched - step.revoked
            if left:
                click.echo(f"ended {ended} of {matched} sessions", err=True)
        click.echo(f"ended {ended} sessions")


def _timeline_table(events: list[RecordedEvent]) -> Table:
    """What happened to a session, a line an event."""
    columns = ("version", "event", "at", "actor", "address", "user agent", "what")
    made = table(*columns, whole=frozenset({"event", "at"}))
    for one in events:
        personal = one.personal_data
        address, agent = (personal.address, personal.user_agent) if personal else (None, None)
        add_row(
            made,
            str(one.version),
            one.type_name,
            timestamp(one.occurred_at),
            one.actor or "-",
            "erased" if one.erased else address or "-",
            "erased" if one.erased else agent or "-",
            gist(orjson.loads(one.payload)),
        )
    return made


def gist(data: dict[str, Any]) -> str:
    """What tells one event from others of its type."""
    shown = (
        "generation",
        "presented_generation",
        "cause",
        "foreign",
        "subtype",
        "reason",
        "kind",
        "enforced",
    )
    return ", ".join(f"{name} {data[name]}" for name in shown if name in data)


def _read(read: Callable[[AsyncConnection[Any]], Awaitable[_Found]]) -> _Found:
    """Read with the rights of the reader's role."""

    async def reading(url: str) -> _Found:
        async with reader_connection(url) as connection:
            return await read(connection)

    with Database(load_settings(os.environ)) as database:
        return asyncio.run(reading(database.url))


def _sessions_table(sessions: list[Session]) -> Table:
    columns = ("id", "subject", "client", "status", "created", "last used", "address", "device", "ended")
    made = table(*columns, whole=frozenset({"id"}))
    for one in sessions:
        add_row(
            made,
            str(one.family_id),
            one.subject,
            one.client_id,
            one.status,
            _seconds(one.opened_at),
            _seconds(one.last_used_at),
            one.address or "-",
            one.device_label or "-",
            "-" if one.ended_at is None else f"{_seconds(one.ended_at)} {one.ended_reason}",
        )
    return made


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _plain(session: Session) -> dict[str, object]:
    return {
        "id": str(session.family_id),
        "subject": session.subject,
        "client_id": session.client_id,
        "status": session.status,
        "generation": session.generation,
        "device_label": session.device_label,
        "ip_address": session.address,
        "user_agent": session.user_agent,
        "created_at": timestamp(session.opened_at),
        "last_used_at": timestamp(session.last_used_at),
        "idle_expires_at": timestamp(session.idle_expires_at),
        "absolute_expires_at": timestamp(session.absolute_expires_at),
        "ended_at": None if session.ended_at is None else timestamp(session.ended_at),
        "ended_reason": session.ended_reason,
    }


def plain_event(event: RecordedEvent) -> dict[str, object]:
    """What `--json` shows of an event."""
    personal = event.personal_data
    return {
        "version": event.version,
        "type": event.type_name,
        "occurred_at": timestamp(event.occurred_at),
        "recorded_at": timestamp(event.recorded_at),
        "actor": event.actor,
        "client_id": event.client_id,
        "correlation_id": None if event.correlation_id is None else str(event.correlation_id),
        "causation": event.causation,
        "ip_address": None if personal is None else personal.address,
        "user_agent": None if personal is None else personal.user_agent,
        "erased": event.erased,
        "data": orjson.loads(event.payload),
        "leaf_hash": event.leaf_hash.hex(),
    }
