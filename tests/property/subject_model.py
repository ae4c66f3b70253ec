"""What is expected of one subject: its sessions, and what ends them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.property.table_model import Bucket, Known, Presenter, Session, stamp


@dataclass(slots=True, kw_only=True)
class Subject:
    """One subject of the client `web`. `rotations` a minute are what a session may have."""

    name: str
    known: Known
    rotations: int
    sessions: list[Session] = field(default_factory=list)
    boundaries: dict[str, datetime] = field(default_factory=dict)

    def login(self, *, transport: str) -> Session | None:
        """The session that a login opens; None: refused, as the subject is suspended."""
        if self.known.suspended:
            return None
        now, rules = self.known.now, self.known.rules
        absolute_ends = now + timedelta(seconds=rules.absolute)
        session = Session(
            opened=now,
            idle_ends=min(now + timedelta(seconds=rules.idle), absolute_ends),
            absolute_ends=absolute_ends,
            bucket=Bucket(limit=self.rotations, every=timedelta(minutes=1) / self.rotations),
        )
        issued: dict[str, object] = {
            "subject": self.name,
            "client_id": "web",
            "transport": transport,
            "scope": [],
            "idle_expires_at": stamp(session.idle_ends),
            "absolute_expires_at": stamp(absolute_ends),
        }
        session.events.append(("TokenIssued", issued))
        self.sessions.append(session)
        return session

    def set_not_before(self, what: str, at: datetime) -> datetime:
        """The boundary of the subject, its client or everyone, which never moves back."""
        at = max(at, self.boundaries.get(what, at))
        self.boundaries[what] = at
        self.known.not_before = max(self.boundaries.values())
        return at

    def logout(
        self, session: Session, generation: int, who: Presenter, *, genuine: bool = True, scope: str
    ) -> int | None:
        """How many sessions a logout by refresh token ends; None where it is refused.

        Whether the token may is found out before the others are ended, its own session comes last.
        """
        ended = 0
        if scope != "THIS":
            found = session.logout(self.known, generation, who, genuine=genuine, end=False)
            if found == "mismatch":
                return None
            if found != "may":
                return int(found == "reuse")
            ended = self._end_others(session)
        if scope == "OTHERS":
            return ended
        found = session.logout(self.known, generation, who, genuine=genuine, end=True)
        return None if found == "mismatch" else ended + (found in ("may", "reuse"))

    def logout_by_access_token(self, session: Session, scope: str) -> int:
        """How many sessions a logout by an access token that has not expired ends."""
        if not session.lives(self.known):
            return 0
        ended = 0 if scope == "THIS" else self._end_others(session)
        return ended if scope == "OTHERS" else ended + session.revoke(self.known, "logout")

    def _end_others(self, own: Session) -> int:
        return sum(one.revoke(self.known, "subject") for one in self.sessions if one is not own)
