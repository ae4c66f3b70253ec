"""Reads of what happened, for whoever may audit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from api.graphql.connections import page_size
from api.graphql.context import RequestContext
from api.graphql.errors import BadUserInputError
from api.graphql.event_cursors import event_cursor, event_scope, leaf_of_cursor
from api.graphql.event_filter_types import EventFilter, EventOrder, events_meant
from api.graphql.event_types import EventConnection, EventEdge, event_of
from api.graphql.filter_spelling import spelled
from api.graphql.filter_types import SessionFilter, sessions_meant
from api.graphql.problem_types import InvalidArgumentError
from api.graphql.scalars import CursorText
from api.graphql.security_types import SecuritySummary, summary_of
from api.graphql.session_types import SessionConnection, SessionEdge, page_info, session_of
from projections.active_tokens import sessions
from projections.audit_events import event_filter
from projections.audit_events.reading import read_events
from projections.audit_sessions.reading import read_page
from projections.security_hours.reading import read_counts

_UUID_LENGTH = 16


@strawberry.type
class AuditQuery:
    @strawberry.field(
        description=(
            "`audit:read`. Sealed events (under a second behind), by log index. A cursor continues here in "
            "the same order, or in the subscription with the same filter."
        )
    )
    async def events(
        self,
        info: strawberry.Info[RequestContext],
        filter: EventFilter | None = strawberry.UNSET,
        order: EventOrder | None = EventOrder.NEWEST_FIRST,
        first: int | None = 50,
        after: CursorText | None = strawberry.UNSET,
    ) -> EventConnection:
        context, size = info.context, page_size(first)
        wanted = events_meant(filter)
        ordered = event_filter.EventOrder((order or EventOrder.NEWEST_FIRST).value)
        cursors, scope = context.services.cursors, event_scope(wanted, ordered)
        place = None
        if after is not None and after is not strawberry.UNSET:
            place = leaf_of_cursor(cursors, scope, after)
        async with context.connection() as connection:
            page = await read_events(connection, wanted, order=ordered, after=place, maximum=size)
        edges = [
            EventEdge(
                cursor=event_cursor(cursors, scope, one.leaf_index),
                node=event_of(one.recorded, subject=one.subject),
            )
            for one in page.events
        ]
        info_of_page = page_info(edges, more=page.more)
        if page.position is not None and (page.more or not edges):  # where the next page begins
            info_of_page.end_cursor = event_cursor(cursors, scope, page.position)
        return EventConnection(edges=edges, page_info=info_of_page)

    @strawberry.field(description="`audit:read`. Newest first.")
    async def sessions(
        self,
        info: strawberry.Info[RequestContext],
        filter: SessionFilter | None = strawberry.UNSET,
        first: int | None = 50,
        after: CursorText | None = strawberry.UNSET,
    ) -> SessionConnection:
        context, size = info.context, page_size(first)
        try:
            wanted = sessions_meant(filter) if filter else sessions.SessionFilter()
        except InvalidArgumentError as error:
            raise BadUserInputError(str(error)) from None
        cursors, scope = context.services.cursors, f"sessions|{spelled(wanted)}"
        before = None
        if after is not None and after is not strawberry.UNSET:
            before = UUID(bytes=cursors.decode(scope, after, length=_UUID_LENGTH))
        async with context.connection() as connection:
            page = await read_page(
                connection, wanted, now=context.services.now(), before=before, maximum=size
            )
        edges = [
            SessionEdge(
                cursor=CursorText(cursors.encode(scope, one.family_id.bytes)),
                node=session_of(one, context),
            )
            for one in page.sessions
        ]
        info_of_page = page_info(edges, more=page.more)
        if page.more and page.position is not None:  # where the next page begins
            info_of_page.end_cursor = CursorText(cursors.encode(scope, page.position.bytes))
        return SessionConnection(edges=edges, page_info=info_of_page)

    @strawberry.field(description="`audit:read`. Default for `until`: now.")
    async def security_summary(
        self,
        info: strawberry.Info[RequestContext],
        since: datetime,
        until: datetime | None = strawberry.UNSET,
    ) -> SecuritySummary:
        now = info.context.services.now()
        end = until or now
        if since >= end:
            raise BadUserInputError(
                "`until` must be later than `since`." if until else "`since` must be in the past."
            )
        async with info.context.connection() as connection:
            counts = await read_counts(connection, since=since, until=end)
            active = await sessions.count_active(connection, now=now)
        return summary_of(counts, active=active, since=since, until=end)
