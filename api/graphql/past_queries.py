"""Reads of sessions as they were."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from api.graphql.connections import PageInfo, page_size
from api.graphql.context import RequestContext
from api.graphql.errors import BadUserInputError
from api.graphql.event_visibility import is_visible, session_id_of
from api.graphql.filter_spelling import spelled
from api.graphql.filter_types import SessionFilter, filtered_sessions
from api.graphql.past_types import (
    SessionSnapshot,
    SessionSnapshotConnection,
    SessionSnapshotEdge,
    snapshot_of,
)
from api.graphql.scalars import CursorText
from ledger.canonical import timestamp
from projections.past_sessions.reading import read_page, read_snapshot

_UUID_LENGTH = 16


@strawberry.type
class PastQuery:
    @strawberry.field(description="The same at a moment of the past; null before it began.")
    async def session_as_of(
        self, info: strawberry.Info[RequestContext], id: strawberry.ID, time: datetime
    ) -> SessionSnapshot | None:
        context = info.context
        _refuse_the_future(context, time)
        family_id = session_id_of(id)
        if family_id is None:
            return None
        async with context.connection() as connection:
            past = await read_snapshot(connection, family_id, time)
        if past is None or not await is_visible(context, past.subject, field="sessionAsOf"):
            return None
        return snapshot_of(past, time)

    @strawberry.field(
        description=(
            "`audit:read`. Every session that existed at the moment, newest first; the filter speaks of that "
            "moment."
        )
    )
    async def sessions_as_of(
        self,
        info: strawberry.Info[RequestContext],
        time: datetime,
        filter: SessionFilter | None = strawberry.UNSET,
        first: int | None = 50,
        after: CursorText | None = strawberry.UNSET,
    ) -> SessionSnapshotConnection:
        context, size = info.context, page_size(first)
        _refuse_the_future(context, time)
        wanted, cursors = filtered_sessions(filter), context.services.cursors
        scope = f"sessionsAsOf|{timestamp(time)}|{spelled(wanted)}"
        before = None
        if after is not None and after is not strawberry.UNSET:
            before = UUID(bytes=cursors.decode(scope, after, length=_UUID_LENGTH))

        def cursor(family_id: UUID) -> CursorText:
            return CursorText(cursors.encode(scope, family_id.bytes))

        async with context.connection() as connection:
            page = await read_page(connection, wanted, time, before=before, maximum=size)
        edges = [
            SessionSnapshotEdge(cursor=cursor(one.family_id), node=snapshot_of(one, time))
            for one in page.snapshots
        ]
        more = page.last_examined is not None
        end = edges[-1].cursor if edges else None
        return SessionSnapshotConnection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=more,
                start_cursor=edges[0].cursor if edges else None,
                # Of a page that ended early: where the next one goes on, which may be behind its last edge.
                end_cursor=end if page.last_examined is None else cursor(page.last_examined),
            ),
        )


def _refuse_the_future(context: RequestContext, time: datetime) -> None:
    if time > context.services.now():
        raise BadUserInputError("`time` must not be in the future.")
