"""The keys in the database: made when missing, loaded, rotated, retired, revoked.

Errors: `KeyStoreError` where an operator must act, `KeySealingError` where `SECRET_KEY` is the wrong one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from psycopg import AsyncConnection
from psycopg.rows import kwargs_row, scalar_row, tuple_row
from psycopg.types.json import Jsonb

from ledger.key_ring import KeyRings, KeyState, MacKeyRing, PublishedKey, SigningKeyRing
from ledger.key_sealing import KeySealingError, SecretKey
from ledger.log_key_ring import LogKeyRing
from ledger.signing_algorithm import SigningAlgorithm, SigningKey
from ledger.sql_files import sql

_SECRET_LENGTH = 32
_SECRET_ALGORITHM = "HMAC-SHA-256"  # noqa: S105 - a name


class KeyKind(StrEnum):
    """What a key is for."""

    ACCESS = "access"
    REFRESH = "refresh"
    FINGERPRINT = "fingerprint"
    CURSOR = "cursor"
    LOG = "log"


ROTATING = (KeyKind.ACCESS, KeyKind.REFRESH, KeyKind.LOG)
"""Kinds of which one key follows another."""


class KeyStoreError(Exception):
    """The keys are not as the request needs them; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key as it may be shown."""

    kid: str
    kind: KeyKind
    algorithm: str
    state: KeyState
    number: int | None
    """Of a refresh key: 0 to 15."""
    public_jwk: dict[str, str] | None
    created_at: datetime
    current_at: datetime | None
    retiring_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """One step of a kind: `old_kid` retires, `new_kid` is current, `next_kid` waits."""

    kind: KeyKind
    old_kid: str
    new_kid: str
    next_kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A key makes nothing any more: its kind uses `current_kid` from now on, and `next_kid` waits."""

    kind: KeyKind
    kid: str
    dropped: bool
    """Whether it never was used, so that there is nothing of it to recognise: it is revoked."""
    current_kid: str
    next_kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A key was revoked: the kind uses `current_kid` from now on, and `next_kid` waits if it rotates."""

    kind: KeyKind
    kid: str
    current_kid: str
    next_kid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SealedKey:
    kid: str
    kind: KeyKind
    state: KeyState
    number: int | None
    sealed_private: bytes = field(repr=False)
    retiring_at: datetime | None


def sealing_context(kind: KeyKind, kid: str) -> bytes:
    """What a key is sealed for: it opens in the row of this kind and kid only."""
    return f"token-ledger key {kind.value} {kid}".encode()


async def load(connection: AsyncConnection[Any], secret_key: SecretKey) -> KeyRings:
    """Open all keys that are not revoked. One round trip.

    Raises:
        KeySealingError: `secret_key` does not open them.
        KeyStoreError: some kind has no current key.
    """
    rows = await _sealed_keys(connection)
    return KeyRings(
        access=_signing_ring(rows, secret_key),
        refresh=_mac_ring(rows, secret_key),
        log=_log_ring(rows, secret_key),
        fingerprint=_open(_current(rows, KeyKind.FINGERPRINT), secret_key),
        cursor=_open(_current(rows, KeyKind.CURSOR), secret_key),
    )


async def load_log_keys(connection: AsyncConnection[Any], secret_key: SecretKey) -> LogKeyRing:
    """Open the keys of the log alone. One round trip.

    Raises:
        KeySealingError: `secret_key` does not open them.
        KeyStoreError: there is no current one.
    """
    return _log_ring(await _sealed_keys(connection), secret_key)


async def ensure(
    connection: AsyncConnection[Any],
    secret_key: SecretKey,
    *,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> None:
    """Make the keys that are missing, and reseal those that only the second value of `secret_key` opens.

    Several processes may do it at once. `algorithm` is of new access keys; keys that exist keep theirs.

    Raises:
        KeySealingError: `secret_key` does not open the keys that exist.
    """
    async with connection.transaction():
        await _begin_change(connection, secret_key)
        for kind in KeyKind:
            await _fill(connection, secret_key, kind, algorithm=algorithm, now=now)


async def rotate(
    connection: AsyncConnection[Any],
    secret_key: SecretKey,
    kind: KeyKind,
    *,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> Rotated:
    """Retire the current key, use the next one, make a new next one; in the caller's transaction if any.

    `algorithm` is of the new next access key, so that a changed setting takes effect one rotation later.

    Raises:
        KeyStoreError: keys of this kind do not rotate here, or no number is free for a new refresh key.
        KeySealingError: `secret_key` does not open the keys of this database.
    """
    if kind not in ROTATING:
        raise KeyStoreError(f"Keys of the kind {kind.value} do not rotate")
    async with connection.transaction():
        await _begin_change(connection, secret_key)
        before = await _fill(connection, secret_key, kind, algorithm=algorithm, now=now)
        await connection.execute(sql("ledger", "keys_retire"), {"kind": kind.value, "now": now})
        after = await _fill(connection, secret_key, kind, algorithm=algorithm, now=now)
    return Rotated(
        kind=kind,
        old_kid=before[KeyState.CURRENT],
        new_kid=after[KeyState.CURRENT],
        next_kid=after[KeyState.NEXT],
    )


async def retire(
    connection: AsyncConnection[Any],
    secret_key: SecretKey,
    kid: str,
    *,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> Retired:
    """Use a key no more, and another in its place; in the caller's transaction if any.

    A current key goes on recognising what it made. A next one made nothing: it is dropped. As it names the
    key, and not whichever is current by then, it is done once however often it is asked for.

    Raises:
        KeyStoreError: there is no such key, it is not in use, its kind does not rotate, or no other key of
            its kind is there to be used instead.
        KeySealingError: `secret_key` does not open the keys of this database.
    """
    async with connection.transaction():
        await _begin_change(connection, secret_key)
        record = next((one for one in await list_keys(connection) if one.kid == kid), None)
        if record is None:
            raise KeyStoreError("There is no key of this kid: list the keys first")
        if record.kind not in ROTATING:
            raise KeyStoreError(f"Keys of the kind {record.kind.value} do not retire")
        await _take_out_of_use(connection, record, now=now)
        after = await _fill(connection, secret_key, record.kind, algorithm=algorithm, now=now)
    return Retired(
        kind=record.kind,
        kid=kid,
        dropped=record.state is KeyState.NEXT,
        current_kid=after[KeyState.CURRENT],
        next_kid=after[KeyState.NEXT],
    )


async def current_kid(connection: AsyncConnection[Any], kind: KeyKind) -> str:
    """The key that a kind uses.

    Raises:
        KeyStoreError: there is none yet.
    """
    kids = await _current_and_next(connection, kind)
    if KeyState.CURRENT not in kids:
        raise _no_current_key(kind)
    return kids[KeyState.CURRENT]


async def revoke(
    connection: AsyncConnection[Any],
    secret_key: SecretKey,
    kid: str,
    *,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> Revoked:
    """Revoke a key at once, and put another in its place where it was current or next.

    What it made is worth nothing from then on: refresh tokens are unknown, access tokens invalid.

    Raises:
        KeyStoreError: there is no such key, or it is revoked already.
        KeySealingError: `secret_key` does not open the keys of this database.
    """
    async with connection.transaction():
        await _begin_change(connection, secret_key)
        cursor = connection.cursor(row_factory=scalar_row)
        await cursor.execute(sql("ledger", "keys_revoke"), {"kid": kid, "now": now})
        revoked = await cursor.fetchone()
        if revoked is None:
            raise KeyStoreError("There is no key of this kid, or it is revoked already: list the keys first")
        kind = KeyKind(revoked)
        after = await _fill(connection, secret_key, kind, algorithm=algorithm, now=now)
    return Revoked(kind=kind, kid=kid, current_kid=after[KeyState.CURRENT], next_kid=after.get(KeyState.NEXT))


async def list_keys(connection: AsyncConnection[Any]) -> list[KeyRecord]:
    """All keys, the revoked ones too, by kind and age; never a private part."""
    cursor = connection.cursor(row_factory=kwargs_row(_record))
    await cursor.execute(sql("ledger", "keys_list"))
    return await cursor.fetchall()


async def _begin_change(connection: AsyncConnection[Any], secret_key: SecretKey) -> None:
    """Keep other changes out, and see to it that all keys are sealed under the first value."""
    await connection.execute(sql("ledger", "keys_lock"))
    for row in await _sealed_keys(connection):
        context = sealing_context(row.kind, row.kid)
        try:
            resealed = secret_key.reseal(row.sealed_private, context=context)
        except KeySealingError as error:
            raise _wrong_secret_key() from error
        if resealed is not None:
            parameters = {"kid": row.kid, "sealed_private": resealed}
            await connection.execute(sql("ledger", "keys_reseal"), parameters)


async def _fill(
    connection: AsyncConnection[Any],
    secret_key: SecretKey,
    kind: KeyKind,
    *,
    algorithm: SigningAlgorithm,
    now: datetime,
) -> dict[KeyState, str]:
    """See to it that a kind has a current key, the next one if there is, and a next one if it rotates."""
    kids = await _current_and_next(connection, kind)
    if KeyState.CURRENT not in kids and KeyState.NEXT in kids:
        await connection.execute(sql("ledger", "keys_promote"), {"kind": kind.value, "now": now})
        kids = {KeyState.CURRENT: kids[KeyState.NEXT]}
    wanted = (KeyState.CURRENT, KeyState.NEXT) if kind in ROTATING else (KeyState.CURRENT,)
    for state in wanted:
        if state not in kids:
            made = _new_key(kind, algorithm)
            kids[state] = made.kid
            parameters = {
                "kid": made.kid,
                "kind": kind.value,
                "algorithm": made.algorithm,
                "state": state.value,
                "number": await _free_number(connection) if kind is KeyKind.REFRESH else None,
                "public_jwk": None if made.public_jwk is None else Jsonb(made.public_jwk),
                "sealed_private": secret_key.seal(made.private, context=sealing_context(kind, made.kid)),
                "created_at": now,
                "current_at": now if state is KeyState.CURRENT else None,
            }
            await connection.execute(sql("ledger", "keys_insert"), parameters)
    return kids


async def _take_out_of_use(connection: AsyncConnection[Any], record: KeyRecord, *, now: datetime) -> None:
    match record.state:
        case KeyState.CURRENT:
            if KeyState.NEXT not in await _current_and_next(connection, record.kind):
                kind = record.kind.value
                raise KeyStoreError(
                    f"This is the only {kind} key in use, and no next one is there to replace it: "
                    f"run token-ledger keys rotate --kind {kind}, which makes one"
                )
            await connection.execute(sql("ledger", "keys_retire"), {"kind": record.kind.value, "now": now})
        case KeyState.NEXT:
            await connection.execute(sql("ledger", "keys_revoke"), {"kid": record.kid, "now": now})
        case KeyState.RETIRING:
            raise KeyStoreError("This key is retiring already: it only recognises what it made")
        case KeyState.REVOKED:
            raise KeyStoreError("This key is revoked already: what it made is worth nothing")
        case _:
            assert_never(record.state)


async def _current_and_next(connection: AsyncConnection[Any], kind: KeyKind) -> dict[KeyState, str]:
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(sql("ledger", "keys_current_and_next"), {"kind": kind.value})
    return {KeyState(state): kid for state, kid in await cursor.fetchall()}


async def _free_number(connection: AsyncConnection[Any]) -> int:
    cursor = connection.cursor(row_factory=scalar_row)
    number: int | None = await (await cursor.execute(sql("ledger", "keys_free_number"))).fetchone()
    if number is None:
        raise KeyStoreError(
            "All 16 numbers of refresh keys are in use: revoke the key that has been retiring longest, then "
            "rotate again; refresh tokens still sealed with it will be refused"
        )
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewKey:
    kid: str
    algorithm: str
    public_jwk: dict[str, str] | None
    private: bytes = field(repr=False)


def _new_key(kind: KeyKind, algorithm: SigningAlgorithm) -> _NewKey:
    """`algorithm` is of access keys; the log's checkpoints are signed with Ed25519 always."""
    match kind:
        case KeyKind.ACCESS:
            return _new_signing_key(algorithm)
        case KeyKind.LOG:
            return _new_signing_key(SigningAlgorithm.EDDSA)
        case KeyKind.REFRESH | KeyKind.FINGERPRINT | KeyKind.CURSOR:
            return _new_secret(kind)
        case _:
            assert_never(kind)


