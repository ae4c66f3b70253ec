"""The policy keys of a client: what may be written, what is stored, and what is read from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.client_policy_keys import PolicyKeyError, assigned, check_lifetimes, shown
from ledger.canonical import Json, canonical_json
from ledger.gcra import Rate
from ledger.policy import Policy, WhenFull
from projections.active_tokens.client_policy import client_policy

RETENTION = timedelta(days=400)

EVERY_KEY = {
    "absolute_ttl=90d": {"absolute_lifetime": timedelta(days=90)},
    "access_ttl=90s": {"access_lifetime": timedelta(seconds=90)},
    "extend_idle=off": {"extend_idle": False},
    "foreign_replays=0": {"foreign_replays": 0},
    "grace=0s": {"grace": timedelta(0)},
    "idle_ttl=14d": {"idle_lifetime": timedelta(days=14)},
    "lost_response_window=1h": {"lost_response_window": timedelta(hours=1)},
    "max_sessions=3": {"max_sessions": 3},
    "rate_per_family=300/5m": {"rate_per_family": Rate(limit=300, period=timedelta(minutes=5))},
    "shadow=on": {"shadow": True},
    "when_full=revoke_oldest": {"when_full": WhenFull.REVOKE_OLDEST},
}


def effective(policy: dict[str, Json]) -> Policy:
    """The rules that what is stored makes of the defaults."""
    return client_policy(Policy(), canonical_json(policy).decode())


@pytest.mark.parametrize(("assignment", "rule"), EVERY_KEY.items())
def test_each_key_changes_its_rule_and_no_other(assignment: str, rule: dict[str, object]) -> None:
    policy = assigned({}, [assignment], [])
    assert effective(policy) == Policy(**rule)  # type: ignore[arg-type]
    assert shown(policy) == [assignment]


def test_all_keys_together_are_shown_as_they_are_set() -> None:
    policy = assigned({}, EVERY_KEY, [])
    assert shown(policy) == sorted(EVERY_KEY)
    assert assigned({}, shown(policy), []) == policy


@pytest.mark.parametrize(
    ("assignment", "rule"),
    [
        ("foreign_replays=off", {"foreign_replays": None}),
        ("lost_response_window=off", {"lost_response_window": timedelta(0)}),
        ("max_sessions=off", {"max_sessions": None}),
        ("rate_per_family=off", {"rate_per_family": None}),
    ],
)
def test_off_is_said_and_not_merely_left_out(assignment: str, rule: dict[str, object]) -> None:
    policy = assigned({}, [assignment], [])
    assert len(policy) == 1
    assert effective(policy) == Policy(**rule)  # type: ignore[arg-type]
    assert shown(policy) == [assignment]


def test_a_key_that_is_unset_has_the_deployments_value_again() -> None:
    policy = assigned({"grace": 3, "shadow": True}, ["extend_idle=off"], ["grace", "max_sessions"])
    assert policy == {"shadow": True, "extend_idle": False}
    assert effective(policy).grace == Policy().grace


@pytest.mark.parametrize(
    ("given", "unset", "told"),
    [
        (["grace"], [], "--set 'grace' must be of the form KEY=VALUE"),
        (["garce=3"], [], "--set 'garce' is unknown: did you mean grace?"),
        (["colour=red"], [], "--set 'colour' is unknown: the keys are absolute_ttl, access_ttl, "),
        ([], ["colour"], "--unset 'colour' is unknown"),
        (["=3"], [], "--set '' is unknown"),
        (["grace=61"], [], "--set grace must be a duration from 0 to 60s"),
        (["grace=-1"], [], "--set grace must be a duration from 0 to 60s"),
        (["lost_response_window=8d"], [], "must be a duration up to 7d, or off"),
        (["access_ttl=0"], [], "must be a duration above zero"),
        (["idle_ttl=soon"], [], "must be a duration"),
        (["foreign_replays=11"], [], "must be a number from 0 to 10, or off"),
        (["foreign_replays=-1"], [], "must be a number from 0 to 10, or off"),
        (["max_sessions=0"], [], "must be a number from 1 to 100, or off"),
        (["shadow=maybe"], [], "must be on or off"),
        (["rate_per_family=0/minute"], [], "must be a rate above zero"),
        (["when_full=revoke_all"], [], "reject_new, revoke_oldest, revoke_least_recently_used"),
        (["dpop=on"], [], "--set dpop is not available yet"),
        (["grace=1", "grace=2"], [], "grace is given twice"),
        (["grace=1"], ["grace"], "grace is given twice"),
    ],
)
def test_anything_else_is_one_line_that_names_the_key(given: list[str], unset: list[str], told: str) -> None:
    with pytest.raises(PolicyKeyError) as refused:
        assigned({}, given, unset)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["idle_ttl=31d"], "idle_ttl must be at most absolute_ttl, which is 30d"),
        (["access_ttl=2h", "absolute_ttl=1h"], "access_ttl must be at most absolute_ttl, which is 1h"),
        (["absolute_ttl=401d"], "absolute_ttl must be at most TOKEN_LEDGER_RETENTION, which is 400d"),
    ],
)
def test_a_lifetime_of_the_client_may_not_outlive_what_bounds_it(given: list[str], told: str) -> None:
    with pytest.raises(PolicyKeyError) as refused:
        check_lifetimes(assigned({}, given, []), default=Policy(), retention=RETENTION)
    assert str(refused.value) == told


def test_a_default_that_is_too_long_for_a_client_is_no_mistake_of_it() -> None:
    check_lifetimes(assigned({}, ["absolute_ttl=60s"], []), default=Policy(), retention=RETENTION)
    check_lifetimes(assigned({}, ["idle_ttl=30d"], []), default=Policy(), retention=RETENTION)
