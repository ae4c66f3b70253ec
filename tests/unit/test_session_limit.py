"""How many sessions of a client a subject may have: what a login ends, or why it is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ledger.answers import Granted, RefusalCode, Refused
from ledger.bookkeeping import Bookkeeping
from ledger.commands import Issue
from ledger.decider import Context, Decision, decide
from ledger.events import Transport
from ledger.family import ActiveFamily
from ledger.policy import Client, Policy, WhenFull

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def sibling(number: int, *, opened: float, used: float, idle: float = 1) -> ActiveFamily:
    """A session that was opened and used so many hours ago and idles out in so many."""
    return ActiveFamily(
        family_id=UUID(int=number),
        subject="ada",
        client_id="web",
        transport=Transport.BODY,
        scope=(),
        sender_key=None,
        opened_at=NOW - timedelta(hours=opened),
        generation=0,
        secret_hash=b"\x01" * 32,
        last_used_at=NOW - timedelta(hours=used),
        idle_expires_at=NOW + timedelta(hours=idle),
        absolute_expires_at=NOW + timedelta(hours=9),
    )


FIRST = sibling(1, opened=8, used=1)
SECOND = sibling(2, opened=7, used=6)
THIRD = sibling(3, opened=5, used=4)


def login(
    *siblings: ActiveFamily,
    maximum: int | None,
    when_full: WhenFull = WhenFull.REJECT_NEW,
    not_before: datetime | None = None,
) -> Decision:
    policy = Policy(max_sessions=maximum, when_full=when_full)
    decision = decide(
        None,
        Bookkeeping(),
        Issue(
            family_id=UUID(int=99),
            subject="ada",
            client_id="web",
            transport=Transport.BODY,
            scope=(),
            secret=b"s" * 32,
        ),
        Context(
            now=NOW,
            client=Client(client_id="web", confidential=False, policy=policy),
            not_before=not_before,
            evidence={},
            siblings=siblings,
        ),
    )
    assert isinstance(decision, Decision)
    return decision


def ended(decision: Decision) -> list[int]:
    """The numbers of the sessions that a granted login ends, in their order."""
    assert isinstance(decision.answer, Granted)
    assert len(decision.events) == 1
    return [one.int for one in decision.makes_room]


@pytest.mark.parametrize("when_full", WhenFull)
def test_below_the_limit_nothing_ends(when_full: WhenFull) -> None:
    assert ended(login(FIRST, SECOND, maximum=3, when_full=when_full)) == []


def test_without_a_limit_nothing_ends() -> None:
    assert ended(login(FIRST, SECOND, THIRD, maximum=None)) == []


def test_a_new_session_is_rejected_at_the_limit_and_nothing_is_recorded() -> None:
    decision = login(FIRST, SECOND, maximum=2)
    assert decision.answer == Refused(code=RefusalCode.SESSION_LIMIT_REACHED)
    assert (decision.events, decision.makes_room) == ((), ())


def test_the_code_of_a_full_subject_says_nothing_of_the_session() -> None:
    code = RefusalCode.SESSION_LIMIT_REACHED
    assert (code.terminal, code.retryable) == (False, False)


def test_the_oldest_ends_however_lately_it_was_used() -> None:
    assert ended(login(THIRD, FIRST, SECOND, maximum=3, when_full=WhenFull.REVOKE_OLDEST)) == [1]


def test_the_least_recently_used_ends_however_young_it_is() -> None:
    decision = login(FIRST, SECOND, THIRD, maximum=3, when_full=WhenFull.REVOKE_LEAST_RECENTLY_USED)
    assert ended(decision) == [2]


def test_as_many_end_as_are_too_many() -> None:
    assert ended(login(FIRST, SECOND, THIRD, maximum=1, when_full=WhenFull.REVOKE_OLDEST)) == [1, 2, 3]


def test_what_time_or_a_not_before_has_ended_takes_no_room() -> None:
    over = sibling(4, opened=6, used=6, idle=0)
    assert ended(login(FIRST, over, maximum=2)) == []
    boundary = SECOND.opened_at
    assert ended(login(FIRST, SECOND, maximum=2, not_before=boundary)) == []
    assert isinstance(login(FIRST, SECOND, maximum=1, not_before=boundary).answer, Refused)
