"""The keys that a process works with: loaded from the database, looked at again now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger import key_store
from ledger.access_token import AccessTokenIssuer
from ledger.group_commit import UnavailableError
from ledger.key_ring import KeyRings
from ledger.key_sealing import SecretKey
from ledger.policy import Policy
from ledger.sql_files import sql

RELOADED_EVERY = timedelta(seconds=5)
_SOONEST_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedKeys:
    """What was read at one time."""

    rings: KeyRings
    issuer: AccessTokenIssuer
    """Signs with the current key."""
    longest_lifetime: timedelta
    """For how long after its retirement a signing key still verifies tokens."""


class KeysInUse:
    """Holds whole rings and replaces them whole; `load` comes first."""

    def __init__(
        self,
        *,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        secret_key: SecretKey,
        issuer: str,
        audience: str,
        default_policy: Policy,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._secret_key = secret_key
        self._issuer = issuer
        self._audience = audience
        self._default_policy = default_policy
        self._monotonic = monotonic
        self._loaded: LoadedKeys | None = None
        self._loaded_at = 0.0
        self._loading = asyncio.Lock()

    @property
    def loaded(self) -> LoadedKeys:
        """The keys of the moment.

        Raises:
            UnavailableError: they could not be read yet.
        """
        if self._loaded is None:
            raise UnavailableError("the keys have not been read yet")
        return self._loaded

    async def load(self) -> None:
        """Read the keys. One connection, two round trips.

        Raises:
            KeySealingError: SECRET_KEY does not open them.
            KeyStoreError: there are none yet.
            psycopg.OperationalError: the database does not answer.
        """
        async with self._pool.connection() as connection:
            rings = await key_store.load(connection, self._secret_key)
            cursor = await connection.execute(sql("ledger", "longest_access_lifetime"))
            row = await cursor.fetchone()
        of_clients = timedelta(seconds=float(row[0])) if row is not None and row[0] is not None else None
        lifetime = max(self._default_policy.access_lifetime, of_clients or timedelta(0))
        self._loaded = LoadedKeys(
            rings=rings,
            issuer=AccessTokenIssuer(key=rings.access.current, issuer=self._issuer, audience=self._audience),
            longest_lifetime=lifetime + 2 * RELOADED_EVERY,
        )
        self._loaded_at = self._monotonic()

    async def load_anew(self) -> None:
        """Read the keys again because an unknown one was named; at most once a second, for which it waits.

        Raises:
            as `load`.
        """
        asked_at = self._monotonic()
        async with self._loading:
            if self._loaded_at >= asked_at:  # by somebody who asked before
                return
            await asyncio.sleep(max(0.0, self._loaded_at + _SOONEST_SECONDS - asked_at))
            await self.load()
