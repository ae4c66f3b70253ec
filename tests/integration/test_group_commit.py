"""The group commit on a real database: races, neighbours, lost connections, limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from ledger.answers import Ended, Granted, Outcome, RefusalCode, Refused
from ledger.batch import Assertion, Committed
from ledger.bookkeeping import Fingerprint
from ledger.commands import Issue, Revoke
from ledger.events import RevocationReason, Transport
from ledger.family import RevokedFamily
from ledger.gcra import Rate
from ledger.group_commit import UnavailableError
from ledger.policy import Policy
from ledger.refresh_token import RefreshToken
from ledger.stored_family import StoredFamily
from projections.active_tokens.view import ActiveTokens
from tests.ledger_harness import Harness, harness

UNLIMITED = Policy(rate_per_family=None)


def token_of(committed: Committed) -> RefreshToken:
    assert isinstance(committed.answer, Granted), committed.answer
    return committed.answer.token


def code_of(committed: Committed) -> RefusalCode:
    assert isinstance(committed.answer, Refused), committed.answer
    return committed.answer.code


async def types_of(ledger: Harness, family_id: UUID) -> list[str]:
    rows = await ledger.rows("SELECT type FROM events WHERE stream_id = %s ORDER BY version", family_id)
    return [row[0] for row in rows]


async def test_a_family_lives_rotates_and_is_ended_by_reuse(database_url: str) -> None:
    async with harness(database_url) as ledger:
        first = token_of(await ledger.issue())
        second = token_of(await ledger.refresh(first))
        assert token_of(await ledger.refresh(first)) == second
        third = token_of(await ledger.refresh(second))
        ledger.elapsed = timedelta(minutes=1)
        assert code_of(await ledger.refresh(first)) is RefusalCode.REUSE_DETECTED
        assert code_of(await ledger.refresh(third)) is RefusalCode.SESSION_REVOKED
        assert await types_of(ledger, first.family_id) == [
            "TokenIssued",
            "TokenRotated",
            "TokenReplayed",
            "TokenRotated",
            "ReuseDetected",
            "TokenRevoked",
        ]
        causations = await ledger.rows("SELECT causation FROM events WHERE type = 'TokenRevoked'")
        assert causations == [(f"{first.family_id}:5",)]


async def test_reuse_is_recognised_after_fifty_generations_by_one_more_read(database_url: str) -> None:
    async with harness(database_url, UNLIMITED) as ledger:
        first = token = token_of(await ledger.issue())
        for _ in range(50):
            token = token_of(await ledger.refresh(token))
            ledger.elapsed += timedelta(seconds=11)
        forged = RefreshToken(family_id=first.family_id, generation=7, secret=b"x" * 32)
        assert code_of(await ledger.refresh(forged)) is RefusalCode.TOKEN_UNKNOWN
        assert code_of(await ledger.refresh(first)) is RefusalCode.REUSE_DETECTED


async def race_of_fifty(one: Harness, other: Harness) -> Counter[str]:
    """Fifty refreshes of one token at once, by two processes: outcomes, or what else came of it.

    Counts `successors` besides: the distinct tokens that were handed out.
    """
    token = token_of(await one.issue())
    answers = await asyncio.gather(
        *((one if number % 2 else other).refresh(token) for number in range(50)), return_exceptions=True
    )
    told: Counter[str] = Counter()
    successors = set()
    for answer in answers:
        if isinstance(answer, Committed) and isinstance(answer.answer, Granted):
            told[answer.answer.outcome.value] += 1
            successors.add(token_of(answer).secret)
        else:
            told[answer.answer.code if isinstance(answer, Committed) else type(answer).__name__] += 1
    told["successors"] = len(successors)
    return told


ONE_ROTATION = {Outcome.ROTATED: 1, Outcome.REPLAYED: 49, "successors": 1}


@pytest.mark.parametrize("maximum_batch", [128, 1], ids=["batches", "one by one"])
@pytest.mark.parametrize("policy", [UNLIMITED, Policy()], ids=["limits off", "default limit"])
async def test_fifty_parallel_refreshes_rotate_once_and_replay_one_successor(
    database_url: str, policy: Policy, maximum_batch: int
) -> None:
    async with (
        harness(database_url, policy, maximum_batch=maximum_batch) as one,
        harness(database_url, policy, maximum_batch=maximum_batch) as other,
    ):
        for _ in range(10):
            assert await race_of_fifty(one, other) == ONE_ROTATION


class _Unlocked(ActiveTokens):
    """The view with the row lock removed: the negative control of the race."""

    async def lock(self, connection: AsyncConnection[Any], family_ids: Sequence[UUID]) -> Any:
        answer = await super().lock(connection, family_ids)
        await connection.execute("COMMIT")
        await connection.execute("BEGIN")
        return answer


async def test_without_the_row_lock_the_same_race_fails(database_url: str) -> None:
    """One by one: a batch that meets another on the primary key is retried apart, which would heal it."""
    async with (
        harness(database_url, UNLIMITED, _Unlocked, maximum_batch=1) as one,
        harness(database_url, UNLIMITED, _Unlocked, maximum_batch=1) as other,
    ):
        races = [await race_of_fifty(one, other) for _ in range(10)]
    failed = [told for told in races if told != ONE_ROTATION]
    assert failed, "two processes never met on one family: the race proves nothing"
    for told in failed:
        assert set(told) <= {*ONE_ROTATION, "UniqueViolation"}, "it failed for another reason"


async def test_a_token_replaced_in_the_same_transaction_is_reported_when_it_comes_back(
    database_url: str,
) -> None:
    """Rotated, reused and replayed after the revocation in one batch, as can be where no grace is given."""
    async with harness(database_url, Policy(grace=timedelta(0))) as ledger:
        token = token_of(await ledger.issue())
        await asyncio.gather(*(ledger.refresh(token) for _ in range(3)))
        assert await types_of(ledger, token.family_id) == [
            "TokenIssued",
            "TokenRotated",
            "ReuseDetected",
            "TokenRevoked",
            "ReplayedAfterRevocation",
        ]


async def test_no_refresh_succeeds_after_an_acknowledged_logout(database_url: str) -> None:
    async with harness(database_url, UNLIMITED) as one, harness(database_url, UNLIMITED) as other:
        for _ in range(25):
            token = token_of(await one.issue())
            acknowledged = asyncio.Event()
            late: list[Committed] = []

            async def keep_refreshing(
                token: RefreshToken, acknowledged: asyncio.Event, late: list[Committed]
            ) -> None:
                while True:
                    began_after = acknowledged.is_set()
                    done = await other.refresh(token)
                    if began_after:
                        late.append(done)
                        return
                    if isinstance(done.answer, Granted):
                        token = done.answer.token

            refreshing = asyncio.create_task(keep_refreshing(token, acknowledged, late))
            revoke = Revoke(family_id=token.family_id, reason=RevocationReason.SUBJECT)
            assert (await one.submit(revoke)).answer == Ended(ended=True)
            acknowledged.set()
            await refreshing
            assert [code_of(done) for done in late] == [RefusalCode.SESSION_REVOKED]
            assert (await types_of(one, token.family_id)).count("TokenRevoked") == 1


async def test_versions_have_no_holes_and_every_event_is_chained_to_the_one_before(
    database_url: str,
) -> None:
    async with harness(database_url, UNLIMITED) as ledger:

        async def live(ledger: Harness) -> None:
            token = token_of(await ledger.issue())
            for _ in range(10):
                token = token_of(await ledger.refresh(token))

        await asyncio.gather(*(live(ledger) for _ in range(20)))
        broken = await ledger.rows(
            """
            SELECT stream_id, version FROM (
              SELECT *, lag(version, 1, 0) OVER w AS before, lag(leaf_hash) OVER w AS head,
                lag(position, 1, 0::bigint) OVER w AS place
              FROM events WINDOW w AS (PARTITION BY stream_id ORDER BY version)
            ) AS chained
            WHERE version <> before + 1 OR previous IS DISTINCT FROM head OR position <= place
            """
        )
        assert broken == []
        assert await ledger.rows("SELECT count(*) FROM events") == [(220,)]


async def test_an_assertion_is_accepted_once_whether_in_one_batch_or_two(database_url: str) -> None:
    expires_at = datetime.now(UTC) + timedelta(minutes=5)
    async with harness(database_url) as ledger:
        assertions = [
            Assertion(issuer="https://idp.example", jwt_id=str(number // 2), expires_at=expires_at)
            for number in range(10)
        ]
        together = await asyncio.gather(*(ledger.issue(assertion=one) for one in assertions))
        granted = [done for done in together if isinstance(done.answer, Granted)]
        refused = [done for done in together if isinstance(done.answer, Refused)]
        assert len(granted) == len(refused) == 5
        assert {code_of(done) for done in refused} == {RefusalCode.ASSERTION_INVALID}
        assert code_of(await ledger.issue(assertion=assertions[0])) is RefusalCode.ASSERTION_INVALID


async def test_an_assertion_refused_for_a_suspended_subject_may_be_used_after_reactivation(
    database_url: str,
) -> None:
    async with harness(database_url) as ledger:
        await _execute(ledger, "INSERT INTO subjects (subject, status) VALUES ('ada', 'suspended')")
        assertion = Assertion(issuer="i", jwt_id="j", expires_at=datetime.now(UTC) + timedelta(minutes=5))
        assert code_of(await ledger.issue(assertion=assertion)) is RefusalCode.SUBJECT_INACTIVE
        await _execute(ledger, "UPDATE subjects SET status = 'active'")
        token_of(await ledger.issue(assertion=assertion))


async def test_an_unknown_client_opens_no_session(database_url: str) -> None:
    async with harness(database_url) as ledger:
        assert code_of(await ledger.issue(client_id="nobody")) is RefusalCode.CLIENT_MISMATCH


async def test_a_clients_own_policy_holds(database_url: str) -> None:
    async with harness(database_url) as ledger:
        await _execute(ledger, """UPDATE clients SET policy = '{"grace": 0, "shadow": true}'""")
        first = token_of(await ledger.issue())
        second = token_of(await ledger.refresh(first))
        assert code_of(await ledger.refresh(first)) is RefusalCode.REUSE_DETECTED
        token_of(await ledger.refresh(second))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE everyone SET not_before = clock_timestamp()",
        "UPDATE clients SET not_before = clock_timestamp()",
        "INSERT INTO subjects (subject, not_before) VALUES ('ada', clock_timestamp())",
    ],
)
async def test_a_not_before_of_everyone_client_or_subject_ends_what_was_opened_before(
    database_url: str, statement: str
) -> None:
    async with harness(database_url) as ledger:
        token = token_of(await ledger.issue())
        await _execute(ledger, statement)
        assert code_of(await ledger.refresh(token)) is RefusalCode.SESSION_REVOKED
        token_of(await ledger.refresh(token_of(await ledger.issue())))


async def test_a_command_that_the_database_refuses_fails_alone(database_url: str) -> None:
    async with harness(database_url) as ledger:
        beyond_every_partition = Issue(
            family_id=UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"),
            subject="eve",
            client_id="web",
            transport=Transport.BODY,
            scope=(),
            secret=b"s" * 32,
        )
        results = await asyncio.gather(
            ledger.issue(),
            ledger.submit(beyond_every_partition),
            ledger.issue(),
            return_exceptions=True,
        )
        assert isinstance(results[1], psycopg.errors.CheckViolation)
        assert all(isinstance(one, Committed) for one in (results[0], results[2]))
        assert await ledger.rows("SELECT count(*) FROM events") == [(2,)]


async def test_a_cancelled_caller_harms_nobody(database_url: str) -> None:
    async with harness(database_url) as ledger:
        token = token_of(await ledger.issue())
        tasks = [asyncio.create_task(ledger.refresh(token)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in answers[::2])
        assert len({token_of(one) for one in answers[1::2] if isinstance(one, Committed)}) == 1


async def test_a_full_queue_sheds_what_comes_next(database_url: str) -> None:
    async with harness(database_url, maximum_queue=3) as ledger:
        results = await asyncio.gather(*(ledger.issue() for _ in range(10)), return_exceptions=True)
        assert sum(isinstance(one, UnavailableError) for one in results) == 7
        token_of(await ledger.issue())


async def test_a_row_locked_by_somebody_else_is_unavailable_in_time_and_works_afterwards(
    database_url: str,
) -> None:
    async with harness(database_url, deadline=timedelta(seconds=0.5)) as ledger:
        token = token_of(await ledger.issue())
        async with await AsyncConnection.connect(database_url) as holder:
            await holder.execute("SELECT FROM active_tokens FOR UPDATE")
            with pytest.raises(UnavailableError):
                await ledger.refresh(token)
        token_of(await ledger.refresh(token))


class _Cutting(ActiveTokens):
    """Cuts the batch's own connection after an update, as often as `cuts` says."""

    cuts = 0

    async def update(self, connection: AsyncConnection[Any], families: Sequence[StoredFamily]) -> None:
        await super().update(connection, families)
        if self.cuts:
            type(self).cuts -= 1
            await connection.execute("SET LOCAL ROLE NONE")
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_connection_lost_before_the_commit_is_retried_and_decided_once(database_url: str) -> None:
    async with harness(database_url, UNLIMITED, _Cutting) as ledger:
        token = token_of(await ledger.issue())
        _Cutting.cuts = 2
        done = await ledger.refresh(token)
        assert isinstance(done.answer, Granted)
        assert done.answer.outcome is Outcome.ROTATED
        assert _Cutting.cuts == 0
        assert await types_of(ledger, token.family_id) == ["TokenIssued", "TokenRotated"]


