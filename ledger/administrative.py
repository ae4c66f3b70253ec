"""Administrative acts: each is a stream of its own with one event, so that no stream lives for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger import recorder
from ledger.events import AdministrativeEvent
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.uuid7 import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def append(
    connection: AsyncConnection[Any],
    event: AdministrativeEvent,
    *,
    actor: str | None,
    client_id: str | None = None,
    correlation_id: UUID | None = None,
    personal_data: PersonalData = NOTHING_PERSONAL,
    now: datetime,
    random: Callable[[int], bytes],
    stream_id: UUID | None = None,
) -> UUID:
    """Append the event in the caller's transaction; gives the id of its stream. One round trip.

    `actor` is `client:<id>`, `operator` or `system`; `client_id` is of the client that acted, if one did. A
    `stream_id` that was made before lets the act be tried again: a second time it fails.
    """
    stream_id = stream_id or new_stream_id(now, random)
    row = recorder.event_row(
        event,
        stream_id=stream_id,
        version=1,
        occurred_at=now,
        actor=actor,
        client_id=client_id,
        correlation_id=correlation_id,
        personal=recorder.salted(personal_data, random),
    )
    await recorder.append(connection, [row])
    return stream_id


def new_stream_id(now: datetime, random: Callable[[int], bytes]) -> UUID:
    """Of an act at that time."""
    return uuid7((now - _EPOCH) // timedelta(milliseconds=1), random(10))
