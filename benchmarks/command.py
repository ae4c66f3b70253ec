"""Commands of the product, as their users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.books import OutcomeError
from benchmarks.database import BenchmarkDatabase


def run_command(database: BenchmarkDatabase, secret_key: str, *arguments: str) -> Any:
    """What it tells as JSON.

    Raises:
        OutcomeError: its exit status is not 0.
    """
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("token-ledger")), *arguments, "--json"],
            env={
                **os.environ,
                "HOME": home,
                "TOKEN_LEDGER_DATABASE_URL": database.url,
                "TOKEN_LEDGER_SECRET_KEY": secret_key,
                "TOKEN_LEDGER_DEVELOPMENT": "on",
                "TOKEN_LEDGER_CHECKPOINT_FILE": "off",
            },
            stdout=subprocess.PIPE,
            check=False,
        )
    if done.returncode != 0:
        raise OutcomeError(f"token-ledger {' '.join(arguments)}: {done.stdout.decode()[:2000]}")
    return json.loads(done.stdout)
