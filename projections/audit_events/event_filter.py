"""Which sealed events are meant, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID

Network = IPv4Network | IPv6Network


class EventOrder(StrEnum):
    """By leaf index."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What is given must all hold; None: not given."""

    types: frozenset[str] | None = None
    """Names of event types, as the ledger has them. At least one."""
    session_id: UUID | None = None
    subject: str | None = None
    """Of the session, or the one that an administrative act is about."""
    client_id: str | None = None
    actor: str | None = None
    network: Network | None = None
    """The address is in it; an address is a network of one."""
    since: datetime | None = None
    """Of `occurred_at`, inclusive."""
    until: datetime | None = None
    """The same, exclusive."""
    from_index: int | None = None
    """Inclusive."""
    to_index: int | None = None
    """Exclusive."""
