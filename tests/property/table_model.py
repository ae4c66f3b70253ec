"""The decision table once more, written from its text and not from the decider: what the tests expect.

One session, plain fields, whole history in memory. Nothing is shared with the product but its vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

ROWS = frozenset(
    {
        "1 missing",
        "1 unknown",
        "2 cross-site",
        "2 address",
        "3",
        "4",
        "5",
        "5 reported",
        "6 idle",
        "6 absolute",
        "7 not before",
        "7 suspended",
        "8",
        "8 limited",
        "8a",
        "9",
        "9 foreign",
        "9 crowded out",
        "9 too many",
        "10",
        "11 late_replay",
        "11 stale_generation",
        "11 budget_exceeded by foreign replays",
        "11 budget_exceeded by recoveries",
        "11 fingerprint",
        "11 shadow",
        "12 unrecorded",
        "12 ahead",
    }
)
"""The rows of the table, and what is told apart within them."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the client set: seconds, and numbers."""

    access: int = 900
    idle: int = 7 * 86400
    absolute: int = 30 * 86400
    extend: bool = True
    grace: int = 10
    lost: int = 0
    foreign: int | None = 5
    shadow: bool = False
    limited: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenter:
    """Who presents a token: a user-agent family and a network."""

    agent: str = "Firefox"
    network: str = "home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An answer: the row that gave it, its outcome or code, and what goes with it."""

    row: str
    """One of `ROWS`."""
    word: str
    generation: int | None = None
    ended: str | None = None
    """Why the session ended, where that is told."""
    wait: timedelta | None = None
    """How long to wait; zero: some time."""
    shadow: bool = False
    """In shadow mode, which is one of `ROWS` besides."""


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket: so many at once, then one each time that `every` has passed."""

    limit: int
    every: timedelta
    level: Fraction = Fraction(0)
    at: datetime | None = None

    def take(self, now: datetime) -> timedelta | None:
        """Take one; the wait where there is none."""
        if self.at is not None:
            self.level = max(Fraction(0), self.level - _ratio(now - self.at, self.every))
        self.at = now
        if self.level > self.limit - 1:
            return _ceiling((self.level - (self.limit - 1)) * _ratio(self.every, timedelta(milliseconds=1)))
        self.level += 1
        return None


@dataclass(slots=True, kw_only=True)
class Known:
    """What a decision depends on besides the session."""

    now: datetime
    rules: Rules
    suspended: bool = False
    not_before: datetime | None = None
    confidential: bool = False


@dataclass(slots=True)
class Replaced:
    """A generation that was replaced."""

    at: datetime
    grace_ends: datetime
    lost_ends: datetime | None
    agent: str
    replays: int = 0
    told: set[Presenter] = field(default_factory=set)


@dataclass(slots=True)
class Session:
    """See the module. `events` are types and payloads, without the hashes of secrets."""

    opened: datetime
    idle_ends: datetime
    absolute_ends: datetime
    bucket: Bucket
    generation: int = 0
    replaced: dict[int, Replaced] = field(default_factory=dict)
    listed: list[int] = field(default_factory=list)
    ended: str | None = None
    """The reason; None while it lives."""
    reported: bool = False
    networks: list[str] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    recoveries: list[int] = field(default_factory=list)
    again: int = 0
    refused_at: dict[str, datetime] = field(default_factory=dict)
    refusals: int = 0
    forged_at: datetime | None = None
    shadowed_at: datetime | None = None
    untold: int = 0
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def refresh(
        self,
        known: Known,
        generation: int,
        who: Presenter,
        *,
        genuine: bool = True,
        by_cookie: bool = False,
        client: str | None = None,
    ) -> Expected:
        """What `refresh` answers, rows 4 to 12."""
        early = self._rows_4_to_7(known, generation, genuine=genuine, client=client)
        if early is not None:
            return early
        if known.suspended:
            self._refuse("subject_inactive", known.now)
            return Expected(row="7 suspended", word="SUBJECT_INACTIVE")
        if genuine and generation == self.generation:
            return self._settle_or_rotate(known, who, by_cookie=by_cookie)
        standing = self._standing(known.now, generation, who, genuine=genuine)
        match standing:
            case "concurrent" | "lost_response":
                return self._replay(known, generation, who, standing)
            case "crowded out":
                return Expected(row="9 crowded out", word="RATE_LIMITED", wait=timedelta(0))
            case "unrecorded" | "ahead":
                self._forgery(standing, generation, known.now)
                return Expected(row=f"12 {standing}", word="TOKEN_UNKNOWN")
            case _:
                return self._reuse(known, generation, standing)

    def logout(
        self, known: Known, generation: int, who: Presenter, *, genuine: bool = True, end: bool
    ) -> str:
        """What a logout finds: `mismatch`, `nothing`, `reuse` (and its session was ended) or `may`.

        A token that may log out ends its session when `end` says so.
        """
        early = self._rows_4_to_7(known, generation, genuine=genuine, client=None)
        if early is not None:
            return "mismatch" if early.word == "CLIENT_MISMATCH" else "nothing"
        if genuine and generation == self.generation:
            standing = "concurrent"
        else:
            standing = self._standing(known.now, generation, who, genuine=genuine)
        match standing:
            case "concurrent" | "lost_response":
                if end:
                    self._end("logout")
                return "may"
            case "unrecorded" | "ahead":
                self._forgery(standing, generation, known.now)
                return "nothing"
            case "crowded out":
                return "nothing"
            case _:
                self._reuse(known, generation, standing)
                return "reuse" if self.ended else "nothing"

    def revoke(self, known: Known, reason: str) -> bool:
        """Whether a revocation ended it."""
        if self.ended or self._expire(known.now):
            return False
        self._end(reason)
        return True

    def sweep(self, known: Known) -> bool:
        """Whether the sweeper ended it."""
        return not self.ended and (self._expire(known.now) or self._not_before(known))

    def lives(self, known: Known) -> bool:
        """Whether its access tokens are good, as long as they have not expired."""
        before = known.not_before is not None and self.opened < known.not_before
        return not self.ended and known.now < self.idle_ends and not before

    # Each helper is a row or a rule.

    def _rows_4_to_7(
        self, known: Known, generation: int, *, genuine: bool, client: str | None
    ) -> Expected | None:
        now = known.now
        if known.confidential or client not in (None, "web"):  # 4
            if not self.ended and now < self.idle_ends:
                self._refuse("client_mismatch", now)
            return Expected(row="4", word="CLIENT_MISMATCH")
        if self.ended in ("idle", "absolute") or (not self.ended and self._expire(now)):  # 6
            return Expected(row=f"6 {self.ended}", word="SESSION_EXPIRED", ended=self.ended)
        if self.ended:  # 5
            reported = self._replayed_after_revocation(known, generation, genuine=genuine)
            return Expected(row="5 reported" if reported else "5", word="SESSION_REVOKED", ended=self.ended)
        if self._not_before(known):  # 7
            return Expected(row="7 not before", word="SESSION_REVOKED", ended="not_before")
        return None

    def _replayed_after_revocation(self, known: Known, generation: int, *, genuine: bool) -> bool:
        if generation >= self.generation or not genuine:
            return False
        if self.reported or known.now < self.replaced[generation].grace_ends:
            self.untold += 1
            return False
        self.reported = True
        self._tell("ReplayedAfterRevocation", presented_generation=generation, generation=self.generation)
        return True

    def _settle_or_rotate(self, known: Known, who: Presenter, *, by_cookie: bool) -> Expected:
        now, rules = known.now, known.rules
        born = self.replaced.get(self.generation - 1)
        if by_cookie and self.again and born is not None and now < born.grace_ends:  # 8a
            self.untold += 1
            return Expected(row="8a", word="REPLAYED", generation=self.generation)
        wait = self.bucket.take(now) if rules.limited else None
        if wait is not None:
            return Expected(row="8 limited", word="RATE_LIMITED", wait=wait)
        grace_ends = now + rules.grace * _SECOND
        lost_ends = now + rules.lost * _SECOND if rules.lost else None
        self.replaced[self.generation] = Replaced(
            at=now, grace_ends=grace_ends, lost_ends=lost_ends, agent=who.agent
        )
        still_open = [one for one in self.listed if now < self.replaced[one].grace_ends]
        oldest = min(still_open, default=self.generation)
        self.listed = list(range(oldest, self.generation + 1))[-8:]
        self.generation += 1
        self.again = 0
        if rules.extend:
            self.idle_ends = min(now + rules.idle * _SECOND, self.absolute_ends)
        self.networks = [who.network, *(one for one in self.networks if one != who.network)][:4]
        self._tell(
            "TokenRotated",
            generation=self.generation,
            idle_expires_at=stamp(self.idle_ends),
            grace_ends_at=stamp(grace_ends),
            lost_response_ends_at=None if lost_ends is None else stamp(lost_ends),
        )
        return Expected(row="8", word="ROTATED", generation=self.generation)

    def _standing(self, now: datetime, generation: int, who: Presenter, *, genuine: bool) -> str:
        """Where a token stands that is not the current one: a window, or the subtype of an event."""
        if generation > self.generation:
            return "ahead"
        if not genuine:
            return "unrecorded"
        old = self.replaced[generation]
        if now < old.grace_ends:
            return "concurrent" if generation in self.listed else "crowded out"
        if generation < self.generation - 1:
            return "stale_generation"
        if old.lost_ends is None or now >= old.lost_ends:
            return "late_replay"
        if who.agent != old.agent:
            return "fingerprint"
        if len(self._recent(self.recoveries)) >= 3:
            return "budget_exceeded by recoveries"
        return "lost_response"

    def _replay(self, known: Known, generation: int, who: Presenter, cause: str) -> Expected:
        old = self.replaced[generation]
        if old.replays >= 100:
            return Expected(row="9 too many", word="RATE_LIMITED", wait=timedelta(0))
        foreign = who.network not in self.networks
        if foreign and known.rules.foreign is not None:
            if len(self._recent(self.foreign)) >= known.rules.foreign:
                return self._reuse(known, generation, "budget_exceeded by foreign replays")
            self.foreign.append(self.generation)
        if cause == "lost_response":
            self.recoveries.append(self.generation)
        old.replays += 1
        self.again += 1
        if who in old.told or len(old.told) >= 4:
            self.untold += 1
        else:
            old.told.add(who)
            self._tell(
                "TokenReplayed",
                cause=cause,
                foreign=foreign,
                presented_generation=generation,
                generation=self.generation,
            )
        row = "10" if cause == "lost_response" else "9 foreign" if foreign else "9"
        return Expected(row=row, word="REPLAYED", generation=self.generation)

    def _reuse(self, known: Known, generation: int, subtype: str) -> Expected:
        now, shadow = known.now, known.rules.shadow
        answer = Expected(row=f"11 {subtype}", word="REUSE_DETECTED", shadow=shadow)
        if shadow and self.shadowed_at is not None and now < self.shadowed_at + timedelta(hours=1):
            self.untold += 1
            return answer
        self._tell(
            "ReuseDetected",
            subtype=subtype.partition(" ")[0],
            presented_generation=generation,
            generation=self.generation,
            seconds_since_rotation=(now - self.replaced[generation].at) // _SECOND,
            enforced=not shadow,
        )
        if shadow:
            self.shadowed_at = now
        else:
            self._end("reuse")
        return answer

    def _refuse(self, reason: str, now: datetime) -> None:
        last = self.refused_at.get(reason)
        if self.refusals < 20 and (last is None or now >= last + timedelta(minutes=1)):
            self.refused_at[reason] = now
            self.refusals += 1
            self._tell("RefreshRefused", reason=reason)

    def _forgery(self, subtype: str, generation: int, now: datetime) -> None:
        if self.forged_at is None or now >= self.forged_at + timedelta(days=1):
            self.forged_at = now
            self._tell(
                "ForgeryDetected",
                subtype=subtype,
                presented_generation=generation,
                generation=self.generation,
            )

    def _expire(self, now: datetime) -> bool:
        if now < self.idle_ends:
            return False
        self.ended = "idle" if self.idle_ends < self.absolute_ends else "absolute"
        self._tell(
            "TokenExpired", kind=self.ended, deadline=stamp(self.idle_ends), generation=self.generation
        )
        return True

    def _not_before(self, known: Known) -> bool:
        if known.not_before is None or self.opened >= known.not_before:
            return False
        self._end("not_before")
        return True

    def _end(self, reason: str) -> None:
        self.ended = reason
        self._tell("TokenRevoked", reason=reason, generation=self.generation)

    def _tell(self, kind: str, /, **payload: object) -> None:
        if self.untold:
            payload["unrecorded_replays"] = self.untold
        self.untold = 0
        self.events.append((kind, payload))

    def _recent(self, generations: list[int]) -> list[int]:
        return [one for one in generations if one > self.generation - 10]


def stamp(at: datetime) -> str:
    """A time as events spell it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _ratio(part: timedelta, whole: timedelta) -> Fraction:
    microsecond = timedelta(microseconds=1)
    return Fraction(part // microsecond, whole // microsecond)


def _ceiling(milliseconds: Fraction) -> timedelta:
    return timedelta(milliseconds=-(-milliseconds.numerator // milliseconds.denominator))
