"""A sealer on a real database, and what its log holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from api.leader_connection import leader_connection
from ledger.checkpoint_file import CheckpointFile
from ledger.log_key_ring import LogKeyRing
from ledger.sealer import Pace, Sealer
from ledger.signing_algorithm import SigningAlgorithm, SigningKey

ORIGIN = "ledger.example.com/log"


def log_keys(*keys: SigningKey) -> LogKeyRing:
    """The first one signs; a new one when none is given."""
    own = keys or (SigningKey.generate(SigningAlgorithm.EDDSA),)
    return LogKeyRing(current=own[0], known=tuple(one.public for one in own))


def sealer_of(
    database_url: str,
    keys: LogKeyRing,
    *,
    file: Path | None = None,
    origin: str = ORIGIN,
    events_a_step: int = 20_000,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sealer:
    return Sealer(
        connect=partial(leader_connection, database_url),
        keys=lambda: keys,
        origin=origin,
        checkpoint_file=None if file is None else CheckpointFile(file),
        now=now,
        who="a:1",
        pace=Pace(events_a_step=events_a_step),
    )


async def sealed_all(sealer: Sealer, connection: AsyncConnection[Any], *, quiet_steps: int = 4) -> int:
    """Seal until several steps in a row found nothing: the first of a ledger may only set its anchor."""
    total = quiet = 0
    while quiet < quiet_steps:
        sealed = await sealer.seal(connection)
        total += sealed
        quiet = 0 if sealed else quiet + 1
    return total
