"""Reads of sessions and subjects."""

from __future__ import annotations

import strawberry

from api.graphql.context import RequestContext
from api.graphql.event_types import Node
from api.graphql.event_visibility import session_id_of, visible_event, visible_session
from api.graphql.session_types import Session, Subject, known_subject_of, session_of, subject_of
from api.graphql.viewer import viewer_of

LONGEST_SUBJECT = 255


@strawberry.type
class SessionQuery:
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
        found = await visible_session(info.context, session_id_of(id), field="session")
        return None if found is None else session_of(found, info.context)

    @strawberry.field(description="A Session or an Event one may see, else null.")
    async def node(self, info: strawberry.Info[RequestContext], id: strawberry.ID) -> Node | None:
        if ":" in id:
            return await visible_event(info.context, id, field="node")
        found = await visible_session(info.context, session_id_of(id), field="node")
        return None if found is None else session_of(found, info.context)
