"""The policy of a client: what its row says, the deployment's defaults for the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from ledger.gcra import Rate
from ledger.policy import Policy, WhenFull

_DURATIONS = {
    "access_ttl": "access_lifetime",
    "idle_ttl": "idle_lifetime",
    "absolute_ttl": "absolute_lifetime",
    "grace": "grace",
    "lost_response_window": "lost_response_window",
}
_PLAIN = frozenset({"extend_idle", "foreign_replays", "shadow", "max_sessions"})


def client_policy(default: Policy, overrides: str) -> Policy:
    """Read a client's overrides: JSON with the policy keys, durations in seconds.

    `rate_per_family` is `{"limit": …, "seconds": …}`; null there, at `foreign_replays` and at `max_sessions`
    means off.
    """
    changes: dict[str, Any] = {}
    for key, value in orjson.loads(overrides).items():
        if key in _DURATIONS:
            changes[_DURATIONS[key]] = timedelta(seconds=value)
        elif key in _PLAIN:
            changes[key] = value
        elif key == "when_full":
            changes[key] = WhenFull(value)
        elif key == "rate_per_family":
            changes[key] = (
                None
                if value is None
                else Rate(limit=value["limit"], period=timedelta(seconds=value["seconds"]))
            )
    return replace(default, **changes) if changes else default
