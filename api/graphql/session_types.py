"""Sessions and the subjects that they are of."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from api.graphql.connections import PageInfo, page_size
from api.graphql.context import RequestContext
from api.graphql.description import described_enum, described_type
from api.graphql.event_types import EventConnection, EventEdge, Node, event_of
from api.graphql.scalars import CursorText
from ledger.recorded_event import read_stream
from ledger.subjects import KnownSubject, read_subject
from projections.active_tokens import sessions

_UUID_LENGTH = 16
_VERSION_LENGTH = 4


@described_enum
class SessionStatus(Enum):
    """A session is ACTIVE until it is EXPIRED or REVOKED, for good."""

    ACTIVE = "active"
    SUSPENDED = strawberry.enum_value(
        "suspended", description="The subject is suspended; refreshing works again after reactivation."
    )
    EXPIRED = "expired"
    REVOKED = "revoked"


@described_enum
class SessionEndReason(Enum):
    """Why a session ended; free text that an actor gave stands in `Event.reason`."""

    LOGOUT = "logout"
    SUBJECT = strawberry.enum_value("subject", description="By its own subject from another session.")
    ADMIN = "admin"
    REUSE = "reuse"
    LIMIT = strawberry.enum_value(
        "limit", description="The session limit ended the oldest or least recently used."
    )
    NOT_BEFORE = "not_before"
    ERASURE = "erasure"
    IDLE = "idle"
    ABSOLUTE = "absolute"


@described_enum
class SubjectStatus(Enum):
    """Whether refreshing is allowed for a subject."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ERASED = strawberry.enum_value("erased", description="Personal data deleted.")


@described_type
class Session(Node):
    """One sign-in on one device: a token family. The id is the `sid` claim. Always the state now; the past is SessionSnapshot."""  # noqa: E501 - the contract's line

    id: strawberry.ID
    subject: strawberry.ID
    client_id: strawberry.ID
    status: SessionStatus
    is_current: bool = strawberry.field(description="The caller's own session.")
    generation: int = strawberry.field(description="Rotations so far.")
    device_label: str | None
    ip_address: str | None = strawberry.field(description="Of the last use; null when erased.")
    user_agent: str | None = strawberry.field(description="Of the last use; null when erased.")
    created_at: datetime
    last_used_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    ended_at: datetime | None
    ended_reason: SessionEndReason | None

    @strawberry.field(description="The timeline, version 1 first, events not sealed yet included.")
    async def events(
        self,
        info: strawberry.Info[RequestContext],
        first: int | None = 50,
        after: CursorText | None = strawberry.UNSET,
    ) -> EventConnection:
        context, size = info.context, page_size(first)
        cursors = context.services.cursors
        scope = f"session.events|{self.id}"
        version = 0
        if after is not None and after is not strawberry.UNSET:
            version = int.from_bytes(cursors.decode(scope, after, length=_VERSION_LENGTH))
        async with context.connection() as connection:
            found = await read_stream(connection, UUID(str(self.id)), after=version, maximum=size + 1)
        edges = [
            EventEdge(
                cursor=CursorText(cursors.encode(scope, one.version.to_bytes(_VERSION_LENGTH))),
                node=event_of(one, subject=str(self.subject)),
            )
            for one in found[:size]
        ]
        return EventConnection(edges=edges, page_info=page_info(edges, more=len(found) > size))


@described_type
class SessionEdge:
    """A session and its place."""

    cursor: CursorText
    node: Session


@described_type
class SessionConnection:
    """A page of sessions."""

    edges: list[SessionEdge]
    page_info: PageInfo


@described_type
class Subject:
    """A user as the identity provider names it. Exists as soon as anything was done for its id."""

    id: strawberry.ID = strawberry.field(description="The `sub` of the tokens.")
    status: SubjectStatus
    not_before: datetime | None = strawberry.field(description="Everything issued before it is refused.")
    legal_hold: bool = strawberry.field(description="Erasure and retention are refused while true.")

    @strawberry.field(description="Newest first.")
    async def sessions(
        self,
        info: strawberry.Info[RequestContext],
        status: SessionStatus | None = strawberry.UNSET,
        first: int | None = 50,
        after: CursorText | None = strawberry.UNSET,
    ) -> SessionConnection:
        context, size = info.context, page_size(first)
        cursors = context.services.cursors
        wanted = sessions.SessionStatus(status.value) if status else None
        scope = f"subject.sessions|{wanted}|{self.id}"
        before = None
        if after is not None and after is not strawberry.UNSET:
            before = UUID(bytes=cursors.decode(scope, after, length=_UUID_LENGTH))
        async with context.connection() as connection:
            found = await sessions.read_sessions(
                connection,
                sessions.SessionFilter(subject=str(self.id), status=wanted),
                now=context.services.now(),
                before=before,
                maximum=size + 1,
            )
        edges = [
            SessionEdge(
                cursor=CursorText(cursors.encode(scope, one.family_id.bytes)),
                node=session_of(one, context),
            )
            for one in found[:size]
        ]
        return SessionConnection(edges=edges, page_info=page_info(edges, more=len(found) > size))


def session_of(session: sessions.Session, context: RequestContext, *, current: bool | None = None) -> Session:
    """A session as a caller sees it; `current` where it is known without an access token."""
    if current is None:
        current = context.viewer is not None and context.viewer.session_id == session.family_id
    return Session(
        id=strawberry.ID(str(session.family_id)),
        subject=strawberry.ID(session.subject),
        client_id=strawberry.ID(session.client_id),
        status=SessionStatus(session.status),
        is_current=current,
        generation=session.generation,
        device_label=session.device_label,
        ip_address=session.address,
        user_agent=session.user_agent,
        created_at=session.opened_at,
        last_used_at=session.last_used_at,
        idle_expires_at=session.idle_expires_at,
        absolute_expires_at=session.absolute_expires_at,
        ended_at=session.ended_at,
        ended_reason=None if session.ended_reason is None else SessionEndReason(session.ended_reason),
    )


async def subject_of(subject: str, context: RequestContext) -> Subject:
    """A subject; one of whom nothing more is known than its sessions is active."""
    async with context.connection() as connection:
        decided = await read_subject(connection, subject)
    return _subject(subject, decided)


async def known_subject_of(subject: str, context: RequestContext) -> Subject | None:
    """A subject; None: there is no session of it, and nothing was ever decided about it."""
    async with context.connection() as connection:
        decided = await read_subject(connection, subject)
        if decided is None and not await sessions.read_sessions(
            connection, sessions.SessionFilter(subject=subject), now=context.services.now(), maximum=1
        ):
            return None
    return _subject(subject, decided)


def _subject(subject: str, decided: KnownSubject | None) -> Subject:
    known = decided or KnownSubject()
    return Subject(
        id=strawberry.ID(subject),
        status=SubjectStatus(known.status.value),
        not_before=known.not_before,
        legal_hold=known.legal_hold,
    )


def page_info(edges: list[EventEdge] | list[SessionEdge], *, more: bool) -> PageInfo:
    """Of a page, empty or not."""
    return PageInfo(
        has_next_page=more,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
