"""Ledgers with months of the past, and runs that remove them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from api.database import unhurried_connection
from api.verification import parts_of, read_signed, verify
from ledger import administrative, key_store
from ledger.answers import Granted
from ledger.commands import Issue
from ledger.events import AdministrativeEvent, SubjectSuspended, Transport
from ledger.export.exporter import Exporter
from ledger.export.ocsf import OcsfMapping
from ledger.key_sealing import SecretKey
from ledger.log_key_ring import LogKeyRing
from ledger.personal_data import PersonalData
from ledger.refresh_token import RefreshToken
from ledger.retention.archive import Archive
from ledger.retention.removal import Removal
from ledger.retention.run import Fate, Report, Retention, Told
from ledger.signing_algorithm import SigningAlgorithm
from ledger.tree_verification import Problem
from ledger.uuid7 import uuid7
from projections.active_tokens.rebuild import rebuild
from projections.active_tokens.retiring import RemovableTokens
from tests.exporting import rows
from tests.ledger_harness import Harness, harness

SECRET = SecretKey(values=(b"s" * 32,))
RETENTION = timedelta(days=400)
JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


async def log_keys_of(database_url: str) -> LogKeyRing:
    """The log's keys, made if there are none, in the database as `verify` reads them."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await key_store.ensure(connection, SECRET, algorithm=SigningAlgorithm.EDDSA, now=datetime.now(UTC))
        return (await key_store.load(connection, SECRET)).log


async def open_session(ledger: Harness, subject: str) -> RefreshToken:
    """At the time of the harness, which its id has, too."""
    moment = datetime.now(UTC) + ledger.elapsed
    command = Issue(
        family_id=uuid7(int(moment.timestamp() * 1000), os.urandom(10)),
        subject=subject,
        client_id="web",
        transport=Transport.BODY,
        scope=(),
        secret=os.urandom(32),
    )
    answer = (await ledger.submit(command)).answer
    assert isinstance(answer, Granted)
    return answer.token


async def act(database_url: str, month: date, event: AdministrativeEvent, *, actor: str = "operator") -> None:
    """An administrative act in that month."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await administrative.append(
            connection,
            event,
            actor=actor,
            personal_data=PersonalData(reason="because"),
            now=datetime(month.year, month.month, 11, tzinfo=UTC),
            random=os.urandom,
        )


async def record_month(
    database_url: str, month: date, *subjects: str, ended: bool = True
) -> list[RefreshToken]:
    """Sessions that began in a month, each refreshed twice and ended, and an act; gives their last tokens."""
    rows(database_url, f"SELECT create_month('{month}')")
    tokens = []
    async with harness(database_url) as ledger:
        ledger.elapsed = datetime(month.year, month.month, 10, tzinfo=UTC) - datetime.now(UTC)
        for subject in subjects:
            token = await open_session(ledger, subject)
            for _ in range(2):
                refreshed = (await ledger.refresh(token)).answer
                assert isinstance(refreshed, Granted)
                token = refreshed.token
            if ended:
                await ledger.logout(token)
            tokens.append(token)
    await act(database_url, month, SubjectSuspended(subject="somebody"))
    return tokens


@contextmanager
def _silent(_title: str) -> Iterator[Report]:
    yield lambda _done, _total: None


async def retained(
    database_url: str,
    keys: LogKeyRing,
    archive: Path,
    *,
    dry_run: bool = False,
    retention: timedelta = RETENTION,
) -> Told:
    """Run as the command does."""
    async with (
        await AsyncConnection.connect(database_url, autocommit=True) as owner,
        unhurried_connection(database_url) as connection,
    ):
        exporter = Exporter(
            connection=connection,
            verifiers=keys.verifiers,
            ocsf=OcsfMapping(product_version="1.0"),
            now=lambda: datetime.now(UTC),
            random=os.urandom,
            report=lambda _done, _total: None,
            events_a_file=7,
        )
        run = Retention(
            exporter=exporter,
            verifiers=keys.verifiers,
            removal=Removal(
                connection=owner,
                families=RemovableTokens(),
                now=lambda: datetime.now(UTC),
                random=os.urandom,
            ),
            archive=Archive(archive),
            progress=_silent,
        )
        return await run.run(retention, dry_run=dry_run)


def fates(told: Told) -> dict[str, Fate]:
    """By the months' names."""
    return {one.month.name: one.fate for one in told.months}


def reasons(told: Told) -> list[str]:
    """Why months were kept."""
    return [reason.what for one in told.months for reason in one.reasons]


async def verified(database_url: str) -> tuple[list[Problem], int, int]:
    """What `verify` finds: problems, fields in which the view differs, and leaves of archived months."""
    keys = await log_keys_of(database_url)
    async with unhurried_connection(database_url) as connection:
        signed = await read_signed(connection, keys, {})
        parts = await parts_of(connection, signed.size)
    problems, differing, archived = list(signed.problems), 0, 0
    async for step in verify(database_url, signed, dict(enumerate(parts))):
        problems += step.problems
        if step.verified is not None:
            differing += len(step.verified.differences)
            archived += step.verified.archived
    return sorted(problems), differing, archived


async def replayed(database_url: str) -> list[Any]:
    """What `replay` finds."""
    async with unhurried_connection(database_url) as connection:
        return [one async for step in rebuild(connection, dry_run=True) for one in step.differences]


def partitions(database_url: str) -> set[str]:
    found = rows(
        database_url,
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent IN ('events'::regclass, 'personal_data'::regclass)",
    )
    return {name for (name,) in found}


def count(database_url: str, table: str) -> int:
    with psycopg.connect(database_url) as connection:
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])
