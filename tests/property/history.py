"""A made-up history as all its rules share it: who speaks, and what is compared after each step."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition

from tests.property.administrator import Administrator
from tests.property.conversation import BODY, BY_COOKIE, Conversation, Way
from tests.property.frozen_ledger import AGENTS, NETWORKS, FrozenLedger
from tests.property.known import Presenter, Rules

transports = st.sampled_from(["BODY", "COOKIE"])
ways = st.sampled_from(
    [
        *[BODY, BY_COOKIE] * 2,
        Way(by_cookie=False, answered_by="COOKIE"),
        Way(by_cookie=True, answered_by="COOKIE"),
    ]
)
which = st.sampled_from([0, 0, 0, 0, 1, 2])
presenters = st.builds(
    Presenter,
    agent=st.sampled_from(["Firefox", *AGENTS]),
    network=st.sampled_from([*["home"] * 4, *NETWORKS]),
)


def rules_with(lives: tuple[int, int], changes: dict[str, Any]) -> Rules:
    """Rules with an idle and an absolute lifetime, and what else there is."""
    return Rules(idle=lives[0], absolute=lives[1], **changes)


rules_of_a_client = st.builds(
    rules_with,
    st.sampled_from([(7 * 86400, 30 * 86400), (3600, 7200), (3600, 3600)]),
    st.fixed_dictionaries(
        {},
        optional={
            "access": st.sampled_from([60, 900]),
            "extend": st.booleans(),
            "grace": st.sampled_from([0, 5, 10, 60]),
            "lost": st.sampled_from([0, 600, 3600]),
            "foreign": st.sampled_from([None, 0, 1, 5]),
            "shadow": st.sampled_from([False, False, True]),
            "rotations": st.sampled_from([20, 4, None]),
            "most": st.sampled_from([None, 1, 2, 4]),
            "full": st.sampled_from(["reject_new", "revoke_oldest", "revoke_least_recently_used"]),
        },
    ),
)


class History(RuleBasedStateMachine):
    """Each step sends requests; the model says how each is answered and which events it leaves."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    ledger: ClassVar[FrozenLedger]
    reached: ClassVar[Counter[str]]

    talk: Conversation
    admin: Administrator

    @invariant()
    def the_events_are_those_expected(self) -> None:
        self.talk.compare_events()
        self.reached["steps"] += 1
        if len(self.talk.world.acts) > self.talk.acts_compared:
            self.talk.compare_acts()

    def teardown(self) -> None:
        self.talk.compare_acts()
        self.talk.compare_rebuilt()


def somebody_is_signed_in(history: Any) -> bool:
    return any(one.expected.ended is None for one in history.talk.held)


while_signed_in = precondition(somebody_is_signed_in)
