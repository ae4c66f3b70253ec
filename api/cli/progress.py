"""How far long work is, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

_PLAIN_EVERY_SECONDS = 5

Report = Callable[[int, int, int], None]
"""Told how many are done, of how many, and how many events that was; first of all what was done before."""


def progress(title: str, *, unit: str) -> AbstractContextManager[Report]:
    """Show it until the end; `unit` is what is counted, a plural."""
    console = Console(stderr=True)
    return _Bar(console, title) if console.is_terminal else nullcontext(_Lines(title, unit))


class _Rate:
    """Events a second since the first report."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before: int | None = None

    def told(self, events: int) -> str:
        if self._before is None:
            self._before = events
        seconds = max(time.monotonic() - self._started, 0.001)
        return f"{(events - self._before) / seconds:.0f} events/s"


class _Bar(AbstractContextManager[Report]):
    def __init__(self, console: Console, title: str) -> None:
        columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(title, total=None, rate="")
        self._rate = _Rate()

    def __enter__(self) -> Report:
        self._progress.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _report(self, done: int, total: int, events: int) -> None:
        self._progress.update(self._task, completed=done, total=total, rate=self._rate.told(events))


class _Lines:
    def __init__(self, title: str, unit: str) -> None:
        self._title = title
        self._unit = unit
        self._rate = _Rate()
        self._next = time.monotonic() + _PLAIN_EVERY_SECONDS

    def __call__(self, done: int, total: int, events: int) -> None:
        rate = self._rate.told(events)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PLAIN_EVERY_SECONDS
            click.echo(f"{self._title}: {done} of {total} {self._unit}, {rate}", err=True)
