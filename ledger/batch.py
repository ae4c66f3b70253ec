"""One transaction for many commands: lock, read, decide, append, fold, commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from ledger.answers import Answer, Granted, RefusalCode, Refused
from ledger.binary_array import texts
from ledger.bookkeeping import Bookkeeping
from ledger.commands import Command, Issue, Revoke, family_of
from ledger.decider import Context, Decision, Evidence, EvidenceWanted, decide
from ledger.event_codec import decode_payload
from ledger.events import ForgeryDetected, RevocationReason, TokenIssued, TokenRotated
from ledger.family import ActiveFamily, last_active
from ledger.personal_data import NOTHING_PERSONAL
from ledger.policy import Client, Policy, SubjectStatus
from ledger.recorder import Recorder, Request, acting_subject
from ledger.sql_files import sql
from ledger.stored_family import StoredFamily
from ledger.stores import BatchContext, FamilyView, Pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A login assertion that may be used once."""

    issuer: str
    jwt_id: str
    expires_at: datetime

    @property
    def name(self) -> tuple[str, str]:
        """By which it is known again."""
        return self.issuer, self.jwt_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A command and where it comes from."""

    command: Command
    request: Request
    assertion: Assertion | None = None
    """That a session is opened with."""
    authenticated_client: str | None = None
    """Who opens a session, as the client proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What was decided on a command, to be told once the transaction is committed."""

    answer: Answer
    now: datetime
    stored: StoredFamily | None
    """The family after the command."""
    policy: Policy


class ForgeryLimit:
    """How many forgery events the ledger takes in all; one for each process."""

    def __init__(self, recordable: Callable[[datetime], bool], recorded: Callable[[datetime], None]) -> None:
        self.recordable = recordable
        self.recorded = recorded


@dataclass(slots=True, kw_only=True)
class Batch:
    """One attempt at a batch. After `execute` the results may be told only if its COMMIT succeeded."""

    view: FamilyView
    default_policy: Policy
    clock: Callable[[datetime], datetime]
    """From the database's clock to the ledger's: the identity, but where a test composes an offset."""
    random: Callable[[int], bytes]
    forgeries: ForgeryLimit
    submissions: Sequence[Submission]
    recorder: Recorder = field(init=False)
    results: list[Committed | Exception] = field(default_factory=list)
    transaction_id: str | None = None
    commit_sent: bool = False

    def __post_init__(self) -> None:
        self.recorder = Recorder(random=self.random)

    async def execute(self, connection: AsyncConnection[Any]) -> None:
        """Two round trips (one more where evidence is wanted), on a connection in autocommit mode.

        Raises:
            psycopg.Error: the database refused a statement or went away; nothing may be told. `commit_sent`
                says whether the outcome is unknown.
        """
        async with connection.pipeline():
            # At a higher level the statements after the locking one would see the state before the wait.
            await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            assertions = await self._use_assertions(connection)
            opened = [one.command for one in self.submissions if isinstance(one.command, Issue)]
            acting = {one for one in map(_acting_on_others, self.submissions) if one is not None}
            family_ids = sorted({family_of(one.command) for one in self.submissions})
            if acting:
                await connection.execute(sql("ledger", "hold_off_erasures"))
            locked = await self._lock(connection, family_ids, opened)
            pending = await self.view.read_context(
                connection,
                family_ids=family_ids,
                subjects=sorted({one.subject for one in opened} | acting),
                client_ids=sorted({one.client_id for one in opened}),
            )
            unused = set() if assertions is None else {tuple(row) for row in await assertions.fetchall()}
            before = await locked.fetch()
            context = await pending.fetch()
            self.transaction_id = context.transaction_id
            after = dict(before)
            for submission in self.submissions:
                try:
                    result = await self._decide(connection, submission, after, context, unused)
                except (ValueError, AssertionError, TypeError) as error:
                    self.results.append(error)
                else:
                    self.results.append(result)
                    if submission.assertion is not None and isinstance(result.answer, Granted):
                        unused.remove(submission.assertion.name)
            await self._release(connection, unused)
            await self.recorder.append(connection)
            new = [one for family_id, one in after.items() if family_id not in before]
            changed = [one for family_id, one in after.items() if before.get(family_id, one) is not one]
            if new:
                await self.view.insert(connection, new)
            if changed:
                await self.view.update(connection, changed)
            self.commit_sent = True
            await connection.execute("COMMIT")

    async def _lock(
        self, connection: AsyncConnection[Any], family_ids: Sequence[UUID], opened: Sequence[Issue]
    ) -> Pending[dict[UUID, StoredFamily]]:
        """Lock the families; where sessions are opened, first the subjects whose sessions a client limits.

        A limit that a client is given at this very moment may be seen by the decision and not by this lock:
        it then holds from the next login on.
        """
        if not opened:
            return await self.view.lock(connection, family_ids)
        openings = sorted({(one.subject, one.client_id) for one in opened})
        await connection.execute(
            sql("ledger", "lock_limited_subjects"),
            {
                "subject": texts([subject for subject, _ in openings]),
                "client_id": texts([client_id for _, client_id in openings]),
            },
        )
        return await self.view.lock_with_siblings(connection, family_ids, openings)

    async def _decide(
        self,
        connection: AsyncConnection[Any],
        submission: Submission,
        families: dict[UUID, StoredFamily],
        context: BatchContext,
        unused: set[tuple[Any, ...]],
    ) -> Committed:
        command = submission.command
        family_id = family_of(command)
        stored = families.get(family_id)
        now = self.clock(context.now)
        if stored is not None:
            now = max(now, stored.head.occurred_at)
        subject, client_id = _whose(command, stored)
        client, client_not_before = context.clients.get(client_id, (None, None))
        if isinstance(command, Issue):
            refused = _may_open(submission, client, unused)
            if refused is not None:
                return Committed(answer=refused, now=now, stored=None, policy=self.default_policy)
        if client is None:
            client = Client(client_id=client_id, confidential=False, policy=self.default_policy)
        status, subject_not_before = context.subjects.get(subject, (SubjectStatus.ACTIVE, None))
        boundaries = [
            one
            for one in (context.everyone_not_before, client_not_before, subject_not_before)
            if one is not None
        ]
        evidence: dict[int, Evidence | None] = {}
        while True:
            decision = decide(
                None if stored is None else stored.family,
                Bookkeeping() if stored is None else stored.bookkeeping,
                command,
                Context(
                    now=now,
                    client=client,
                    subject_status=status,
                    not_before=max(boundaries, default=None),
                    forgery_recordable=self.forgeries.recordable(now),
                    evidence=evidence,
                    siblings=_siblings(command, client, families),
                ),
            )
            if isinstance(decision, Decision):
                break
            evidence[decision.generation] = await self._evidence(connection, family_id, decision)
        if any(isinstance(event, ForgeryDetected) for event in decision.events):
            self.forgeries.recorded(now)
        if decision.events or (stored is not None and decision.bookkeeping is not stored.bookkeeping):
            request = submission.request
            if SubjectStatus.ERASED in (status, _status_of_actor(submission, context)):
                request = replace(request, personal_data=NOTHING_PERSONAL)
            recorded = self.recorder.record(
                stored, family_id, decision.events, decision.bookkeeping, request=request, now=now
            )
            if recorded is not None:
                families[family_id] = stored = recorded
        for sibling_id in decision.makes_room:
            ended = Submission(
                command=Revoke(family_id=sibling_id, reason=RevocationReason.LIMIT),
                request=replace(submission.request, causation=f"{family_id}:1"),
            )
            await self._decide(connection, ended, families, context, unused)
        return Committed(answer=decision.answer, now=now, stored=stored, policy=client.policy)

    async def _evidence(
        self, connection: AsyncConnection[Any], family_id: UUID, wanted: EvidenceWanted
    ) -> Evidence | None:
        cursor = await connection.execute(
            sql("ledger", "read_evidence"), {"stream_id": family_id, "generation": wanted.generation}
        )
        rows = [*await cursor.fetchall(), *self._not_appended_yet(family_id, wanted.generation)]
        if len(rows) < 2:
            return None
        (type_name, schema_version, _, payload), (next_type, next_version, replaced_at, next_payload) = rows
        recorded = decode_payload(type_name, schema_version, payload)
        rotated = decode_payload(next_type, next_version, next_payload)
        if not isinstance(recorded, TokenIssued | TokenRotated) or not isinstance(rotated, TokenRotated):
            return None
        return Evidence(
            secret_hash=recorded.secret_hash,
            replaced_at=replaced_at,
            grace_ends_at=rotated.grace_ends_at,
            lost_response_ends_at=rotated.lost_response_ends_at,
        )

    def _not_appended_yet(self, family_id: UUID, generation: int) -> list[tuple[Any, ...]]:
        """As `read_evidence`, from the events that wait in this transaction."""
        return [
            (row["type"], row["schema_version"], row["occurred_at"], row["payload"])
            for row in self.recorder.events
            if row["stream_id"] == family_id
            and row["type"] in ("TokenIssued", "TokenRotated")
            and orjson.loads(row["payload"]).get("generation", 0) in (generation, generation + 1)
        ]

    async def _use_assertions(self, connection: AsyncConnection[Any]) -> Any:
        used = sorted(
            {
                (one.assertion.issuer, one.assertion.jwt_id, one.assertion.expires_at)
                for one in self.submissions
                if one.assertion is not None
            }
        )
        if not used:
            return None
        issuers, jwt_ids, expiries = (list(column) for column in zip(*used, strict=True))
        return await connection.execute(
            sql("ledger", "use_assertions"),
            {"issuer": issuers, "jwt_id": jwt_ids, "expires_at": expiries},
        )

    async def _release(self, connection: AsyncConnection[Any], unused: set[tuple[Any, ...]]) -> None:
        """What this transaction marked and no session was opened with may be used again."""
        if unused:
            issuers, jwt_ids = (list(column) for column in zip(*sorted(unused), strict=True))
            await connection.execute(
                sql("ledger", "release_assertions"), {"issuer": issuers, "jwt_id": jwt_ids}
            )


def _whose(command: Command, stored: StoredFamily | None) -> tuple[str, str]:
    """Subject and client of the family, empty where it is unknown."""
    if isinstance(command, Issue):
        return command.subject, command.client_id
    if stored is None:
        return "", ""
    family = last_active(stored.family)
    return family.subject, family.client_id


def _acting_on_others(submission: Submission) -> str | None:
    """The subject who ends a session by a decision of its own, from where it is recorded beside the event."""
    if not isinstance(submission.command, Revoke):
        return None
    return acting_subject(submission.request.actor)


def _status_of_actor(submission: Submission, context: BatchContext) -> SubjectStatus | None:
    acting = _acting_on_others(submission)
    return None if acting is None or acting not in context.subjects else context.subjects[acting][0]


def _siblings(
    command: Command, client: Client, families: Mapping[UUID, StoredFamily]
) -> tuple[ActiveFamily, ...]:
    """Of a session to be opened: others of its subject and client, those that this batch opened too."""
    if not isinstance(command, Issue) or client.policy.max_sessions is None:
        return ()
    active = (one.family for one in families.values() if isinstance(one.family, ActiveFamily))
    return tuple(
        one for one in active if one.subject == command.subject and one.client_id == command.client_id
    )


def _may_open(submission: Submission, client: Client | None, unused: set[tuple[Any, ...]]) -> Refused | None:
    """Why a session may not be opened at all. A used assertion comes first: it tells nothing more."""
    if submission.assertion is not None and submission.assertion.name not in unused:
        return Refused(
            code=RefusalCode.ASSERTION_INVALID,
            detail="This assertion was used before: each is accepted once. Get a new one.",
        )
    if client is None:
        return Refused(code=RefusalCode.CLIENT_MISMATCH, detail="There is no client of this id.")
    proved = submission.authenticated_client
    if (client.confidential and proved is None) or (proved is not None and proved != client.client_id):
        return Refused(
            code=RefusalCode.CLIENT_MISMATCH, detail="This client has to authenticate with HTTP Basic."
        )
    return None
