"""All checks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from api.doctor import database_checks, ledger_checks, settings_checks
from api.doctor.facts import Facts

Check = Callable[[Facts], Iterator[str]]

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "development": settings_checks.development,
        "introspection": settings_checks.introspection,
        "cookies": settings_checks.cookies,
        "secret_key": settings_checks.secret_key,
        "origins": settings_checks.origins,
        "proxies": settings_checks.proxies,
        "metrics": settings_checks.metrics,
        "lost_response_window": settings_checks.lost_response_window,
        "issuers": settings_checks.issuers,
        "schema": database_checks.schema,
        "login": database_checks.login,
        "events": database_checks.events,
        "durability": database_checks.durability,
        "standby": database_checks.standby,
        "clock": database_checks.clock,
        "shadow": ledger_checks.shadow,
        "client_scopes": ledger_checks.client_scopes,
        "client_windows": ledger_checks.client_windows,
        "foreign_replays": ledger_checks.foreign_replays,
        "keys": ledger_checks.keys,
        "partitions": ledger_checks.partitions,
        "sweeper": ledger_checks.sweeper,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something unsafe or contradictory: what it is and what to do, without any secret."""

    check: str
    message: str


def examine(facts: Facts) -> list[Finding]:
    """What the checks find; empty: all is well."""
    return [
        Finding(check=name, message=message) for name, check in CHECKS.items() for message in check(facts)
    ]
