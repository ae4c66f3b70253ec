"""Rules of made-up histories: time goes by, and clients refresh and log out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ledger.answers import Ended
from ledger.commands import Expire, Tidy
from tests.property.conversation import BODY, BY_COOKIE, HOME, Held, Way
from tests.property.frozen_ledger import (
    AGENTS,
    BACKEND,
    IMPATIENT,
    NETWORKS,
    REQUESTS_AN_ADDRESS,
    new_id,
)
from tests.property.history import History, presenters, ways, which, while_signed_in
from tests.property.known import Presenter
from tests.property.table_model import Expected


class TokenRules(History):
    """What happens to tokens."""

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
            self.change_rules(held, grace=grace, rotations=None)
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
            self.change_rules(held, lost=lost)
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
    @rule(which=which, often=st.sampled_from([2, 5]))
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

    @rule(which=which, back=st.sampled_from([0, 1]), client=st.sampled_from(["web", "mobile", "other"]))
    def present_as_a_client(self, which: int, back: int, client: str) -> None:
        self.talk.refresh(self.talk.pick(which), back, client=client)

    @rule(which=which, logout=st.booleans())
    def a_confidential_client_does_not_authenticate(self, which: int, logout: bool) -> None:
        self.talk.world.confidential = True
        self.talk.execute("UPDATE clients SET confidential = true WHERE client_id <> %s", BACKEND)
        if logout:
            self.log_out_with(self.talk.pick(which), 0, "ALL", BODY)
        else:
            self.talk.refresh(self.talk.pick(which))
        self.talk.world.confidential = False
        self.talk.execute("UPDATE clients SET confidential = false WHERE client_id <> %s", BACKEND)

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

    @rule(which=which, what=st.sampled_from(["tidy", "expire"]))
    def tidy_or_expire(self, which: int, what: str) -> None:
        """To tidy changes nothing that shows; what is to be expired may live on."""
        held = self.talk.pick(which)
        if what == "tidy":
            assert self.talk.submit(Tidy(family_id=held.id)) == Ended(ended=False)
        else:
            answer = self.talk.submit(Expire(family_id=held.id))
            assert answer == Ended(ended=held.expected.expire(self.talk.world.known(held.expected)))

    def change_rules(self, held: Held, **changes: Any) -> None:
        """Change some of the rules of the client that a session is of."""
        client = held.expected.client
        self.talk.set_rules(replace(self.talk.world.rules[client], **changes), client)
