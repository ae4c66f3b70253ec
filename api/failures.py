"""Failures that an operator can mend, as one line."""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolTimeout

from api.database import DatabaseError
from api.embedded_postgres import EmbeddedPostgresError
from api.migrator import MigrationError
from api.redaction import redacted
from api.settings import SettingsError
from api.worker import PortTakenError
from ledger.clients import ClientConflictError
from ledger.event_codec import UnknownEventError
from ledger.evolve import BrokenStreamError
from ledger.key_sealing import KeySealingError
from ledger.key_store import KeyStoreError

_EXPECTED = (
    SettingsError,
    DatabaseError,
    EmbeddedPostgresError,
    MigrationError,
    PortTakenError,
    KeySealingError,
    KeyStoreError,
    ClientConflictError,
    BrokenStreamError,
    UnknownEventError,
)


def expected_failure(error: Exception) -> str | None:
    """The line to tell of it, without any secret; None: it is a fault of the program."""
    if isinstance(error, _EXPECTED):
        return str(error)
    if isinstance(error, psycopg.Error | PoolTimeout):
        return f"the database refused: {redacted(' '.join(str(error).split()))}"
    return None
