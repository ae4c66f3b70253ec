"""Filters in one spelling each, for the cursors that are bound to them."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from ledger.canonical import Json, canonical_json, timestamp
from projections.active_tokens.sessions import SessionFilter
from projections.audit_events.event_filter import EventFilter


def spelled(wanted: EventFilter | SessionFilter) -> str:
    """The same text for filters that mean the same: canonical JSON of what is given, sets in order."""
    given: dict[str, Json] = {}
    for one in fields(wanted):
        match getattr(wanted, one.name):
            case None:
                pass
            case frozenset() | list() as values:
                given[one.name] = sorted({str(value) for value in values})
            case datetime() as moment:
                given[one.name] = timestamp(moment)
            case value:
                given[one.name] = str(value)
    return canonical_json(given).decode()
