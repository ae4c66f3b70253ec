"""The rules: what may happen to a token family. Pure; the decision table exists here and nowhere else.

`decide` takes the family's state, its bookkeeping, a command and what is known at the moment of the decision,
and gives the answer, the events to append and the bookkeeping afterwards. A refusal's events are to be stored
like any others: commit, then answer. The rows of the table are tried in their order, each number beside its
branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from ledger import gcra
from ledger.answers import Answer, Ended, Granted, Outcome, RefusalCode, Refused, Renamed
from ledger.bookkeeping import (
    GENERATIONS_COUNTED,
    MAXIMUM_FINGERPRINTS,
    MAXIMUM_PREFIXES,
    MAXIMUM_WINDOWS,
    Bookkeeping,
    Window,
)
from ledger.commands import Command, Expire, Issue, Logout, Presented, Refresh, Rename, Revoke, Tidy
from ledger.events import (
    FamilyEvent,
    ForgeryDetected,
    ForgerySubtype,
    RefreshRefused,
    RefusalReason,
    ReplayCause,
    ReplayedAfterRevocation,
    ReuseDetected,
    ReuseSubtype,
    RevocationReason,
    SessionRenamed,
    TokenExpired,
    TokenIssued,
    TokenReplayed,
    TokenRevoked,
    TokenRotated,
)
from ledger.family import ActiveFamily, ExpiredFamily, Family, RevokedFamily, last_active, passed_deadline
from ledger.policy import Client, SubjectStatus, WhenFull
from ledger.refresh_token import RefreshToken, same_hash, secret_hash, successor_secret

MAXIMUM_REPLAYS = 100
"""Of one generation."""
MAXIMUM_RECOVERIES = 3
"""In the last ten generations."""
MAXIMUM_REFUSALS_RECORDED = 20
"""Of one family."""
REFUSAL_RECORDED_EVERY = timedelta(minutes=1)
FORGERY_RECORDED_EVERY = timedelta(days=1)
SHADOW_RECORDED_EVERY = timedelta(hours=1)
CROWDED_RETRY_AFTER = timedelta(seconds=1)
"""What a replay beyond the numbers above is told to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the family's own events say of a replaced generation."""

    secret_hash: bytes
    replaced_at: datetime
    grace_ends_at: datetime
    lost_response_ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceWanted:
    """The decision depends on this generation's events: read them, put them in the context, decide again."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known at the moment of the decision."""

    now: datetime
    """Never earlier than the family's last event."""
    client: Client
    subject_status: SubjectStatus = SubjectStatus.ACTIVE
    not_before: datetime | None = None
    """The latest of those of the subject, the client and everyone."""
    forgery_recordable: bool = True
    """Whether the ledger-wide limit of forgery events leaves room."""
    evidence: Mapping[int, Evidence | None]
    """By generation; None: no event of the family recorded it. An absent key: not read yet."""
    siblings: tuple[ActiveFamily, ...] = ()
    """Of a session to be opened, where the client limits their number: others of its subject and client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer and what has to be stored before it may be given."""

    answer: Answer
    events: tuple[FamilyEvent, ...] = ()
    """The first is caused by the command, the others by the first."""
    bookkeeping: Bookkeeping
    makes_room: tuple[UUID, ...] = ()
    """Families that are to be revoked for it, with the reason LIMIT."""


def decide(
    family: Family | None, book: Bookkeeping, command: Command, context: Context
) -> Decision | EvidenceWanted:
    """Decide one command on one family."""
    decision = _decide(family, book, command, context)
    if isinstance(decision, EvidenceWanted) or decision.bookkeeping is book:
        return decision
    return replace(decision, bookkeeping=_without_closed_windows(decision.bookkeeping, context.now))


def _decide(
    family: Family | None, book: Bookkeeping, command: Command, context: Context
) -> Decision | EvidenceWanted:
    match command:
        case Issue():
            return _issue(family, command, context)
        case Refresh():
            return _refresh(family, book, command, context)
        case Logout():
            return _logout(family, book, command, context)
        case Revoke():
            return _revoke(family, book, command, context)
        case Rename():
            return _rename(family, book, context)
        case Expire():
            return _expire(family, book, context)
        case Tidy():
            return Decision(answer=Ended(ended=False), bookkeeping=_without_closed_windows(book, context.now))
        case _:
            assert_never(command)


