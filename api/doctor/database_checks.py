"""Checks of the database's server, its login and its schema."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from api.doctor.facts import Facts

_LARGEST_DIFFERENCE = timedelta(seconds=1)


def schema(facts: Facts) -> Iterator[str]:
    """Nothing is served on another schema."""
    if facts.schema is not None:
        yield facts.schema


def login(facts: Facts) -> Iterator[str]:
    """The login needs the service's two roles; the embedded database has one login for everything."""
    if facts.settings.embedded:
        return
    known, ledger = facts.login, facts.ledger
    if known.attributes:
        yield (
            f"the login {known.name} of TOKEN_LEDGER_DATABASE_URL has {', '.join(known.attributes)}, which "
            "the service does not need: give it a login that is a member of token_ledger_service and "
            "token_ledger_reader, and the owner of the tables to TOKEN_LEDGER_MIGRATION_DATABASE_URL"
        )
    if known.superuser:  # who may be everybody
        return
    owner = ledger.protection.owner if ledger is not None and ledger.protection.owned else None
    if owner is not None:
        yield (
            f"the login {known.name} of TOKEN_LEDGER_DATABASE_URL may act as {owner}, the owner of the "
            "tables, and so switch off what keeps events unchanged: give the service another login, and the "
            "owner's to TOKEN_LEDGER_MIGRATION_DATABASE_URL alone"
        )
    others = [role for role in known.roles if role != owner]
    if others:
        yield (
            f"the login {known.name} of TOKEN_LEDGER_DATABASE_URL is a member of {', '.join(others)}, which "
            "the service does not need: take them from it"
        )


def events(facts: Facts) -> Iterator[str]:
    """What was recorded is never changed, by right and by trigger."""
    if facts.ledger is None:
        return
    protection = facts.ledger.protection
    always = {facts.login.name} if protection.owned or facts.login.superuser else set()
    changers = [role for role in protection.changers if role not in always]
    if changers:
        yield (
            f"{', '.join(changers)} may change or remove events: REVOKE UPDATE, DELETE, TRUNCATE on events "
            "and its partitions"
        )
    if protection.unguarded:
        yield (
            "the triggers that keep events unchanged are not all at work on "
            f"{', '.join(protection.unguarded)}: ALTER TABLE … ENABLE ALWAYS TRIGGER append_only, and "
            "no_truncate"
        )


def durability(facts: Facts) -> Iterator[str]:
    """What was answered is to survive a crash."""
    found = facts.durability
    for name, on in (("fsync", found.fsync), ("full_page_writes", found.full_page_writes)):
        if not on:
            yield (
                f"{name} is off in PostgreSQL: a crash of the machine can destroy the ledger; set it on, and "
                "restart from a backup if there has been a crash"
            )
    if found.synchronous_commit == "off":
        yield (
            "synchronous_commit is off in PostgreSQL: a crash loses rotations and revocations that were "
            "answered; set it on for the database and the login"
        )


def standby(facts: Facts) -> Iterator[str]:
    """Commits lost by a failover bring revoked sessions back to life."""
    found = facts.durability
    if found.standbys and not found.synchronous_standby_names:
        yield (
            "a standby follows asynchronously: a failover to it loses the last rotations and revocations; "
            "set synchronous_standby_names, or a not-before for everyone after each failover"
        )
    if found.synchronous_standby_names and found.synchronous_commit == "local":
        yield (
            "synchronous_commit is local in PostgreSQL, which contradicts synchronous_standby_names: no "
            "commit waits for a standby; set it on for the database and the login"
        )


def clock(facts: Facts) -> Iterator[str]:
    """Deadlines are the database's, expiry of access tokens and assertions is also read off this machine."""
    difference = abs(facts.clock_ahead)
    if difference - facts.clock_doubt > _LARGEST_DIFFERENCE:
        way = "ahead of" if facts.clock_ahead > timedelta(0) else "behind"
        yield (
            f"the clock of this machine is {difference.total_seconds():.1f} s {way} the database's: have "
            "both follow a time server"
        )
