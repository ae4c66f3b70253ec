"""A ledger with a bit of everything that is sealed, and exports of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection

from api.leader_connection import leader_connection
from ledger import administrative
from ledger.answers import Granted
from ledger.events import BulkRevocationExecuted, ClientRegistered, NotBeforeSet, SubjectSuspended
from ledger.export.directory import open_directory
from ledger.export.exporter import Exported, Exporter
from ledger.export.manifest import ExportFormat
from ledger.export.ocsf import OcsfMapping
from ledger.log_key_ring import LogKeyRing
from ledger.personal_data import PersonalData
from ledger.policy import Policy
from ledger.refresh_token import RefreshToken
from tests.ledger_harness import harness
from tests.sealing import sealed_all, sealer_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def record_some(database_url: str, *, sessions: int = 4) -> None:
    """Sessions that are refreshed, replayed, reused and ended, and administrative acts."""
    async with harness(database_url, Policy()) as ledger:
        for number in range(sessions):
            issued = (await ledger.issue(subject=f"subject {number}")).answer
            assert isinstance(issued, Granted)
            tokens: list[RefreshToken] = [issued.token]
            for _ in range(3):
                refreshed = (await ledger.refresh(tokens[-1])).answer
                assert isinstance(refreshed, Granted)
                tokens.append(refreshed.token)
            await ledger.refresh(tokens[-2])
            if number % 2:
                await ledger.logout(tokens[-1])
            else:
                ledger.elapsed += timedelta(seconds=11)
                await ledger.refresh(tokens[0])
        async with ledger.pool.connection() as connection:
            for event in (
                SubjectSuspended(subject="subject 1"),
                NotBeforeSet(time=NOW, client_id="web"),
                BulkRevocationExecuted(filter={"subject": "subject 2"}, matched=0, revoked=0),
                ClientRegistered(client_id="shop", confidential=True, policy={}),
            ):
                await administrative.append(
                    connection,
                    event,
                    actor="operator",
                    personal_data=PersonalData(reason="because"),
                    now=datetime.now(UTC),
                    random=os.urandom,
                )


async def seal(database_url: str, keys: LogKeyRing) -> int:
    """Seal all that is committed; gives how many events that were."""
    async with leader_connection(database_url) as connection:
        return await sealed_all(sealer_of(database_url, keys), connection)


async def export(
    database_url: str,
    keys: LogKeyRing,
    path: Path,
    *,
    wanted: ExportFormat = ExportFormat.JSONL,
    first_index: int = 0,
    events_a_file: int = 7,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> Exported:
    """Export as the command does."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SET ROLE token_ledger_service; SET TimeZone = 'UTC'")
        exporter = Exporter(
            connection=connection,
            verifiers=keys.verifiers,
            ocsf=OcsfMapping(product_version="1.0"),
            now=lambda: datetime.now(UTC),
            random=os.urandom,
            report=report,
            events_a_file=events_a_file,
        )
        latest = await exporter.latest()
        with open_directory(path) as directory:
            return await exporter.export(directory, latest, format=wanted, first_index=first_index)


def rows(database_url: str, statement: str) -> list[Any]:
    """What the owner of the tables reads or does."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
