"""Schemathesis over every operation of the schema, against a running server and with valid access tokens.

Nothing that is asked may be answered 5xx or INTERNAL_SERVER_ERROR, and afterwards the live view is still what
its events say. SCHEMATHESIS_CASES says how many cases there are, SCHEMATHESIS_SEED which ones.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.api.answer_rules import TOKEN
from tests.api.generated_conversation import Conversation, conversation
from tests.api.generated_requests import Request, RequestMaker
from tests.api.server import differences

CASES = int(os.environ.get("SCHEMATHESIS_CASES", "5000"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "20261125"))
CASES_A_ROUND = 50
"""Of one operation, before the next one's turn: boundaries and suspensions come between all others."""
PROBLEMS = {"AuthProblem", "RequestProblem"}


def ask_all(talk: Conversation, maker: RequestMaker, cases: int) -> None:
    """As many requests, shared out evenly over the operations."""
    each = -(-cases // len(maker.operations))
    rounds = 2 * -(-each // CASES_A_ROUND)  # some make fewer than they are asked for
    for number, operation in enumerate(rounds * maker.operations):
        wanted = min(CASES_A_ROUND, each - talk.sent[operation])
        if wanted > 0:
            ask_some(talk, maker, operation, wanted, number)


def ask_some(talk: Conversation, maker: RequestMaker, operation: str, cases: int, number: int) -> None:
    @seed(SEED + number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # what went before is part of a fault: no smaller request alone shows it
        suppress_health_check=list(HealthCheck),
    )
    @given(request=maker.requests(operation))
    def asked(request: Request) -> None:
        talk.ask(request, maker.schema)

    asked()


@pytest.mark.xdist_group("schemathesis")
def test_no_request_that_fits_the_schema_or_nearly_does_is_answered_with_a_fault(database_url: str) -> None:
    with conversation(database_url) as talk:
        maker = RequestMaker(
            f"{talk.server.url}/graphql",
            talk.stock,
            assertion=talk.server.assertion,
            now=lambda: datetime.now(UTC),
        )
        ask_all(talk, maker, CASES)
    print(report(talk))  # noqa: T201 - what was seen is the point of it
    if talk.faults:
        faults = sorted(talk.faults.items())
        pytest.fail("\n".join(f"{one}: {complaint}\n{shown}" for (one, complaint), shown in faults))
    assert talk.sent.total() >= CASES
    granted = {operation for operation, kind in talk.told if kind[0].isupper() and kind not in PROBLEMS}
    assert granted == set(maker.operations), "each operation is to be granted at least once"
    tokens = [*talk.stock.refresh_tokens, *talk.access_tokens.values()]
    assert all(TOKEN.fullmatch(token) for token in tokens), "tokens are to be known when they are seen"
    assert asyncio.run(differences(database_url)) == []


def report(talk: Conversation) -> str:
    """How many cases, and what came of them."""
    data = sum(count for (_, kind), count in talk.told.items() if not kind[0].isdigit())
    lines = [f"schemathesis: {talk.sent.total()} cases, {data} answered with data, seed {SEED}"]
    for operation in talk.sent:
        kinds = {kind: count for (one, kind), count in sorted(talk.told.items()) if one == operation}
        lines.append(f"  {operation}: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
    return "\n".join(lines)
