"""Whoever asks, and how events name them."""

from __future__ import annotations

from collections.abc import Sequence

from api.graphql.context import RequestContext, Viewer
from ledger.administration import Act
from ledger.personal_data import PersonalData


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


def act_of(context: RequestContext, reason: str | None = None) -> Act:
    """What whoever asks does with this request; `reason` is text that was given."""
    viewer, caller = viewer_of(context), context.caller
    return Act(
        actor=actor_of(viewer),
        client_id=viewer.client_id,
        correlation_id=caller.request_id,
        personal_data=PersonalData(address=caller.address, user_agent=caller.user_agent, reason=reason),
    )


async def record_read(context: RequestContext, fields: Sequence[str]) -> None:
    """Record that root fields show what is not one's own, before they do.

    Raises:
        psycopg.OperationalError, PoolTimeout: it could not be recorded; then nothing may be told.
    """
    await context.services.audit_reading.record(fields, act_of(context))
