"""What the checks look at: the settings, and what the database says, all of one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.settings import Settings
from api.trusted_issuers import TrustedIssuer
from ledger.clients import RegisteredClient
from ledger.key_store import KeyRecord
from ledger.sweeper_run import Run

SWEPT_WITHIN = timedelta(minutes=15)
"""What has been over for longer was forgotten, and not only not reached yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The one of TOKEN_LEDGER_DATABASE_URL, as the server knows it."""

    name: str
    superuser: bool
    attributes: tuple[str, ...]
    """Of the role itself, as they are written in ALTER ROLE."""
    roles: tuple[str, ...]
    """Those it may take besides the two of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """Settings of the server as the login has them, and what follows it."""

    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    synchronous_standby_names: str
    standbys: int
    """Connections that take its write-ahead log along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """Who could change what is recorded."""

    owner: str
    owned: bool
    """Whether the login may act as the owner of the events."""
    changers: tuple[str, ...]
    """Of the login and the roles of the service: those with rights to change or remove events."""
    unguarded: tuple[str, ...]
    """Tables of events of which a trigger against change is missing or switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What has to happen though nobody asks."""

    months_ahead: int
    run: Run | None
    """The sweeper's last one, or the one under way."""
    led: bool
    """Whether some process sweeps now."""
    overdue: bool
    """Whether a family lives on whose deadline passed longer than `SWEPT_WITHIN` ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """What the tables say."""

    protection: Protection
    upkeep: Upkeep
    clients: tuple[RegisteredClient, ...]
    shadow_since: Mapping[str, datetime]
    """Of the clients in shadow mode, where an event says so and was found in time."""
    keys: tuple[KeyRecord, ...]
    keys_open: bool
    """Whether SECRET_KEY opens them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is looked at."""

    settings: Settings
    issuers: tuple[TrustedIssuer, ...]
    """Those of TOKEN_LEDGER_TRUSTED_ISSUERS."""
    now: datetime
    """By the database's clock."""
    clock_ahead: timedelta
    """How far this machine's clock is ahead of the database's."""
    clock_doubt: timedelta
    """How wrong that can be: half of the round trip."""
    login: Login
    durability: Durability
    schema: str | None
    """Why the schema is not the one of this program; None: it is."""
    ledger: LedgerFacts | None
    """None where the schema is another one."""
