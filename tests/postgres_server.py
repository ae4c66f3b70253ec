"""A PostgreSQL for one test session: the embedded one with nothing durable, gone when the session ends."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from api.embedded_postgres import EmbeddedPostgres
from api.embedded_watchdog import is_alive, postmaster

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


@contextmanager
def postgres_server(configuration: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server and give the URL of a maintenance database, as a superuser.

    `configuration` is set besides, or in place of, the settings of this module.
    """
    home = Path(tempfile.mkdtemp(prefix="tl-"))
    try:
        with EmbeddedPostgres(home, configuration={**_SETTINGS, **(configuration or {})}) as server:
            process = postmaster(home)
            yield server.url
        while process is not None and is_alive(process):
            time.sleep(0.02)
    finally:
        shutil.rmtree(home, ignore_errors=True)
