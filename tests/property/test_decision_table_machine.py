"""Made-up histories of one subject: the application answers over GraphQL and records what the table says."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.answers import Ended
from ledger.commands import Expire, Revoke, Tidy
from ledger.events import RevocationReason
from tests.api.server import differences
from tests.property.conversation import BODY, BY_COOKIE, HOME, Conversation, Held, Way
from tests.property.frozen_ledger import (
    AGENTS,
    IMPATIENT,
    NETWORKS,
    REQUESTS_AN_ADDRESS,
    FrozenLedger,
    frozen_ledger,
    new_id,
)
from tests.property.subject_model import Subject
from tests.property.table_model import ROWS, Expected, Known, Presenter, Rules

HISTORIES = os.environ.get("MACHINE_HISTORIES")
"""How many, new ones each time; without a number 250 that are always the same, of 6,000 steps in all."""
LOGOUTS = frozenset(
    {
        "logout THIS",
        "logout OTHERS",
        "logout ALL",
        "logout of several",
        "logout by access token",
        "logout by an access token that has expired",
    }
)

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
settings_of_a_client = st.fixed_dictionaries(
    {},
    optional={
        "access": st.sampled_from([60, 900]),
        "extend": st.booleans(),
        "grace": st.sampled_from([0, 5, 10, 60]),
        "lost": st.sampled_from([0, 600, 3600]),
        "foreign": st.sampled_from([None, 0, 1, 5]),
        "shadow": st.sampled_from([False, False, True]),
        "limited": st.booleans(),
    },
)


STORIES: dict[str, Callable[[Machine], None]] = {
    "lost, and found by another program": lambda one: one.answers_get_lost(0, "curl", 600, 1),
    "lost too often": lambda one: one.answers_get_lost(0, "Firefox", 600, 4),
    "an old token": lambda one: one.an_old_token_comes_back(0, 3, late=True, logout=False),
    "an old token logs out": lambda one: one.an_old_token_comes_back(0, 1, late=True, logout=True),
    "a thief": lambda one: one.a_thief_follows_each_rotation(0, "cafe", 6),
    "a burst": lambda one: one.a_burst_pushes_windows_out(0, HOME, 9, grace=10),
    "a boundary": lambda one: one.set_not_before("subject", 0, 1),
    "a forged token": lambda one: one.present_a_forged_token(0, 0, BODY),
    "logged out": lambda one: one.log_out(0, 0, "THIS", BY_COOKIE, 0),
    "logged out by access token": lambda one: one.log_out_by_access_token(0, "ALL", 0),
    "a client gone wild": lambda one: one.a_client_asks_again_and_again(0, 102),
    "one address": lambda one: one.one_address_asks_too_often(0, REQUESTS_AN_ADDRESS + 1),
    "a whole life": lambda one: one.a_session_is_used_to_its_end(0, 0),
    "tabs": lambda one: one.tabs_race(0, HOME, BY_COOKIE, 3, 0),
    "others logged out": lambda one: one.log_out(0, 0, "OTHERS", BODY, 2),
    "all logged out": lambda one: one.log_out(0, 0, "ALL", BY_COOKIE, 1),
}


def somebody_is_signed_in(machine: Machine) -> bool:
    return any(one.expected.ended is None for one in machine.talk.held)


while_signed_in = precondition(somebody_is_signed_in)


class Machine(RuleBasedStateMachine):
    """Each step sends requests; the model says how each is answered and which events it leaves."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    ledger: ClassVar[FrozenLedger]
    reached: ClassVar[Counter[str]]

    talk: Conversation

    @initialize(
        transport=transports,
        lives=st.sampled_from([(7 * 86400, 30 * 86400), (3600, 7200), (3600, 3600)]),
        rotations=st.sampled_from([20, 20, 20, 4]),
        changes=settings_of_a_client,
        story=st.sampled_from([*["none"] * 4, *STORIES]),
    )
    def begin(
        self, transport: str, lives: tuple[int, int], rotations: int, changes: dict[str, Any], story: str
    ) -> None:
        """Rules may be left out of a history, its beginning never is: so stories reach the rare rows."""
        rules = Rules(idle=lives[0], absolute=lives[1], **changes)
        known = Known(now=self.ledger.clock.now, rules=rules)
        self.talk = Conversation(
            loop=self.loop,
            ledger=self.ledger,
            subject=Subject(name=f"subject-{uuid4()}", known=known, rotations=rotations),
            reached=self.reached,
        )
        self.talk.move(timedelta(minutes=2))  # no limit remembers the history before
        self.talk.execute("UPDATE everyone SET not_before = NULL")
        self.talk.execute("UPDATE clients SET not_before = NULL")
        self.talk.set_rules(rules)
        self.talk.login(transport)
        if story in STORIES:
            STORIES[story](self)

    @rule(seconds=st.sampled_from([0.5, 2, 5, 9.999999, 10, 11, 60]))
    def wait(self, seconds: float) -> None:
        self.talk.move(timedelta(seconds=seconds))

    @rule(
        which=which,
        what=st.sampled_from(["grace", "grace", "lost", "lost", "idle", "absolute", "an hour", "a day"]),
        more=st.sampled_from([-1, 0, 0, 1]),
    )
    def wait_until_a_boundary(self, which: int, what: str, more: int) -> None:
        one, now = self.talk.pick(which).expected, self.talk.now
        newest = one.replaced.get(one.generation - 1)
        ends: dict[str, datetime | None] = {
            "grace": None if newest is None else newest.grace_ends,
            "lost": None if newest is None else newest.lost_ends,
            "idle": one.idle_ends,
            "absolute": one.absolute_ends,
            "an hour": now + timedelta(hours=1),
            "a day": now + timedelta(days=1),
        }
        at = ends[what]
        if at is not None and at > now:
            self.talk.move(at + timedelta(microseconds=more) - now)

    @rule(changes=settings_of_a_client)
    def change_the_settings(self, changes: dict[str, Any]) -> None:
        rules = self.talk.subject.known.rules
        self.talk.set_rules(Rules(idle=rules.idle, absolute=rules.absolute, **changes))

    @rule(suspended=st.sampled_from([True, False, False]))
    def suspend_or_reactivate(self, suspended: bool) -> None:
        self.talk.subject.known.suspended = suspended
        self.talk.execute(
            "INSERT INTO subjects (subject, status) VALUES (%s, %s)"
            " ON CONFLICT (subject) DO UPDATE SET status = excluded.status",
            self.talk.subject.name,
            "suspended" if suspended else "active",
        )

    @while_signed_in
    @rule(
        of=st.sampled_from(["subject", "client", "everyone"]),
        which=which,
        more=st.sampled_from([0, 1, 1]),
    )
    def set_not_before(self, of: str, which: int, more: int) -> None:
        """The moment at which a session was opened spares it, the next one does not."""
        held = self.talk.pick(which)
        self.talk.move(timedelta(microseconds=more))
        at = held.expected.opened + timedelta(microseconds=more)
        at = self.talk.subject.set_not_before(of, at)
        match of:
            case "subject":
                self.talk.execute(
                    "INSERT INTO subjects (subject, not_before) VALUES (%s, %s)"
                    " ON CONFLICT (subject) DO UPDATE SET not_before = excluded.not_before",
                    self.talk.subject.name,
                    at,
                )
            case "client":
                self.talk.execute("UPDATE clients SET not_before = %s", at)
            case _:
                self.talk.execute("UPDATE everyone SET not_before = %s", at)
        self.talk.refresh(held)

    @precondition(lambda self: not somebody_is_signed_in(self))
    @rule(transport=transports)
    def log_in_again(self, transport: str) -> None:
        self.suspend_or_reactivate(suspended=False)
        self.talk.login(transport)

    @precondition(lambda self: len(self.talk.held) < 6)
    @rule(transport=transports)
    def log_in_elsewhere(self, transport: str) -> None:
        self.talk.login(transport)

    @rule(which=which, back=st.sampled_from([0, 1]), who=presenters, way=ways)
    def refresh(self, which: int, back: int, who: Presenter, way: Way) -> None:
        self.talk.refresh(self.talk.pick(which), back, who, way)

    @while_signed_in
    @rule(which=which, who=presenters, way=ways, times=st.sampled_from([1, 2, 4]))
    def refresh_the_current(self, which: int, who: Presenter, way: Way, times: int) -> None:
        for _ in range(times):
            self.talk.refresh(self.talk.pick(which), 0, who, way)

    @while_signed_in
    @rule(which=which, who=presenters, way=ways, back=st.sampled_from([1, 1, 2, 3, 9]))
    def refresh_a_replaced(self, which: int, who: Presenter, way: Way, back: int) -> None:
        self.talk.refresh(self.talk.pick(which), back, who, way)

    @while_signed_in
    @rule(which=which, who=presenters, way=ways, tabs=st.integers(2, 5), back=st.sampled_from([0, 0, 1]))
    def tabs_race(self, which: int, who: Presenter, way: Way, tabs: int, back: int) -> None:
        """At once, so that they share transactions; then one of them goes on with the token it got."""
        held = self.talk.pick(which)
        self.talk.race(held, tabs, back, who, way)
        self.talk.refresh(held, 0, who, way)

    @while_signed_in
    @rule(
        which=which,
        who=presenters,
        windows=st.sampled_from([1, 8, 9, 9, 10]),
        grace=st.sampled_from([None, 10]),
    )
    def a_burst_pushes_windows_out(self, which: int, who: Presenter, windows: int, grace: int | None) -> None:
        held = self.talk.pick(which)
        if grace is not None:
            rules = self.talk.subject.known.rules
            self.talk.set_rules(replace(rules, grace=grace, limited=False))
        for _ in range(windows):
            self.talk.refresh(held)
        self.talk.refresh(held, windows, who)

    @while_signed_in
    @rule(which=which, network=st.sampled_from(list(NETWORKS)), times=st.sampled_from([2, 6]))
    def a_thief_follows_each_rotation(self, which: int, network: str, times: int) -> None:
        held = self.talk.pick(which)
        for _ in range(times):
            self.talk.refresh(held)
            self.talk.refresh(held, 1, Presenter(network=network))

    @while_signed_in
    @rule(
        which=which,
        agent=st.sampled_from(list(AGENTS)),
        lost=st.sampled_from([None, 600, 600]),
        times=st.sampled_from([1, 4]),
    )
    def answers_get_lost(self, which: int, agent: str, lost: int | None, times: int) -> None:
        held = self.talk.pick(which)
        if lost is not None:
            self.talk.set_rules(replace(self.talk.subject.known.rules, lost=lost))
        for _ in range(times):
            self.talk.refresh(held)
            self.talk.move(timedelta(minutes=1))
            self.talk.refresh(held, 1, Presenter(agent=agent))

    @while_signed_in
    @rule(
        which=which,
        rotations=st.sampled_from([1, 2, 3]),
        late=st.sampled_from([False, True, True]),
        logout=st.sampled_from([False, False, True]),
    )
    def an_old_token_comes_back(self, which: int, rotations: int, late: bool, logout: bool) -> None:
        held = self.talk.pick(which)
        for _ in range(rotations):
            self.talk.refresh(held)
        if late:
            self.talk.move(timedelta(minutes=1))
        if logout:
            self.log_out_with(held, rotations, "ALL", BODY)
        else:
            self.talk.refresh(held, rotations)

    @while_signed_in
    @rule(which=which, pauses=st.lists(st.sampled_from([0.5, 4, 6, 9.5]), min_size=2, max_size=4))
    def a_client_retries(self, which: int, pauses: list[float]) -> None:
        """A replay moves neither its own window nor a deadline."""
        held = self.talk.pick(which)
        self.talk.refresh(held)
        for seconds in pauses:
            self.talk.move(timedelta(seconds=seconds))
            self.talk.refresh(held, 1)

    @while_signed_in
    @rule(which=which, journey=st.permutations(list(NETWORKS)), back=st.sampled_from([0, 1]))
    def a_phone_travels(self, which: int, journey: list[str], back: int) -> None:
        """Of five networks four are remembered."""
        held, networks = self.talk.pick(which), journey[:5]
        for network in networks:
            self.talk.refresh(held, 0, Presenter(network=network))
        self.talk.refresh(held, 1, Presenter(network=networks[back]))

    @while_signed_in
    @rule(which=which, more=st.sampled_from([-1, 0, 0]))
    def a_session_is_used_to_its_end(self, which: int, more: int) -> None:
        """Each time just before the idle deadline, which follows until it meets the absolute one."""
        held = self.talk.pick(which)
        one = held.expected
        for _ in range(6):
            if one.ended is None and one.idle_ends < one.absolute_ends:
                self.talk.move(max(timedelta(0), one.idle_ends - timedelta(microseconds=1) - self.talk.now))
                self.talk.refresh(held)
        self.talk.move(max(timedelta(0), one.absolute_ends + timedelta(microseconds=more) - self.talk.now))
        self.talk.refresh(held)

    @while_signed_in
    @rule(which=which, often=st.sampled_from([2, 2, 2, 102]))
    def a_client_asks_again_and_again(self, which: int, often: int) -> None:
        held = self.talk.pick(which)
        self.talk.refresh(held)
        self.talk.race(held, often, 1, HOME, BODY)

    @rule(which=which, ahead=st.integers(-2, 2), way=ways)
    def present_a_forged_token(self, which: int, ahead: int, way: Way) -> None:
        held = self.talk.pick(which)
        self.talk.forge(held, max(0, held.expected.generation + ahead), way)

    @rule(
        which=which, what=st.sampled_from(["nothing", "access token", "damaged", "no such session"]), way=ways
    )
    def present_what_is_no_token_of_ours(self, which: int, what: str, way: Way) -> None:
        held = self.talk.pick(which)
        newest = held.tokens[-1]
        presented = {
            "nothing": None,
            "access token": held.access_token,
            "damaged": newest[:60] + ("A" if newest[60] != "A" else "B") + newest[61:],
            "no such session": self.ledger.forge(new_id(), held.expected.generation),
        }[what]
        row = {"nothing": "1 missing", "no such session": "3"}.get(what, "1 unknown")
        word = "TOKEN_MISSING" if what == "nothing" else "TOKEN_UNKNOWN"
        self.talk.compare(held, self.talk.send(presented, HOME, way), Expected(row=row, word=word), way)

    @rule(
        which=which,
        what=st.sampled_from(["no header", "another site", "answer in the body"]),
        back=st.sampled_from([0, 1]),
    )
    def present_a_cookie_as_another_site_could(self, which: int, what: str, back: int) -> None:
        held = self.talk.pick(which)
        way = Way(by_cookie=True, answered_by="BODY" if what == "answer in the body" else None)
        headers = {"no header": {"x-token-ledger": ""}, "another site": {"origin": "https://evil.example"}}
        token = held.tokens[max(0, held.expected.generation - back)]
        answer = self.talk.send(token, HOME, way, headers=headers.get(what))
        self.talk.compare(held, answer, Expected(row="2 cross-site", word="CSRF_FAILED"), way)

    @while_signed_in
    @rule(which=which, times=st.sampled_from([1, 1, REQUESTS_AN_ADDRESS + 1]))
    def one_address_asks_too_often(self, which: int, times: int) -> None:
        for _ in range(times):
            self.talk.refresh(self.talk.pick(which), host=IMPATIENT)

    @rule(which=which, back=st.sampled_from([0, 1]), client=st.sampled_from(["web", "other"]))
    def present_as_a_client(self, which: int, back: int, client: str) -> None:
        self.talk.refresh(self.talk.pick(which), back, client=client)

    @rule(which=which, logout=st.booleans())
    def a_confidential_client_does_not_authenticate(self, which: int, logout: bool) -> None:
        self.talk.subject.known.confidential = True
        self.talk.execute("UPDATE clients SET confidential = true")
        if logout:
            self.log_out_with(self.talk.pick(which), 0, "ALL", BODY)
        else:
            self.talk.refresh(self.talk.pick(which))
        self.talk.subject.known.confidential = False
        self.talk.execute("UPDATE clients SET confidential = false")

    @rule(
        which=which,
        back=st.sampled_from([0, 0, 1, 2, 9]),
        scope=st.sampled_from(["THIS", "OTHERS", "ALL"]),
        way=st.sampled_from([BODY, BY_COOKIE]),
        others=st.sampled_from([0, 0, 1, 2]),
    )
    def log_out(self, which: int, back: int, scope: str, way: Way, others: int) -> None:
        held = self.talk.pick(which)
        for _ in range(others):
            self.talk.login("BODY")
        self.log_out_with(held, back, scope, way)

    def log_out_with(self, held: Held, back: int, scope: str, way: Way) -> None:
        generation = max(0, held.expected.generation - back)
        self.talk.logout(held, held.tokens[generation], generation, scope, way)

    @rule(which=which, ahead=st.integers(-1, 1), scope=st.sampled_from(["THIS", "ALL"]))
    def log_out_with_a_forged_token(self, which: int, ahead: int, scope: str) -> None:
        held = self.talk.pick(which)
        generation = max(0, held.expected.generation + ahead)
        token = self.ledger.forge(held.id, generation)
        self.talk.logout(held, token, generation, scope, BODY, genuine=False)

    @rule(which=which, scope=st.sampled_from(["THIS", "OTHERS", "ALL"]), minutes=st.sampled_from([0, 0, 15]))
    def log_out_by_access_token(self, which: int, scope: str, minutes: int) -> None:
        self.talk.move(timedelta(minutes=minutes))
        self.talk.logout_by_access_token(self.talk.pick(which), scope)

    @rule(which=which, what=st.sampled_from(["tidy", "tidy", "sweep", "sweep", "revoke"]))
    def revoke_or_sweep(self, which: int, what: str) -> None:
        """To tidy changes nothing that shows."""
        held, known = self.talk.pick(which), self.talk.subject.known
        if what == "tidy":
            assert self.talk.submit(Tidy(family_id=held.id)) == Ended(ended=False)
        if what == "sweep":
            answer = self.talk.submit(Expire(family_id=held.id))
            assert answer == Ended(ended=held.expected.sweep(known))
        if what == "revoke":
            answer = self.talk.submit(Revoke(family_id=held.id, reason=RevocationReason.SUBJECT))
            assert answer == Ended(ended=held.expected.revoke(known, "subject"))

    @invariant()
    def the_events_are_those_expected(self) -> None:
        self.talk.compare_events()

    def teardown(self) -> None:
        self.talk.compare_rebuilt()


def test_what_is_answered_and_recorded_is_what_the_table_says(database_url: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = frozen_ledger(database_url)
        Machine.ledger = runner.run(context.__aenter__())
        Machine.loop, Machine.reached = runner.get_loop(), Counter()
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=int(HISTORIES or 250),
                    stateful_step_count=30,
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
        assert (ROWS | LOGOUTS) - (+Machine.reached).keys() == set(), "no history came there"
