"""Made-up histories of two subjects: the application answers and records what the semantics say."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from tests.api.server import differences
from tests.property.administrator import SCOPED, SENSELESS, Administrator
from tests.property.control_rules import ControlRules
from tests.property.conversation import BODY, BY_COOKIE, HOME, Conversation
from tests.property.filter_model import LARGEST_STEP
from tests.property.frozen_ledger import CLIENTS, REQUESTS_AN_ADDRESS, frozen_ledger
from tests.property.history import rules_of_a_client, transports
from tests.property.known import Rules
from tests.property.reached import EVERYTHING
from tests.property.token_rules import TokenRules
from tests.property.world_model import World

HISTORIES = os.environ.get("MACHINE_HISTORIES")
"""How many, new ones each time; without a number 260 that are always the same."""
STEPS = 200 * 40
"""At least so many in all: a history has 40 at most."""

STORIES: dict[str, Callable[[Machine], object]] = {
    "lost, and found by another program": lambda one: one.answers_get_lost(0, "curl", 600, 1),
    "lost too often": lambda one: one.answers_get_lost(0, "Firefox", 600, 4),
    "an old token": lambda one: one.an_old_token_comes_back(0, 3, late=True, logout=False),
    "an old token logs out": lambda one: one.an_old_token_comes_back(0, 1, late=True, logout=True),
    "a thief": lambda one: one.a_thief_follows_each_rotation(0, "cafe", 6),
    "a burst": lambda one: one.a_burst_pushes_windows_out(0, HOME, 9, grace=10),
    "a boundary": lambda one: one.set_not_before("subject", 0, 1, "refresh"),
    "a forged token": lambda one: one.present_a_forged_token(0, 0, BODY),
    "logged out": lambda one: one.log_out(0, 0, "THIS", BY_COOKIE, 0),
    "logged out by access token": lambda one: one.log_out_by_access_token(0, "ALL", 0),
    "a client gone wild": lambda one: one.a_client_asks_again_and_again(0, 102),
    "one address": lambda one: one.one_address_asks_too_often(0, REQUESTS_AN_ADDRESS + 1),
    "a whole life": lambda one: one.a_session_is_used_to_its_end(0, 0),
    "tabs": lambda one: one.tabs_race(0, HOME, BY_COOKIE, 3, 0),
    "others logged out": lambda one: one.log_out(0, 0, "OTHERS", BODY, 2),
    "all logged out": lambda one: one.log_out(0, 0, "ALL", BY_COOKIE, 1),
    "suspended": lambda one: one.suspend_or_reactivate(0, suspended=True, twice=True, then="refresh"),
    "suspended, and opened": lambda one: one.suspend_or_reactivate(0, True, twice=False, then="issue"),
    "one boundary after another": lambda one: [
        one.set_not_before_around_now("client", 0, minutes) for minutes in (60, -1, 0)
    ],
    "never issued": lambda one: one.present_a_forged_token(0, 1, BODY),
    "by client and time": lambda one: one.revoke_by_filter(0, ["client", "created_before"], 2, 1, None),
    "by ids and use": lambda one: one.revoke_by_filter(0, ["ids", "used_before"], 2, 1, None),
    "in steps": lambda one: one.revoke_by_filter(0, ["subject", "status"], 4, 2, None),
    "by label": lambda one: one.revoke_by_filter(0, ["label", "network"], 2, 1, 0),
    "too many": lambda one: one.revoke_by_filter(0, ["client", "used_before"], 2, 1, 1),
    "swept": lambda one: one.the_sweeper_passes("margin", 0),
    "swept by a boundary": lambda one: one.set_not_before("everyone", 0, 1, "sweep"),
    "revoked after a boundary": lambda one: one.set_not_before("client", 0, 1, "revoke"),
    "the oldest makes room": lambda one: one.one_session_too_many(2, "revoke_oldest", False, 1),
    "the idlest makes room": lambda one: one.one_session_too_many(2, "revoke_least_recently_used", True, 1),
    "no room": lambda one: one.one_session_too_many(1, "reject_new", issued=True, refreshed=0),
    "a neighbour renames": lambda one: one.a_neighbour_meddles(0, "rename"),
    "a neighbour revokes": lambda one: one.a_neighbour_meddles(0, "revoke"),
    "from another device": lambda one: one.revoke(0, "a new one", 0, twice=True, known=True),
    "arguments that mean nothing": lambda one: [one.ask_in_vain(0, what) for what in SENSELESS],
    "scopes that nobody has": lambda one: [one.ask_in_vain(0, what) for what in SCOPED],
}


class Machine(TokenRules, ControlRules):
    """Everything that may happen."""

    @initialize(
        transport=transports,
        rules=rules_of_a_client,
        story=st.sampled_from([*["none"] * 4, *STORIES]),
    )
    def begin(self, transport: str, rules: Rules, story: str) -> None:
        """Hypothesis leaves rules out of a history, but not its beginning: so rare things mix with others."""
        ledger, name = self.ledger, uuid4()
        ledger.clock.now += timedelta(minutes=2)  # no limit remembers the history before
        self.talk = Conversation(
            loop=self.loop,
            ledger=ledger,
            world=World(now=ledger.clock.now, rules={client: Rules() for client in CLIENTS}),
            subjects=(f"subject-{name}", f"neighbour-{name}"),
            reached=self.reached,
        )
        self.admin = Administrator(self.talk)
        self.talk.execute("UPDATE everyone SET not_before = NULL")
        self.talk.execute("UPDATE clients SET not_before = NULL")
        for client in CLIENTS:
            self.talk.run(ledger.change_client(client, Rules()))
        self.talk.begin()
        self.talk.set_rules(rules)
        self.talk.login(transport)
        if story in STORIES:
            STORIES[story](self)


def tell_each_story_once() -> None:
    """What rules rarely reach is reached for certain."""
    for story in STORIES:
        machine = Machine()
        machine.begin("BODY", Rules(), story)
        machine.the_events_are_those_expected()
        machine.teardown()


def test_what_is_answered_and_recorded_is_what_the_semantics_say(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.bulk_revocation.LARGEST_STEP", LARGEST_STEP)
    monkeypatch.setattr("api.bulk_revocation._PAGE", LARGEST_STEP - 1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = frozen_ledger(database_url)
        Machine.ledger = runner.run(context.__aenter__())
        Machine.loop, Machine.reached = runner.get_loop(), Counter()
        try:
            tell_each_story_once()
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=int(HISTORIES or 260),
                    stateful_step_count=40,
                    deadline=None,
                    database=None,
                    derandomize=HISTORIES is None,
                    phases=[Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
            assert runner.run(differences(database_url)) == []
        finally:
            runner.run(context.__aexit__(None, None, None))
    if HISTORIES is None:
        assert Machine.reached["steps"] >= STEPS
        assert sorted(EVERYTHING - (+Machine.reached).keys()) == [], "no history came there"
