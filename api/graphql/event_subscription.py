"""Sealed events as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import strawberry

from api.graphql.context import RequestContext
from api.graphql.event_cursors import event_cursor, event_scope, leaf_of_cursor
from api.graphql.event_filter_types import EventFilter, events_meant
from api.graphql.event_types import EventEdge, event_of
from api.graphql.scalars import CursorText
from api.unavailability import UNAVAILABLE
from projections.audit_events import event_filter
from projections.audit_events.event_filter import EventOrder
from projections.audit_events.reading import EventPage, read_events

_AT_ONCE = 100
_AGAIN_AFTER_SECONDS = 0.5


@strawberry.type(description="Over WebSocket, `graphql-transport-ws`.")
class Subscription:
    @strawberry.subscription(
        description=(
            "`audit:read`. Sealed events in log order: those after the cursor, or from now on without one. "
            "Each exactly once per cursor chain."
        )
    )
    async def events(
        self,
        info: strawberry.Info[RequestContext],
        filter: EventFilter | None = strawberry.UNSET,
        after: CursorText | None = strawberry.UNSET,
    ) -> AsyncGenerator[EventEdge, None]:
        context, wanted = info.context, events_meant(filter)
        scope = event_scope(wanted, EventOrder.OLDEST_FIRST)
        if after is not None and after is not strawberry.UNSET:
            last = leaf_of_cursor(context.services.cursors, scope, after)
        else:
            last = await context.services.feed.leaves() - 1
        return _walk(context, wanted, scope, last)


async def _walk(
    context: RequestContext, wanted: event_filter.EventFilter, scope: str, last: int
) -> AsyncGenerator[EventEdge, None]:
    """All that match after the leaf `last`; for ever, through whatever befalls the database.

    A page is read when all of the one before was taken.
    """
    cursors, feed = context.services.cursors, context.services.feed
    while True:
        leaves = await feed.grown(last + 1)
        try:
            page = await _read(context, wanted, last)
        except UNAVAILABLE:
            await asyncio.sleep(_AGAIN_AFTER_SECONDS)
            continue
        for one in page.events:
            yield EventEdge(
                cursor=event_cursor(cursors, scope, one.leaf_index),
                node=event_of(one.recorded, subject=one.subject),
            )
            await asyncio.sleep(0)  # others have a turn, also where the network takes all at once
        if page.more and page.position is not None:
            last = page.position
        else:  # the filter may end before the log does
            last = max(last, leaves - 1, page.position or 0)


async def _read(context: RequestContext, wanted: event_filter.EventFilter, last: int) -> EventPage:
    async with context.services.feed.turns, context.connection() as connection:
        return await read_events(
            connection, wanted, order=EventOrder.OLDEST_FIRST, after=last, maximum=_AT_ONCE
        )
