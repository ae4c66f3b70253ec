"""What clients say to the application and hear from it, each answer compared with what is expected."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from ledger.commands import Command
from tests.api.http import Answer
from tests.api.server import LOGIN, LOGOUT, REFRESH
from tests.property.frozen_ledger import IMPATIENT, REQUESTS_AN_ADDRESS, FrozenLedger
from tests.property.known import Bucket, Fact, Presenter, Rules, stamp
from tests.property.table_model import Expected, Session
from tests.property.world_model import World

COOKIE = "token-ledger"
HOME = Presenter()
FIXED = {
    "TOKEN_MISSING": (True, False),
    "TOKEN_UNKNOWN": (True, False),
    "CLIENT_MISMATCH": (False, False),
    "CSRF_FAILED": (False, False),
    "RATE_LIMITED": (False, True),
    "SESSION_REVOKED": (True, False),
    "SESSION_EXPIRED": (True, False),
    "SUBJECT_INACTIVE": (False, True),
    "REUSE_DETECTED": (True, False),
    "SESSION_LIMIT_REACHED": (False, False),
    "ASSERTION_INVALID": (False, False),
}
"""Terminal and retryable of each code, as the contract fixes them."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a refresh token comes, and how its answer is asked to leave."""

    by_cookie: bool
    answered_by: str | None = None

    @property
    def leaves_by_cookie(self) -> bool:
        return self.by_cookie if self.answered_by is None else self.answered_by == "COOKIE"


BODY = Way(by_cookie=False)
BY_COOKIE = Way(by_cookie=True)


@dataclass(slots=True)
class Held:
    """What clients hold of a session, its refresh tokens by generation, beside what is expected of it."""

    expected: Session
    access_token: str = ""
    access_ends: datetime | None = None
    tokens: list[str] = field(default_factory=list)
    compared: int = 0
    """Events that have been compared."""

    @property
    def id(self) -> UUID:
        return self.expected.id


