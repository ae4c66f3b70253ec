"""Each row of the decision table for `refresh`, by its number, and the rules that hold across it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ledger.answers import Ended, Granted, Outcome, RefusalCode, Refused
from ledger.bookkeeping import Bookkeeping, Fingerprint
from ledger.commands import Command, Expire, Issue, Logout, Presented, Refresh, Revoke
from ledger.decider import Context, Decision, Evidence, EvidenceWanted, decide
from ledger.events import (
    ExpiryKind,
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
    TokenExpired,
    TokenIssued,
    TokenReplayed,
    TokenRevoked,
    TokenRotated,
    Transport,
)
from ledger.evolve import evolve
from ledger.family import Family, last_active
from ledger.gcra import Rate
from ledger.policy import Client, Policy, SubjectStatus
from ledger.refresh_token import RefreshToken

FAMILY_ID = UUID("01a20b4b-b7f1-73d5-9ecc-6fa24500a62e")
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOME = Fingerprint(agent=b"firefox.", prefix=b"home....")
AWAY = Fingerprint(agent=b"firefox.", prefix=b"away....")
OTHER_AGENT = Fingerprint(agent=b"curl....", prefix=b"home....")


@dataclass
class World:
    """One family and everything that surrounds it; `after` moves time, the others decide."""

    policy: Policy = field(default_factory=Policy)
    confidential: bool = False
    now: datetime = START
    family: Family | None = None
    book: Bookkeeping = field(default_factory=Bookkeeping)
    subject_status: SubjectStatus = SubjectStatus.ACTIVE
    not_before: datetime | None = None
    forgery_recordable: bool = True
    history: tuple[tuple[datetime, FamilyEvent], ...] = ()
    nonces: int = 0
    evidence_reads: int = 0

    def decide(self, command: Command) -> Decision:
        evidence: dict[int, Evidence | None] = {}
        while True:
            decision = decide(self.family, self.book, command, self.context(evidence))
            if isinstance(decision, Decision):
                break
            self.evidence_reads += 1
            evidence[decision.generation] = self.evidence(decision.generation)
        self.book = decision.bookkeeping
        for event in decision.events:
            self.family = evolve(self.family, event, family_id=FAMILY_ID, occurred_at=self.now)
            self.history = (*self.history, (self.now, event))
        return decision

    def context(self, evidence: dict[int, Evidence | None]) -> Context:
        return Context(
            now=self.now,
            client=Client(client_id="web", confidential=self.confidential, policy=self.policy),
            subject_status=self.subject_status,
            not_before=self.not_before,
            forgery_recordable=self.forgery_recordable,
            evidence=evidence,
        )

    def evidence(self, generation: int) -> Evidence | None:
        hashes = {
            getattr(event, "generation", 0): event.secret_hash
            for _, event in self.history
            if isinstance(event, TokenIssued | TokenRotated)
        }
        for at, event in self.history:
            if isinstance(event, TokenRotated) and event.generation == generation + 1:
                return Evidence(
                    secret_hash=hashes[generation],
                    replaced_at=at,
                    grace_ends_at=event.grace_ends_at,
                    lost_response_ends_at=event.lost_response_ends_at,
                )
        return None

    def after(self, **time: float) -> World:
        self.now += timedelta(**time)
        return self

    def issue(self) -> RefreshToken:
        return granted(
            self.decide(
                Issue(
                    family_id=FAMILY_ID,
                    subject="ada",
                    client_id="web",
                    transport=Transport.BODY,
                    scope=(),
                    secret=b"s" * 32,
                )
            )
        ).token

    def refresh(
        self,
        token: RefreshToken,
        who: Fingerprint = HOME,
        *,
        by_cookie: bool = False,
        client_id: str | None = None,
        authenticated_client: str | None = None,
        sender_key: str | None = None,
    ) -> Decision:
        self.nonces += 1
        return self.decide(
            Refresh(
                presented=Presented(
                    token=token,
                    fingerprint=who,
                    client_id=client_id,
                    authenticated_client=authenticated_client,
                    sender_key=sender_key,
                ),
                by_cookie=by_cookie,
                nonce=self.nonces.to_bytes(32, "big"),
            )
        )

    def logout(self, token: RefreshToken, *, end_own: bool = True) -> Decision:
        return self.decide(Logout(presented=Presented(token=token, fingerprint=HOME), end_own=end_own))


def granted(decision: Decision) -> Granted:
    assert isinstance(decision.answer, Granted)
    return decision.answer


def refused(decision: Decision) -> Refused:
    assert isinstance(decision.answer, Refused)
    return decision.answer


def code(decision: Decision) -> RefusalCode:
    return refused(decision).code


def test_row_3_a_family_without_a_row_is_unknown() -> None:
    token = RefreshToken(family_id=FAMILY_ID, generation=0, secret=b"s" * 32)
    decision = World().refresh(token)
    assert code(decision) is RefusalCode.TOKEN_UNKNOWN
    assert decision.events == ()


def test_row_4_another_clients_token_is_refused_and_untouched() -> None:
    world = World()
    token = world.issue()
    before = world.family
    decision = world.refresh(token, client_id="other")
    assert code(decision) is RefusalCode.CLIENT_MISMATCH
    assert decision.events == (RefreshRefused(reason=RefusalReason.CLIENT_MISMATCH),)
    assert world.family == before
    assert granted(world.refresh(token)).outcome is Outcome.ROTATED


def test_row_4_a_confidential_client_must_authenticate() -> None:
    world = World(confidential=True)
    token = world.issue()
    assert code(world.refresh(token, client_id="web")) is RefusalCode.CLIENT_MISMATCH
    assert granted(world.refresh(token, authenticated_client="web")).outcome is Outcome.ROTATED


def test_row_4_a_bound_family_wants_its_sender_proof() -> None:
    world = World()
    token = world.issue()
    assert world.family is not None
    world.family = replace(last_active(world.family), sender_key="thumbprint")
    assert code(world.refresh(token)) is RefusalCode.BINDING_FAILED
    assert code(world.refresh(token, sender_key="another")) is RefusalCode.BINDING_FAILED
    assert granted(world.refresh(token, sender_key="thumbprint")).outcome is Outcome.ROTATED


def test_row_4_is_recorded_once_a_minute_and_reason_and_twenty_times_a_family() -> None:
    world = World()
    token = world.issue()
    assert world.refresh(token, client_id="other").events
    assert not world.after(seconds=59).refresh(token, client_id="other").events
    assert world.after(seconds=1).refresh(token, client_id="other").events
    recorded = sum(len(world.after(minutes=1).refresh(token, client_id="other").events) for _ in range(30))
    assert recorded == 18


def test_row_4_leaves_no_event_on_an_ended_family() -> None:
    world = World()
    token = world.issue()
    world.logout(token)
    decision = world.refresh(token, client_id="other")
    assert code(decision) is RefusalCode.CLIENT_MISMATCH
    assert decision.events == ()


def test_row_5_a_revoked_family_stays_revoked_without_an_event() -> None:
    world = World()
    token = world.issue()
    world.logout(token)
    decision = world.refresh(token)
    assert refused(decision) == Refused(code=RefusalCode.SESSION_REVOKED, ended=RevocationReason.LOGOUT)
    assert decision.events == ()


def test_row_5_the_first_late_replay_after_a_revocation_is_recorded() -> None:
    world = World()
    old = world.issue()
    current = granted(world.refresh(old)).token
    world.logout(current)
    assert world.after(seconds=9).refresh(old).events == ()
    decision = world.after(seconds=1).refresh(old)
    assert decision.events == (
        ReplayedAfterRevocation(presented_generation=0, generation=1, unrecorded_replays=1),
    )
    again = world.after(hours=1).refresh(old)
    assert code(again) is RefusalCode.SESSION_REVOKED
    assert again.events == ()
    assert again.bookkeeping.unrecorded_replays == 1


def test_row_5_a_secret_that_was_never_recorded_is_not_reported() -> None:
    world = World()
    current = granted(world.refresh(world.issue())).token
    world.logout(current)
    forged = RefreshToken(family_id=FAMILY_ID, generation=0, secret=b"x" * 32)
    assert world.after(minutes=1).refresh(forged).events == ()


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        (Policy(), ExpiryKind.IDLE),
        (Policy(idle_lifetime=timedelta(days=30)), ExpiryKind.ABSOLUTE),
    ],
)
def test_row_6_a_family_past_a_deadline_expires_once(policy: Policy, kind: ExpiryKind) -> None:
    world = World(policy=policy)
    token = world.issue()
    deadline = START + (policy.idle_lifetime if kind is ExpiryKind.IDLE else policy.absolute_lifetime)
    world.now = deadline
    decision = world.refresh(token)
    assert refused(decision) == Refused(code=RefusalCode.SESSION_EXPIRED, ended=kind)
    assert decision.events == (TokenExpired(kind=kind, deadline=deadline, generation=0),)
    again = world.refresh(token)
    assert refused(again) == Refused(code=RefusalCode.SESSION_EXPIRED, ended=kind)
    assert again.events == ()


def test_row_6_a_deadline_is_exclusive() -> None:
    world = World()
    token = world.issue()
    world.now = START + Policy().idle_lifetime - timedelta(microseconds=1)
    assert granted(world.refresh(token)).outcome is Outcome.ROTATED


def test_row_7_a_family_opened_before_a_not_before_is_revoked() -> None:
    world = World()
    token = world.issue()
    world.after(seconds=1)
    world.not_before = world.now
    decision = world.refresh(token)
    assert refused(decision) == Refused(code=RefusalCode.SESSION_REVOKED, ended=RevocationReason.NOT_BEFORE)
    assert decision.events == (TokenRevoked(reason=RevocationReason.NOT_BEFORE, generation=0),)


def test_row_7_a_family_opened_at_the_not_before_lives() -> None:
    world = World(not_before=START)
    assert granted(world.refresh(world.issue())).outcome is Outcome.ROTATED


def test_row_7_an_erased_subject_is_refused_until_its_family_has_ended() -> None:
    world = World()
    token = world.issue()
    world.subject_status = SubjectStatus.ERASED
    assert code(world.refresh(token)) is RefusalCode.SUBJECT_INACTIVE
    decision = world.decide(Revoke(family_id=FAMILY_ID, reason=RevocationReason.ERASURE))
    assert decision.events == (TokenRevoked(reason=RevocationReason.ERASURE, generation=0),)
    assert refused(world.refresh(token)).ended is RevocationReason.ERASURE


@pytest.mark.parametrize("status", [SubjectStatus.SUSPENDED, SubjectStatus.ERASED])
def test_no_family_is_opened_for_a_subject_that_is_not_active(status: SubjectStatus) -> None:
    command = Issue(
        family_id=FAMILY_ID,
        subject="ada",
        client_id="web",
        transport=Transport.BODY,
        scope=(),
        secret=b"s" * 32,
    )
    decision = World(subject_status=status).decide(command)
    assert refused(decision) == Refused(code=RefusalCode.SUBJECT_INACTIVE)
    assert decision.events == ()


def test_row_7_a_suspended_subject_is_refused_and_may_refresh_after_reactivation() -> None:
    world = World()
    token = world.issue()
    world.subject_status = SubjectStatus.SUSPENDED
    decision = world.refresh(token)
    assert code(decision) is RefusalCode.SUBJECT_INACTIVE
    assert decision.events == (RefreshRefused(reason=RefusalReason.SUBJECT_INACTIVE),)
    assert world.refresh(token).events == ()
    world.subject_status = SubjectStatus.ACTIVE
    assert granted(world.refresh(token)).outcome is Outcome.ROTATED


def test_row_8a_a_cookie_that_was_handed_out_twice_settles() -> None:
    world = World()
    first = world.issue()
    current = granted(world.refresh(first, by_cookie=True)).token
    assert granted(world.refresh(first, by_cookie=True)).token == current
    settled = world.refresh(current, by_cookie=True)
    assert granted(settled) == Granted(outcome=Outcome.REPLAYED, token=current)
    assert settled.events == ()
    assert granted(world.after(seconds=10).refresh(current, by_cookie=True)).outcome is Outcome.ROTATED


def test_row_8a_does_not_hold_for_the_body_or_for_a_token_handed_out_once() -> None:
    world = World()
    first = world.issue()
    second = granted(world.refresh(first, by_cookie=True)).token
    third = granted(world.refresh(second, by_cookie=True))
    assert third.outcome is Outcome.ROTATED
    world.refresh(second)
    assert granted(world.refresh(third.token)).outcome is Outcome.ROTATED


def test_row_8_the_current_token_rotates_and_extends_the_idle_deadline_only() -> None:
    world = World()
    token = world.issue()
    decision = world.after(days=1).refresh(token)
    assert granted(decision).outcome is Outcome.ROTATED
    assert granted(decision).token.generation == 1
    (event,) = decision.events
    assert isinstance(event, TokenRotated)
    assert event.idle_expires_at == world.now + timedelta(days=7)
    assert event.grace_ends_at == world.now + timedelta(seconds=10)
    assert world.family is not None
    assert last_active(world.family).absolute_expires_at == START + timedelta(days=30)


def test_row_8_the_idle_deadline_never_passes_the_absolute_one() -> None:
    world = World(policy=Policy(idle_lifetime=timedelta(days=20)))
    world.after(days=15).refresh(world.issue())
    token = granted(World.refresh(world, RefreshToken(family_id=FAMILY_ID, generation=0, secret=b"s" * 32)))
    assert token.outcome is Outcome.REPLAYED
    world.after(days=16).refresh(token.token)
    assert world.family is not None
    assert last_active(world.family).idle_expires_at == last_active(world.family).absolute_expires_at


def test_row_8_extension_may_be_off() -> None:
    world = World(policy=Policy(extend_idle=False))
    token = world.issue()
    world.after(days=1).refresh(token)
    assert world.family is not None
    assert last_active(world.family).idle_expires_at == START + timedelta(days=7)


def test_row_8_over_the_familys_limit_the_token_is_not_consumed() -> None:
    world = World(policy=Policy(rate_per_family=Rate(limit=2, period=timedelta(minutes=1))))
    token = world.issue()
    for _ in range(2):
        token = granted(world.refresh(token)).token
    decision = world.refresh(token)
    assert refused(decision) == Refused(code=RefusalCode.RATE_LIMITED, retry_after=timedelta(seconds=30))
    assert decision.events == ()
    assert granted(world.after(seconds=30).refresh(token)).outcome is Outcome.ROTATED


def test_row_9_inside_its_window_a_replaced_token_gets_the_current_one() -> None:
    world = World()
    first = world.issue()
    second = granted(world.refresh(first)).token
    third = granted(world.after(seconds=5).refresh(second)).token
    deadline = last_active(world.family).idle_expires_at if world.family else None
    decision = world.after(seconds=4.9).refresh(first)
    assert granted(decision) == Granted(outcome=Outcome.REPLAYED, token=third)
    assert decision.events == (
        TokenReplayed(cause=ReplayCause.CONCURRENT, foreign=False, presented_generation=0, generation=2),
    )
    assert world.family is not None
    assert last_active(world.family).idle_expires_at == deadline


def test_row_9_a_window_is_fixed_at_its_rotation() -> None:
    world = World(policy=Policy(grace=timedelta(seconds=2)))
    first = world.issue()
    world.refresh(first)
    world.policy = Policy(grace=timedelta(seconds=60))
    assert code(world.after(seconds=2).refresh(first)) is RefusalCode.REUSE_DETECTED


def test_row_9_a_shorter_window_behind_a_longer_one_keeps_the_way_to_the_current_token() -> None:
    world = World(policy=Policy(grace=timedelta(seconds=60)))
    first = world.issue()
    second = granted(world.refresh(first)).token
    world.policy = Policy(grace=timedelta(0))
    third = granted(world.after(seconds=1).refresh(second)).token
    fourth = granted(world.after(seconds=1).refresh(third)).token
    assert granted(world.after(seconds=1).refresh(first)).token == fourth
    assert code(world.refresh(second)) is RefusalCode.REUSE_DETECTED


def test_row_9_is_never_under_the_familys_limit() -> None:
    world = World(policy=Policy(rate_per_family=Rate(limit=1, period=timedelta(minutes=1))))
    first = world.issue()
    world.refresh(first)
    assert all(granted(world.refresh(first)).outcome is Outcome.REPLAYED for _ in range(50))


def test_row_9_over_a_hundred_replays_of_one_generation_are_limited() -> None:
    world = World()
    first = world.issue()
    world.refresh(first)
    for _ in range(100):
        granted(world.refresh(first))
    assert code(world.refresh(first)) is RefusalCode.RATE_LIMITED
    assert world.family is not None


def test_row_9_a_token_pushed_out_of_the_list_by_a_burst_is_limited() -> None:
    world = World(policy=Policy(rate_per_family=None))
    first = token = world.issue()
    for _ in range(9):
        token = granted(world.refresh(token)).token
    decision = world.refresh(first)
    assert code(decision) is RefusalCode.RATE_LIMITED
    assert decision.events == ()
    assert granted(world.refresh(token)).outcome is Outcome.ROTATED


def test_row_9_one_event_for_each_fingerprint_and_at_most_four_a_window() -> None:
    world = World(policy=Policy(foreign_replays=None))
    first = world.issue()
    second = granted(world.refresh(first)).token
    agents = [Fingerprint(agent=bytes((number,)) * 8, prefix=b"home....") for number in range(6)]
    events = [len(world.refresh(first, who).events) for who in agents + agents]
    assert events == [1, 1, 1, 1] + [0] * 8
    (rotated,) = world.refresh(second).events
    assert rotated.unrecorded_replays == 8


def test_row_10_a_lost_response_is_recovered_in_its_window() -> None:
    world = World(policy=Policy(lost_response_window=timedelta(hours=1)))
    first = world.issue()
    second = granted(world.refresh(first)).token
    decision = world.after(minutes=59).refresh(first, AWAY)
    assert granted(decision) == Granted(outcome=Outcome.REPLAYED, token=second)
    (event,) = decision.events
    assert isinstance(event, TokenReplayed)
    assert (event.cause, event.foreign) == (ReplayCause.LOST_RESPONSE, True)
    assert code(world.after(minutes=1).refresh(first)) is RefusalCode.REUSE_DETECTED


def test_row_10_only_for_the_token_just_before_the_current_one() -> None:
    world = World(policy=Policy(lost_response_window=timedelta(hours=1)))
    first = world.issue()
    second = granted(world.refresh(first)).token
    world.after(minutes=1).refresh(second)
    decision = world.after(minutes=1).refresh(first)
    assert code(decision) is RefusalCode.REUSE_DETECTED
    assert isinstance(decision.events[0], ReuseDetected)
    assert decision.events[0].subtype is ReuseSubtype.STALE_GENERATION


def test_row_10_another_agent_is_reuse() -> None:
    world = World(policy=Policy(lost_response_window=timedelta(hours=1)))
    first = world.issue()
    world.refresh(first)
    decision = world.after(minutes=1).refresh(first, OTHER_AGENT)
    assert isinstance(decision.events[0], ReuseDetected)
    assert decision.events[0].subtype is ReuseSubtype.FINGERPRINT


def test_row_10_at_most_three_recoveries_in_ten_generations() -> None:
    world = World(policy=Policy(lost_response_window=timedelta(hours=1)))
    token = world.issue()
    for _ in range(3):
        lost = token
        world.refresh(lost)
        token = granted(world.after(minutes=1).refresh(lost)).token
    world.refresh(token)
    decision = world.after(minutes=1).refresh(token)
    assert code(decision) is RefusalCode.REUSE_DETECTED
    assert isinstance(decision.events[0], ReuseDetected)
    assert decision.events[0].subtype is ReuseSubtype.BUDGET_EXCEEDED


def test_row_11_a_replay_after_the_window_revokes_the_family() -> None:
    world = World()
    first = world.issue()
    second = granted(world.refresh(first)).token
    decision = world.after(seconds=10).refresh(first)
    assert refused(decision) == Refused(code=RefusalCode.REUSE_DETECTED, ended=RevocationReason.REUSE)
    assert decision.events == (
        ReuseDetected(
            subtype=ReuseSubtype.LATE_REPLAY,
            presented_generation=0,
            generation=1,
            seconds_since_rotation=10,
            enforced=True,
        ),
        TokenRevoked(reason=RevocationReason.REUSE, generation=1),
    )
    assert decision.bookkeeping.windows == ()
    assert code(world.refresh(second)) is RefusalCode.SESSION_REVOKED


def test_row_11_reuse_is_recognised_at_any_age_by_the_familys_own_events() -> None:
    world = World(policy=Policy(rate_per_family=None))
    first = token = world.issue()
    for _ in range(50):
        token = granted(world.after(minutes=1).refresh(token)).token
    decision = world.refresh(first)
    assert code(decision) is RefusalCode.REUSE_DETECTED
    assert isinstance(decision.events[0], ReuseDetected)
    assert decision.events[0].subtype is ReuseSubtype.STALE_GENERATION
    assert decision.events[0].seconds_since_rotation == 49 * 60
    assert world.evidence_reads == 1


def test_row_11_a_lost_row_refuses_a_covered_replay_and_revokes_nothing() -> None:
    world = World(policy=Policy(lost_response_window=timedelta(hours=1)))
    first = world.issue()
    second = granted(world.refresh(first)).token
    world.book = Bookkeeping()
    for elapsed in (1, 60):
        decision = world.after(seconds=elapsed).refresh(first)
        assert code(decision) is RefusalCode.TOKEN_UNKNOWN
        assert decision.events == ()
    assert granted(world.refresh(second)).outcome is Outcome.ROTATED


def test_row_11_in_shadow_mode_reuse_is_reported_once_an_hour_and_the_family_lives() -> None:
    world = World(policy=Policy(shadow=True))
    first = world.issue()
    second = granted(world.refresh(first)).token
    decision = world.after(minutes=1).refresh(first)
    assert code(decision) is RefusalCode.REUSE_DETECTED
    (event,) = decision.events
    assert isinstance(event, ReuseDetected)
    assert not event.enforced
    assert world.after(minutes=59).refresh(first).events == ()
    assert len(world.after(minutes=1).refresh(first).events) == 1
    assert granted(world.refresh(second)).outcome is Outcome.ROTATED


@pytest.mark.parametrize(
    ("generation", "subtype"),
    [(0, ForgerySubtype.UNRECORDED), (1, ForgerySubtype.UNRECORDED), (2, ForgerySubtype.AHEAD)],
)
def test_row_12_a_secret_that_was_never_recorded_ends_nothing(
    generation: int, subtype: ForgerySubtype
) -> None:
    world = World()
    current = granted(world.refresh(world.issue())).token
    forged = RefreshToken(family_id=FAMILY_ID, generation=generation, secret=b"x" * 32)
    decision = world.after(minutes=1).refresh(forged)
    assert code(decision) is RefusalCode.TOKEN_UNKNOWN
    assert decision.events == (
        ForgeryDetected(subtype=subtype, presented_generation=generation, generation=1),
    )
    assert world.after(hours=23).refresh(forged).events == ()
    assert len(world.after(hours=1).refresh(forged).events) == 1
    assert granted(world.refresh(current)).outcome is Outcome.ROTATED


def test_row_12_is_not_recorded_when_the_ledger_wide_limit_is_used_up() -> None:
    world = World(forgery_recordable=False)
    world.issue()
    forged = RefreshToken(family_id=FAMILY_ID, generation=0, secret=b"x" * 32)
    assert world.refresh(forged).events == ()


def test_rule_10_a_thief_who_follows_each_rotation_from_another_network_is_caught() -> None:
    world = World()
    token = world.issue()
    outcomes = []
    for _ in range(6):
        replaced = token
        token = granted(world.after(seconds=1).refresh(replaced)).token
        outcomes.append(world.refresh(replaced, AWAY).answer)
    assert all(isinstance(answer, Granted) for answer in outcomes[:5])
    assert outcomes[5] == Refused(code=RefusalCode.REUSE_DETECTED, ended=RevocationReason.REUSE)


def test_rule_10_foreign_replays_are_forgotten_after_ten_generations_and_may_be_borne() -> None:
    for policy in (Policy(rate_per_family=None), Policy(rate_per_family=None, foreign_replays=None)):
        world = World(policy=policy)
        token = world.issue()
        for number in range(30):
            replaced = token
            token = granted(world.after(seconds=20).refresh(replaced)).token
            if number % 3 == 0 or policy.foreign_replays is None:
                granted(world.refresh(replaced, AWAY))


def test_a_logout_by_the_current_or_a_covered_token_ends_the_family_and_speaks_for_the_subject() -> None:
    for covered in (False, True):
        world = World()
        first = world.issue()
        second = granted(world.refresh(first)).token
        decision = world.logout(first if covered else second)
        assert decision.answer == Ended(ended=True, may_end_others=True)
        assert decision.events == (TokenRevoked(reason=RevocationReason.LOGOUT, generation=1),)
        again = world.logout(second)
        assert again.answer == Ended(ended=False)
        assert again.events == ()


def test_a_logout_by_an_old_token_ends_its_own_family_as_reuse_and_nothing_else() -> None:
    world = World()
    first = world.issue()
    world.refresh(first)
    decision = world.after(minutes=1).logout(first, end_own=False)
    assert decision.answer == Ended(ended=True)
    assert [type(event) for event in decision.events] == [ReuseDetected, TokenRevoked]


def test_a_logout_of_the_others_leaves_the_own_family() -> None:
    world = World()
    decision = world.logout(world.issue(), end_own=False)
    assert decision.answer == Ended(ended=False, may_end_others=True)
    assert decision.events == ()


def test_a_logout_by_a_forged_token_is_a_success_that_ends_nothing() -> None:
    world = World()
    world.issue()
    decision = world.logout(RefreshToken(family_id=FAMILY_ID, generation=0, secret=b"x" * 32))
    assert decision.answer == Ended(ended=False)
    assert [type(event) for event in decision.events] == [ForgeryDetected]


def test_a_suspended_subject_opens_no_session_but_may_log_out() -> None:
    world = World()
    token = world.issue()
    world.subject_status = SubjectStatus.SUSPENDED
    assert world.logout(token).answer == Ended(ended=True, may_end_others=True)
    other = World(subject_status=SubjectStatus.SUSPENDED)
    with pytest.raises(AssertionError):
        other.issue()
    assert other.family is None


def test_revoking_is_recorded_once_and_an_expired_family_expires_instead() -> None:
    command = Revoke(family_id=FAMILY_ID, reason=RevocationReason.SUBJECT)
    world = World()
    world.issue()
    assert world.decide(command).answer == Ended(ended=True)
    assert world.decide(command) == Decision(answer=Ended(ended=False), bookkeeping=world.book)
    late = World()
    late.issue()
    decision = late.after(days=8).decide(command)
    assert decision.answer == Ended(ended=False)
    assert [type(event) for event in decision.events] == [TokenExpired]


def test_what_a_not_before_has_ended_is_not_ended_by_a_revocation() -> None:
    world = World()
    world.issue()
    world.after(seconds=1)
    world.not_before = world.now
    decision = world.decide(Revoke(family_id=FAMILY_ID, reason=RevocationReason.ADMIN))
    assert decision.answer == Ended(ended=False)
    assert decision.events == (TokenRevoked(reason=RevocationReason.NOT_BEFORE, generation=0),)


def test_expiring_ends_what_is_over_and_leaves_what_lives() -> None:
    command = Expire(family_id=FAMILY_ID)
    world = World()
    world.issue()
    assert world.decide(command).answer == Ended(ended=False)
    assert world.after(days=7).decide(command).answer == Ended(ended=True)
    assert world.decide(command).events == ()


def test_closed_windows_lose_their_nonces_at_the_next_write() -> None:
    world = World(policy=Policy(shadow=True))
    first = world.issue()
    world.refresh(first)
    assert len(world.book.windows) == 1
    world.after(seconds=10).refresh(first)
    assert world.book.windows == ()


def test_evidence_is_asked_for_before_it_is_decided() -> None:
    world = World()
    first = world.issue()
    world.refresh(first)
    world.book = Bookkeeping()
    command = Refresh(presented=Presented(token=first, fingerprint=HOME), by_cookie=False, nonce=b"n" * 32)
    decision = decide(world.family, world.book, command, world.context({}))
    assert decision == EvidenceWanted(generation=0)