def _new_signing_key(algorithm: SigningAlgorithm) -> _NewKey:
    key = SigningKey.generate(algorithm)
    return _NewKey(
        kid=key.kid, algorithm=key.algorithm.value, public_jwk=key.public.jwk(), private=key.encode()
    )


def _new_secret(kind: KeyKind) -> _NewKey:
    return _NewKey(
        kid=f"{kind.value}-{secrets.token_hex(8)}",
        algorithm=_SECRET_ALGORITHM,
        public_jwk=None,
        private=secrets.token_bytes(_SECRET_LENGTH),
    )


async def _sealed_keys(connection: AsyncConnection[Any]) -> list[_SealedKey]:
    cursor = connection.cursor(row_factory=kwargs_row(_sealed_key))
    await cursor.execute(sql("ledger", "keys_sealed"))
    return await cursor.fetchall()


def _sealed_key(*, kind: str, state: str, **columns: Any) -> _SealedKey:
    return _SealedKey(kind=KeyKind(kind), state=KeyState(state), **columns)


def _record(*, kind: str, state: str, **columns: Any) -> KeyRecord:
    return KeyRecord(kind=KeyKind(kind), state=KeyState(state), **columns)


def _signing_ring(rows: Iterable[_SealedKey], secret_key: SecretKey) -> SigningKeyRing:
    access = [row for row in rows if row.kind is KeyKind.ACCESS]
    # The published key is the private one's own: a changed public_jwk in the database adds no key.
    keys = {row.kid: SigningKey.decode(_open(row, secret_key)) for row in access}
    return SigningKeyRing(
        current=keys[_current(access, KeyKind.ACCESS).kid],
        published={
            row.kid: PublishedKey(key=keys[row.kid].public, retiring_at=row.retiring_at) for row in access
        },
    )