def _issue(family: Family | None, command: Issue, context: Context) -> Decision:
    if family is not None:
        raise ValueError(f"the family {command.family_id} exists: its id was not minted for this command")
    if context.subject_status is not SubjectStatus.ACTIVE:
        return Decision(answer=Refused(code=RefusalCode.SUBJECT_INACTIVE), bookkeeping=Bookkeeping())
    makes_room = _room_for_one(context)
    if makes_room is None:
        return Decision(answer=Refused(code=RefusalCode.SESSION_LIMIT_REACHED), bookkeeping=Bookkeeping())
    policy = context.client.policy
    absolute = context.now + policy.absolute_lifetime
    issued = TokenIssued(
        subject=command.subject,
        client_id=command.client_id,
        transport=command.transport,
        scope=command.scope,
        secret_hash=secret_hash(command.secret),
        idle_expires_at=min(context.now + policy.idle_lifetime, absolute),
        absolute_expires_at=absolute,
        sender_key=command.sender_key,
    )
    token = RefreshToken(family_id=command.family_id, generation=0, secret=command.secret)
    return Decision(
        answer=Granted(outcome=Outcome.ISSUED, token=token),
        events=(issued,),
        bookkeeping=Bookkeeping(),
        makes_room=makes_room,
    )


def _room_for_one(context: Context) -> tuple[UUID, ...] | None:
    """Which sessions have to end so that one more fits in; None: none may be opened."""
    policy = context.client.policy
    if policy.max_sessions is None:
        return ()
    living = [
        one
        for one in context.siblings
        if passed_deadline(one, context.now) is None and not _opened_before(one, context.not_before)
    ]
    surplus = len(living) + 1 - policy.max_sessions
    if surplus <= 0:
        return ()
    match policy.when_full:
        case WhenFull.REJECT_NEW:
            return None
        case WhenFull.REVOKE_OLDEST:
            living.sort(key=lambda one: (one.opened_at, one.family_id))
        case WhenFull.REVOKE_LEAST_RECENTLY_USED:
            living.sort(key=lambda one: (one.last_used_at, one.family_id))
        case _:
            assert_never(policy.when_full)
    return tuple(one.family_id for one in living[:surplus])


def _refresh(
    family: Family | None, book: Bookkeeping, command: Refresh, context: Context
) -> Decision | EvidenceWanted:
    presented, token, now = command.presented, command.presented.token, context.now
    if (early := _before_the_secret(family, book, presented, context)) is not None:  # rows 3 to 6
        return early
    assert isinstance(family, ActiveFamily)  # noqa: S101 - rows 3 to 6 answered every other state
    if (ended := _not_before(family, book, context)) is not None:  # row 7
        return Decision(
            answer=Refused(code=RefusalCode.SESSION_REVOKED, ended=RevocationReason.NOT_BEFORE),
            events=ended.events,
            bookkeeping=ended.bookkeeping,
        )
    if context.subject_status is not SubjectStatus.ACTIVE:  # row 7
        return _refuse_on_record(
            book, now, code=RefusalCode.SUBJECT_INACTIVE, reason=RefusalReason.SUBJECT_INACTIVE
        )
    if token.generation == family.generation and same_hash(secret_hash(token.secret), family.secret_hash):
        if command.by_cookie and book.handed_out > 0 and _born_within_grace(family, book, now):  # row 8a
            return Decision(
                answer=Granted(outcome=Outcome.REPLAYED, token=token),
                bookkeeping=replace(
                    book, handed_out=book.handed_out + 1, unrecorded_replays=book.unrecorded_replays + 1
                ),
            )
        return _rotate(family, book, command, context)  # row 8
    match _standing(family, book, presented, context):
        case EvidenceWanted() as wanted:
            return wanted
        case _Covered() as covered:  # rows 9 and 10
            return _replay(family, book, covered, presented, context)
        case _Reuse() as reuse:  # row 11
            return _reuse(family, book, reuse, token, context)
        case _CrowdedOut():  # row 9, pushed out of the list
            return _limited(book, CROWDED_RETRY_AFTER)
        case _Uncovered():  # rule 12: a lost row
            return Decision(answer=Refused(code=RefusalCode.TOKEN_UNKNOWN), bookkeeping=book)
        case _Forged() as forged:  # row 12
            return _forgery(family, book, forged, token, context)


