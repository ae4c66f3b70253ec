"""How far long work is."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

_PLAIN_EVERY_SECONDS = 5


def progress(total: int, unit: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """A bar on a terminal, a line now and then elsewhere; on standard error."""
    console = Console(stderr=True)
    return _Bar(console, total) if console.is_terminal else nullcontext(_Lines(total, unit))


class _Bar(AbstractContextManager[Callable[[int, int], None]]):
    def __init__(self, console: Console, total: int) -> None:
        columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("replay", total=total, rate="")
        self._started = time.monotonic()

    def __enter__(self) -> Callable[[int, int], None]:
        self._progress.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _report(self, done: int, events: int) -> None:
        rate = f"{events / max(time.monotonic() - self._started, 0.001):.0f} events/s"
        self._progress.update(self._task, completed=done, rate=rate)


class _Lines:
    def __init__(self, total: int, unit: str) -> None:
        self._total, self._unit = total, unit
        self._next = time.monotonic() + _PLAIN_EVERY_SECONDS

    def __call__(self, done: int, events: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PLAIN_EVERY_SECONDS
            click.echo(f"replayed {done} of {self._total} {self._unit}, {events} events", err=True)
