"""Whoever asks, and how events name them."""

from __future__ import annotations

from api.graphql.context import RequestContext, Viewer


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