def _logout(
    family: Family | None, book: Bookkeeping, command: Logout, context: Context
) -> Decision | EvidenceWanted:
    presented, token = command.presented, command.presented.token
    early = _before_the_secret(family, book, presented, context)
    if early is not None:
        return _nothing_to_end(early)
    assert isinstance(family, ActiveFamily)  # noqa: S101 - every other state was answered above
    if (ended := _not_before(family, book, context)) is not None:
        return ended
    if token.generation == family.generation and same_hash(secret_hash(token.secret), family.secret_hash):
        return _logged_out(family, book, command)
    match _standing(family, book, presented, context):
        case EvidenceWanted() as wanted:
            return wanted
        case _Covered():
            return _logged_out(family, book, command)
        case _Reuse() as reuse:
            decision = _reuse(family, book, reuse, token, context)
            revoked = any(isinstance(event, TokenRevoked) for event in decision.events)
            return replace(decision, answer=Ended(ended=revoked))
        case _CrowdedOut() | _Uncovered():
            return Decision(answer=Ended(ended=False), bookkeeping=book)
        case _Forged() as forged:
            return _nothing_to_end(_forgery(family, book, forged, token, context))


def _logged_out(family: ActiveFamily, book: Bookkeeping, command: Logout) -> Decision:
    if not command.end_own:
        return Decision(answer=Ended(ended=False, may_end_others=True), bookkeeping=book)
    events, bookkeeping = _end(family, book, RevocationReason.LOGOUT)
    return Decision(answer=Ended(ended=True, may_end_others=True), events=events, bookkeeping=bookkeeping)


def _nothing_to_end(decision: Decision | EvidenceWanted) -> Decision | EvidenceWanted:
    """A logout of an unknown or ended token is a success (RFC 7009 section 2.2); another's token is not."""
    match decision:
        case Decision(answer=Refused(code=RefusalCode.CLIENT_MISMATCH | RefusalCode.BINDING_FAILED)):
            return decision
        case Decision():
            return replace(decision, answer=Ended(ended=False))
        case EvidenceWanted():
            return decision


def _revoke(family: Family | None, book: Bookkeeping, command: Revoke, context: Context) -> Decision:
    if not isinstance(family, ActiveFamily):
        return Decision(answer=Ended(ended=False), bookkeeping=book)
    over = _expired(family, book, context.now) or _not_before(family, book, context)
    if over is not None:
        return over
    events, bookkeeping = _end(family, book, command.reason)
    return Decision(answer=Ended(ended=True), events=events, bookkeeping=bookkeeping)


def _rename(family: Family | None, book: Bookkeeping, context: Context) -> Decision:
    if not isinstance(family, ActiveFamily):
        return Decision(answer=Renamed(renamed=False), bookkeeping=book)
    over = _expired(family, book, context.now) or _not_before(family, book, context)
    if over is not None:
        return replace(over, answer=Renamed(renamed=False))
    return Decision(
        answer=Renamed(renamed=True),
        events=(SessionRenamed(unrecorded_replays=book.unrecorded_replays),),
        bookkeeping=replace(book, unrecorded_replays=0),
    )


def _expire(family: Family | None, book: Bookkeeping, context: Context) -> Decision:
    if isinstance(family, ActiveFamily):
        over = _expired(family, book, context.now) or _not_before(family, book, context)
        if over is not None:
            return replace(over, answer=Ended(ended=True))
    return Decision(answer=Ended(ended=False), bookkeeping=book)


# ---------------------------------------------------------------------------------------------- rows 3 to 7