def _log_ring(rows: Iterable[_SealedKey], secret_key: SecretKey) -> LogKeyRing:
    own = [row for row in rows if row.kind is KeyKind.LOG]
    # As above: what verifies is the private key's own, whatever the database says beside it.
    keys = {row.kid: SigningKey.decode(_open(row, secret_key)) for row in own}
    revoked = {row.kid for row in own if row.state is KeyState.REVOKED}
    return LogKeyRing(
        current=keys[_current(own, KeyKind.LOG).kid],
        known=tuple(one.public for kid, one in keys.items() if kid not in revoked),
        revoked=tuple(keys[kid].public for kid in revoked),
    )


def _mac_ring(rows: Iterable[_SealedKey], secret_key: SecretKey) -> MacKeyRing:
    refresh = {row.number: row for row in rows if row.kind is KeyKind.REFRESH and row.number is not None}
    current = _current(refresh.values(), KeyKind.REFRESH)
    return MacKeyRing(
        current_number=next(number for number, row in refresh.items() if row is current),
        keys={number: _open(row, secret_key) for number, row in refresh.items()},
    )


def _current(rows: Iterable[_SealedKey], kind: KeyKind) -> _SealedKey:
    for row in rows:
        if row.kind is kind and row.state is KeyState.CURRENT:
            return row
    raise _no_current_key(kind)


def _no_current_key(kind: KeyKind) -> KeyStoreError:
    return KeyStoreError(f"The database holds no current {kind.value} key: start the service, which makes it")


def _open(row: _SealedKey, secret_key: SecretKey) -> bytes:
    try:
        return secret_key.open(row.sealed_private, context=sealing_context(row.kind, row.kid))
    except KeySealingError as error:
        raise _wrong_secret_key() from error


def _wrong_secret_key() -> KeySealingError:
    return KeySealingError(
        "SECRET_KEY does not open the keys of this database: give the value that they were sealed with, "
        "alone or as the second of two"
    )
