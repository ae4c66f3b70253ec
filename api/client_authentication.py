"""Which client sends a request: HTTP Basic with the client's id and its secret (RFC 6749 section 2.3.1)."""

from __future__ import annotations

import base64
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ledger.clients import Credentials, can_be_client_id, read_credentials

_FRESH_SECONDS = 0.9
_REMEMBERED = 1000
_LONGEST_HEADER = 4096
_NOBODY = Credentials(confidential=True, secret_hash=None, scopes=(), policy="{}")


class ClientAuthenticator:
    """Knows clients as they were less than a second ago; also, for as long, that there is none of an id."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, Credentials | None]] = OrderedDict()

    async def find(self, client_id: str) -> Credentials | None:
        """What is known of a client; None: there is none of this id. One round trip where it is not fresh.

        Raises:
            psycopg.OperationalError: the database does not answer.
        """
        if not can_be_client_id(client_id):
            return None
        asked_at = self._monotonic()
        known = self._known.get(client_id)
        if known is not None and asked_at - known[0] < _FRESH_SECONDS:
            return known[1]
        async with self._pool.connection() as connection:
            found = await read_credentials(connection, client_id)
        self._known[client_id] = (asked_at, found)
        self._known.move_to_end(client_id)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def authenticate(self, authorization: str) -> tuple[str, Credentials] | None:
        """The client that an Authorization header proves; None: it proves none.

        Raises:
            psycopg.OperationalError: the database does not answer.
        """
        given = _id_and_secret(authorization)
        if given is None:
            return None
        client_id, secret = given
        found = await self.find(client_id)
        proved = (found or _NOBODY).proved_by(secret)  # as long for an unknown client as for a wrong secret
        return (client_id, found) if proved and found is not None else None


def is_basic(authorization: str | None) -> bool:
    """Whether an Authorization header is of the scheme Basic."""
    return authorization is not None and authorization.partition(" ")[0].lower() == "basic"


def _id_and_secret(authorization: str) -> tuple[str, str] | None:
    if not is_basic(authorization) or len(authorization) > _LONGEST_HEADER:
        return None
    try:
        text = base64.b64decode(authorization.partition(" ")[2].strip(" "), validate=True).decode()
        client_id, separator, secret = text.partition(":")
        decoded = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        return None
    return decoded if separator else None
