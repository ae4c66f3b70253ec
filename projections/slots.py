"""Statements on one slot of a projection."""

from __future__ import annotations

from typing import LiteralString

READING = "SET enable_bitmapscan = off"
"""Of connections that projections are read by. Statements ask for few rows in the order of an index; where
the statistics say that there are few anyhow, a bitmap scan would fetch and sort all that there truly are."""


class SwitchedError(Exception):
    """A rebuild took the place of the slot that was being read: to be read again."""


def in_slot(statement: LiteralString, slot: int) -> LiteralString:
    """The statement with the slot in its text, so that nothing else is planned for.

    It has to tell which slot is live in its own snapshot. It locked its tables before it took that, so that a
    slot which is live in it was not emptied under it.
    """
    return statement.replace("{slot}", "1" if slot else "0")
