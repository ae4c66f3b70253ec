"""What a family's row remembers that no event rebuilds: open windows, prefixes, the rate limit, counts.

A row rebuilt from events starts without them: a replay that a lost window covered is then refused, and
nothing is revoked by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.events import RefusalReason

MAXIMUM_WINDOWS = 8
MAXIMUM_PREFIXES = 4
MAXIMUM_FINGERPRINTS = 4
GENERATIONS_COUNTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Who presents a token, as keyed hashes: comparable, and nothing can be read from them."""

    agent: bytes
    """Of the user-agent family."""
    prefix: bytes
    """Of the address prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A replaced token and the way from it to its successor."""

    generation: int
    secret_hash: bytes
    nonce: bytes
    """Of the successor's secret."""
    replaced_at: datetime
    grace_ends_at: datetime
    """Exclusive; fixed at the rotation."""
    lost_response_ends_at: datetime | None
    """Exclusive; fixed at the rotation. Counts only for the newest window."""
    agent: bytes
    """User-agent family of whoever rotated."""
    replays: int = 0
    fingerprints: tuple[bytes, ...] = ()
    """Those that have an event of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookkeeping:
    """See the module."""

    windows: tuple[Window, ...] = ()
    """Oldest first, generations without holes, the last one just below the current."""
    crowded_out: int | None = None
    """Newest generation that left the list with its window open, pushed out by a burst."""
    handed_out: int = 0
    """How often the current token was handed out again since it was born."""
    prefixes: tuple[bytes, ...] = ()
    """Of the newest rotations, distinct, newest first."""
    rate: datetime | None = None
    """Theoretical arrival time of the family's limit."""
    foreign: tuple[int, ...] = ()
    """The family's generation at each of the newest foreign replays."""
    recoveries: tuple[int, ...] = ()
    """The family's generation at each of the newest recoveries of a lost response."""
    refusals: tuple[tuple[RefusalReason, datetime], ...] = ()
    """When each reason was last recorded."""
    refusals_recorded: int = 0
    forgery_recorded_at: datetime | None = None
    shadow_recorded_at: datetime | None = None
    unrecorded_replays: int = 0
    """Replays, settlings and late replays since the last event of the family."""
