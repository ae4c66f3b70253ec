"""Checks of what the tables say: clients, keys, upkeep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from shlex import quote

from api.doctor.facts import SWEPT_WITHIN, Facts
from api.doctor.settings_checks import LONGEST_WINDOW
from api.quantities import duration_text
from ledger.canonical import timestamp
from ledger.key_ring import KeyState
from ledger.key_store import KeyKind, KeyRecord
from ledger.partitions import running_out

_ROTATING = (KeyKind.ACCESS, KeyKind.REFRESH)
_OLDEST_KEY = timedelta(days=365)


def shadow(facts: Facts) -> Iterator[str]:
    """Reuse that is only reported ends nothing."""
    if facts.ledger is None:
        return
    for client in facts.ledger.clients:
        if client.policy.get("shadow"):
            since = facts.ledger.shadow_since.get(client.client_id)
            how_long = "" if since is None else f" since {timestamp(since)} ({_age(facts.now - since)})"
            yield (
                f"the client {client.client_id} is in shadow mode{how_long}: sessions whose tokens were "
                f"stolen live on; token-ledger clients update {quote(client.client_id)} --set shadow=off "
                "once its reports are understood"
            )


def client_scopes(facts: Facts) -> Iterator[str]:
    """A public client proves nothing: what it may, everybody may."""
    if facts.ledger is None:
        return
    for client in facts.ledger.clients:
        if not client.confidential and client.scopes:
            yield (
                f"the client {client.client_id} is public and has scopes ({' '.join(client.scopes)}), which "
                f"only clients with a secret may have: token-ledger clients update {quote(client.client_id)} "
                "--no-scopes"
            )


def client_windows(facts: Facts) -> Iterator[str]:
    """As the check of TOKEN_LEDGER_LOST_RESPONSE_WINDOW, of clients that have one of their own."""
    if facts.ledger is None:
        return
    for client in facts.ledger.clients:
        seconds = client.policy.get("lost_response_window")
        if not isinstance(seconds, int):
            continue
        window = timedelta(seconds=seconds)
        if window > LONGEST_WINDOW:
            yield (
                f"the client {client.client_id} has a lost_response_window of {duration_text(window)}, and a "
                "stolen token that was replaced can be used for so long: token-ledger clients update "
                f"{quote(client.client_id)} --set lost_response_window=1h"
            )


def foreign_replays(facts: Facts) -> Iterator[str]:
    """Without the budget a thief who follows each rotation is never noticed."""
    if facts.ledger is None:
        return
    for client in facts.ledger.clients:
        if "foreign_replays" in client.policy and client.policy["foreign_replays"] is None:
            yield (
                f"the client {client.client_id} has no limit to replays from foreign networks, so that a "
                "thief who follows each rotation is not noticed: token-ledger clients update "
                f"{quote(client.client_id)} --unset foreign_replays"
            )


def keys(facts: Facts) -> Iterator[str]:
    """A key is known everywhere before it is used, and used for no longer than it is trusted."""
    if facts.ledger is None or not facts.ledger.keys:  # the first server makes them
        return
    if not facts.ledger.keys_open:
        yield (
            "TOKEN_LEDGER_SECRET_KEY does not open the keys of this database: give the value they were "
            "sealed under, or both with a comma, the new one first"
        )
    for kind in _ROTATING:
        of_kind = {key.state: key for key in facts.ledger.keys if key.kind is kind}
        if KeyState.NEXT not in of_kind:
            yield (
                f"there is no next {kind.value} key, so that a rotation would use one that nobody knows yet: "
                "restart token-ledger serve, which makes it"
            )
        age = _time_in_use(facts, of_kind.get(KeyState.CURRENT))
        if age is not None and age > _OLDEST_KEY:
            yield (
                f"the {kind.value} key has been in use for {_age(age)}: token-ledger keys rotate --kind "
                f"{kind.value}"
            )


def partitions(facts: Facts) -> Iterator[str]:
    """Without one, no session can be opened in its month."""
    if facts.ledger is not None:
        alarm = running_out(facts.ledger.upkeep.months_ahead)
        if alarm is not None:
            yield alarm


def sweeper(facts: Facts) -> Iterator[str]:
    """Nothing ends without an event, unless nobody sweeps."""
    if facts.ledger is None or not facts.ledger.upkeep.overdue:
        return
    upkeep = facts.ledger.upkeep
    run = upkeep.run
    latest = None if run is None else run.finished_at or (facts.now if upkeep.led else run.started_at)
    if latest is not None and facts.now - latest <= SWEPT_WITHIN:
        return
    last = "has never run" if latest is None else f"last ran {_age(facts.now - latest)} ago"
    yield (
        f"sessions whose time is over have had no event for more than {duration_text(SWEPT_WITHIN)}, and the "
        f"sweeper {last}: see that token-ledger serve runs on this database, and what its log says"
    )


def _time_in_use(facts: Facts, key: KeyRecord | None) -> timedelta | None:
    return None if key is None or key.current_at is None else facts.now - key.current_at


def _age(age: timedelta) -> str:
    """A length of time in its largest unit, rounded down."""
    for unit, size in (
        ("days", timedelta(days=1)),
        ("hours", timedelta(hours=1)),
        ("minutes", timedelta(minutes=1)),
    ):
        if age >= 2 * size:
            return f"{age // size} {unit}"
    return f"{max(0, age // timedelta(seconds=1))} seconds"
