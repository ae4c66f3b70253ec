"""`token-ledger keys`."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime

import click

from api.cli.output import add_row, console, table
from api.database import Database, service_connection
from api.settings import Settings, load_settings, log_origin
from ledger import administrative, key_store
from ledger.canonical import timestamp
from ledger.checkpoints import latest_checkpoint
from ledger.events import SigningKeyRotated
from ledger.key_sealing import SecretKey
from ledger.key_store import KeyKind, KeyRecord, Retired, Revoked, Rotated
from ledger.log_key_ring import verifier_of
from ledger.signing_algorithm import SigningAlgorithm


@click.group()
def command() -> None:
    """List, rotate, retire and revoke the keys of the deployment."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_keys(as_json: bool) -> None:
    """All keys with their states, never a private part; of the log's keys what verifies their checkpoints.

    The verifier key (C2SP signed-note) is what an auditor keeps: it is the one thing about the log that must
    not be asked of the log itself.
    """
    records, verifiers = asyncio.run(_list(load_settings(os.environ)))
    if as_json:
        plain = [_plain(one) | {"verifier_key": verifiers.get(one.kid)} for one in records]
        click.echo(json.dumps(plain, indent=2))
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
    for one in records:
        if one.kid in verifiers:
            click.echo(f"verifier key of the log, {one.state.value}: {verifiers[one.kid]}")


_KINDS = click.Choice(["access", "refresh", "log"])
_KID_MAY_BEGIN_WITH_A_DASH = {"ignore_unknown_options": True}  # RFC 7638 and base64url: one in 64 does


@command.command()
@click.option("--kind", type=_KINDS, required=True, help="Which keys.")
def rotate(kind: str) -> None:
    """Use the next key of a kind from now on, and make another next one.

    The key used so far goes on verifying what it made. An event SigningKeyRotated is recorded with it.
    """
    rotated = asyncio.run(_rotate(load_settings(os.environ), kind))
    click.echo(
        f"{rotated.kind.value}: {rotated.new_kid} replaces {rotated.old_kid}; next is {rotated.next_kid}"
    )


@command.command(context_settings=_KID_MAY_BEGIN_WITH_A_DASH)
@click.argument("kid", required=False)
@click.option("--kind", type=_KINDS, help="Its current key, in place of KID.")
def retire(kid: str | None, kind: str | None) -> None:
    """Use a key no more, while what it made stays good until it has expired.

    The next key of its kind replaces a current one at once, and another next one is made; a next one is
    dropped and replaced. Given by KID, the same key is never retired twice, as `rotate` would. An event
    SigningKeyRotated is recorded with it.
    """
    if kid is not None and kind is None:
        named: str | KeyKind = kid
    elif kid is None and kind is not None:
        named = KeyKind(kind)
    else:
        raise click.UsageError("Name either the key (KID) or the --kind whose current key it is.")
    retired = asyncio.run(_retire(load_settings(os.environ), named))
    if retired.dropped:
        outcome = f"is dropped before its use; {retired.current_kid} is used"
    else:
        outcome = f"retires, and what it made stays good; {retired.current_kid} is used"
    click.echo(f"{retired.kind.value}: {retired.kid} {outcome}; next is {retired.next_kid}")


@command.command(context_settings=_KID_MAY_BEGIN_WITH_A_DASH)
@click.argument("kid")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(kid: str, yes: bool) -> None:
    """Make a key worthless at once, as when it was stolen; another takes its place.

    Access tokens that it signed are refused within seconds; refresh tokens that it sealed are unknown, and
    their users have to sign in again; checkpoints of the log that it signed are worth nothing. An event
    SigningKeyRotated is recorded with it.
    """
    if not yes:
        click.confirm(f"What {kid} made is worth nothing from then on. Revoke it?", abort=True)
    revoked = asyncio.run(_revoke(load_settings(os.environ), kid))
    click.echo(f"{revoked.kind.value}: {revoked.kid} is revoked; {revoked.current_kid} is used")


async def _list(settings: Settings) -> tuple[list[KeyRecord], dict[str, str]]:
    """The keys, and what verifies the log: of the private keys themselves, not as the database shows it."""
    with Database(settings) as database:
        async with service_connection(database.url) as connection:
            records = await key_store.list_keys(connection)
            if not any(one.kind is KeyKind.LOG for one in records):
                return records, {}
            ring = await key_store.load_log_keys(connection, SecretKey.parse(settings.secret_key))
            checkpoint = await latest_checkpoint(connection)
    origin = log_origin(settings) if checkpoint is None else checkpoint.origin
    return records, {one.kid: str(verifier_of(one, origin)) for one in ring.known}


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
            event = SigningKeyRotated(
                kind=kind,
                key_id=rotated.new_kid,
                replaced_key_id=rotated.old_kid,
                next_key_id=rotated.next_kid,
            )
            await administrative.append(connection, event, actor="operator", now=now, random=os.urandom)
    return rotated


async def _retire(settings: Settings, named: str | KeyKind) -> Retired:
    """`named`: a kid, or the kind whose current key it is."""
    now = datetime.now(UTC)
    with Database(settings) as database:
        async with service_connection(database.url) as connection, connection.transaction():
            retired = await key_store.retire(
                connection,
                SecretKey.parse(settings.secret_key),
                await key_store.current_kid(connection, named) if isinstance(named, KeyKind) else named,
                algorithm=SigningAlgorithm(settings.access_token_algorithm),
                now=now,
            )
            event = SigningKeyRotated(
                kind=retired.kind.value,
                key_id=retired.current_kid,
                replaced_key_id=retired.kid,
                next_key_id=retired.next_kid,
                revoked=retired.dropped,
            )
            await administrative.append(connection, event, actor="operator", now=now, random=os.urandom)
    return retired


async def _revoke(settings: Settings, kid: str) -> Revoked:
    now = datetime.now(UTC)
    with Database(settings) as database:
        async with service_connection(database.url) as connection, connection.transaction():
            revoked = await key_store.revoke(
                connection,
                SecretKey.parse(settings.secret_key),
                kid,
                algorithm=SigningAlgorithm(settings.access_token_algorithm),
                now=now,
            )
            event = SigningKeyRotated(
                kind=revoked.kind.value,
                key_id=revoked.current_kid,
                replaced_key_id=revoked.kid,
                next_key_id=revoked.next_kid or "",
                revoked=True,
            )
            await administrative.append(connection, event, actor="operator", now=now, random=os.urandom)
    return revoked


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
