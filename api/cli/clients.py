"""`token-ledger clients`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from psycopg import AsyncConnection

from api.cli.output import add_row, console, table
from api.cli.parameters import Scope, Text
from api.client_policy_keys import assigned, check_lifetimes, shown
from api.database import Database, reader_connection, service_connection
from api.settings import Settings, load_settings
from ledger import clients
from ledger.canonical import Json, timestamp
from ledger.clients import ClientConflictError, RegisteredClient

_Done = TypeVar("_Done")

_name = click.argument("name", type=Text())
_set = click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="A rule of the client's own, such as grace=3s or shadow=on.",
)
_scope = click.option(
    "--scope", "scopes", multiple=True, type=Scope(), metavar="S", help="What its tokens may be good for."
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON value.")


@click.group()
def command() -> None:
    """Register clients and set their rules. Each change is an event."""


@command.command()
@_name
@click.option("--public", is_flag=True, help="Without a secret: for browsers and phones, which keep none.")
@_scope
@_set
@_json
def create(name: str, public: bool, scopes: tuple[str, ...], given: tuple[str, ...], as_json: bool) -> None:
    """Register a client. Its secret is printed now and never again."""
    settings = load_settings(os.environ)
    if not clients.can_be_client_id(name):
        raise click.BadParameter("must be 1 to 255 characters without control characters", param_hint="NAME")
    if public and scopes:
        raise _no_scopes(name)
    policy = _checked(assigned({}, given, ()), settings)

    async def register(connection: AsyncConnection[Any]) -> str | None:
        return await clients.create(
            connection,
            client_id=name,
            confidential=not public,
            policy=policy,
            scopes=_distinct(scopes),
            now=datetime.now(UTC),
            random=os.urandom,
        )

    _tell(name, _as_service(settings, register), as_json=as_json)


@command.command("list")
@_json
def list_clients(as_json: bool) -> None:
    """All clients with their rules, never a secret or its hash. Rules not shown are the deployment's."""

    async def listed(url: str) -> list[RegisteredClient]:
        async with reader_connection(url) as connection:
            return await clients.list_clients(connection)

    with Database(load_settings(os.environ)) as database:
        found = asyncio.run(listed(database.url))
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=2))
        return
    made = table("client", "kind", "scopes", "rules", "not before", "created", whole=frozenset({"client"}))
    for one in found:
        add_row(
            made,
            one.client_id,
            _kind(one),
            " ".join(one.scopes) or "-",
            " ".join(shown(one.policy)) or "-",
            _moment(one.not_before) or "-",
            timestamp(one.created_at),
        )
    console().print(made)


@command.command()
@_name
@_set
@click.option("--unset", multiple=True, metavar="KEY", help="Back to the rule of the deployment.")
@_scope
@click.option("--no-scopes", is_flag=True, help="Its tokens are good for nothing from now on.")
def update(
    name: str, given: tuple[str, ...], unset: tuple[str, ...], scopes: tuple[str, ...], no_scopes: bool
) -> None:
    """Change rules of a client, or replace its scopes. Servers know it within a second.

    Sessions keep their deadlines, and replaced tokens their windows, as they were given.
    """
    if not (given or unset or scopes or no_scopes):
        raise click.UsageError("Nothing to change: give --set, --unset, --scope or --no-scopes.")
    if scopes and no_scopes:
        raise click.UsageError("--scope and --no-scopes contradict each other.")
    settings = load_settings(os.environ)

    async def change(connection: AsyncConnection[Any]) -> bool:
        async with connection.transaction():
            client = await clients.lock(connection, name)
            if scopes and not client.confidential:
                raise _no_scopes(name)
            return await clients.change(
                connection,
                client,
                policy=_checked(assigned(client.policy, given, unset), settings),
                scopes=_distinct(scopes) if scopes else () if no_scopes else client.scopes,
                now=datetime.now(UTC),
                random=os.urandom,
            )

    changed = _as_service(settings, change)
    click.echo(f"{name}: {'changed' if changed else 'it is so already'}")


@command.command("rotate-secret")
@_name
@_json
def rotate_secret(name: str, as_json: bool) -> None:
    """Give a client another secret. The one before is refused within a second."""

    async def rotate(connection: AsyncConnection[Any]) -> str:
        return await clients.rotate_secret(connection, name, now=datetime.now(UTC), random=os.urandom)

    _tell(name, _as_service(load_settings(os.environ), rotate), as_json=as_json)


def _as_service(settings: Settings, action: Callable[[AsyncConnection[Any]], Awaitable[_Done]]) -> _Done:
    """Do something on a connection with the rights of the service."""

    async def acting(url: str) -> _Done:
        async with service_connection(url) as connection:
            return await action(connection)

    with Database(settings) as database:
        return asyncio.run(acting(database.url))


def _checked(policy: dict[str, Json], settings: Settings) -> dict[str, Json]:
    from api.application import default_policy  # noqa: PLC0415 - half a second, and only two commands need it

    check_lifetimes(policy, default=default_policy(settings), retention=settings.retention)
    return policy


def _distinct(scopes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(scopes)))


def _no_scopes(name: str) -> ClientConflictError:
    return ClientConflictError(f"the client {name!r} is public: whoever knows its name would have its scopes")


def _tell(name: str, secret: str | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"client_id": name, "client_secret": secret}))
        return
    click.echo(f"client id      {name}")
    if secret is not None:
        click.echo(f"client secret  {secret}\nKeep the secret: it is not shown again.")


def _kind(client: RegisteredClient) -> str:
    return "confidential" if client.confidential else "public"


def _plain(client: RegisteredClient) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "kind": _kind(client),
        "scopes": list(client.scopes),
        "policy": dict(client.policy),
        "not_before": _moment(client.not_before),
        "created_at": timestamp(client.created_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
