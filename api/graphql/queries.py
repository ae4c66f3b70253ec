"""Reads."""

from __future__ import annotations

from uuid import UUID

import strawberry

from api.graphql.context import RequestContext, Viewer
from api.graphql.event_types import Node, event_of
from api.graphql.permissions import AUDIT
from api.graphql.session_types import Session, Subject, known_subject_of, session_of, subject_of
from ledger.recorded_event import read_stream
from projections.active_tokens import sessions

LONGEST_SUBJECT = 255
_LARGEST_VERSION = 2**31 - 1


@strawberry.type(
    description=(
        "Reads. Each read that needs `audit:read` is itself an event, AUDIT_READ, at most one a reader and "
        "minute."
    )
)
class Query:
    @strawberry.field(description="The caller; null for a client without a subject.")
    async def me(self, info: strawberry.Info[RequestContext]) -> Subject | None:
        subject = viewer_of(info.context).subject
        return None if subject is None else await subject_of(subject, info.context)

    @strawberry.field(description="`audit:read`.")
    async def subject(self, info: strawberry.Info[RequestContext], id: strawberry.ID) -> Subject | None:
        if not 1 <= len(id) <= LONGEST_SUBJECT or "\x00" in id:
            return None
        return await known_subject_of(id, info.context)

    @strawberry.field(description="One's own, or any with `audit:read`; else null.")
    async def session(self, info: strawberry.Info[RequestContext], id: strawberry.ID) -> Session | None:
        found = await _visible(info.context, session_id_of(id))
        return None if found is None else session_of(found, info.context)

    @strawberry.field(description="A Session or an Event one may see, else null.")
    async def node(self, info: strawberry.Info[RequestContext], id: strawberry.ID) -> Node | None:
        stream, colon, version = id.partition(":")
        found = await _visible(info.context, session_id_of(stream))
        if found is None:
            return None
        if not colon:
            return session_of(found, info.context)
        number = _version(version)
        if number is None:
            return None
        async with info.context.connection() as connection:
            events = await read_stream(connection, found.family_id, after=number - 1, maximum=1)
        return event_of(events[0], subject=found.subject) if events else None


def viewer_of(context: RequestContext) -> Viewer:
    """Whoever asks.

    Raises:
        TypeError: a field that needs an access token was let through without one.
    """
    if context.viewer is None:
        raise TypeError("a field that needs a viewer was let through without one")
    return context.viewer


def actor_of(viewer: Viewer) -> str:
    """As events name whoever acts."""
    return f"client:{viewer.client_id}" if viewer.subject is None else f"subject:{viewer.subject}"


async def _visible(context: RequestContext, family_id: UUID | None) -> sessions.Session | None:
    """A session that the caller may see: their own, or any with `audit:read`. Others are as unknown ones."""
    viewer = viewer_of(context)
    if family_id is None:
        return None
    async with context.connection() as connection:
        found = await sessions.read_session(connection, family_id, now=context.services.now())
    seen = found is not None and (found.subject == viewer.subject or AUDIT in viewer.scopes)
    return found if seen else None


def session_id_of(text: str) -> UUID | None:
    """The id of a session in its one spelling; None: it is none."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None


def _version(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or text != str(int(text)):
        return None
    return int(text) if 1 <= int(text) <= _LARGEST_VERSION else None
