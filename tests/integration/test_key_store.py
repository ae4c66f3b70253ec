"""Keys in the database: made once, sealed, rotated with an overlap, revoked at once, hidden from readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from ledger.access_token import AccessTokenError, AccessTokenIssuer, verify_access_token
from ledger.checkpoint import CheckpointBody
from ledger.key_ring import KeyRings, KeyState
from ledger.key_sealing import KeySealingError, SecretKey
from ledger.key_store import (
    KeyKind,
    KeyRecord,
    KeyStoreError,
    current_kid,
    ensure,
    list_keys,
    load,
    retire,
    revoke,
    rotate,
)
from ledger.log_key_ring import open_checkpoint
from ledger.signed_note import NoteError
from ledger.signing_algorithm import SigningAlgorithm

Connection = AsyncConnection[Any]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
EDDSA, ES256, RS256 = SigningAlgorithm.EDDSA, SigningAlgorithm.ES256, SigningAlgorithm.RS256
OLD, NEW, OTHER = (SecretKey(values=(letter * 32,)) for letter in (b"o", b"n", b"x"))
NEW_AND_OLD = SecretKey(values=(*NEW.values, *OLD.values))


async def connect(database_url: str) -> Connection:
    connection = await AsyncConnection.connect(database_url, autocommit=True)
    await connection.execute("SET ROLE token_ledger_service")
    return connection


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """As the service connects: in its role, which is all that it needs."""
    async with await connect(database_url) as connection:
        yield connection


@pytest.fixture
async def kept(connection: Connection) -> Connection:
    """With keys made under OLD."""
    await ensure(connection, OLD, algorithm=EDDSA, now=NOW)
    return connection


async def by_state(connection: Connection, kind: KeyKind) -> dict[KeyState, KeyRecord]:
    return {key.state: key for key in await list_keys(connection) if key.kind is kind}


def kids(rings: KeyRings, now: datetime = NOW) -> set[str]:
    return {key["kid"] for key in rings.access.jwks(now=now, longest_lifetime=LIFETIME)["keys"]}


def access_token(rings: KeyRings) -> str:
    issuer = AccessTokenIssuer(
        key=rings.access.current, issuer="https://t.example", audience="https://t.example"
    )
    return issuer.sign(
        subject="backend",
        session_id=None,
        client_id="backend",
        scopes=(),
        issued_at=NOW,
        expires_at=NOW + LIFETIME,
        jwt_id="1",
        extra={},
    )


def verify(token: str, rings: KeyRings) -> None:
    jwks: dict[str, object] = {**rings.access.jwks(now=NOW, longest_lifetime=LIFETIME)}
    verify_access_token(token, jwks, issuer="https://t.example", audience="https://t.example", now=NOW)


async def test_every_purpose_gets_a_key_of_its_own(kept: Connection) -> None:
    keys = await list_keys(kept)
    assert sorted((key.kind.value, key.state.value, key.number) for key in keys) == [
        ("access", "current", None),
        ("access", "next", None),
        ("cursor", "current", None),
        ("fingerprint", "current", None),
        ("log", "current", None),
        ("log", "next", None),
        ("refresh", "current", 0),
        ("refresh", "next", 1),
    ]
    assert all(key.created_at == NOW for key in keys)
    rings = await load(kept, OLD)
    secrets = [*rings.refresh.keys.values(), rings.fingerprint, rings.cursor]
    assert [len(secret) for secret in secrets] == [32] * 4
    assert len(set(secrets)) == 4


async def test_the_keys_that_exist_are_kept(kept: Connection) -> None:
    before, rings = await list_keys(kept), await load(kept, OLD)
    await ensure(kept, OLD, algorithm=RS256, now=NOW + timedelta(days=1))
    assert await list_keys(kept) == before
    again = await load(kept, OLD)
    assert (again.refresh, again.fingerprint, again.cursor) == (
        rings.refresh,
        rings.fingerprint,
        rings.cursor,
    )
    assert again.access.published == rings.access.published


async def test_processes_that_start_together_make_one_set_of_keys(database_url: str) -> None:
    connections = [await connect(database_url) for _ in range(6)]
    try:
        await asyncio.gather(*(ensure(one, OLD, algorithm=EDDSA, now=NOW) for one in connections))
        assert len(await list_keys(connections[0])) == 8
    finally:
        for one in connections:
            await one.close()


async def test_no_private_part_lies_in_the_database_in_the_clear(kept: Connection) -> None:
    rings = await load(kept, OLD)
    cursor = await kept.execute("SELECT keys::text, sealed_private FROM keys")
    stored = "".join(f"{text}{bytes(sealed).hex()}" for text, sealed in await cursor.fetchall())
    for secret in (*rings.refresh.keys.values(), rings.fingerprint, rings.cursor):
        assert secret.hex() not in stored
    assert rings.access.current.encode()[-32:].hex() not in stored
    assert rings.log.current.encode()[-32:].hex() not in stored


async def test_the_service_loads_without_keys_only_to_say_so(connection: Connection) -> None:
    with pytest.raises(KeyStoreError, match="no current access key"):
        await load(connection, OLD)


async def test_a_wrong_secret_key_is_said_plainly_and_changes_nothing(kept: Connection) -> None:
    before = await list_keys(kept)
    kid = before[0].kid
    for attempt in (
        load(kept, OTHER),
        ensure(kept, OTHER, algorithm=EDDSA, now=NOW),
        rotate(kept, OTHER, KeyKind.ACCESS, algorithm=EDDSA, now=NOW),
        retire(kept, OTHER, kid, algorithm=EDDSA, now=NOW),
        revoke(kept, OTHER, kid, algorithm=EDDSA, now=NOW),
    ):
        with pytest.raises(KeySealingError, match="SECRET_KEY does not open the keys of this database"):
            await attempt
    assert await list_keys(kept) == before


async def test_keys_move_to_a_new_secret_key_by_way_of_both(kept: Connection) -> None:
    rings = await load(kept, OLD)
    assert (await load(kept, NEW_AND_OLD)).refresh == rings.refresh
    await ensure(kept, NEW_AND_OLD, algorithm=EDDSA, now=NOW)
    moved = await load(kept, NEW)
    assert (moved.refresh, moved.fingerprint, moved.cursor) == (
        rings.refresh,
        rings.fingerprint,
        rings.cursor,
    )
    assert moved.access.published == rings.access.published
    with pytest.raises(KeySealingError):
        await load(kept, OLD)


@pytest.mark.parametrize("kind", [KeyKind.ACCESS, KeyKind.REFRESH])
async def test_rotation_uses_the_next_key_and_lets_the_current_one_retire(
    kept: Connection, kind: KeyKind
) -> None:
    before = await by_state(kept, kind)
    later = NOW + timedelta(days=30)
    rotated = await rotate(kept, OLD, kind, algorithm=EDDSA, now=later)
    after = await by_state(kept, kind)
    assert rotated.kind is kind
    assert rotated.old_kid == before[KeyState.CURRENT].kid == after[KeyState.RETIRING].kid
    assert rotated.new_kid == before[KeyState.NEXT].kid == after[KeyState.CURRENT].kid
    assert rotated.next_kid == after[KeyState.NEXT].kid
    assert after[KeyState.RETIRING].retiring_at == later
    assert (after[KeyState.CURRENT].created_at, after[KeyState.CURRENT].current_at) == (NOW, later)


async def test_a_token_signed_before_a_rotation_verifies_after_it(kept: Connection) -> None:
    token = access_token(await load(kept, OLD))
    await rotate(kept, OLD, KeyKind.ACCESS, algorithm=EDDSA, now=NOW)
    rings = await load(kept, OLD)
    verify(token, rings)
    assert len(kids(rings)) == 3
    assert len(kids(rings, NOW + LIFETIME)) == 2


async def test_the_key_that_signs_was_published_before(kept: Connection) -> None:
    published = kids(await load(kept, OLD))
    await rotate(kept, OLD, KeyKind.ACCESS, algorithm=EDDSA, now=NOW)
    rings = await load(kept, OLD)
    assert rings.access.current.kid in published
    verify(access_token(rings), rings)


async def test_a_changed_algorithm_comes_into_use_one_rotation_later(kept: Connection) -> None:
    for algorithm, used in ((ES256, EDDSA), (RS256, ES256), (RS256, RS256)):
        await rotate(kept, OLD, KeyKind.ACCESS, algorithm=algorithm, now=NOW)
        rings = await load(kept, OLD)
        assert rings.access.current.algorithm is used
        assert (await by_state(kept, KeyKind.ACCESS))[KeyState.NEXT].algorithm == algorithm.value
        verify(access_token(rings), rings)
    for key in await list_keys(kept):
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key.public_jwk or {})


async def test_mac_keys_know_next_current_and_retiring_numbers(kept: Connection) -> None:
    before = (await load(kept, OLD)).refresh
    await rotate(kept, OLD, KeyKind.REFRESH, algorithm=EDDSA, now=NOW)
    after = (await load(kept, OLD)).refresh
    assert (before.current_number, after.current_number) == (0, 1)
    assert (after.key(0), after.key(1)) == (before.key(0), before.key(1))
    assert before.key(2) is None
    assert after.key(2) is not None


async def test_the_sixteen_numbers_run_out_until_a_key_is_revoked(kept: Connection) -> None:
    for minute in range(14):
        await rotate(kept, OLD, KeyKind.REFRESH, algorithm=EDDSA, now=NOW + timedelta(minutes=minute))
    before = await list_keys(kept)
    with pytest.raises(KeyStoreError, match=r"revoke .* then rotate again"):
        await rotate(kept, OLD, KeyKind.REFRESH, algorithm=EDDSA, now=NOW)
    assert await list_keys(kept) == before
    kid_of = {key.number: key.kid for key in before if key.kind is KeyKind.REFRESH}
    assert sorted(number for number in kid_of if number is not None) == list(range(16))

    for hour, number in ((1, 7), (2, 3)):
        await revoke(kept, OLD, kid_of[number], algorithm=EDDSA, now=NOW + timedelta(hours=hour))
    for expected in (7, 3):
        await rotate(kept, OLD, KeyKind.REFRESH, algorithm=EDDSA, now=NOW + timedelta(hours=3))
        assert (await by_state(kept, KeyKind.REFRESH))[KeyState.NEXT].number == expected


async def test_a_number_that_was_never_used_is_taken_before_one_that_was_revoked(kept: Connection) -> None:
    waiting = (await by_state(kept, KeyKind.REFRESH))[KeyState.NEXT]
    await revoke(kept, OLD, waiting.kid, algorithm=EDDSA, now=NOW)
    assert (await by_state(kept, KeyKind.REFRESH))[KeyState.NEXT].number == 2


@pytest.mark.parametrize("kind", [KeyKind.FINGERPRINT, KeyKind.CURSOR])
async def test_keys_of_other_kinds_do_not_rotate(kept: Connection, kind: KeyKind) -> None:
    with pytest.raises(KeyStoreError, match="do not rotate"):
        await rotate(kept, OLD, kind, algorithm=EDDSA, now=NOW)


async def test_rotations_at_once_happen_one_after_the_other(kept: Connection, database_url: str) -> None:
    connections = [await connect(database_url) for _ in range(4)]
    try:
        rotations = await asyncio.gather(
            *(rotate(one, OLD, KeyKind.ACCESS, algorithm=EDDSA, now=NOW) for one in connections)
        )
    finally:
        for one in connections:
            await one.close()
    assert len({rotated.old_kid for rotated in rotations}) == 4
    assert len({rotated.next_kid for rotated in rotations}) == 4
    states = sorted(key.state.value for key in await list_keys(kept) if key.kind is KeyKind.ACCESS)
    assert states == ["current", "next", "retiring", "retiring", "retiring", "retiring"]


async def test_a_rotation_that_its_caller_rolls_back_did_not_happen(kept: Connection) -> None:
    before = await list_keys(kept)
    async with kept.transaction(force_rollback=True):
        await rotate(kept, OLD, KeyKind.ACCESS, algorithm=EDDSA, now=NOW)
    assert await list_keys(kept) == before


async def test_keys_are_read_while_another_process_changes_them(kept: Connection, database_url: str) -> None:
    before = kids(await load(kept, OLD))
    async with await connect(database_url) as other, other.transaction(force_rollback=True):
        await rotate(other, OLD, KeyKind.ACCESS, algorithm=EDDSA, now=NOW)
        await kept.execute("SET lock_timeout = '2s'")
        assert kids(await load(kept, OLD)) == before


@pytest.mark.parametrize("kind", [KeyKind.ACCESS, KeyKind.REFRESH])
async def test_a_retired_key_gives_way_to_the_next_one_and_still_recognises_what_it_made(
    kept: Connection, kind: KeyKind
) -> None:
    before, rings = await by_state(kept, kind), await load(kept, OLD)
    token = access_token(rings)
    later = NOW + timedelta(minutes=1)
    retired = await retire(kept, OLD, await current_kid(kept, kind), algorithm=EDDSA, now=later)
    after = await by_state(kept, kind)
    assert (retired.kind, retired.dropped) == (kind, False)
    assert retired.kid == before[KeyState.CURRENT].kid == after[KeyState.RETIRING].kid
    assert retired.current_kid == before[KeyState.NEXT].kid == after[KeyState.CURRENT].kid
    assert retired.next_kid == after[KeyState.NEXT].kid
    assert (after[KeyState.RETIRING].retiring_at, after[KeyState.CURRENT].current_at) == (later, later)
    again = await load(kept, OLD)
    verify(token, again)
    assert again.refresh.key(0) == rings.refresh.key(0) is not None


async def test_a_retired_signing_key_is_published_until_its_last_token_has_expired(kept: Connection) -> None:
    kid = await current_kid(kept, KeyKind.ACCESS)
    await retire(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    rings = await load(kept, OLD)
    assert rings.access.current.kid != kid
    assert kid in kids(rings, NOW + LIFETIME - timedelta(microseconds=1))
    assert kid not in kids(rings, NOW + LIFETIME)


@pytest.mark.parametrize("kind", [KeyKind.ACCESS, KeyKind.REFRESH])
async def test_a_retired_next_key_is_dropped_and_another_one_waits(kept: Connection, kind: KeyKind) -> None:
    before = await by_state(kept, kind)
    retired = await retire(kept, OLD, before[KeyState.NEXT].kid, algorithm=EDDSA, now=NOW)
    after = await by_state(kept, kind)
    assert retired.dropped
    assert retired.current_kid == before[KeyState.CURRENT].kid == after[KeyState.CURRENT].kid
    assert retired.kid == before[KeyState.NEXT].kid == after[KeyState.REVOKED].kid
    assert retired.next_kid == after[KeyState.NEXT].kid
    assert retired.kid not in kids(await load(kept, OLD))


@pytest.mark.parametrize("kind", [KeyKind.ACCESS, KeyKind.REFRESH])
async def test_the_only_key_does_not_retire_until_there_is_another(kept: Connection, kind: KeyKind) -> None:
    await kept.execute(
        "UPDATE keys SET state = 'revoked', revoked_at = now() WHERE state = 'next' AND kind = %s", (kind,)
    )
    before, only = await list_keys(kept), await current_kid(kept, kind)
    with pytest.raises(KeyStoreError, match=rf"only {kind} key .* token-ledger keys rotate --kind {kind},"):
        await retire(kept, OLD, only, algorithm=EDDSA, now=NOW)
    assert await list_keys(kept) == before
    rotated = await rotate(kept, OLD, kind, algorithm=EDDSA, now=NOW)
    assert rotated.old_kid == only
    assert not (await retire(kept, OLD, rotated.new_kid, algorithm=EDDSA, now=NOW)).dropped


async def test_a_key_out_of_use_does_not_retire_again(kept: Connection) -> None:
    kid = await current_kid(kept, KeyKind.ACCESS)
    await retire(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    before = await list_keys(kept)
    with pytest.raises(KeyStoreError, match="retiring already"):
        await retire(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    assert await list_keys(kept) == before
    await revoke(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    with pytest.raises(KeyStoreError, match="revoked already"):
        await retire(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    with pytest.raises(KeyStoreError, match="no key of this kid"):
        await retire(kept, OLD, "no such key", algorithm=EDDSA, now=NOW)


@pytest.mark.parametrize("kind", [KeyKind.FINGERPRINT, KeyKind.CURSOR])
async def test_keys_of_other_kinds_do_not_retire(kept: Connection, kind: KeyKind) -> None:
    with pytest.raises(KeyStoreError, match="do not retire"):
        await retire(kept, OLD, await current_kid(kept, kind), algorithm=EDDSA, now=NOW)


async def test_a_key_that_two_retire_at_once_retires_once(kept: Connection, database_url: str) -> None:
    kid = await current_kid(kept, KeyKind.REFRESH)
    async with await connect(database_url) as other:
        done = await asyncio.gather(
            *(retire(one, OLD, kid, algorithm=EDDSA, now=NOW) for one in (kept, other)),
            return_exceptions=True,
        )
    assert sorted(type(one).__name__ for one in done) == ["KeyStoreError", "Retired"]
    assert set(await by_state(kept, KeyKind.REFRESH)) == {
        KeyState.CURRENT,
        KeyState.NEXT,
        KeyState.RETIRING,
    }


async def test_no_key_is_current_before_the_first_start(connection: Connection) -> None:
    with pytest.raises(KeyStoreError, match="no current access key"):
        await current_kid(connection, KeyKind.ACCESS)


async def test_a_revoked_key_is_neither_used_nor_shown(kept: Connection) -> None:
    rings = await load(kept, OLD)
    token, kid = access_token(rings), rings.access.current.kid
    waiting = (await by_state(kept, KeyKind.ACCESS))[KeyState.NEXT].kid
    revoked = await revoke(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    assert (revoked.kind, revoked.kid, revoked.current_kid) == (KeyKind.ACCESS, kid, waiting)
    rings = await load(kept, OLD)
    assert rings.access.current.kid == waiting
    assert kid not in kids(rings)
    assert rings.access.verification_key(kid, now=NOW, longest_lifetime=LIFETIME) is None
    with pytest.raises(AccessTokenError) as caught:
        verify(token, rings)
    assert caught.value.reason == "unknown_key"
    states = await by_state(kept, KeyKind.ACCESS)
    assert states[KeyState.REVOKED].revoked_at == NOW
    assert set(states) == {KeyState.CURRENT, KeyState.NEXT, KeyState.REVOKED}


async def test_a_revoked_mac_key_opens_nothing(kept: Connection) -> None:
    current = (await by_state(kept, KeyKind.REFRESH))[KeyState.CURRENT]
    await revoke(kept, OLD, current.kid, algorithm=EDDSA, now=NOW)
    rings = await load(kept, OLD)
    assert rings.refresh.current_number == 1
    assert rings.refresh.key(0) is None


@pytest.mark.parametrize("kind", [KeyKind.FINGERPRINT, KeyKind.CURSOR])
async def test_a_revoked_single_key_is_replaced(kept: Connection, kind: KeyKind) -> None:
    before = (await by_state(kept, kind))[KeyState.CURRENT].kid
    revoked = await revoke(kept, OLD, before, algorithm=EDDSA, now=NOW)
    after = await by_state(kept, kind)
    assert after[KeyState.CURRENT].kid == revoked.current_kid != before
    await load(kept, OLD)


async def test_an_unknown_or_revoked_kid_cannot_be_revoked(kept: Connection) -> None:
    kid = (await list_keys(kept))[0].kid
    await revoke(kept, OLD, kid, algorithm=EDDSA, now=NOW)
    for wrong in (kid, "no such key", ""):
        with pytest.raises(KeyStoreError, match="list the keys first"):
            await revoke(kept, OLD, wrong, algorithm=EDDSA, now=NOW)


async def test_a_sealed_part_opens_in_its_own_row_only(kept: Connection) -> None:
    states = await by_state(kept, KeyKind.REFRESH)
    await kept.execute(
        "UPDATE keys SET sealed_private = (SELECT sealed_private FROM keys WHERE kid = %s) WHERE kid = %s",
        (states[KeyState.CURRENT].kid, states[KeyState.NEXT].kid),
    )
    with pytest.raises(KeySealingError):
        await load(kept, OLD)


async def test_a_public_key_written_into_the_database_is_not_published(kept: Connection) -> None:
    current = (await by_state(kept, KeyKind.ACCESS))[KeyState.CURRENT]
    before = (await load(kept, OLD)).access.jwks(now=NOW, longest_lifetime=LIFETIME)
    await kept.execute('UPDATE keys SET public_jwk = \'{"kty": "OKP"}\' WHERE kid = %s', (current.kid,))
    assert (await load(kept, OLD)).access.jwks(now=NOW, longest_lifetime=LIFETIME) == before


async def test_what_the_logs_key_signed_is_known_until_it_is_revoked(kept: Connection) -> None:
    before = (await load(kept, OLD)).log
    note = before.signer("log.example").sign(CheckpointBody("log.example", 1, b"r" * 32).encode())
    rotated = await rotate(kept, OLD, KeyKind.LOG, algorithm=RS256, now=NOW)
    after = (await load(kept, OLD)).log
    assert (before.current.kid, after.current.kid) == (rotated.old_kid, rotated.new_kid)
    assert after.current.kid in {one.kid for one in before.known}  # it was told before it was used
    assert after.open(note, "log.example").size == 1
    await ensure(kept, NEW_AND_OLD, algorithm=EDDSA, now=NOW)
    assert (await load(kept, NEW)).log.open(note, "log.example").size == 1
    await revoke(kept, NEW, rotated.old_kid, algorithm=EDDSA, now=NOW)
    after = (await load(kept, NEW)).log
    with pytest.raises(NoteError, match=r"no signature by log\.example"):
        open_checkpoint(note, after.verifiers("log.example"))
    assert after.open(note, "log.example").size == 1  # the sealer is to lead on from it all the same


async def test_a_connection_with_rows_of_another_shape_does_as_well(database_url: str) -> None:
    async with await AsyncConnection.connect(database_url, row_factory=dict_row) as connection:
        await ensure(connection, OLD, algorithm=EDDSA, now=NOW)
        await rotate(connection, OLD, KeyKind.REFRESH, algorithm=EDDSA, now=NOW)
        assert (await load(connection, OLD)).refresh.current_number == 1


async def test_the_listing_and_a_printed_ring_show_nothing_private(kept: Connection) -> None:
    shown = repr(await list_keys(kept)) + repr(await load(kept, OLD))
    assert "sealed" not in shown
    assert "private" not in shown.lower()


@pytest.mark.parametrize(
    "statement", ["SELECT kid FROM keys", "SELECT public_jwk FROM keys", "DELETE FROM keys"]
)
async def test_readers_have_no_access_to_keys(connection: Connection, statement: str) -> None:
    await connection.execute("RESET ROLE")
    await connection.execute("SET ROLE token_ledger_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute(statement)


async def test_the_service_cannot_delete_keys(kept: Connection) -> None:
    for statement in ("DELETE FROM keys", "TRUNCATE keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await kept.execute(statement)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE keys SET state = 'current', current_at = now() WHERE state = 'next'",
            "one_current_key_a_kind",
        ),
        ("UPDATE keys SET state = 'next' WHERE state = 'current' AND kind = 'access'", "one_next_key_a_kind"),
        ("UPDATE keys SET number = 0 WHERE number = 1", "one_live_key_a_number"),
        ("UPDATE keys SET number = 16 WHERE number = 1", "keys_number_check"),
        ("UPDATE keys SET number = NULL WHERE number = 1", "numbered_when_refresh"),
        ("UPDATE keys SET number = 5 WHERE kind = 'cursor'", "numbered_when_refresh"),
        ("UPDATE keys SET state = 'revoked' WHERE state = 'next'", "revoked_has_a_time"),
        ("UPDATE keys SET state = 'retiring' WHERE state = 'current'", "retiring_has_a_time"),
        ("UPDATE keys SET public_jwk = NULL", "public_when_access"),
        ('UPDATE keys SET public_jwk = public_jwk || \'{"d": "x"}\'', "no_private_member_in_public"),
        ("UPDATE keys SET kind = 'other' WHERE kind = 'cursor'", "keys_kind_check"),
    ],
)
async def test_the_database_refuses_what_no_key_may_be(
    kept: Connection, statement: str, constraint: str
) -> None:
    with pytest.raises(psycopg.IntegrityError) as caught:
        await kept.execute(statement.encode())
    assert caught.value.diag.constraint_name == constraint
