"""What is known of a subject besides its sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from ledger.policy import SubjectStatus
from ledger.sql_files import sql


async def read_subject(
    connection: AsyncConnection[Any], subject: str
) -> tuple[SubjectStatus, datetime | None] | None:
    """Status and not-before; None: nothing was ever decided about it, so it is active. One round trip."""
    cursor = await connection.execute(sql("ledger", "read_subject"), {"subject": subject})
    row = await cursor.fetchone()
    return None if row is None else (SubjectStatus(row[0]), row[1])
