"""Cursors of sealed events: a leaf of the log, of use with the same filter and order only.

The subscription goes on in the order OLDEST_FIRST: its cursors and those of that order are the same.
"""

from __future__ import annotations

from api.graphql.cursors import Cursors
from api.graphql.filter_spelling import spelled
from api.graphql.scalars import CursorText
from projections.audit_events.event_filter import EventFilter, EventOrder

_LENGTH = 8


def event_scope(wanted: EventFilter, order: EventOrder) -> str:
    """What a cursor is bound to: the list, its order, and the filter in one spelling."""
    return f"events|{order.value}|{spelled(wanted)}"


def event_cursor(cursors: Cursors, scope: str, leaf_index: int) -> CursorText:
    """The cursor of a leaf: what follows it in the order of the scope."""
    return CursorText(cursors.encode(scope, leaf_index.to_bytes(_LENGTH)))


def leaf_of_cursor(cursors: Cursors, scope: str, cursor: str) -> int:
    """The leaf that a cursor is of.

    Raises:
        BadUserInputError: the cursor was changed, or is not of this scope.
    """
    return int.from_bytes(cursors.decode(scope, cursor, length=_LENGTH))
