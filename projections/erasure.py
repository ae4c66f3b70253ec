"""What projections hold of a person, forgotten."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from ledger.sql_files import sql

_PERSONAL = ("audit_events", "audit_sessions")


async def forget(connection: AsyncConnection[Any], subject: str) -> None:
    """Forget addresses and labels of a subject, in the caller's transaction.

    That has deleted the personal data beside its events. The slots are locked until it ends, so that nothing
    which a runner or a rebuild has read before comes back; for their step about 0.1 s is waited. They wait
    for no other lock meanwhile, so that there is no deadlock.

    Raises:
        psycopg.errors.LockNotAvailable: somebody holds a slot for longer than `lock_timeout`.
    """
    await connection.execute(sql("projections", "lock_slots"), {"projections": list(_PERSONAL)})
    for name in _PERSONAL:
        await connection.execute(sql(f"projections.{name}", "forget"), {"subject": subject})