def _before_the_secret(
    family: Family | None, book: Bookkeeping, presented: Presented, context: Context
) -> Decision | EvidenceWanted | None:
    if family is None:  # row 3
        return Decision(answer=Refused(code=RefusalCode.TOKEN_UNKNOWN), bookkeeping=book)
    reason = _wrong_presenter(last_active(family), presented, context.client)
    if reason is not None:  # row 4
        code = RefusalCode(reason.value)
        if not isinstance(family, ActiveFamily) or passed_deadline(family, context.now) is not None:
            return Decision(answer=Refused(code=code), bookkeeping=book)
        return _refuse_on_record(book, context.now, code=code, reason=reason)
    match family:
        case RevokedFamily():  # row 5
            return _after_revocation(family, book, presented.token, context)
        case ExpiredFamily():  # row 6
            return Decision(
                answer=Refused(code=RefusalCode.SESSION_EXPIRED, ended=family.kind), bookkeeping=book
            )
        case ActiveFamily():
            over = _expired(family, book, context.now)  # row 6
            if over is None:
                return None
            kind = next(event.kind for event in over.events if isinstance(event, TokenExpired))
            return replace(over, answer=Refused(code=RefusalCode.SESSION_EXPIRED, ended=kind))


def _wrong_presenter(family: ActiveFamily, presented: Presented, client: Client) -> RefusalReason | None:
    claimed, proved = presented.client_id, presented.authenticated_client
    if (
        (claimed is not None and claimed != family.client_id)
        or (proved is not None and proved != family.client_id)
        or (client.confidential and proved is None)
    ):
        return RefusalReason.CLIENT_MISMATCH
    if family.sender_key is not None and presented.sender_key != family.sender_key:
        return RefusalReason.BINDING_FAILED
    return None


def _refuse_on_record(
    book: Bookkeeping, now: datetime, *, code: RefusalCode, reason: RefusalReason
) -> Decision:
    """Refuse, with an event at most once a minute and reason, and twenty times a family."""
    answer = Refused(code=code)
    recorded_at = dict(book.refusals).get(reason)
    if book.refusals_recorded >= MAXIMUM_REFUSALS_RECORDED or (
        recorded_at is not None and now < recorded_at + REFUSAL_RECORDED_EVERY
    ):
        return Decision(answer=answer, bookkeeping=book)
    others = tuple(entry for entry in book.refusals if entry[0] is not reason)
    return Decision(
        answer=answer,
        events=(RefreshRefused(reason=reason, unrecorded_replays=book.unrecorded_replays),),
        bookkeeping=replace(
            book,
            refusals=(*others, (reason, now)),
            refusals_recorded=book.refusals_recorded + 1,
            unrecorded_replays=0,
        ),
    )


def _after_revocation(
    family: RevokedFamily, book: Bookkeeping, token: RefreshToken, context: Context
) -> Decision | EvidenceWanted:
    refused = Decision(
        answer=Refused(code=RefusalCode.SESSION_REVOKED, ended=family.reason), bookkeeping=book
    )
    if token.generation >= family.was.generation:
        return refused
    counted = replace(refused, bookkeeping=replace(book, unrecorded_replays=book.unrecorded_replays + 1))
    if family.replay_reported:
        return counted
    if token.generation not in context.evidence:
        return EvidenceWanted(generation=token.generation)
    evidence = context.evidence[token.generation]
    if evidence is None or not same_hash(secret_hash(token.secret), evidence.secret_hash):
        return refused
    if context.now < evidence.grace_ends_at:
        return counted
    return replace(
        refused,
        events=(
            ReplayedAfterRevocation(
                presented_generation=token.generation,
                generation=family.was.generation,
                unrecorded_replays=book.unrecorded_replays,
            ),
        ),
        bookkeeping=replace(book, unrecorded_replays=0),
    )


def _expired(family: ActiveFamily, book: Bookkeeping, now: datetime) -> Decision | None:
    over = passed_deadline(family, now)
    if over is None:
        return None
    kind, deadline = over
    expired = TokenExpired(
        kind=kind,
        deadline=deadline,
        generation=family.generation,
        unrecorded_replays=book.unrecorded_replays,
    )
    return Decision(answer=Ended(ended=False), events=(expired,), bookkeeping=_without_windows(book))


def _not_before(family: ActiveFamily, book: Bookkeeping, context: Context) -> Decision | None:
    if not _opened_before(family, context.not_before):
        return None
    events, bookkeeping = _end(family, book, RevocationReason.NOT_BEFORE)
    return Decision(answer=Ended(ended=False), events=events, bookkeeping=bookkeeping)


def _opened_before(family: ActiveFamily, not_before: datetime | None) -> bool:
    return not_before is not None and family.opened_at < not_before


