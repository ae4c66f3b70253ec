"""What is expected of everybody together: clients, subjects, boundaries, and the sessions that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tests.property.known import Fact, Known, Presenter, Rules, stamp
from tests.property.table_model import Session

Whose = tuple[str, str]
"""`subject` or `client` and its name, or `everyone` and nothing."""
EVERYONE: Whose = ("everyone", "")
MARGIN = timedelta(seconds=1)
"""The sweeper looks for a session so long after its deadline."""


@dataclass(slots=True, kw_only=True)
class World:
    """Time, settings, sessions, and administrative acts, each with the client through which it was done."""

    now: datetime
    rules: dict[str, Rules]
    """By client."""
    confidential: bool = False
    """All of them, for a moment."""
    suspended: set[str] = field(default_factory=set)
    boundaries: dict[Whose, datetime] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    acts: list[tuple[Fact, str | None]] = field(default_factory=list)

    def known(self, session: Session) -> Known:
        """What a decision on the session depends on."""
        return Known(
            now=self.now,
            rules=self.rules[session.client],
            suspended=session.subject in self.suspended,
            not_before=self._boundary(session.subject, session.client),
            confidential=self.confidential,
        )

    def refused(self, subject: str, client: str) -> str | None:
        """Why no session may be opened; None: one may."""
        if client not in self.rules:
            return "CLIENT_MISMATCH"
        if subject in self.suspended:
            return "SUBJECT_INACTIVE"
        rules = self.rules[client]
        full = rules.most is not None and len(self._living(subject, client)) >= rules.most
        return "SESSION_LIMIT_REACHED" if full and rules.full == "reject_new" else None

    def open(
        self,
        family_id: UUID,
        subject: str,
        client: str,
        *,
        transport: str,
        by: str | None = None,
        network: str | None = "home",
        label: str | None = None,
    ) -> tuple[Session, list[Session]]:
        """A session that nothing refuses, and those that had to make room for it."""
        now, rules = self.now, self.rules[client]
        absolute_ends = now + timedelta(seconds=rules.absolute)
        session = Session(
            id=family_id,
            subject=subject,
            client=client,
            opened=now,
            idle_ends=min(now + timedelta(seconds=rules.idle), absolute_ends),
            absolute_ends=absolute_ends,
            used=now,
            network=network,
            label=label,
        )
        issued: dict[str, object] = {
            "subject": subject,
            "client_id": client,
            "transport": transport,
            "scope": [],
            "idle_expires_at": stamp(session.idle_ends),
            "absolute_expires_at": stamp(absolute_ends),
        }
        actor = by or f"subject:{subject}"
        session.events.append(Fact(kind="TokenIssued", actor=actor, payload=issued, said=label))
        room = self._make_room(subject, client)
        self.sessions.append(session)
        return session, room

    def logout(
        self, session: Session, generation: int, who: Presenter, *, genuine: bool = True, scope: str
    ) -> int | None:
        """How many sessions a logout by refresh token ends; None where it is refused.

        Whether the token may is found out before the others are ended, its own session comes last.
        """
        ended, known = 0, self.known(session)
        if scope != "THIS":
            found = session.logout(known, generation, who, genuine=genuine, end=False)
            if found == "mismatch":
                return None
            if found != "may":
                return int(found == "reuse")
            ended = self._end_others(session)
        if scope == "OTHERS":
            return ended
        found = session.logout(known, generation, who, genuine=genuine, end=True)
        return None if found == "mismatch" else ended + (found in ("may", "reuse"))

    def logout_by_access_token(self, session: Session, scope: str) -> int:
        """How many sessions a logout by an access token that has not expired ends."""
        if not session.lives(self.known(session)):
            return 0
        ended = 0 if scope == "THIS" else self._end_others(session)
        return ended if scope == "OTHERS" else ended + session.revoke(self.known(session), "logout")

    def suspend(self, subject: str, *, suspended: bool, by: str, through: str, said: str | None) -> bool:
        """Whether it changed anything to suspend or reactivate a subject."""
        if suspended == (subject in self.suspended):
            return False
        self.suspended ^= {subject}
        kind = "SubjectSuspended" if suspended else "SubjectReactivated"
        self.acts.append((Fact(kind=kind, actor=by, payload={"subject": subject}, said=said), through))
        return True

    def set_not_before(
        self, whose: Whose, at: datetime, *, by: str, through: str, said: str | None
    ) -> datetime:
        """The boundary in force, which never moves back and is never in the future."""
        kind, name = whose
        at, known = min(at, self.now), self.boundaries.get(whose)
        if known is not None and known >= at:
            return known
        self.boundaries[whose] = at
        payload: dict[str, object] = {"time": stamp(at)}
        if kind != "everyone":
            payload["subject" if kind == "subject" else "client_id"] = name
        self.acts.append((Fact(kind="NotBeforeSet", actor=by, payload=payload, said=said), through))
        return at

    def set_rules(self, client: str, rules: Rules) -> bool:
        """Whether an operator changed anything by giving a client other rules."""
        if rules == self.rules[client]:
            return False
        self.rules[client] = rules
        payload: dict[str, object] = {"client_id": client, "policy": rules.stored()}
        self.acts.append((Fact(kind="ClientChanged", actor="operator", payload=payload), None))
        return True

    def sweep(self) -> list[Session]:
        """What the sweeper ends: it looks a moment late for deadlines, at once for boundaries."""
        ended = []
        for one in self.sessions:
            known = self.known(one)
            before = known.not_before is not None and one.opened < known.not_before
            if (before or one.idle_ends <= self.now - MARGIN) and one.expire(known):
                ended.append(one)
        return ended

    def _boundary(self, subject: str, client: str) -> datetime | None:
        concerned = (EVERYONE, ("client", client), ("subject", subject))
        return max((self.boundaries[one] for one in concerned if one in self.boundaries), default=None)

    def _living(self, subject: str, client: str) -> list[Session]:
        return [
            one
            for one in self.sessions
            if (one.subject, one.client) == (subject, client) and one.lives(self.known(one))
        ]

    def _make_room(self, subject: str, client: str) -> list[Session]:
        """End what is too many with the one that is to be opened; of what is equally old, the lower id."""
        rules, living = self.rules[client], self._living(subject, client)
        if rules.most is None:
            return []
        if rules.full == "revoke_oldest":
            living.sort(key=lambda one: (one.opened, one.id))
        else:
            living.sort(key=lambda one: (one.used, one.id))
        room = living[: max(0, len(living) + 1 - rules.most)]
        for one in room:
            one.revoke(self.known(one), "limit")
        return room

    def _end_others(self, own: Session) -> int:
        return sum(
            one.revoke(self.known(one), "subject")
            for one in self.sessions
            if one is not own and one.subject == own.subject
        )