@dataclass(slots=True, kw_only=True)
class Conversation:
    """All that is said of some subjects. `reached` counts rows of the table, commands and refusals."""

    loop: asyncio.AbstractEventLoop
    ledger: FrozenLedger
    world: World
    subjects: tuple[str, ...]
    reached: Counter[str]
    held: list[Held] = field(default_factory=list)
    assertion: str = ""
    """The last one that a session was opened with."""
    impatient: Bucket = field(default_factory=Bucket)
    began: datetime = field(init=False)
    acts_compared: int = 0

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """What was done until now is of no concern; times of acts and of sessions are later from here on."""
        self.move(timedelta(milliseconds=1))
        self.began = self.now

    @property
    def now(self) -> datetime:
        return self.world.now

    def pick(self, which: int) -> Held:
        """Sessions that live before those that ended, the newest of each first."""
        living = [one for one in self.held if one.expected.ended is None]
        ended = [one for one in self.held if one.expected.ended is not None]
        order = [*living[::-1], *ended[::-1]]
        return order[which % len(order)]

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.ledger.clock.now += by
        self.world.now = self.ledger.clock.now

    def login(self, transport: str, whose: int = 0, client: str = "web", label: str | None = None) -> None:
        """Open a session of one of the subjects, unless something refuses it."""
        subject = self.subjects[whose]
        assertion = self.ledger.assertion(subject)
        told = self.log_in_with(assertion, transport, client, label)
        refused = self.world.refused(subject, client)
        if refused is not None:
            self.compare_refused("login", told, refused)
            return
        self.assertion = assertion
        opened = self.opened("login", told, subject, client, transport=transport.lower(), label=label)
        self.compare_opened(opened, told, "login", BY_COOKIE if transport == "COOKIE" else BODY)

    def log_in_with(
        self, assertion: str, transport: str, client: str = "web", label: str | None = None
    ) -> Answer:
        """A login whose answer is still to be compared."""
        given = {"assertion": assertion, "transport": transport, "clientId": client, "deviceLabel": label}
        return self.run(self.ledger.graphql(LOGIN, {"input": given}, HOME))

    def opened(self, field_name: str, answer: Answer, subject: str, client: str, **options: Any) -> Held:
        """What the opening of a session changes, besides it those that made room for it."""
        told = answer.of(field_name)
        assert told["__typename"] == "TokenPair", told
        session, room = self.world.open(UUID(told["session"]["id"]), subject, client, **options)
        self.reached[f"made room: {self.world.rules[client].full}"] += bool(room)
        held = Held(session)
        self.held.append(held)
        return held

    def compare_opened(self, held: Held, answer: Answer, field_name: str, way: Way) -> None:
        """The pair of a session that was opened."""
        issued = Expected(row="", word="ISSUED", generation=0)
        self._compare_pair(held, answer, answer.of(field_name), issued, way)

    def compare_refused(self, field_name: str, answer: Answer, code: str) -> None:
        """An opening that was refused."""
        told = answer.of(field_name)
        assert told["code"] == code
        assert (told["terminal"], told["retryable"]) == FIXED[code]
        assert answer.cookies == []
        self.reached[f"{field_name} {code}"] += 1

    def refresh(
        self,
        held: Held,
        back: int = 0,
        who: Presenter = HOME,
        way: Way = BODY,
        *,
        client: str | None = None,
        host: int | None = None,
    ) -> None:
        """Refresh with the token so many generations before the current one."""
        generation = max(0, held.expected.generation - back)
        answer = self.send(held.tokens[generation], who, way, client=client, host=host)
        wait = None
        if host == IMPATIENT:
            wait = self.impatient.take(REQUESTS_AN_ADDRESS, timedelta(minutes=1), self.now)
        if wait is None:
            self._compare_with_table(held, answer, generation, who, way, client=client)
        else:
            self.compare(held, answer, Expected(row="2 address", word="RATE_LIMITED", wait=wait), way)

    def race(self, held: Held, number: int, back: int, who: Presenter, way: Way) -> None:
        """So many refreshes at once with one token: they are decided in the order in which they came."""
        generation = max(0, held.expected.generation - back)
        token = held.tokens[generation]

        async def all_at_once() -> list[Answer]:
            return await asyncio.gather(*(self._refresh(token, who, way) for _ in range(number)))

        for answer in self.run(all_at_once()):
            self._compare_with_table(held, answer, generation, who, way)

    def forge(self, held: Held, generation: int, way: Way) -> None:
        """Refresh with a token whose mac is right and whose secret was never issued."""
        answer = self.send(self.ledger.forge(held.id, generation), HOME, way)
        self._compare_with_table(held, answer, generation, HOME, way, genuine=False)

    def send(self, token: str | None, who: Presenter, way: Way, **options: Any) -> Answer:
        """A refresh whose answer is still to be compared."""
        return self.run(self._refresh(token, who, way, **options))

    def logout(
        self, held: Held, token: str, generation: int, scope: str, way: Way, *, genuine: bool = True
    ) -> None:
        """Log out by a refresh token of that generation."""
        given = {"scope": scope} if way.by_cookie else {"scope": scope, "refreshToken": token}
        cookie = f"{COOKIE}={token}" if way.by_cookie else None
        answer = self.run(self.ledger.graphql(LOGOUT, {"input": given}, HOME, cookie=cookie))
        ended = self.world.logout(held.expected, generation, HOME, genuine=genuine, scope=scope)
        told = answer.of("logout")
        if ended is None:
            assert (told["code"], told["terminal"], told["retryable"]) == ("CLIENT_MISMATCH", False, False)
            assert answer.cookies == []
            return
        assert told == {"__typename": "LogoutPayload", "revokedSessions": ended}
        clears = way.by_cookie and scope != "OTHERS"
        assert [one.partition("; Path")[0] for one in answer.cookies] == [f"{COOKIE}=; Max-Age=0"] * clears
        self.reached[f"logout {scope}"] += bool(ended)
        self.reached["logout of several"] += ended > 1

    def logout_by_access_token(self, held: Held, scope: str) -> None:
        """Log out by the newest access token of a session."""
        given = {"input": {"scope": scope}}
        answer = self.run(self.ledger.graphql(LOGOUT, given, HOME, access_token=held.access_token))
        assert answer.cookies == []
        if self.access_expired(held):
            assert answer.status == 401
            self.reached["logout by an access token that has expired"] += 1
            return
        ended = self.world.logout_by_access_token(held.expected, scope)
        assert answer.of("logout") == {"__typename": "LogoutPayload", "revokedSessions": ended}
        self.reached["logout by access token"] += bool(ended)

    def access_expired(self, held: Held) -> bool:
        """Whether the newest access token of a session has."""
        return held.access_ends is None or self.now >= held.access_ends

    def submit(self, command: Command) -> Any:
        """The answer to a command that no operation stands for."""
        return self.run(self.ledger.submit(command)).answer

    def set_rules(self, rules: Rules, client: str = "web") -> None:
        """What a client has set from now on."""
        self.run(self.ledger.change_client(client, rules))
        self.reached["client changed"] += self.world.set_rules(client, rules)

    def execute(self, statement: str, *parameters: object) -> None:
        """A statement of the database's owner."""
        self.run(self.ledger.execute(statement, *parameters))

    def compare(self, held: Held, answer: Answer, expected: Expected, way: Way) -> None:
        """One answer to `refresh`."""
        self.reached[expected.row] += 1
        self.reached["11 shadow"] += expected.shadow
        told = answer.of("refresh")
        if expected.word in ("ROTATED", "REPLAYED"):
            self._compare_pair(held, answer, told, expected, way)
            return
        assert told["__typename"] == "AuthProblem", told
        assert told["code"] == expected.word
        assert (told["terminal"], told["retryable"]) == FIXED[expected.word]
        assert told["endedReason"] == (expected.ended and expected.ended.upper())
        assert told["requestId"] == answer.header("x-request-id")
        if expected.wait:
            assert timedelta(milliseconds=told["retryAfterMs"]) == expected.wait
        else:
            assert bool(told["retryAfterMs"]) == (expected.wait is not None)
        assert answer.cookies == []

    def compare_events(self) -> None:
        """What was recorded since the last time, of each session."""
        held = {one.id: one for one in self.held}
        told: dict[UUID, list[Fact]] = {family_id: [] for family_id in held}
        after = {one.id: one.compared for one in self.held}
        for family_id, fact in self.run(self.ledger.events_after(after)):
            secret_hash = fact.payload.pop("secret_hash", None)
            if secret_hash is not None:
                generation = fact.payload.get("generation", 0)
                token = self.ledger.read(held[family_id].tokens[generation])  # type: ignore[index]
                assert secret_hash == sha256(token.secret).hexdigest()
            told[family_id].append(fact)
        for one in self.held:
            assert told[one.id] == one.expected.events[one.compared :]
            one.compared = len(one.expected.events)

    def compare_acts(self) -> None:
        """All administrative events."""
        acts = self.run(self.ledger.acts_since(self.began))
        assert acts == self.world.acts
        self.acts_compared = len(acts)

    def compare_rebuilt(self) -> None:
        """The live rows of the sessions are what their events say."""
        if self.held:
            assert self.run(self.ledger.differences([one.id for one in self.held])) == ()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def _refresh(
        self, token: str | None, who: Presenter, way: Way, *, client: str | None = None, **options: Any
    ) -> Coroutine[Any, Any, Answer]:
        given = {"clientId": client, "transport": way.answered_by}
        if not way.by_cookie:
            given["refreshToken"] = token
        cookie = f"{COOKIE}={token}" if way.by_cookie and token is not None else None
        given = {name: value for name, value in given.items() if value is not None}
        return self.ledger.graphql(REFRESH, {"input": given} if given else {}, who, cookie=cookie, **options)

    def _compare_with_table(
        self, held: Held, answer: Answer, generation: int, who: Presenter, way: Way, **options: Any
    ) -> None:
        known = self.world.known(held.expected)
        expected = held.expected.refresh(known, generation, who, by_cookie=way.by_cookie, **options)
        self.compare(held, answer, expected, way)

    def _compare_pair(self, held: Held, answer: Answer, told: Any, expected: Expected, way: Way) -> None:
        assert told["__typename"] == "TokenPair", told
        assert told["outcome"] == expected.word
        assert told["session"] == {
            "id": str(held.id),
            "generation": expected.generation,
            "status": "ACTIVE",
            "isCurrent": True,
        }
        one = held.expected
        assert told["refreshTokenExpiresAt"] == stamp(one.idle_ends)
        assert told["sessionExpiresAt"] == stamp(one.absolute_ends)
        held.access_token = told["accessToken"]
        held.access_ends = datetime.fromisoformat(told["accessTokenExpiresAt"])
        lifetime = timedelta(seconds=self.world.rules[one.client].access)
        earliest, latest = (min(self.now + part * lifetime, one.absolute_ends) for part in (0.95, 1))
        assert earliest - timedelta(seconds=1) < held.access_ends <= latest
        token = told["refreshToken"]
        if way.leaves_by_cookie:
            assert token is None
            (cookie,) = answer.cookies
            pair, age, *_ = cookie.split("; ")
            name, _, token = pair.partition("=")
            assert name == COOKIE
            assert age == f"Max-Age={(one.idle_ends - self.now) // timedelta(seconds=1)}"
        else:
            assert answer.cookies == []
        if expected.word == "REPLAYED":
            assert token == held.tokens[-1]
            return
        read = self.ledger.read(token)
        assert (read.family_id, read.generation) == (held.id, expected.generation)
        held.tokens.append(token)
        assert len(held.tokens) == one.generation + 1
