"""Sessions of the past as callers see them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from api.graphql.connections import PageInfo
from api.graphql.description import described_type
from api.graphql.scalars import CursorText
from api.graphql.session_types import SessionStatus
from projections.past_sessions.snapshot import Snapshot


@described_type
class SessionSnapshot:
    """A session at a moment in the past. It has no id on purpose: a cache would write it over the live Session."""  # noqa: E501 - the contract's line

    time: datetime
    session_id: strawberry.ID
    subject: strawberry.ID
    client_id: strawberry.ID
    status: SessionStatus
    generation: int
    device_label: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime


@described_type
class SessionSnapshotEdge:
    """A snapshot and its place."""

    cursor: CursorText
    node: SessionSnapshot


@described_type
class SessionSnapshotConnection:
    """A page of snapshots."""

    edges: list[SessionSnapshotEdge]
    page_info: PageInfo


def snapshot_of(past: Snapshot, time: datetime) -> SessionSnapshot:
    """A session as it was at the time."""
    return SessionSnapshot(
        time=time,
        session_id=strawberry.ID(str(past.family_id)),
        subject=strawberry.ID(past.subject),
        client_id=strawberry.ID(past.client_id),
        status=SessionStatus(past.status),
        generation=past.generation,
        device_label=past.device_label,
        ip_address=past.address,
        user_agent=past.user_agent,
        created_at=past.opened_at,
        last_used_at=past.last_used_at,
        idle_expires_at=past.idle_expires_at,
        absolute_expires_at=past.absolute_expires_at,
    )
