"""Rules of made-up histories: sessions are opened, and controlled by a backend and by their subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.property.administrator import SCOPED, SENSELESS
from tests.property.conversation import Held
from tests.property.filter_model import Filter
from tests.property.frozen_ledger import NETWORKS, new_id
from tests.property.history import (
    History,
    rules_of_a_client,
    somebody_is_signed_in,
    transports,
    which,
    while_signed_in,
)
from tests.property.known import Rules
from tests.property.world_model import EVERYONE, Whose

MICROSECOND = timedelta(microseconds=1)
MOST_HELD = 8
"""Sessions of a history, so that it stays one that can be read."""

whose = st.sampled_from([0, 0, 0, 1])
clients = st.sampled_from(["web", "web", "web", "mobile"])
labels = st.sampled_from([None, "phone", "laptop"])
actors = st.sampled_from(["backend", "backend", "itself", "another", "a new one"])
fields = st.lists(
    st.sampled_from(
        [
            "ids",
            "subject",
            "client",
            "label",
            "network",
            "status",
            "created_before",
            "created_after",
            "used_before",
        ]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)
while_there_is_room = precondition(lambda self: len(self.talk.held) < MOST_HELD)


class ControlRules(History):
    """What is done to sessions, subjects and clients."""

    @precondition(lambda self: not somebody_is_signed_in(self))
    @rule(transport=transports)
    def log_in_again(self, transport: str) -> None:
        self.admin.suspend_or_reactivate(self.talk.subjects[0], suspended=False)
        self.talk.login(transport)

    @while_there_is_room
    @rule(transport=transports, whose=whose, client=clients, label=labels)
    def log_in_elsewhere(self, transport: str, whose: int, client: str, label: str | None) -> None:
        self.talk.login(transport, whose, client, label)

    @while_there_is_room
    @rule(
        whose=whose,
        client=st.sampled_from(["web", "web", "mobile", "nobody"]),
        network=st.sampled_from([None, *NETWORKS]),
        label=labels,
    )
    def a_backend_opens_a_session(
        self, whose: int, client: str, network: str | None, label: str | None
    ) -> None:
        self.admin.issue_session(whose, client, network, label)

    @while_there_is_room
    @rule(
        most=st.sampled_from([1, 2]),
        full=st.sampled_from(["reject_new", "revoke_oldest", "revoke_least_recently_used"]),
        issued=st.booleans(),
        refreshed=which,
    )
    def one_session_too_many(self, most: int, full: str, issued: bool, refreshed: int) -> None:
        """The one that was opened first may be the one that was used last."""
        self.talk.login("BODY")
        self.talk.move(MICROSECOND)
        self.talk.refresh(self.talk.pick(refreshed))
        rules = replace(self.talk.world.rules["web"], most=most, full=full)
        self.talk.set_rules(rules)
        if issued:
            self.admin.issue_session(0, "web")
        else:
            self.talk.login("BODY")
        self.talk.set_rules(replace(rules, most=None))

    @rule(rules=rules_of_a_client, client=clients)
    def change_the_settings(self, rules: Rules, client: str) -> None:
        self.talk.set_rules(rules, client)

    @rule(which=which, other=which, label=labels)
    def rename(self, which: int, other: int, label: str | None) -> None:
        held = self.talk.pick(which)
        by = self.talk.pick(other)
        session_id = new_id() if label is None else held.id
        self.admin.rename_session(session_id, label or "nothing", by=by)

    @rule(
        which=which,
        actor=actors,
        other=which,
        twice=st.booleans(),
        known=st.sampled_from([True, True, False]),
    )
    def revoke(self, which: int, actor: str, other: int, twice: bool, known: bool) -> None:
        held = self.talk.pick(which)
        if actor == "a new one":
            self.talk.login("BODY")
            by: Held | None = self.talk.held[-1]
        else:
            by = {"backend": None, "itself": held}.get(actor, self.talk.pick(other))
        for _ in range(1 + twice):
            self.admin.revoke_session(held.id if known else new_id(), by=by)

    @rule(which=which, what=st.sampled_from(["rename", "revoke"]))
    def a_neighbour_meddles(self, which: int, what: str) -> None:
        held = self.talk.pick(which)
        self.talk.login("BODY", whose=1)
        by = self.talk.held[-1]
        if what == "rename":
            self.admin.rename_session(held.id, "mine", by=by)
        else:
            self.admin.revoke_session(held.id, by=by)

    @rule(
        which=which,
        fields=fields,
        opened=st.sampled_from([0, 0, 2, 4]),
        runs=st.integers(0, 3),
        less=st.sampled_from([None, None, 0, 1]),
    )
    def revoke_by_filter(
        self, which: int, fields: Sequence[str], opened: int, runs: int, less: int | None
    ) -> None:
        """After a dry run, in as many steps as it takes, or not all of them."""
        for number in range(opened):
            self.talk.login("BODY", label="phone" if number % 2 else "laptop")
        wanted = self._filter_of(self.talk.pick(which), fields)
        self.admin.revoke_sessions(wanted, dry_run=True, less=less)
        for _ in range(runs):
            if not self.admin.revoke_sessions(wanted, dry_run=False, less=less):
                break

    @rule(
        whose=whose,
        suspended=st.sampled_from([True, True, False]),
        twice=st.booleans(),
        then=st.sampled_from(["refresh", "login", "issue", "reactivate", "reactivate"]),
    )
    def suspend_or_reactivate(self, whose: int, suspended: bool, twice: bool, then: str) -> None:
        subject = self.talk.subjects[whose]
        for _ in range(1 + twice):
            self.admin.suspend_or_reactivate(subject, suspended=suspended)
        match then:
            case "login":
                self.talk.login("BODY", whose)
            case "issue":
                self.admin.issue_session(whose, "web")
            case _:
                self.talk.refresh(self.talk.pick(0))
        if then == "reactivate":
            self.admin.suspend_or_reactivate(subject, suspended=False)

    @while_signed_in
    @rule(
        of=st.sampled_from(["subject", "client", "everyone"]),
        which=which,
        more=st.sampled_from([0, 1, 1]),
        then=st.sampled_from(["refresh", "refresh", "sweep", "revoke", "rename", "log in"]),
    )
    def set_not_before(self, of: str, which: int, more: int, then: str) -> None:
        """The moment at which a session was opened spares it, the next one does not."""
        held = self.talk.pick(which)
        self.talk.move(more * MICROSECOND)
        self.admin.set_not_before(self._whose(of, held), held.expected.opened + more * MICROSECOND)
        match then:
            case "refresh":
                self.talk.refresh(held)
            case "sweep":
                self.admin.sweep()
            case "revoke":
                self.admin.revoke_session(held.id, by=None)
            case "rename":
                self.admin.rename_session(held.id, "phone", by=self.talk.pick(0))
            case _:
                self.talk.login("BODY")

    @rule(
        of=st.sampled_from(["subject", "client", "everyone", "nobody"]),
        which=which,
        minutes=st.sampled_from([-1, 0, 60]),
    )
    def set_not_before_around_now(self, of: str, which: int, minutes: int) -> None:
        """A time in the future is taken as now, and one further back changes nothing."""
        whose = ("client", "nobody") if of == "nobody" else self._whose(of, self.talk.pick(which))
        self.admin.set_not_before(whose, self.talk.now + timedelta(minutes=minutes))

    @rule(wait=st.sampled_from([None, "deadline", "deadline", "margin"]), which=which)
    def the_sweeper_passes(self, wait: str | None, which: int) -> None:
        one = self.talk.pick(which).expected
        if wait is not None:
            ends = one.idle_ends + timedelta(seconds=wait == "margin")
            self.talk.move(max(timedelta(0), ends - self.talk.now))
        self.admin.sweep()

    @rule(which=which, what=st.sampled_from([*SENSELESS, *SCOPED, "an assertion once more"]))
    def ask_in_vain(self, which: int, what: str) -> None:
        """A used assertion tells nothing more, not even of a subject that was suspended since."""
        if what in SENSELESS:
            self.admin.ask_what_cannot_be(what)
        elif what in SCOPED:
            self.admin.ask_without_the_scope(what, by=self.talk.pick(which))
        else:
            answer = self.talk.log_in_with(self.talk.assertion, "BODY")
            self.talk.compare_refused("login", answer, "ASSERTION_INVALID")

    def _whose(self, of: str, held: Held) -> Whose:
        one = held.expected
        return {"subject": ("subject", one.subject), "client": ("client", one.client)}.get(of, EVERYONE)

    def _filter_of(self, held: Held, fields: Sequence[str]) -> Filter:
        """One that means a session and those like it, in this history only."""
        one, began = held.expected, self.talk.began
        status = one.shown(self.talk.world.known(one))[0]
        given = {
            "ids": tuple(other.id for other in self.talk.held[::2]),
            "subject": one.subject,
            "client": one.client,
            "label": one.label,
            "network": one.network and (one.network, f"2001:db8:{NETWORKS[one.network]:x}::/48"),
            "status": status if status in ("ACTIVE", "SUSPENDED") else "ACTIVE",
            "created_before": one.opened + MICROSECOND,
            "created_after": one.opened,
            "used_before": one.used + MICROSECOND,
        }
        chosen = {name: given[name] for name in fields}
        if not {"ids", "subject", "created_after"} & chosen.keys():
            chosen["created_after"] = began
        return Filter(**chosen)  # type: ignore[arg-type]
