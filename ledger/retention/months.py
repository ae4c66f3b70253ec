"""Months that could be removed, what is stored of them, and why one has to stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from psycopg import AsyncConnection

from ledger.archived_months import MonthOfStreams
from ledger.sql_files import sql

_SHOWN = 10


class RemovableFamilies(Protocol):
    """The view of families, as far as removing a month needs it."""

    async def count_living(self, connection: AsyncConnection[Any], month: MonthOfStreams) -> int:
        """How many families of the month have not ended."""
        ...

    async def remove_ended(self, connection: AsyncConnection[Any], month: MonthOfStreams) -> int:
        """Take those that have ended out of the view, and count them; their tokens are unknown then."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is stored of a month."""

    events: int
    first_index: int | None
    """Of the sealed ones; None where none is."""
    last_index: int | None
    unsealed: int
    damaged: int
    """That the log has, and that are not there or are others."""
    personal_data: int
    """Events that have some."""
    living: int
    """Sessions that have not ended."""
    held: tuple[str, ...]
    """Subjects under a legal hold of whom there is something."""

    def reasons(self) -> list[Reason]:
        """Why the month has to stay, whatever the archive holds; empty: it may go."""
        reasons = []
        if self.damaged:
            told = (
                f"{self.damaged} events are not those that were sealed, or are gone: run token-ledger verify"
            )
            reasons.append(Reason(what=told, is_fault=True))
        if self.living:
            told = "have not ended: token-ledger serve ends those whose time is over"
            reasons.append(Reason(what=f"{_counted(self.living, 'session')} of it {told}"))
        if self.unsealed:
            told = f"{_counted(self.unsealed, 'event')} not sealed yet: token-ledger serve seals"
            reasons.append(Reason(what=told))
        if self.held:
            more = f" and {len(self.held) - _SHOWN} more" if len(self.held) > _SHOWN else ""
            names = ", ".join(self.held[:_SHOWN])
            reasons.append(Reason(what=f"a legal hold keeps what is of {names}{more}"))
        return reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a month stays."""

    what: str
    """A clause."""
    is_fault: bool = False
    """Whether something is wrong that somebody has to mend."""


async def months_over_age(
    connection: AsyncConnection[Any], retention: timedelta
) -> tuple[list[MonthOfStreams], tuple[MonthOfStreams, datetime] | None]:
    """The months to be removed, oldest first, and the one after them with the time when it will be one."""
    cursor = await connection.execute(sql("ledger", "months"))
    over: list[MonthOfStreams] = []
    for lower, upper, now in await cursor.fetchall():
        month = MonthOfStreams.between(lower, upper)
        over_at = month.ends_at + retention
        if now < over_at:
            return over, (month, over_at)
        over.append(month)
    return over, None


async def read_contents(
    connection: AsyncConnection[Any], families: RemovableFamilies, month: MonthOfStreams
) -> Contents:
    """Look at all of a month. Three round trips."""
    cursor = await connection.execute(sql("ledger", "month_contents"), month.bounds)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    events, first_index, last_index, unsealed, damaged, personal_data = row
    cursor = await connection.execute(sql("ledger", "month_held"), month.bounds)
    held = tuple(one for (one,) in await cursor.fetchall())
    return Contents(
        events=events,
        first_index=first_index,
        last_index=last_index,
        unsealed=unsealed,
        damaged=damaged,
        personal_data=personal_data,
        living=await families.count_living(connection, month),
        held=held,
    )


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
