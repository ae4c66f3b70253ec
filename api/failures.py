"""Failures that an operator can mend, as one line."""

from __future__ import annotations

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from api.client_policy_keys import PolicyKeyError
from api.database import DatabaseError
from api.embedded_postgres import EmbeddedPostgresError
from api.listener import PortTakenError
from api.migrator import MigrationError
from api.redaction import redacted
from api.settings import SettingsError
from ledger.clients import ClientConflictError, UnknownClientError
from ledger.export.directory import ExportError
from ledger.key_sealing import KeySealingError
from ledger.key_store import KeyStoreError
from ledger.retention.archive import ArchiveError
from ledger.retention.run import RetentionError

_EXPECTED = (
    SettingsError,
    DatabaseError,
    EmbeddedPostgresError,
    MigrationError,
    PortTakenError,
    KeyStoreError,
    PolicyKeyError,
    ClientConflictError,
    UnknownClientError,
    ExportError,
    ArchiveError,
    RetentionError,
)


_OTHER_SCHEMA = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)


def expected_failure(error: Exception) -> str | None:
    """The line to tell of it, without any secret; None: it is a fault of the program."""
    if isinstance(error, KeySealingError):
        return f"TOKEN_LEDGER_{error}"
    if isinstance(error, _EXPECTED):
        return str(error)
    if isinstance(error, _OTHER_SCHEMA):
        return f"the schema is not the one of this program ({_line(error)}): run token-ledger migrate"
    if isinstance(error, psycopg.Error | PoolTimeout):
        return f"the database refused: {_line(error)}"
    return None


def _line(error: Exception) -> str:
    """What the database said, without where in the statement."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return redacted(" ".join((primary or str(error)).split()))
