"""What the sweeper finds in the view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.policy import Policy
from ledger.sql_files import sql
from ledger.sweeper import Step
from ledger.sweeper_run import Place

_BEGINNING = Place(deadline=datetime(1970, 1, 1, tzinfo=UTC), family_id=UUID(int=0))


class DueFamilies:
    """See `ledger.sweeper.FindDue`."""

    def __init__(self, default_policy: Policy) -> None:
        self._default_policy = default_policy

    async def __call__(
        self,
        connection: AsyncConnection[Any],
        *,
        after: Place | None,
        maximum: int,
        now: datetime,
        untouched_since: datetime,
    ) -> Step:
        """One statement. A client's window is the one of its policy now: where it was made longer, nonces of
        families that were used before are dropped by so much later."""
        after = after or _BEGINNING
        cursor = await connection.execute(
            sql("projections.active_tokens", "due"),
            {
                "deadline": after.deadline,
                "family_id": after.family_id,
                "maximum": maximum,
                "now": now,
                "untouched_since": untouched_since,
                "lost_response_window": self._default_policy.lost_response_window,
            },
        )
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - an aggregate has a row
        deadline, family_id, looked_at, over, untidy = row
        return Step(
            last=None if deadline is None else Place(deadline=deadline, family_id=family_id),
            looked_at=looked_at,
            over=over,
            untidy=untidy,
        )