def _end(
    family: ActiveFamily, book: Bookkeeping, reason: RevocationReason
) -> tuple[tuple[TokenRevoked, ...], Bookkeeping]:
    revoked = TokenRevoked(
        reason=reason, generation=family.generation, unrecorded_replays=book.unrecorded_replays
    )
    return (revoked,), _without_windows(book)


def _without_windows(book: Bookkeeping) -> Bookkeeping:
    """An ended family needs no way to its current token: the nonces are erased."""
    return replace(book, windows=(), crowded_out=None, unrecorded_replays=0)


# -------------------------------------------------------------------------------------------- rows 8a and 8


def _born_within_grace(family: ActiveFamily, book: Bookkeeping, now: datetime) -> bool:
    newest = book.windows[-1] if book.windows else None
    return newest is not None and newest.generation == family.generation - 1 and now < newest.grace_ends_at


def _rotate(family: ActiveFamily, book: Bookkeeping, command: Refresh, context: Context) -> Decision:
    policy, now, presented = context.client.policy, context.now, command.presented
    rate = book.rate
    if policy.rate_per_family is not None:
        match gcra.take(policy.rate_per_family, book.rate, now):
            case gcra.Limited(retry_after=retry_after):
                return _limited(book, retry_after)
            case gcra.Allowed(theoretical_arrival=theoretical_arrival):
                rate = theoretical_arrival
    generation = family.generation + 1
    secret = successor_secret(
        presented.token.secret, family_id=family.family_id, generation=generation, nonce=command.nonce
    )
    idle = family.idle_expires_at
    if policy.extend_idle:
        idle = min(now + policy.idle_lifetime, family.absolute_expires_at)
    lost_response_ends_at = now + policy.lost_response_window if policy.lost_response_window else None
    rotated = TokenRotated(
        generation=generation,
        secret_hash=secret_hash(secret),
        idle_expires_at=idle,
        grace_ends_at=now + policy.grace,
        lost_response_ends_at=lost_response_ends_at,
        unrecorded_replays=book.unrecorded_replays,
    )
    window = Window(
        generation=family.generation,
        secret_hash=family.secret_hash,
        nonce=command.nonce,
        replaced_at=now,
        grace_ends_at=rotated.grace_ends_at,
        lost_response_ends_at=lost_response_ends_at,
        agent=presented.fingerprint.agent,
    )
    windows, crowded_out = _with_window(_without_closed_windows(book, now), window)
    prefix = presented.fingerprint.prefix
    prefixes = (prefix, *(known for known in book.prefixes if known != prefix))[:MAXIMUM_PREFIXES]
    return Decision(
        answer=Granted(
            outcome=Outcome.ROTATED,
            token=RefreshToken(family_id=family.family_id, generation=generation, secret=secret),
        ),
        events=(rotated,),
        bookkeeping=replace(
            book,
            windows=windows,
            crowded_out=crowded_out,
            handed_out=0,
            prefixes=prefixes,
            rate=rate,
            foreign=_recent(book.foreign, generation),
            recoveries=_recent(book.recoveries, generation),
            unrecorded_replays=0,
        ),
    )


def _with_window(book: Bookkeeping, window: Window) -> tuple[tuple[Window, ...], int | None]:
    """The list with one more window, and the newest generation that a burst pushed out of it."""
    if len(book.windows) < MAXIMUM_WINDOWS:
        return (*book.windows, window), book.crowded_out
    return (*book.windows[1:], window), book.windows[0].generation


def _without_closed_windows(book: Bookkeeping, now: datetime) -> Bookkeeping:
    """Drop the nonces that nothing needs any more: any write does it, and `Tidy` where none comes for long.

    Windows leave from the old end only, as an open one needs the nonces of all that follow it, and never in
    the moment of their birth, so that commands decided together find what the first of them replaced.
    """
    windows = book.windows
    while windows and windows[0].replaced_at < now and not _is_open(windows, now):
        windows = windows[1:]
    return book if windows is book.windows else replace(book, windows=windows)


def _is_open(windows: tuple[Window, ...], now: datetime) -> bool:
    oldest = windows[0]
    if now < oldest.grace_ends_at:
        return True
    lost_response_ends_at = oldest.lost_response_ends_at
    return len(windows) == 1 and lost_response_ends_at is not None and now < lost_response_ends_at


