"""Projections on a real database: caught up, and the events that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection

from api.leader_connection import leader_connection
from ledger.event_codec import decode_payload
from ledger.recorded_event import RecordedEvent, read_stream
from projections.catching_up import PROJECTIONS, SETTINGS, catch_up
from tests.sealing import log_keys, sealed_all, sealer_of

_KEYS = log_keys()


async def sealed_and_caught_up(database_url: str, *, maximum: int = 2_000) -> None:
    """Everything recorded so far is in the log, and in every projection."""
    await sealed(database_url)
    async with leader_connection(database_url) as connection:
        await caught_up(connection, maximum=maximum)


async def sealed(database_url: str) -> None:
    """Everything recorded so far is in the log."""
    async with leader_connection(database_url) as connection:
        await sealed_all(sealer_of(database_url, _KEYS), connection)


async def caught_up(connection: AsyncConnection[Any], *, maximum: int = 2_000) -> None:
    """All that is sealed is in every projection."""
    await connection.execute(SETTINGS)
    for projection in PROJECTIONS:
        while await catch_up(connection, projection, maximum=maximum):
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A sealed event, and whom it is about."""

    recorded: RecordedEvent
    leaf_index: int
    subject: str | None
    of_session: bool


async def all_events(database_url: str) -> list[Known]:
    """Every sealed event in the order of the log, made from the ledger's tables and not from a projection."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        cursor = await connection.execute("SELECT DISTINCT stream_id FROM log")
        events: list[Known] = []
        for (stream_id,) in await cursor.fetchall():
            stream = await read_stream(connection, stream_id, maximum=100_000)
            of_session = stream[0].type_name == "TokenIssued"
            for one in stream:
                if one.leaf_index is None:
                    continue
                about = decode_payload(
                    (stream[0] if of_session else one).type_name,
                    one.schema_version,
                    (stream[0] if of_session else one).payload,
                )
                events.append(
                    Known(
                        recorded=one,
                        leaf_index=one.leaf_index,
                        subject=getattr(about, "subject", None),
                        of_session=of_session,
                    )
                )
    return sorted(events, key=lambda one: one.leaf_index)


def execute(database_url: str, statement: str, *parameters: object) -> list[Any]:
    """A statement of the database's owner."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []
