"""A retention run, in a process of its own, that kills itself before one of its steps."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from tests.retaining import log_keys_of, retained


def main(database_url: str, archive: str, step: str) -> None:
    """Killed before the statement or change of a file of that number, if it comes to it."""
    keys = asyncio.run(log_keys_of(database_url))
    left = [int(step)]

    def counted(one: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return one(*arguments, **named)

        return taken

    AsyncConnection.execute = counted(AsyncConnection.execute)  # type: ignore[method-assign]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]
    Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]
    asyncio.run(retained(database_url, keys, Path(archive)))


if __name__ == "__main__":
    main(*sys.argv[1:])
