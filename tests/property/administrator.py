"""What is said besides refreshing and logging out: by a backend that may do all, and by subjects.

Each method sends one mutation and compares the answer with what is expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.api.http import Answer
from tests.api.test_administration import NOT_BEFORE, REACTIVATE, RENAME, REVOKE, REVOKE_ALL, SUSPEND
from tests.api.test_issue_session import ISSUE
from tests.property.conversation import BODY, HOME, Conversation, Held
from tests.property.filter_model import LARGEST_STEP, SAMPLE, Filter, bulk_revocation
from tests.property.frozen_ledger import AGENTS, BACKEND, address_in
from tests.property.known import stamp
from tests.property.table_model import Session
from tests.property.world_model import Whose, World

ACTOR = f"client:{BACKEND}"
REASON = "because"
"""Of what an administrator does."""
SENSELESS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "no filter": (REVOKE_ALL, {"filter": {}, "reason": REASON, "dryRun": False}),
    "ended ones": (REVOKE_ALL, {"filter": {"status": "REVOKED"}, "reason": REASON, "dryRun": True}),
    "suspend nobody": (SUSPEND, {"s": "", "reason": REASON}),
    "reactivate nobody": (REACTIVATE, {"s": ""}),
    "two boundaries": (NOT_BEFORE, {"time": "2026-01-01T00:00:00Z", "s": "x", "c": "web"}),
    "no label": (RENAME, {"id": "x", "label": ""}),
    "too long a reason": (REVOKE, {"id": "x", "reason": "x" * 1001}),
}
"""Mutations whose arguments mean nothing."""
SCOPED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "revokeSessions": (REVOKE_ALL, {"filter": {"clientId": "web"}, "reason": REASON, "dryRun": False}),
    "suspendSubject": (SUSPEND, {"s": "x", "reason": REASON}),
    "reactivateSubject": (REACTIVATE, {"s": "x"}),
    "setNotBefore": (NOT_BEFORE, {"time": "2100-01-01T00:00:00Z"}),
    "issueSession": (ISSUE, {"input": {"subject": "x"}}),
}
"""Mutations that need more than the access token of a session."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """The mutations, in one conversation."""

    talk: Conversation

    @property
    def world(self) -> World:
        return self.talk.world

    @property
    def reached(self) -> Counter[str]:
        return self.talk.reached

    def issue_session(
        self, whose: int, client: str, network: str | None = "home", label: str | None = None
    ) -> None:
        """Open a session for a subject whose address the backend tells, or does not."""
        subject = self.talk.subjects[whose]
        given = {"subject": subject, "clientId": client, "deviceLabel": label}
        if network is not None:
            given |= {"ipAddress": address_in(network, 1), "userAgent": AGENTS["Firefox"]}
        answer = self._send(ISSUE, None, input=given)
        refused = self.world.refused(subject, client)
        if refused is not None:
            self.talk.compare_refused("issueSession", answer, refused)
            return
        held = self.talk.opened(
            "issueSession", answer, subject, client, transport="body", by=ACTOR, network=network, label=label
        )
        self.talk.compare_opened(held, answer, "issueSession", BODY)
        self.reached["issueSession"] += 1

    def rename_session(self, session_id: object, label: str, *, by: Held) -> None:
        """Rename a session with the access token of one."""
        answer = self._send(RENAME, by, id=str(session_id), label=label)
        if self._unauthenticated(answer, by):
            return
        one = self._own(session_id, by)
        if one is None:
            self._problem("renameSession", answer, "NOT_FOUND")
            self.reached["renameSession of another's"] += self._find(session_id) is not None
        elif one.rename(self.world.known(one), label):
            self._session(answer, "renameSession", one)
            self.reached["renameSession"] += 1
        else:
            self._problem("renameSession", answer, "INVALID_ARGUMENT")

    def revoke_session(self, session_id: object, *, by: Held | None) -> None:
        """Revoke a session, as its subject where `by` is one of its sessions."""
        answer = self._send(REVOKE, by, id=str(session_id), reason=REASON)
        if by is not None and self._unauthenticated(answer, by):
            return
        one = self._find(session_id) if by is None else self._own(session_id, by)
        if one is None:
            self._problem("revokeSession", answer, "NOT_FOUND")
            self.reached["revokeSession of another's"] += self._find(session_id) is not None
            return
        why = "admin"
        if by is not None:
            why = "logout" if one is by.expected else "subject"
        ended = one.revoke(self.world.known(one), why, by=ACTOR if by is None else None, said=REASON)
        self._session(answer, "revokeSession", one)
        self.reached[f"revokeSession {why}" if ended else "revokeSession of an ended one"] += 1

    def revoke_sessions(self, wanted: Filter, *, dry_run: bool, less: int | None = None) -> int:
        """Count, or end in one step, what a filter means; gives what remains.

        `less`: expect so many fewer than there are.
        """
        found = wanted.matching(self.world)
        most = None if less is None else max(0, len(found) - less)
        answer = self._send(REVOKE_ALL, None, filter=wanted.asked(), reason=REASON, dryRun=dry_run, most=most)
        if not dry_run and most is not None and len(found) > most:
            self._problem("revokeSessions", answer, "TOO_MANY_MATCHES")
            return len(found)
        ended = 0
        if not dry_run:
            found, ended = bulk_revocation(self.world, wanted, by=ACTOR, through=BACKEND, said=REASON)
        remaining = len(found) - ended
        assert answer.of("revokeSessions") == {
            "__typename": "BulkRevocation",
            "matched": len(found),
            "revoked": ended,
            "remaining": remaining,
            "dryRun": dry_run,
            "sample": [{"id": str(one.id)} for one in found[:SAMPLE]],
        }
        self.reached["revokeSessions dry run"] += dry_run and bool(found)
        self.reached["revokeSessions"] += ended > 0
        self.reached["revokeSessions remaining"] += remaining > 0 and ended == LARGEST_STEP
        for field_name in wanted.asked() if ended else ():
            self.reached[f"revokeSessions by {field_name}"] += 1
        return remaining

    def suspend_or_reactivate(self, subject: str, *, suspended: bool) -> None:
        """Suspend a subject, or let it refresh again."""
        if suspended:
            name, answer = "suspendSubject", self._send(SUSPEND, None, s=subject, reason=REASON)
        else:
            name, answer = "reactivateSubject", self._send(REACTIVATE, None, s=subject)
        changed = self.world.suspend(
            subject, suspended=suspended, by=ACTOR, through=BACKEND, said=REASON if suspended else None
        )
        boundary = self.world.boundaries.get(("subject", subject))
        assert answer.of(name) == {
            "__typename": "Subject",
            "id": subject,
            "status": "SUSPENDED" if suspended else "ACTIVE",
            "notBefore": None if boundary is None else stamp(boundary),
        }
        self.reached[name if changed else f"{name} again"] += 1

    def set_not_before(self, whose: Whose, at: datetime) -> None:
        """Refuse what was opened before a time."""
        kind, name = whose
        variables = {"subject": {"s": name}, "client": {"c": name}}.get(kind, {})
        answer = self._send(NOT_BEFORE, None, time=stamp(at), **variables)
        if kind == "client" and name not in self.world.rules:
            self._problem("setNotBefore", answer, "NOT_FOUND")
            return
        before = self.world.boundaries.get(whose)
        now_set = self.world.set_not_before(whose, at, by=ACTOR, through=BACKEND, said="breach")
        assert answer.of("setNotBefore") == {
            "__typename": "NotBefore",
            "subject": name if kind == "subject" else None,
            "clientId": name if kind == "client" else None,
            "time": stamp(now_set),
        }
        self.reached[f"setNotBefore {kind}"] += now_set != before
        self.reached["setNotBefore of the future"] += now_set == self.world.now < at
        self.reached["setNotBefore back"] += before is not None and at < before

    def sweep(self) -> None:
        """One run of the sweeper."""
        run = self.talk.run(self.talk.ledger.sweep())
        ended = self.world.sweep()
        assert (run.failed, run.ended >= len(ended)) == (0, True)
        for one in ended:
            self.reached["swept by a boundary" if one.ended == "not_before" else "swept by a deadline"] += 1

    def ask_what_cannot_be(self, what: str) -> None:
        """One of `SENSELESS`: nothing is done."""
        query, variables = SENSELESS[what]
        answer = self._send(query, None, **variables)
        (name,) = answer.json["data"]
        self._problem(name, answer, "INVALID_ARGUMENT")

    def ask_without_the_scope(self, what: str, *, by: Held) -> None:
        """One of `SCOPED`, with the access token of a session: nothing is done."""
        query, variables = SCOPED[what]
        answer = self._send(query, by, **variables)
        if not self._unauthenticated(answer, by):
            assert answer.status == 403
            assert answer.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"
            self.reached[f"{what} FORBIDDEN"] += 1

    def _send(self, query: str, by: Held | None, **variables: Any) -> Answer:
        async def send() -> Answer:
            token = await self.talk.ledger.access_token() if by is None else by.access_token
            return await self.talk.ledger.graphql(query, variables, HOME, access_token=token)

        return self.talk.run(send())

    def _unauthenticated(self, answer: Answer, by: Held) -> bool:
        """Whether the access token of a session is worth nothing any more, as the answer then says."""
        good = by.expected.lives(self.world.known(by.expected)) and not self.talk.access_expired(by)
        assert (answer.status == 401) is not good
        self.reached["UNAUTHENTICATED"] += not good
        return not good

    def _find(self, session_id: object) -> Session | None:
        return next((one for one in self.world.sessions if one.id == session_id), None)

    def _own(self, session_id: object, by: Held) -> Session | None:
        one = self._find(session_id)
        return one if one is not None and one.subject == by.expected.subject else None

    def _session(self, answer: Answer, field_name: str, one: Session) -> None:
        status, why = one.shown(self.world.known(one))
        assert answer.of(field_name) == {
            "__typename": "Session",
            "id": str(one.id),
            "status": status,
            "endedReason": None if why is None else why.upper(),
            "deviceLabel": one.label,
        }

    def _problem(self, field_name: str, answer: Answer, code: str) -> None:
        told = answer.of(field_name)
        assert (told["__typename"], told["code"]) == ("RequestProblem", code)
        self.reached[f"{field_name} {code}"] += 1
