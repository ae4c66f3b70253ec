"""Sessions as they are now, read from the view of active tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from ledger.family import last_active
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily

Network = IPv4Network | IPv6Network


class SessionStatus(StrEnum):
    """Active until expired or revoked, for good; suspended as long as its subject is."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in on one device: a token family."""

    family_id: UUID
    subject: str
    client_id: str
    status: str
    generation: int
    device_label: str | None
    address: str | None
    user_agent: str | None
    opened_at: datetime
    last_used_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    ended_at: datetime | None
    ended_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """What is given must all hold; None: not given."""

    ids: Sequence[UUID] | None = None
    subject: str | None = None
    client_id: str | None = None
    device_label: str | None = None
    network: Network | None = None
    """Of the last use."""
    status: SessionStatus | None = None
    created_before: datetime | None = None
    """Exclusive."""
    created_after: datetime | None = None
    """Inclusive."""
    last_used_before: datetime | None = None
    """Exclusive."""
    unended: bool = False
    """Only those that have not ended."""


def unended(wanted: SessionFilter) -> SessionFilter:
    """The same, but for sessions that have ended."""
    return replace(wanted, unended=True)


async def read_session(connection: AsyncConnection[Any], family_id: UUID, *, now: datetime) -> Session | None:
    """One session; None where there is no such family. One round trip."""
    found = await read_sessions(connection, SessionFilter(ids=[family_id]), now=now, maximum=1)
    return found[0] if found else None


async def read_sessions(
    connection: AsyncConnection[Any],
    wanted: SessionFilter,
    *,
    now: datetime,
    maximum: int,
    before: UUID | None = None,
) -> list[Session]:
    """The newest sessions that match, those opened before the session `before` where it is given."""
    async with connection.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(
            sql("projections.active_tokens", "sessions"),
            {**_parameters(wanted, now), "before": before, "maximum": maximum},
        )
        return await cursor.fetchall()


async def count_sessions(connection: AsyncConnection[Any], wanted: SessionFilter, *, now: datetime) -> int:
    """How many sessions match; looks at each of them."""
    cursor = await connection.execute(
        sql("projections.active_tokens", "count_sessions"), _parameters(wanted, now)
    )
    row = await cursor.fetchone()
    return 0 if row is None else row[0]


async def count_active(connection: AsyncConnection[Any], *, now: datetime) -> int:
    """How many sessions are active; looks at each that lives."""
    cursor = await connection.execute(sql("projections.active_tokens", "count_active"), {"now": now})
    row = await cursor.fetchone()
    return 0 if row is None else row[0]


async def unended_of(connection: AsyncConnection[Any], subject: str, maximum: int) -> list[UUID]:
    """Ids of sessions of a subject that have not ended. One round trip."""
    cursor = await connection.execute(
        sql("projections.active_tokens", "unended_of"), {"subject": subject, "maximum": maximum}
    )
    return [row[0] for row in await cursor.fetchall()]


def session_of(stored: StoredFamily) -> Session:
    """An active family as a session, when nothing more has to be read."""
    family = last_active(stored.family)
    return Session(
        family_id=family.family_id,
        subject=family.subject,
        client_id=family.client_id,
        status=SessionStatus.ACTIVE,
        generation=family.generation,
        device_label=stored.personal.device_label,
        address=stored.personal.address,
        user_agent=stored.personal.user_agent,
        opened_at=family.opened_at,
        last_used_at=family.last_used_at,
        idle_expires_at=family.idle_expires_at,
        absolute_expires_at=family.absolute_expires_at,
        ended_at=None,
        ended_reason=None,
    )


def _parameters(wanted: SessionFilter, now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "ids": None if wanted.ids is None else list(wanted.ids),
        "subject": wanted.subject,
        "client_id": wanted.client_id,
        "device_label": wanted.device_label,
        "network": wanted.network,
        "status": None if wanted.status is None else wanted.status.value,
        "unended": wanted.unended,
        "created_before": wanted.created_before,
        "created_after": wanted.created_after,
        "last_used_before": wanted.last_used_before,
    }
