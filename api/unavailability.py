"""What means "not now": the same request may succeed in a moment, and nothing is wrong with it."""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from api.jwks_url import IssuerUnavailableError
from ledger.group_commit import UnavailableError

UNAVAILABLE = (
    UnavailableError,
    IssuerUnavailableError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    PoolTimeout,
    PoolClosed,
)
ANSWERED_WITHIN_SECONDS = 4.8
"""From the last byte of the body on. A command that waits for the database gives up a little earlier."""
RETRY_AFTER_SECONDS = 1
TOO_LATE = UnavailableError("the request took too long")
