"""How far long work is: a bar on a terminal, a line now and then elsewhere; on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

_PLAIN_EVERY_SECONDS = 5

Report = Callable[[int, int], None]
"""Takes how much of the total is done, and how many events were seen for it."""


def progress(label: str, total: int, unit: str) -> AbstractContextManager[Report]:
    """Work of that name on so many of a unit."""
    console = Console(stderr=True)
    return _Bar(console, label, total) if console.is_terminal else nullcontext(_Lines(label, total, unit))


class _Bar(AbstractContextManager[Report]):
    def __init__(self, console: Console, label: str, total: int) -> None:
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(label, total=total, rate="")
        self._started = time.monotonic()

    def __enter__(self) -> Report:
        self._progress.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _report(self, done: int, events: int) -> None:
        rate = f"{events / max(time.monotonic() - self._started, 0.001):.0f} events/s"
        self._progress.update(self._task, completed=done, rate=rate)


class _Lines:
    def __init__(self, label: str, total: int, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._started = time.monotonic()
        self._next = self._started + _PLAIN_EVERY_SECONDS

    def __call__(self, done: int, events: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PLAIN_EVERY_SECONDS
            rate = events / (now - self._started)
            click.echo(
                f"{self._label}: {done} of {self._total} {self._unit}, {events} events ({rate:.0f}/s)",
                err=True,
            )
