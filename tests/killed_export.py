"""An export, in a process of its own, that kills itself before one of the steps that outlive it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger import administrative
from ledger.log_key_ring import LogKeyRing
from ledger.signing_algorithm import SigningAlgorithm, SigningKey, verification_key
from tests.exporting import export


class _Steps:
    """Counts them down."""

    def __init__(self, left: int) -> None:
        self._left = left

    def counted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*arguments, **named)

        return taken


def main(database_url: str, path: str, jwk: str, step: str) -> None:
    """Export with the log key of that JWK; killed before the step of that number, if it comes to it."""
    steps = _Steps(int(step))
    os.fsync = steps.counted(os.fsync)
    Path.replace = steps.counted(Path.replace)  # type: ignore[method-assign]
    Path.unlink = steps.counted(Path.unlink)  # type: ignore[method-assign]
    administrative.append = steps.counted(administrative.append)
    known = (verification_key(json.loads(jwk)),)
    keys = LogKeyRing(current=SigningKey.generate(SigningAlgorithm.EDDSA), known=known)
    asyncio.run(export(database_url, keys, Path(path)))


if __name__ == "__main__":
    main(*sys.argv[1:])
