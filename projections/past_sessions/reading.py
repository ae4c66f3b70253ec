"""Reads sessions of the past; the work is bounded whatever the age of a family and the number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.sql_files import sql
from projections.active_tokens.sessions import SessionFilter
from projections.past_sessions.snapshot import Controls, Snapshot, past_families, snapshot_at

MOST_EXAMINED = 2_000
"""Families that one page looks at."""
_AT_ONCE = 200
"""Families a step: others have a turn every few milliseconds."""
_PACKAGE = "projections.past_sessions"
_AHEAD = timedelta(minutes=1)
"""By so much at least is the clock that ids are minted by thought to be ahead of the database's."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_ID = (1 << 128) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Sessions newest first, at most as many as were asked for."""

    snapshots: Sequence[Snapshot]
    last_examined: UUID | None
    """Where the next page goes on; None: there is nothing more."""


async def read_snapshot(connection: AsyncConnection[Any], family_id: UUID, time: datetime) -> Snapshot | None:
    """One session at a moment (inclusive); None where it did not exist yet. About three round trips."""
    found = await _snapshots(connection, [family_id], time)
    return found[0] if found else None


async def read_page(
    connection: AsyncConnection[Any],
    wanted: SessionFilter,
    time: datetime,
    *,
    before: UUID | None = None,
    maximum: int,
) -> Page:
    """The newest sessions that existed at a moment (inclusive) and were as the filter says, those older than
    the session `before` where it is given. `unended` of the filter is not looked at.

    Looks at `MOST_EXAMINED` families at the most, so that a page may hold fewer while there are more.
    """
    after = _first_id_after(time + await _ids_are_ahead(connection)) if before is None else before
    examined, asked = 0, min(maximum + 1, _AT_ONCE)  # often enough
    matching: list[Snapshot] = []
    while examined < MOST_EXAMINED:
        candidates = await _candidates(connection, wanted, time, before=after, maximum=asked)
        likely = [family_id for family_id, fits in candidates if fits]
        matching += [one for one in await _snapshots(connection, likely, time) if _matches(one, wanted)]
        if len(matching) > maximum:
            page = matching[:maximum]
            return Page(snapshots=page, last_examined=page[-1].family_id)
        if len(candidates) < asked:
            return Page(snapshots=matching, last_examined=None)
        examined += asked
        asked = min(_AT_ONCE, MOST_EXAMINED - examined)
        after = candidates[-1][0]
    return Page(snapshots=matching, last_examined=after)


async def _ids_are_ahead(connection: AsyncConnection[Any]) -> timedelta:
    """By how much, at most, the time in the id of a session is later than the one it was opened at."""
    cursor = await connection.execute(sql("projections.audit_sessions", "live_slot"))
    row = await cursor.fetchone()
    return _AHEAD if row is None else max(_AHEAD, row[1])


async def _candidates(
    connection: AsyncConnection[Any],
    wanted: SessionFilter,
    time: datetime,
    *,
    before: UUID,
    maximum: int,
) -> list[tuple[UUID, bool]]:
    """The next families, and whether what never changes of them is as wanted."""
    cursor = await connection.execute(
        sql(_PACKAGE, "candidates"),
        {
            "time": time,
            "before": before,
            "maximum": maximum,
            "ids": None if wanted.ids is None else list(wanted.ids),
            "subject": wanted.subject,
            "client_id": wanted.client_id,
            "created_before": wanted.created_before,
            "created_after": wanted.created_after,
        },
    )
    return await cursor.fetchall()


async def _snapshots(
    connection: AsyncConnection[Any], family_ids: Sequence[UUID], time: datetime
) -> list[Snapshot]:
    """Of those that existed, newest first."""
    if not family_ids:
        return []
    cursor = await connection.execute(
        sql(_PACKAGE, "telling_events"), {"family_ids": list(family_ids), "time": time}
    )
    pasts = past_families(await cursor.fetchall())
    snapshots = {one: snapshot_at(past, Controls(), time) for one, past in pasts.items()}
    controls = await read_controls(connection, sorted({one.subject for one in snapshots.values()}), time)
    return [snapshot_at(pasts[one], controls, time) for one in sorted(pasts, reverse=True)]


async def read_controls(
    connection: AsyncConnection[Any], subjects: Sequence[str], time: datetime
) -> Controls:
    """What had been decided at a moment (inclusive) about these subjects, all clients and everyone."""
    if not subjects:
        return Controls()
    cursor = await connection.execute(sql(_PACKAGE, "boundaries_at"), {"time": time})
    boundaries = dict(await cursor.fetchall())
    cursor = await connection.execute(
        sql(_PACKAGE, "subjects_at"), {"subjects": list(subjects), "time": time}
    )
    decided = await cursor.fetchall()
    return Controls(
        everyone_not_before=boundaries.pop(None, None),
        clients_not_before=boundaries,
        subjects_not_before={one: not_before for one, not_before, _ in decided if not_before is not None},
        suspended=frozenset(one for one, _, suspended in decided if suspended),
    )


def _matches(snapshot: Snapshot, wanted: SessionFilter) -> bool:
    """Whether what may change of a session was as wanted."""
    return (
        (wanted.device_label is None or snapshot.device_label == wanted.device_label)
        and (wanted.status is None or snapshot.status is wanted.status)
        and (wanted.last_used_before is None or snapshot.last_used_at < wanted.last_used_before)
        and (wanted.network is None or _is_in(snapshot.address, wanted.network))
    )


def _is_in(address: str | None, network: Any) -> bool:
    if address is None or address == "unknown":
        return False
    return ip_address(address) in network


def _first_id_after(time: datetime) -> UUID:
    """Above every UUIDv7 of the moment."""
    milliseconds = max(0, (time - _EPOCH) // timedelta(milliseconds=1))
    return UUID(int=min((milliseconds + 1) << 80, _LATEST_ID))
