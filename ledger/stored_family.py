"""A family as it is stored: its state, its place in the stream and what the view keeps beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger.bookkeeping import Bookkeeping
from ledger.canonical import Json
from ledger.family import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHead:
    """The newest event of a stream."""

    version: int
    leaf_hash: bytes
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPersonalData:
    """Personal data as of the newest event that had it; None where unknown or erased."""

    device_label: str | None = None
    claims: Mapping[str, Json] | None = None
    address: str | None = None
    """Of the last use: issue or rotation."""
    user_agent: str | None = None
    """Of the last use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFamily:
    """One row of the view."""

    family: Family
    head: StreamHead
    personal: FamilyPersonalData
    bookkeeping: Bookkeeping
