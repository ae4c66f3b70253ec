"""`token-ledger keys`."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime

import click

from api.cli.output import add_row, console, table
from api.database import Database, service_connection
from api.settings import Settings, load_settings
from ledger import administrative, key_store
from ledger.canonical import timestamp
from ledger.events import SigningKeyRotated
from ledger.key_sealing import SecretKey
from ledger.key_store import KeyRecord, Rotated
from ledger.signing_algorithm import SigningAlgorithm


@click.group()
def command() -> None:
    """List and rotate the keys of the deployment."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_keys(as_json: bool) -> None:
    """All keys with their states, never a private part."""
    records = asyncio.run(_list(load_settings(os.environ)))
    if as_json:
        click.echo(json.dumps([_plain(one) for one in records], indent=2))
        return
    if not records:
        click.echo("there are no keys yet: the server makes them when it starts", err=True)
        return
    columns = ("kind", "state", "kid", "algorithm", "created", "current since", "retiring since", "revoked")
    made = table(*columns, whole=frozenset({"kid"}))
    for one in records:
        times = (one.created_at, one.current_at, one.retiring_at, one.revoked_at)
        add_row(
            made,
            one.kind.value,
            one.state.value,
            one.kid,
            one.algorithm,
            *(_moment(time) or "-" for time in times),
        )
    console().print(made)


@command.command()
@click.option("--kind", type=click.Choice(["access", "refresh"]), required=True, help="Which keys.")
def rotate(kind: str) -> None:
    """Use the next key of a kind from now on, and make another next one.

    The key used so far goes on verifying what it made. An event SigningKeyRotated is recorded with it.
    """
    rotated = asyncio.run(_rotate(load_settings(os.environ), kind))
    click.echo(
        f"{rotated.kind.value}: {rotated.new_kid} replaces {rotated.old_kid}; next is {rotated.next_kid}"
    )


async def _list(settings: Settings) -> list[KeyRecord]:
    with Database(settings) as database:
        async with service_connection(database.url) as connection:
            return await key_store.list_keys(connection)


async def _rotate(settings: Settings, kind: str) -> Rotated:
    now = datetime.now(UTC)
    with Database(settings) as database:
        async with service_connection(database.url) as connection, connection.transaction():
            rotated = await key_store.rotate(
                connection,
                SecretKey.parse(settings.secret_key),
                key_store.KeyKind(kind),
                algorithm=SigningAlgorithm(settings.access_token_algorithm),
                now=now,
            )
            await administrative.append(
                connection,
                SigningKeyRotated(
                    kind=kind,
                    key_id=rotated.new_kid,
                    replaced_key_id=rotated.old_kid,
                    next_key_id=rotated.next_kid,
                ),
                actor="operator",
                now=now,
                random=os.urandom,
            )
    return rotated


def _plain(record: KeyRecord) -> dict[str, object]:
    return {
        "kid": record.kid,
        "kind": record.kind.value,
        "algorithm": record.algorithm,
        "state": record.state.value,
        "number": record.number,
        "public_jwk": record.public_jwk,
        "created_at": _moment(record.created_at),
        "current_at": _moment(record.current_at),
        "retiring_at": _moment(record.retiring_at),
        "revoked_at": _moment(record.revoked_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
