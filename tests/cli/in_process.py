"""A command run inside this process by the entry point of the console script, as if it had one of its own.

It has the same arguments, environment, directory and streams as a process would have, and what it changes of
them is put back. The half second in which a process imports what the tests have imported already is saved.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import structlog

from api.cli.main import main

_SECONDS = 60
"""How long a command may take."""


def run_in_process(
    arguments: Sequence[str | bytes], environ: Mapping[str, str], directory: Path
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command that reads an empty standard input.

    Must be called in the main thread, and with no event loop running. A command that sets up the logs of its
    process needs one of its own.

    Raises:
        Exception: the command failed in a way that it does not expect: a process would print a traceback.
    """
    out, err = _stream(), _stream()
    with ExitStack() as put_back:
        for name, value in (("stdin", _stream()), ("stdout", out), ("stderr", err)):
            put_back.enter_context(patch.object(sys, name, value))
        put_back.enter_context(patch.object(sys, "argv", ["token-ledger", *map(os.fsdecode, arguments)]))
        put_back.enter_context(patch.dict(os.environ, environ, clear=True))
        put_back.enter_context(patch.object(logging.getLogger(), "handlers", []))
        put_back.enter_context(_inside(directory))
        put_back.enter_context(_signals_kept())
        try:
            main()
        except SystemExit as end:
            status = end.code
    assert isinstance(status, int)
    if structlog.is_configured():
        structlog.reset_defaults()
        message = "the command sets up the logs of its process: it needs one of its own"
        raise AssertionError(message)
    return status, _written(out), _written(err)


def _stream() -> TextIOWrapper:
    return TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True)


def _written(stream: TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextmanager
def _inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """What a command does at a signal is undone; one that takes too long is ended by an exception."""

    def too_long(*_: object) -> None:
        message = f"the command has not ended within {_SECONDS} seconds"
        raise TimeoutError(message)

    kept = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in kept.items():
            signal.signal(number, handler)