def _recent(generations: tuple[int, ...], current: int) -> tuple[int, ...]:
    return tuple(one for one in generations if one > current - GENERATIONS_COUNTED)


def _limited(book: Bookkeeping, retry_after: timedelta) -> Decision:
    return Decision(answer=Refused(code=RefusalCode.RATE_LIMITED, retry_after=retry_after), bookkeeping=book)


# ------------------------------------------------------------------------------------------- rows 9 to 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Covered:
    """Rows 9 and 10: a window covers the token."""

    window: Window
    cause: ReplayCause


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reuse:
    """Row 11: the ledger recorded this secret, and no window covers it."""

    subtype: ReuseSubtype
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class _CrowdedOut:
    """Its window is open, but a burst pushed it out of the list."""


@dataclass(frozen=True, slots=True)
class _Uncovered:
    """Its window is open, but the row was lost and with it the way to the current token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forged:
    """Row 12."""

    subtype: ForgerySubtype


_Standing = _Covered | _Reuse | _CrowdedOut | _Uncovered | _Forged


def _standing(
    family: ActiveFamily, book: Bookkeeping, presented: Presented, context: Context
) -> _Standing | EvidenceWanted:
    """Where a token stands that is not the current one."""
    token, now = presented.token, context.now
    if token.generation > family.generation:
        return _Forged(subtype=ForgerySubtype.AHEAD)
    if token.generation == family.generation:
        return _Forged(subtype=ForgerySubtype.UNRECORDED)
    newest_replaced = token.generation == family.generation - 1
    window = next((one for one in book.windows if one.generation == token.generation), None)
    if window is not None:
        if not same_hash(secret_hash(token.secret), window.secret_hash):
            return _Forged(subtype=ForgerySubtype.UNRECORDED)
        if now < window.grace_ends_at:  # row 9
            return _Covered(window=window, cause=ReplayCause.CONCURRENT)
        subtype = ReuseSubtype.LATE_REPLAY if newest_replaced else ReuseSubtype.STALE_GENERATION
        lost_response_ends_at = window.lost_response_ends_at
        if newest_replaced and lost_response_ends_at is not None and now < lost_response_ends_at:  # row 10
            if presented.fingerprint.agent != window.agent:
                subtype = ReuseSubtype.FINGERPRINT
            elif len(_recent(book.recoveries, family.generation)) >= MAXIMUM_RECOVERIES:
                subtype = ReuseSubtype.BUDGET_EXCEEDED
            else:
                return _Covered(window=window, cause=ReplayCause.LOST_RESPONSE)
        return _Reuse(subtype=subtype, replaced_at=window.replaced_at)
    if token.generation not in context.evidence:
        return EvidenceWanted(generation=token.generation)
    evidence = context.evidence[token.generation]
    if evidence is None or not same_hash(secret_hash(token.secret), evidence.secret_hash):
        return _Forged(subtype=ForgerySubtype.UNRECORDED)
    if now < evidence.grace_ends_at:
        pushed_out = book.crowded_out is not None and token.generation <= book.crowded_out
        return _CrowdedOut() if pushed_out else _Uncovered()
    if newest_replaced:
        lost_response_ends_at = evidence.lost_response_ends_at
        if lost_response_ends_at is not None and now < lost_response_ends_at:
            return _Uncovered()
        return _Reuse(subtype=ReuseSubtype.LATE_REPLAY, replaced_at=evidence.replaced_at)
    return _Reuse(subtype=ReuseSubtype.STALE_GENERATION, replaced_at=evidence.replaced_at)


def _replay(
    family: ActiveFamily, book: Bookkeeping, covered: _Covered, presented: Presented, context: Context
) -> Decision:
    """Rows 9 and 10: hand out the current token again."""
    window, token, policy = covered.window, presented.token, context.client.policy
    if window.replays >= MAXIMUM_REPLAYS:
        return _limited(book, CROWDED_RETRY_AFTER)
    is_foreign = presented.fingerprint.prefix not in book.prefixes
    foreign = _recent(book.foreign, family.generation)
    if is_foreign:
        if policy.foreign_replays is not None and len(foreign) >= policy.foreign_replays:  # rule 10
            reuse = _Reuse(subtype=ReuseSubtype.BUDGET_EXCEEDED, replaced_at=window.replaced_at)
            return _reuse(family, book, reuse, token, context)
        if policy.foreign_replays is not None:
            foreign = (*foreign, family.generation)
    recoveries = _recent(book.recoveries, family.generation)
    if covered.cause is ReplayCause.LOST_RESPONSE:
        recoveries = (*recoveries, family.generation)
    fingerprint = presented.fingerprint.agent + presented.fingerprint.prefix
    recorded = fingerprint not in window.fingerprints and len(window.fingerprints) < MAXIMUM_FINGERPRINTS
    events: tuple[TokenReplayed, ...] = ()
    if recorded:
        events = (
            TokenReplayed(
                cause=covered.cause,
                foreign=is_foreign,
                presented_generation=token.generation,
                generation=family.generation,
                unrecorded_replays=book.unrecorded_replays,
            ),
        )
    counted = replace(
        window,
        replays=window.replays + 1,
        fingerprints=(*window.fingerprints, fingerprint) if recorded else window.fingerprints,
    )
    return Decision(
        answer=Granted(outcome=Outcome.REPLAYED, token=_current_token(family, book, token)),
        events=events,
        bookkeeping=replace(
            book,
            windows=tuple(counted if one is window else one for one in book.windows),
            handed_out=book.handed_out + 1,
            foreign=foreign,
            recoveries=recoveries,
            unrecorded_replays=0 if recorded else book.unrecorded_replays + 1,
        ),
    )


def _current_token(family: ActiveFamily, book: Bookkeeping, token: RefreshToken) -> RefreshToken:
    """Walk the ratchet from a listed token to the current one."""
    secret = token.secret
    for window in book.windows:
        if window.generation >= token.generation:
            secret = successor_secret(
                secret,
                family_id=family.family_id,
                generation=window.generation + 1,
                nonce=window.nonce,
            )
    return RefreshToken(family_id=family.family_id, generation=family.generation, secret=secret)


def _reuse(
    family: ActiveFamily, book: Bookkeeping, reuse: _Reuse, token: RefreshToken, context: Context
) -> Decision:
    """Row 11: refuse, and unless the client is in shadow mode end the family."""
    shadow = context.client.policy.shadow
    detected = ReuseDetected(
        subtype=reuse.subtype,
        presented_generation=token.generation,
        generation=family.generation,
        seconds_since_rotation=int((context.now - reuse.replaced_at).total_seconds()),
        enforced=not shadow,
        unrecorded_replays=book.unrecorded_replays,
    )
    if not shadow:
        revoked = TokenRevoked(reason=RevocationReason.REUSE, generation=family.generation)
        return Decision(
            answer=Refused(code=RefusalCode.REUSE_DETECTED, ended=RevocationReason.REUSE),
            events=(detected, revoked),
            bookkeeping=_without_windows(book),
        )
    answer = Refused(code=RefusalCode.REUSE_DETECTED)
    last = book.shadow_recorded_at
    if last is not None and context.now < last + SHADOW_RECORDED_EVERY:
        counted = replace(book, unrecorded_replays=book.unrecorded_replays + 1)
        return Decision(answer=answer, bookkeeping=counted)
    return Decision(
        answer=answer,
        events=(detected,),
        bookkeeping=replace(book, shadow_recorded_at=context.now, unrecorded_replays=0),
    )


def _forgery(
    family: ActiveFamily, book: Bookkeeping, forged: _Forged, token: RefreshToken, context: Context
) -> Decision:
    """Row 12: refuse; what the ledger never recorded can end nothing."""
    answer = Refused(code=RefusalCode.TOKEN_UNKNOWN)
    last = book.forgery_recorded_at
    if not context.forgery_recordable or (last is not None and context.now < last + FORGERY_RECORDED_EVERY):
        return Decision(answer=answer, bookkeeping=book)
    detected = ForgeryDetected(
        subtype=forged.subtype,
        presented_generation=token.generation,
        generation=family.generation,
        unrecorded_replays=book.unrecorded_replays,
    )
    return Decision(
        answer=answer,
        events=(detected,),
        bookkeeping=replace(book, forgery_recorded_at=context.now, unrecorded_replays=0),
    )
