"""How many events of each kind there were, as callers see it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from api.graphql.context import RequestContext
from api.graphql.description import described_enum, described_type
from api.graphql.errors import BadUserInputError
from api.graphql.scalars import SafeInt
from projections.security_hours.reading import Counts, Interval, number_of_intervals, read_series

MOST_BUCKETS = 1_000


@described_enum
class SummaryInterval(Enum):
    """In UTC."""

    HOUR = "hour"
    DAY = "day"


@described_type
class SecurityBucket:
    """Events of one interval."""

    start: datetime
    issued: SafeInt
    rotated: SafeInt
    replayed: SafeInt
    reuse_detected: SafeInt
    revoked: SafeInt
    expired: SafeInt


@described_type
class SecuritySummary:
    """Sealed events since `since`, and the sessions active now."""

    active_sessions: SafeInt
    issued: SafeInt
    rotated: SafeInt
    replayed: SafeInt
    reuse_detected: SafeInt
    revoked: SafeInt
    expired: SafeInt
    since: strawberry.Private[datetime]
    until: strawberry.Private[datetime]

    @strawberry.field(
        description="The same as a series, oldest first, at most 1,000 buckets, empty ones included."
    )
    async def series(
        self,
        info: strawberry.Info[RequestContext],
        interval: SummaryInterval | None = SummaryInterval.HOUR,
    ) -> list[SecurityBucket]:
        by = Interval((interval or SummaryInterval.HOUR).value)
        if number_of_intervals(since=self.since, until=self.until, interval=by) > MOST_BUCKETS:
            raise BadUserInputError(
                f"`series` has at most {MOST_BUCKETS:,} buckets: ask for a shorter time, or by DAY."
            )
        async with info.context.connection() as connection:
            found = await read_series(connection, since=self.since, until=self.until, interval=by)
        return [bucket_of(start, counts) for start, counts in found]


def bucket_of(start: datetime, counts: Counts) -> SecurityBucket:
    return SecurityBucket(
        start=start,
        issued=SafeInt(counts.issued),
        rotated=SafeInt(counts.rotated),
        replayed=SafeInt(counts.replayed),
        reuse_detected=SafeInt(counts.reuse_detected),
        revoked=SafeInt(counts.revoked),
        expired=SafeInt(counts.expired),
    )


def summary_of(counts: Counts, *, active: int, since: datetime, until: datetime) -> SecuritySummary:
    return SecuritySummary(
        active_sessions=SafeInt(active),
        issued=SafeInt(counts.issued),
        rotated=SafeInt(counts.rotated),
        replayed=SafeInt(counts.replayed),
        reuse_detected=SafeInt(counts.reuse_detected),
        revoked=SafeInt(counts.revoked),
        expired=SafeInt(counts.expired),
        since=since,
        until=until,
    )
