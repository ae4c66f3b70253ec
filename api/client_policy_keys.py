"""The policy keys of a client as an operator writes them, `KEY=VALUE`, to what is stored, and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from api.quantities import (
    duration_text,
    parse_count,
    parse_grace_period,
    parse_lifetime,
    parse_lost_response_window,
    parse_rate,
    parse_switch,
    rate_text,
)
from ledger.canonical import Json, canonical_json
from ledger.gcra import Rate
from ledger.policy import Policy, WhenFull
from projections.active_tokens.client_policy import client_policy

MOST_FOREIGN_REPLAYS = 10
"""In ten generations."""
MOST_SESSIONS = 100
"""That a client may limit a subject to."""


class PolicyKeyError(Exception):
    """A key or a value that a client cannot have: one line that names the key and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    parse: Callable[[str], Json]
    """From what is written to what is stored; ValueError: the text is none of it."""
    show: Callable[[Any], str]
    """From what is stored to what is written."""


def assigned(policy: Mapping[str, Json], given: Collection[str], unset: Collection[str]) -> dict[str, Json]:
    """The policy after assignments `KEY=VALUE`, and without the keys that go back to the deployment's value.

    Raises:
        PolicyKeyError: one cannot be so, or a key stands twice.
    """
    changed = dict(policy)
    seen: set[str] = set()
    for assignment in given:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise PolicyKeyError(f"--set {ascii(assignment)[1:-1]!r} must be of the form KEY=VALUE")
        _require_once(key, seen)
        try:
            changed[key] = _key(key, "--set").parse(text.strip())
        except ValueError as error:
            raise PolicyKeyError(f"--set {key} {error}") from None
    for key in unset:
        _key(key, "--unset")
        _require_once(key, seen)
        changed.pop(key, None)
    return changed


def check_lifetimes(policy: Mapping[str, Json], *, default: Policy, retention: timedelta) -> None:
    """Check lifetimes against one another. A default that is too long for the client is cut, not refused.

    Raises:
        PolicyKeyError: one of the client's own is longer than what bounds it.
    """
    effective = client_policy(default, canonical_json(policy).decode())
    longest = effective.absolute_lifetime
    for key, lifetime in (
        ("access_ttl", effective.access_lifetime),
        ("idle_ttl", effective.idle_lifetime),
    ):
        if key in policy and lifetime > longest:
            raise PolicyKeyError(f"{key} must be at most absolute_ttl, which is {duration_text(longest)}")
    if "absolute_ttl" in policy and longest > retention:
        raise PolicyKeyError(
            f"absolute_ttl must be at most TOKEN_LEDGER_RETENTION, which is {duration_text(retention)}"
        )


def shown(policy: Mapping[str, Json]) -> list[str]:
    """Assignments that make this policy."""
    return [f"{key}={_KEYS[key].show(value)}" for key, value in sorted(policy.items()) if key in _KEYS]


def _require_once(key: str, seen: set[str]) -> None:
    if key in seen:
        raise PolicyKeyError(f"{key} is given twice")
    seen.add(key)


def _key(name: str, option: str) -> _Key:
    if name == "dpop":
        raise PolicyKeyError(
            f"{option} dpop is not available yet: no session is bound to a key of its sender"
        )
    found = _KEYS.get(name)
    if found is None:
        nearest = get_close_matches(name, _KEYS, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"the keys are {', '.join(sorted(_KEYS))}"
        raise PolicyKeyError(f"{option} {name!a} is unknown: {hint}")
    return found


def _duration(parse: Callable[[str], timedelta], *, zero: str = "0s") -> _Key:
    return _Key(
        parse=lambda text: parse(text) // timedelta(seconds=1),
        show=lambda value: duration_text(timedelta(seconds=value)) if value else zero,
    )


def _count(*, lowest: int, highest: int) -> _Key:
    return _Key(
        parse=lambda text: parse_count(text, lowest=lowest, highest=highest),
        show=lambda value: "off" if value is None else str(value),
    )


def _when_full(text: str) -> str:
    try:
        return WhenFull(text).value
    except ValueError:
        raise ValueError(f"must be one of {', '.join(WhenFull)}") from None


def _stored_rate(text: str) -> Json:
    rate = parse_rate(text)
    return None if rate is None else {"limit": rate.limit, "seconds": rate.period // timedelta(seconds=1)}


def _shown_rate(value: Mapping[str, int] | None) -> str:
    if value is None:
        return rate_text(None)
    return rate_text(Rate(limit=value["limit"], period=timedelta(seconds=value["seconds"])))


_SWITCH = _Key(parse=parse_switch, show=lambda value: "on" if value else "off")
_KEYS: Mapping[str, _Key] = {
    "access_ttl": _duration(parse_lifetime),
    "idle_ttl": _duration(parse_lifetime),
    "absolute_ttl": _duration(parse_lifetime),
    "extend_idle": _SWITCH,
    "grace": _duration(parse_grace_period),
    "lost_response_window": _duration(parse_lost_response_window, zero="off"),
    "foreign_replays": _count(lowest=0, highest=MOST_FOREIGN_REPLAYS),
    "shadow": _SWITCH,
    "max_sessions": _count(lowest=1, highest=MOST_SESSIONS),
    "when_full": _Key(parse=_when_full, show=str),
    "rate_per_family": _Key(parse=_stored_rate, show=_shown_rate),
}
