"""What can follow on what in the stream of a family; the decision table's tests cover what does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ledger.events import RevocationReason, TokenIssued, TokenRevoked, TokenRotated, Transport
from ledger.evolve import BrokenStreamError, evolve
from ledger.family import ActiveFamily

FAMILY = UUID("01a211b7-633c-7fa0-9a85-f1a0d26e26a1")
NOW = datetime(2026, 11, 25, tzinfo=UTC)
ISSUED = TokenIssued(
    subject="ada",
    client_id="web",
    transport=Transport.BODY,
    scope=(),
    secret_hash=b"0" * 32,
    idle_expires_at=NOW + timedelta(days=7),
    absolute_expires_at=NOW + timedelta(days=30),
)


def rotated(generation: int) -> TokenRotated:
    return TokenRotated(
        generation=generation,
        secret_hash=b"1" * 32,
        idle_expires_at=NOW,
        grace_ends_at=NOW,
        lost_response_ends_at=None,
    )


def test_generations_follow_one_another_without_holes() -> None:
    family = evolve(None, ISSUED, family_id=FAMILY, occurred_at=NOW)
    family = evolve(family, rotated(1), family_id=FAMILY, occurred_at=NOW)
    assert isinstance(family, ActiveFamily)
    assert family.generation == 1
    for generation in (0, 1, 3):
        with pytest.raises(BrokenStreamError, match="TokenRotated cannot follow"):
            evolve(family, rotated(generation), family_id=FAMILY, occurred_at=NOW)


def test_nothing_comes_before_the_issue_and_no_rotation_after_the_end() -> None:
    revoked = TokenRevoked(reason=RevocationReason.LOGOUT, generation=0)
    with pytest.raises(BrokenStreamError, match="no family"):
        evolve(None, revoked, family_id=FAMILY, occurred_at=NOW)
    family = evolve(None, ISSUED, family_id=FAMILY, occurred_at=NOW)
    with pytest.raises(BrokenStreamError):
        evolve(family, ISSUED, family_id=FAMILY, occurred_at=NOW)
    ended = evolve(family, revoked, family_id=FAMILY, occurred_at=NOW)
    for event in (rotated(1), revoked):
        with pytest.raises(BrokenStreamError, match="RevokedFamily"):
            evolve(ended, event, family_id=FAMILY, occurred_at=NOW)
