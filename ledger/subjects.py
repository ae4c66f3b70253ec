"""What is known of a subject besides its sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from ledger.policy import SubjectStatus
from ledger.sql_files import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSubject:
    """As it stands after everything that was decided about it."""

    status: SubjectStatus = SubjectStatus.ACTIVE
    not_before: datetime | None = None
    legal_hold: bool = False


async def read_subject(connection: AsyncConnection[Any], subject: str) -> KnownSubject | None:
    """What was decided about a subject; None: nothing ever was, so it is active. One round trip."""
    cursor = await connection.execute(sql("ledger", "read_subject"), {"subject": subject})
    row = await cursor.fetchone()
    if row is None:
        return None
    return KnownSubject(status=SubjectStatus(row[0]), not_before=row[1], legal_hold=row[2])
