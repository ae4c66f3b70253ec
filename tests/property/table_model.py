"""The decision table once more, written from its text and not from the decider: what the tests expect.

One session, plain fields, whole history in memory. Nothing is shared with the product but its vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tests.property.known import Bucket, Fact, Known, Presenter, stamp

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
_FOUND_OUT = frozenset(
    {"TokenExpired", "ReuseDetected", "ReplayedAfterRevocation", "ForgeryDetected", "RefreshRefused"}
)
"""What nobody did."""


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
    """See the module."""

    id: UUID
    subject: str
    client: str
    opened: datetime
    idle_ends: datetime
    absolute_ends: datetime
    used: datetime
    """When its newest token was made."""
    network: str | None
    """From where; None: nobody knows."""
    label: str | None = None
    bucket: Bucket = field(default_factory=Bucket)
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
    events: list[Fact] = field(default_factory=list)

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

    def revoke(self, known: Known, reason: str, *, by: str | None = None, said: str | None = None) -> bool:
        """Whether a revocation ended it; by its subject unless somebody else is named."""
        if self.ended or self._time_ended(known):
            return False
        self._end(reason, by=by, said=said)
        return True

    def rename(self, known: Known, label: str) -> bool:
        """Whether its subject gave it another label."""
        if self.ended or self._time_ended(known):
            return False
        self.label = label
        self._tell("SessionRenamed", said=label)
        return True

    def expire(self, known: Known) -> bool:
        """Whether looking at it ended it, as its time was over."""
        return not self.ended and self._time_ended(known)

    def shown(self, known: Known) -> tuple[str, str | None]:
        """Status and reason of its end as everybody sees them, before any event says so."""
        if self.ended or known.now >= self.idle_ends:
            why = self.ended or self._deadline()
            return ("EXPIRED" if why in ("idle", "absolute") else "REVOKED"), why
        if known.not_before is not None and self.opened < known.not_before:
            return "REVOKED", "not_before"
        return ("SUSPENDED" if known.suspended else "ACTIVE"), None

    def lives(self, known: Known) -> bool:
        """Whether its access tokens are good, as long as they have not expired."""
        return self.shown(known)[1] is None

    # Each helper is a row or a rule.

    def _rows_4_to_7(
        self, known: Known, generation: int, *, genuine: bool, client: str | None
    ) -> Expected | None:
        now = known.now
        if known.confidential or client not in (None, self.client):  # 4
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
        wait = self.bucket.take(rules.rotations, timedelta(minutes=1), now) if rules.rotations else None
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
        self.used, self.network = now, who.network
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
        self.ended = self._deadline()
        self._tell(
            "TokenExpired", kind=self.ended, deadline=stamp(self.idle_ends), generation=self.generation
        )
        return True

    def _deadline(self) -> str:
        return "idle" if self.idle_ends < self.absolute_ends else "absolute"

    def _time_ended(self, known: Known) -> bool:
        return self._expire(known.now) or self._not_before(known)

    def _not_before(self, known: Known) -> bool:
        if known.not_before is None or self.opened >= known.not_before:
            return False
        self._end("not_before")
        return True

    def _end(self, reason: str, *, by: str | None = None, said: str | None = None) -> None:
        self.ended = reason
        who = "system" if reason in ("reuse", "limit", "not_before") else by
        self._tell("TokenRevoked", by=who, said=said, reason=reason, generation=self.generation)

    def _tell(
        self, kind: str, /, *, by: str | None = None, said: str | None = None, **payload: object
    ) -> None:
        if self.untold:
            payload["unrecorded_replays"] = self.untold
        self.untold = 0
        actor = "system" if kind in _FOUND_OUT else by or f"subject:{self.subject}"
        self.events.append(Fact(kind=kind, actor=actor, payload=payload, said=said))

    def _recent(self, generations: list[int]) -> list[int]:
        return [one for one in generations if one > self.generation - 10]
