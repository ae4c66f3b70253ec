"""Changes to sessions and subjects that are not about tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from api.bulk_revocation import TooManyMatchesError
from api.graphql.context import RequestContext
from api.graphql.description import described_type
from api.graphql.event_visibility import session_id_of
from api.graphql.filter_types import SessionFilter, unended_sessions
from api.graphql.permissions import ADMIN
from api.graphql.problem_types import (
    InvalidArgumentError,
    RequestProblem,
    RequestProblemCode,
    invalid,
    not_found,
    problem,
    text_argument,
)
from api.graphql.queries import LONGEST_SUBJECT
from api.graphql.session_types import Session, Subject, session_of, subject_of
from api.graphql.viewer import act_of, actor_of, viewer_of
from ledger.administration import LegalHoldError, SubjectErasedError
from ledger.events import RevocationReason
from projections.active_tokens import sessions

_LONGEST_LABEL = 100
_LONGEST_REASON = 1_000

SessionResult = Annotated[
    Session | RequestProblem,
    strawberry.union("SessionResult", description="The session as it is now, or why not."),
]
SubjectResult = Annotated[
    Subject | RequestProblem,
    strawberry.union("SubjectResult", description="The subject as it is now, or why not."),
]


@described_type
class BulkRevocation:
    """One step of a bulk run: at most 10,000 sessions a call. Call again until `remaining` is 0."""

    matched: int = strawberry.field(description="Sessions not ended yet that match.")
    revoked: int = strawberry.field(description="Ended by this call; 0 in a dry run.")
    remaining: int
    dry_run: bool
    sample: list[Session] = strawberry.field(description="At most 10 of the matched.")


BulkRevocationResult = Annotated[
    BulkRevocation | RequestProblem,
    strawberry.union("BulkRevocationResult", description="The step, or why nothing was done."),
]


@described_type
class NotBefore:
    """A boundary that is in force."""

    subject: strawberry.ID | None
    client_id: strawberry.ID | None
    time: datetime


NotBeforeResult = Annotated[
    NotBefore | RequestProblem, strawberry.union("NotBeforeResult", description="The boundary, or why not.")
]


@strawberry.type
class AdministrationMutation:
    @strawberry.field(description="One's own.")
    async def rename_session(
        self, info: strawberry.Info[RequestContext], id: strawberry.ID, device_label: str
    ) -> SessionResult:
        context, viewer = info.context, viewer_of(info.context)
        try:
            label = text_argument(device_label, name="deviceLabel", longest=_LONGEST_LABEL)
        except InvalidArgumentError as error:
            return invalid(error, context)
        found = await _session(context, id)
        if found is None or found.subject != viewer.subject:
            return not_found("session", context)
        if not await context.services.sessions.rename(found.family_id, label, context.caller):
            return problem(
                RequestProblemCode.INVALID_ARGUMENT, "`id` must be of a session that has not ended.", context
            )
        return await _told(context, found.family_id)

    @strawberry.field(description="One's own, or any with `sessions:admin`. Idempotent.")
    async def revoke_session(
        self,
        info: strawberry.Info[RequestContext],
        id: strawberry.ID,
        reason: str | None = strawberry.UNSET,
    ) -> SessionResult:
        context, viewer = info.context, viewer_of(info.context)
        try:
            text = _reason(reason)
        except InvalidArgumentError as error:
            return invalid(error, context)
        found = await _session(context, id)
        own = found is not None and found.subject == viewer.subject
        if found is None or not (own or ADMIN in viewer.scopes):
            return not_found("session", context)
        why = RevocationReason.ADMIN
        if own:
            current = found.family_id == viewer.session_id
            why = RevocationReason.LOGOUT if current else RevocationReason.SUBJECT
        await context.services.sessions.revoke(
            found.family_id, context.caller, reason=why, actor=actor_of(viewer), text=text
        )
        return await _told(context, found.family_id)

    @strawberry.field(
        description=(
            "`sessions:admin`. An empty filter is refused. `expectAtMost`: what the dry run counted; more "
            "are refused, none revoked."
        )
    )
    async def revoke_sessions(
        self,
        info: strawberry.Info[RequestContext],
        filter: SessionFilter,
        reason: str,
        dry_run: bool,
        expect_at_most: int | None = strawberry.UNSET,
    ) -> BulkRevocationResult:
        context, bulk = info.context, info.context.services.bulk
        try:
            wanted = unended_sessions(filter)
            text = text_argument(reason, name="reason", longest=_LONGEST_REASON)
            most = _expected(expect_at_most)
        except InvalidArgumentError as error:
            return invalid(error, context)
        if dry_run:
            step = await bulk.preview(wanted)
        else:
            try:
                step = await bulk.step(
                    wanted, act_of(context, None), context.caller, reason=text, expect_at_most=most
                )
            except TooManyMatchesError as error:
                return problem(RequestProblemCode.TOO_MANY_MATCHES, str(error), context)
        return BulkRevocation(
            matched=step.matched,
            revoked=step.revoked,
            remaining=max(0, step.matched - step.revoked),
            dry_run=dry_run,
            sample=[session_of(one, context) for one in step.sample],
        )

    @strawberry.field(description="`sessions:admin`. Idempotent; also for an id never seen.")
    async def suspend_subject(
        self, info: strawberry.Info[RequestContext], subject: strawberry.ID, reason: str
    ) -> SubjectResult:
        context = info.context
        try:
            name = text_argument(subject, name="subject", longest=LONGEST_SUBJECT)
            act = act_of(context, text_argument(reason, name="reason", longest=_LONGEST_REASON))
        except InvalidArgumentError as error:
            return invalid(error, context)
        await context.services.administration.suspend(name, act)
        return await subject_of(name, context)

    @strawberry.field(description="`sessions:admin`. Idempotent.")
    async def reactivate_subject(
        self,
        info: strawberry.Info[RequestContext],
        subject: strawberry.ID,
        reason: str | None = strawberry.UNSET,
    ) -> SubjectResult:
        context = info.context
        try:
            name = text_argument(subject, name="subject", longest=LONGEST_SUBJECT)
            act = act_of(context, _reason(reason))
        except InvalidArgumentError as error:
            return invalid(error, context)
        try:
            await context.services.administration.reactivate(name, act)
        except SubjectErasedError:
            return problem(
                RequestProblemCode.INVALID_ARGUMENT,
                "`subject` must not be of a subject that was erased: erasing is for good.",
                context,
            )
        return await subject_of(name, context)

    @strawberry.field(
        description=(
            "`sessions:admin`. At most one of subject and clientId; neither: everyone. Never moves back; a "
            "time in the future is taken as now."
        )
    )
    async def set_not_before(
        self,
        info: strawberry.Info[RequestContext],
        time: datetime,
        subject: strawberry.ID | None = strawberry.UNSET,
        client_id: strawberry.ID | None = strawberry.UNSET,
        reason: str | None = strawberry.UNSET,
    ) -> NotBeforeResult:
        context = info.context
        try:
            whose, client = _whose(subject, client_id)
            act = act_of(context, _reason(reason))
        except InvalidArgumentError as error:
            return invalid(error, context)
        boundary = await context.services.administration.set_not_before(
            time, act, subject=whose, client_id=client
        )
        if boundary is None:
            return not_found("client", context)
        return NotBefore(
            subject=None if whose is None else strawberry.ID(whose),
            client_id=None if client is None else strawberry.ID(client),
            time=boundary,
        )

    @strawberry.field(
        description="`subjects:erase`. Ends the subject's sessions, deletes its personal data. Idempotent."
    )
    async def erase_subject(
        self,
        info: strawberry.Info[RequestContext],
        subject: strawberry.ID,
        reason: str | None = strawberry.UNSET,
    ) -> SubjectResult:
        context = info.context
        try:
            name = text_argument(subject, name="subject", longest=LONGEST_SUBJECT)
            act = act_of(context, _reason(reason))
        except InvalidArgumentError as error:
            return invalid(error, context)
        try:
            await context.services.erasure.erase(name, act, context.caller)
        except LegalHoldError:
            return problem(
                RequestProblemCode.LEGAL_HOLD, "The subject is held: release it with `setLegalHold`.", context
            )
        return await subject_of(name, context)

    @strawberry.field(description="`subjects:erase`. Idempotent.")
    async def set_legal_hold(
        self, info: strawberry.Info[RequestContext], subject: strawberry.ID, held: bool, reason: str
    ) -> SubjectResult:
        context = info.context
        try:
            name = text_argument(subject, name="subject", longest=LONGEST_SUBJECT)
            act = act_of(context, text_argument(reason, name="reason", longest=_LONGEST_REASON))
        except InvalidArgumentError as error:
            return invalid(error, context)
        await context.services.administration.set_legal_hold(name, act, held=held)
        return await subject_of(name, context)


async def _session(context: RequestContext, given: str) -> sessions.Session | None:
    family_id = session_id_of(given)
    if family_id is None:
        return None
    async with context.connection() as connection:
        return await sessions.read_session(connection, family_id, now=context.services.now())


async def _told(context: RequestContext, family_id: UUID) -> SessionResult:
    async with context.connection() as connection:
        found = await sessions.read_session(connection, family_id, now=context.services.now())
    return not_found("session", context) if found is None else session_of(found, context)


def _reason(given: str | None) -> str | None:
    if given is None or given is strawberry.UNSET:
        return None
    return text_argument(given, name="reason", longest=_LONGEST_REASON)


def _expected(given: int | None) -> int | None:
    if given is None or given is strawberry.UNSET:
        return None
    if given < 0:
        raise InvalidArgumentError("`expectAtMost` must not be below 0.")
    return given


def _whose(subject: str | None, client_id: str | None) -> tuple[str | None, str | None]:
    """Whose boundary is meant: a subject's, a client's, or everyone's where both are None."""
    found: list[str | None] = []
    for name, given in (("subject", subject), ("clientId", client_id)):
        absent = given is None or given is strawberry.UNSET
        found.append(None if absent else text_argument(str(given), name=name, longest=LONGEST_SUBJECT))
    whose, client = found
    if whose is not None and client is not None:
        raise InvalidArgumentError("`subject` and `clientId` must not be given together.")
    return whose, client
