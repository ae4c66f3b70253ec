"""Reads of what happened, for whoever may audit."""

from __future__ import annotations

import strawberry

from api.graphql.connections import page_size
from api.graphql.context import RequestContext
from api.graphql.event_cursors import event_cursor, event_scope, leaf_of_cursor
from api.graphql.event_filter_types import EventFilter, EventOrder, events_meant
from api.graphql.event_types import EventConnection, EventEdge, event_of
from api.graphql.scalars import CursorText
from api.graphql.session_types import page_info
from projections.audit_events import event_filter
from projections.audit_events.reading import read_events


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
