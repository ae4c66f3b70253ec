"""Tidying drops what closed windows leave behind, records nothing, and changes no answer."""

from __future__ import annotations

from datetime import timedelta

from ledger.answers import Granted, Outcome, RefusalCode, Refused
from ledger.bookkeeping import Bookkeeping
from ledger.commands import Revoke, Tidy
from ledger.events import RevocationReason
from ledger.policy import Policy
from tests.unit.test_decision_table import FAMILY_ID, World

TIDY = Tidy(family_id=FAMILY_ID)


def test_a_closed_window_loses_its_nonce_without_an_event() -> None:
    world = World()
    world.refresh(world.issue())
    family, recorded = world.family, world.history
    decision = world.after(seconds=10).decide(TIDY)
    assert decision.events == ()
    assert world.book.windows == ()
    assert (world.family, world.history) == (family, recorded)


def test_an_open_window_keeps_its_nonce_and_still_covers_a_replay() -> None:
    world = World()
    first = world.issue()
    world.refresh(first)
    before = world.book
    assert world.after(seconds=9.999999).decide(TIDY).bookkeeping is before
    answer = world.refresh(first).answer
    assert isinstance(answer, Granted)
    assert answer.outcome is Outcome.REPLAYED


def test_an_open_lost_response_window_keeps_its_nonce() -> None:
    world = World(policy=Policy(lost_response_window=timedelta(hours=1)))
    world.refresh(world.issue())
    before = world.book
    assert world.after(minutes=59).decide(TIDY).bookkeeping is before
    world.after(minutes=1).decide(TIDY)
    assert world.book.windows == ()


def test_reuse_is_recognised_after_tidying() -> None:
    world = World()
    first = world.issue()
    world.refresh(first)
    world.after(seconds=10).decide(TIDY)
    answer = world.refresh(first).answer
    assert answer == Refused(code=RefusalCode.REUSE_DETECTED, ended=RevocationReason.REUSE)


def test_what_is_unknown_over_or_tidy_is_left_as_it_is() -> None:
    world = World()
    assert world.decide(TIDY).bookkeeping == Bookkeeping()
    world.issue()
    before = world.book
    assert world.decide(TIDY).bookkeeping is before
    assert world.after(days=8).decide(TIDY).events == ()
    ended = World()
    ended.issue()
    ended.decide(Revoke(family_id=FAMILY_ID, reason=RevocationReason.SUBJECT))
    before = ended.book
    decision = ended.decide(TIDY)
    assert (decision.bookkeeping, decision.events) == (before, ())
