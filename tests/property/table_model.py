"""The decision table once more, written from its text and not from the decider: what the tests expect.

One family, plain fields, whole history in memory. Nothing here is shared with the product but its vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Replaced:
    """A generation that was replaced."""

    at: datetime
    grace_ends: datetime
    lost_ends: datetime
    agent: bytes
    replays: int = 0
    told: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Rules:
    """What the client set."""

    grace: float = 10
    lost: float = 0
    foreign: int | None = 5
    shadow: bool = False
    limit: int | None = 20


@dataclass(slots=True)
class Expected:
    """The answer's word, the generation handed out, the types of the events."""

    answer: str
    generation: int | None = None
    events: tuple[str, ...] = ()


@dataclass(slots=True)
class Model:
    """See the module."""

    opened: datetime
    rules: Rules = field(default_factory=Rules)
    generation: int = 0
    replaced: dict[int, Replaced] = field(default_factory=dict)
    listed: list[int] = field(default_factory=list)
    ended: str | None = None
    reported: bool = False
    suspended: bool = False
    not_before: datetime | None = None
    idle_ends: datetime = field(init=False)
    absolute_ends: datetime = field(init=False)
    prefixes: list[bytes] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    recoveries: list[int] = field(default_factory=list)
    again: int = 0
    refused_at: dict[str, datetime] = field(default_factory=dict)
    refusals: int = 0
    forged_at: datetime | None = None
    shadowed_at: datetime | None = None
    bucket: float = 0
    bucket_at: datetime | None = None

    def __post_init__(self) -> None:
        self.idle_ends = self.opened + timedelta(days=7)
        self.absolute_ends = self.opened + timedelta(days=30)

    def refresh(
        self,
        now: datetime,
        generation: int,
        *,
        genuine: bool,
        agent: bytes,
        prefix: bytes,
        cookie: bool,
        client: str,
    ) -> Expected:
        """What `refresh` answers."""
        if (early := self._rows_4_to_6(now, generation, genuine=genuine, client=client)) is not None:
            return early
        if self.not_before is not None and self.opened < self.not_before:  # 7
            self.ended = "session_revoked"
            return Expected("session_revoked", None, ("TokenRevoked",))
        if self.suspended:  # 7
            return Expected("subject_inactive", None, self._refusal("subject_inactive", now))
        if genuine and generation == self.generation:
            born = self.replaced.get(generation - 1)
            if cookie and self.again and born is not None and now < born.grace_ends:  # 8a
                self.again += 1
                return Expected("replayed", generation)
            return self._rotate(now, agent, prefix)  # 8
        standing = self._standing(now, generation, genuine=genuine, agent=agent)
        if standing in ("concurrent", "lost"):  # 9, 10
            return self._replay(now, generation, standing, agent, prefix)
        if standing == "crowded":
            return Expected("rate_limited")
        if standing == "reuse":  # 11
            return self._reuse(now)
        return Expected("token_unknown", None, self._forgery(now))  # 12

    def logout(self, now: datetime, generation: int, *, genuine: bool, agent: bytes) -> Expected:
        """What a logout with a refresh token answers."""
        if (early := self._rows_4_to_6(now, generation, genuine=genuine, client="web")) is not None:
            return Expected("nothing", None, early.events)
        if self.not_before is not None and self.opened < self.not_before:
            self.ended = "session_revoked"
            return Expected("nothing", None, ("TokenRevoked",))
        standing = "concurrent" if genuine and generation == self.generation else None
        standing = standing or self._standing(now, generation, genuine=genuine, agent=agent)
        if standing in ("concurrent", "lost"):
            self.ended = "session_revoked"
            return Expected("ended", None, ("TokenRevoked",))
        if standing == "reuse":
            reuse = self._reuse(now)
            return Expected("ended" if self.ended else "nothing", None, reuse.events)
        if standing == "crowded":
            return Expected("nothing")
        return Expected("nothing", None, self._forgery(now))

    def revoke(self, now: datetime) -> Expected:
        """What an administrator's revocation answers."""
        if self.ended:
            return Expected("nothing")
        if now >= self.idle_ends:
            self.ended = "session_expired"
            return Expected("nothing", None, ("TokenExpired",))
        self.ended = "session_revoked"
        return Expected("ended", None, ("TokenRevoked",))

    def _rows_4_to_6(self, now: datetime, generation: int, *, genuine: bool, client: str) -> Expected | None:
        over = now >= self.idle_ends
        if client != "web":  # 4
            lives = not self.ended and not over
            return Expected("client_mismatch", None, self._refusal("client_mismatch", now) if lives else ())
        if self.ended == "session_revoked":  # 5
            late = genuine and generation < self.generation and now >= self.replaced[generation].grace_ends
            if late and not self.reported:
                self.reported = True
                return Expected("session_revoked", None, ("ReplayedAfterRevocation",))
            return Expected("session_revoked")
        if self.ended:  # 6
            return Expected("session_expired")
        if over:
            self.ended = "session_expired"
            return Expected("session_expired", None, ("TokenExpired",))
        return None

    def _standing(self, now: datetime, generation: int, *, genuine: bool, agent: bytes) -> str:
        if not genuine or generation > self.generation:
            return "forged"
        old = self.replaced[generation]
        if now < old.grace_ends:
            return "concurrent" if generation in self.listed else "crowded"
        if generation == self.generation - 1 and now < old.lost_ends:
            recent = [one for one in self.recoveries if one > self.generation - 10]
            if agent == old.agent and len(recent) < 3:
                return "lost"
        return "reuse"

    def _rotate(self, now: datetime, agent: bytes, prefix: bytes) -> Expected:
        if self.rules.limit is not None:
            if self.bucket_at is not None:
                drained = (now - self.bucket_at).total_seconds() * self.rules.limit / 60
                self.bucket = max(0.0, self.bucket - drained)
            self.bucket_at = now
            if self.bucket > self.rules.limit - 1 + 1e-6:
                return Expected("rate_limited")
            self.bucket += 1
        self.replaced[self.generation] = Replaced(
            at=now,
            grace_ends=now + timedelta(seconds=self.rules.grace),
            lost_ends=now + timedelta(seconds=self.rules.lost),
            agent=agent,
        )
        open_before = [one for one in self.listed if now < self.replaced[one].grace_ends]
        first = min(open_before, default=self.generation)
        self.listed = [*range(first, self.generation), self.generation][-8:]
        self.generation += 1
        self.again = 0
        self.idle_ends = min(now + timedelta(days=7), self.absolute_ends)
        self.prefixes = [prefix, *(one for one in self.prefixes if one != prefix)][:4]
        return Expected("rotated", self.generation, ("TokenRotated",))

    def _replay(self, now: datetime, generation: int, cause: str, agent: bytes, prefix: bytes) -> Expected:
        old = self.replaced[generation]
        if old.replays >= 100:
            return Expected("rate_limited")
        if prefix not in self.prefixes and self.rules.foreign is not None:
            recent = [one for one in self.foreign if one > self.generation - 10]
            if len(recent) + 1 > self.rules.foreign:
                return self._reuse(now)
            self.foreign.append(self.generation)
        if cause == "lost":
            self.recoveries.append(self.generation)
        old.replays += 1
        self.again += 1
        told = agent + prefix not in old.told and len(old.told) < 4
        if told:
            old.told.append(agent + prefix)
        return Expected("replayed", self.generation, ("TokenReplayed",) if told else ())

    def _reuse(self, now: datetime) -> Expected:
        if not self.rules.shadow:
            self.ended = "session_revoked"
            return Expected("reuse_detected", None, ("ReuseDetected", "TokenRevoked"))
        if self.shadowed_at is not None and now < self.shadowed_at + timedelta(hours=1):
            return Expected("reuse_detected")
        self.shadowed_at = now
        return Expected("reuse_detected", None, ("ReuseDetected",))

    def _refusal(self, reason: str, now: datetime) -> tuple[str, ...]:
        last = self.refused_at.get(reason)
        if self.refusals >= 20 or (last is not None and now < last + timedelta(minutes=1)):
            return ()
        self.refused_at[reason] = now
        self.refusals += 1
        return ("RefreshRefused",)

    def _forgery(self, now: datetime) -> tuple[str, ...]:
        if self.forged_at is not None and now < self.forged_at + timedelta(days=1):
            return ()
        self.forged_at = now
        return ("ForgeryDetected",)
