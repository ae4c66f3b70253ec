"""Which sessions and events a caller may see: others are as unknown ones."""

from __future__ import annotations

from uuid import UUID

from api.graphql.context import RequestContext
from api.graphql.event_types import Event, event_of
from api.graphql.permissions import AUDIT
from api.graphql.viewer import record_read, viewer_of
from ledger.recorded_event import read_stream
from projections.active_tokens import sessions

_LARGEST_VERSION = 2**31 - 1


async def visible_session(
    context: RequestContext, family_id: UUID | None, *, field: str
) -> sessions.Session | None:
    """One's own, or any with `audit:read`, which is recorded as a read of the root field."""
    if family_id is None:
        return None
    async with context.connection() as connection:
        found = await sessions.read_session(connection, family_id, now=context.services.now())
    return found if found is not None and await is_visible(context, found.subject, field=field) else None


async def is_visible(context: RequestContext, subject: str, *, field: str) -> bool:
    """Whether the caller may see what is of a subject. By `audit:read`: then it is recorded as a read."""
    viewer = viewer_of(context)
    if subject == viewer.subject:
        return True
    if AUDIT not in viewer.scopes:
        return False
    await record_read(context, [field])
    return True


async def visible_event(context: RequestContext, event_id: str, *, field: str) -> Event | None:
    """Of one's own sessions, or any with `audit:read`, which is recorded as a read of the root field.

    `event_id` is `<stream id>:<version>`.
    """
    stream, _, version = event_id.partition(":")
    stream_id, number = session_id_of(stream), _version(version)
    if stream_id is None or number is None:
        return None
    session = await visible_session(context, stream_id, field=field)
    if session is None and AUDIT not in viewer_of(context).scopes:
        return None
    async with context.connection() as connection:
        events = await read_stream(connection, stream_id, after=number - 1, maximum=1)
    if not events or events[0].version != number:
        return None
    if session is None:
        await record_read(context, [field])
    return event_of(events[0], subject=None if session is None else session.subject)


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