async def test_a_commit_whose_answer_was_lost_is_found_in_the_stream(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with harness(database_url, UNLIMITED) as ledger:
        token = token_of(await ledger.issue())
        from ledger.batch import Batch

        execute, losses = Batch.execute, [1]

        async def lose_the_answer(batch: Batch, connection: AsyncConnection[Any]) -> None:
            await execute(batch, connection)
            if losses:
                losses.pop()
                raise psycopg.OperationalError("the connection was lost after COMMIT")

        monkeypatch.setattr(Batch, "execute", lose_the_answer)
        done = await ledger.refresh(token)
        assert isinstance(done.answer, Granted)
        assert done.answer.outcome is Outcome.ROTATED
        assert not losses
        assert await types_of(ledger, token.family_id) == ["TokenIssued", "TokenRotated"]


async def test_forgeries_are_recorded_within_a_limit_for_all_families(database_url: str) -> None:
    async with harness(database_url, forgery_rate=Rate(limit=3, period=timedelta(hours=1))) as ledger:
        for _ in range(5):
            family_id = token_of(await ledger.issue()).family_id
            forged = RefreshToken(family_id=family_id, generation=0, secret=b"x" * 32)
            assert code_of(await ledger.refresh(forged)) is RefusalCode.TOKEN_UNKNOWN
        assert await ledger.rows("SELECT count(*) FROM events WHERE type = 'ForgeryDetected'") == [(3,)]


async def test_a_family_of_many_generations_costs_the_statements_of_a_new_one(database_url: str) -> None:
    async with harness(database_url, UNLIMITED) as ledger:
        old = token_of(await ledger.issue())
        for _ in range(300):
            old = token_of(await ledger.refresh(old))
        young = token_of(await ledger.issue())
        sizes = await ledger.rows(
            "SELECT octet_length(windows) + octet_length(bookkeeping::text) FROM active_tokens"
            " WHERE family_id = %s",
            old.family_id,
        )
        assert sizes[0][0] < 4000
        stored = (await ledger.refresh(young)).stored
        assert stored is not None
        assert not isinstance(stored.family, RevokedFamily)


async def test_a_thief_on_another_network_is_told_as_foreign(database_url: str) -> None:
    async with harness(database_url) as ledger:
        token = token_of(await ledger.issue())
        await ledger.refresh(token)
        await ledger.refresh(token, Fingerprint(agent=b"firefox.", prefix=b"away...."))
        rows = await ledger.rows("SELECT payload FROM events WHERE type = 'TokenReplayed'")
        assert '"foreign":true' in rows[0][0]


async def _execute(ledger: Harness, statement: str) -> None:
    async with ledger.pool.connection() as connection:
        await connection.execute(statement.encode())
