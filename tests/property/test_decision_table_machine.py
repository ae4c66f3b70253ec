"""Made-up histories of one family: the ledger on a real database answers and records what the table says."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from psycopg import AsyncConnection

from ledger.answers import Ended, Granted, Refused
from ledger.batch import Committed
from ledger.bookkeeping import Fingerprint
from ledger.commands import Logout, Presented, Refresh, Revoke
from ledger.events import RevocationReason
from ledger.refresh_token import RefreshToken
from projections.active_tokens.rebuild import rebuild
from tests.ledger_harness import Harness, harness
from tests.property.table_model import Expected, Model, Rules

AGENTS = [b"firefox.", b"firefox.", b"curl...."]
PREFIXES = [b"home....", b"home....", b"home....", b"work....", b"cafe....", b"train...", b"hotel..."]
SHORT = [0.5, 2, 5, 10, 11]
LONG = [60, 61, 1800, 3600, 86400, 6 * 86400, 8 * 86400]
ENDS = ["log out", "revoke", "not before"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenter:
    """Who presents a token, and how."""

    fingerprint: Fingerprint
    cookie: bool
    client: str = "web"


HONEST = Presenter(fingerprint=Fingerprint(agent=b"firefox.", prefix=b"home...."), cookie=False)
presenters = st.builds(
    Presenter,
    fingerprint=st.builds(Fingerprint, agent=st.sampled_from(AGENTS), prefix=st.sampled_from(PREFIXES)),
    cookie=st.booleans(),
    client=st.sampled_from(["web"] * 9 + ["other"]),
)


class Machine(RuleBasedStateMachine):
    """Each step is one command; the model says what it is answered with and which events it leaves."""

    runner: asyncio.Runner
    ledger: Harness
    database_url: str

    @initialize()
    def open(self) -> None:
        self.ledger.elapsed = timedelta(0)
        self.execute("DELETE FROM subjects")
        self.set_rules(Rules())
        done = self.runner.run(self.ledger.issue())
        assert isinstance(done.answer, Granted)
        self.tokens = [done.answer.token]
        self.model = Model(opened=done.now)
        self.recorded = 1

    @rule(seconds=st.sampled_from(SHORT))
    def wait(self, seconds: float) -> None:
        self.ledger.elapsed += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from(LONG))
    def wait_long(self, seconds: float) -> None:
        self.ledger.elapsed += timedelta(seconds=seconds)

    @rule(who=presenters, times=st.sampled_from([1, 1, 2, 10]))
    def refresh_the_current(self, who: Presenter, times: int) -> None:
        for _ in range(times):
            self.present(self.tokens[self.model.generation], who)

    @rule(who=presenters, back=st.sampled_from([1, 1, 1, 2]), times=st.sampled_from([1, 1, 3]))
    def refresh_a_replaced(self, who: Presenter, back: int, times: int) -> None:
        for _ in range(times):
            self.present(self.tokens[max(0, self.model.generation - back)], who)

    @rule(who=presenters)
    def tabs_race(self, who: Presenter) -> None:
        token = self.tokens[self.model.generation]
        for _ in range(3):
            self.present(token, who)
        self.present(self.tokens[self.model.generation], who)

    @rule(who=presenters, back=st.integers(3, 12))
    def refresh_an_old_one(self, who: Presenter, back: int) -> None:
        if self.model.generation >= back:
            self.present(self.tokens[self.model.generation - back], who)

    @rule(
        what=st.sampled_from(["forge", "suspend", "reactivate", "reactivate", *["nothing"] * 4, *ENDS]),
        back=st.integers(-2, 3),
    )
    def something_rare(self, what: str, back: int) -> None:
        generation = max(0, self.model.generation - back)
        family_id = self.tokens[0].family_id
        match what:
            case "forge":
                forged = RefreshToken(family_id=family_id, generation=generation, secret=os.urandom(32))
                self.present(forged, HONEST, genuine=False)
            case "suspend" | "reactivate":
                self.model.suspended = what == "suspend"
                self.execute(
                    "INSERT INTO subjects (subject, status) VALUES ('ada', %s)"
                    " ON CONFLICT (subject) DO UPDATE SET status = excluded.status",
                    "suspended" if self.model.suspended else "active",
                )
            case "log out":
                token = self.tokens[min(generation, self.model.generation)]
                presented = Presented(token=token, fingerprint=HONEST.fingerprint)
                done = self.runner.run(self.ledger.submit(Logout(presented=presented)))
                agent = HONEST.fingerprint.agent
                self.compare(done, self.model.logout(done.now, token.generation, genuine=True, agent=agent))
            case "revoke":
                command = Revoke(family_id=family_id, reason=RevocationReason.SUBJECT)
                done = self.runner.run(self.ledger.submit(command))
                self.compare(done, self.model.revoke(done.now))
            case "not before":
                self.model.not_before = self.model.opened + timedelta(microseconds=1)
                self.execute(
                    "INSERT INTO subjects (subject, not_before) VALUES ('ada', %s)"
                    " ON CONFLICT (subject) DO UPDATE SET not_before = excluded.not_before",
                    self.model.not_before,
                )

    @rule(
        rules=st.builds(
            Rules,
            grace=st.sampled_from([0, 5, 10, 60]),
            lost=st.sampled_from([0, 0, 3600]),
            foreign=st.sampled_from([None, 0, 1, 5]),
            shadow=st.sampled_from([False, False, True]),
            limit=st.sampled_from([None, 20]),
        )
    )
    def change_rules(self, rules: Rules) -> None:
        self.set_rules(rules)
        self.model.rules = rules

    @invariant()
    def the_events_are_those_expected(self) -> None:
        if hasattr(self, "model"):
            rows = self.rows("SELECT count(*) FROM events WHERE stream_id = %s", self.tokens[0].family_id)
            assert rows == [(self.recorded,)]

    def teardown(self) -> None:
        async def differences() -> list[Any]:
            async with await AsyncConnection.connect(self.database_url, autocommit=True) as connection:
                return [one async for step in rebuild(connection, dry_run=True) for one in step.differences]

        assert self.runner.run(differences()) == []

    def present(self, token: RefreshToken, who: Presenter, *, genuine: bool = True) -> None:
        presented = Presented(token=token, fingerprint=who.fingerprint, client_id=who.client)
        command = Refresh(presented=presented, by_cookie=who.cookie, nonce=os.urandom(32))
        done = self.runner.run(self.ledger.submit(command))
        expected = self.model.refresh(
            done.now,
            token.generation,
            genuine=genuine,
            agent=who.fingerprint.agent,
            prefix=who.fingerprint.prefix,
            cookie=who.cookie,
            client=who.client,
        )
        self.compare(done, expected)

    def compare(self, done: Committed, expected: Expected) -> None:
        match done.answer:
            case Granted() as granted:
                assert (granted.outcome.value, granted.token.generation) == (
                    expected.answer,
                    expected.generation,
                )
                if granted.outcome.value == "rotated":
                    self.tokens.append(granted.token)
                assert granted.token == self.tokens[granted.token.generation]
            case Refused() as refused:
                assert refused.code.value == expected.answer
            case Ended() as ended:
                assert ("ended" if ended.ended else "nothing") == expected.answer
        types = self.rows(
            "SELECT type FROM events WHERE stream_id = %s AND version > %s ORDER BY version",
            self.tokens[0].family_id,
            self.recorded,
        )
        assert tuple(row[0] for row in types) == expected.events
        self.recorded += len(expected.events)

    def set_rules(self, rules: Rules) -> None:
        limit = None if rules.limit is None else {"limit": rules.limit, "seconds": 60}
        policy = {
            "grace": rules.grace,
            "lost_response_window": rules.lost,
            "foreign_replays": rules.foreign,
            "shadow": rules.shadow,
            "rate_per_family": limit,
        }
        self.execute("UPDATE clients SET policy = %s::jsonb", orjson.dumps(policy).decode())

    def rows(self, statement: str, *parameters: object) -> list[Any]:
        return self.runner.run(self.ledger.rows(statement, *parameters))

    def execute(self, statement: str, *parameters: object) -> None:
        async def run() -> None:
            async with self.ledger.pool.connection() as connection:
                await connection.execute("RESET ROLE")
                await connection.execute(statement.encode(), parameters)
                await connection.execute("SET ROLE token_ledger_service")

        self.runner.run(run())


def test_two_hundred_histories_of_thirty_steps_show_no_difference(database_url: str) -> None:
    with asyncio.Runner() as runner:
        context = harness(database_url)
        Machine.runner, Machine.database_url = runner, database_url
        Machine.ledger = runner.run(context.__aenter__())
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=200,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(context.__aexit__(None, None, None))
