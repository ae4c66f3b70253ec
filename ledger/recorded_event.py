"""An event as it was stored, and the timeline of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.leaf import leaf_bytes, leaf_hash
from ledger.personal_data import PersonalData
from ledger.sql_files import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """One row; it never changes, only its personal data can be erased."""

    stream_id: UUID
    version: int
    type_name: str
    schema_version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str | None
    client_id: str | None
    correlation_id: UUID | None
    causation: str | None
    payload: str
    """Canonical JSON."""
    commitment: bytes | None
    """To the personal data; None where there never was any."""
    previous: bytes | None
    leaf_hash: bytes
    personal_data: PersonalData | None
    """None where there never was any, and where it was erased."""
    leaf_index: int | None
    """Its place in the log; None until it is sealed."""

    @property
    def erased(self) -> bool:
        """Whether there was personal data and it was deleted."""
        return self.commitment is not None and self.personal_data is None

    def leaf(self) -> bytes:
        """The canonical JSON that is hashed, made again from what is stored."""
        return leaf_bytes(
            stream_id=self.stream_id,
            version=self.version,
            type_name=self.type_name,
            schema_version=self.schema_version,
            occurred_at=self.occurred_at,
            actor=self.actor,
            client_id=self.client_id,
            correlation_id=self.correlation_id,
            causation=self.causation,
            payload=self.payload,
            personal_data=self.commitment,
            previous=self.previous,
        )

    def is_intact(self) -> bool:
        """Whether the stored hash is that of the stored row."""
        return leaf_hash(self.leaf()) == self.leaf_hash


async def read_stream(
    connection: AsyncConnection[Any], stream_id: UUID, *, after: int = 0, maximum: int
) -> list[RecordedEvent]:
    """The events of a stream above the version `after`, oldest first; empty for an unknown stream."""
    cursor = await connection.execute(
        sql("ledger", "read_stream"), {"stream_id": stream_id, "after": after, "maximum": maximum}
    )
    return [
        RecordedEvent(
            stream_id=row[0],
            version=row[1],
            type_name=row[2],
            schema_version=row[3],
            occurred_at=row[4],
            recorded_at=row[5],
            actor=row[6],
            client_id=row[7],
            correlation_id=row[8],
            causation=row[9],
            payload=row[10],
            commitment=row[11],
            previous=row[12],
            leaf_hash=row[13],
            personal_data=None if row[14] is None else PersonalData.decode(row[14]),
            leaf_index=row[15],
        )
        for row in await cursor.fetchall()
    ]
