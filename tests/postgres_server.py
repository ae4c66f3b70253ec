"""A PostgreSQL for one test session: the embedded one with nothing durable, gone when the session ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from api.embedded_postgres import EmbeddedPostgres
from api.embedded_watchdog import is_alive, postmaster

_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_wal_size": "256MB",
}
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
_ROOM = 2 * 2**30
"""Bytes that must be free in memory for a server to be made there: about ten times what it takes."""
_ROUNDS_CAN_BE_SET = 160_000
"""The version of PostgreSQL from which on they can."""


@contextmanager
def postgres_server(configuration: Mapping[str, str] | None = None, *, large: bool = False) -> Iterator[str]:
    """Start a server and give the URL of a maintenance database, as a superuser.

    `configuration` is set besides, or in place of, the settings of this module; what becomes `large` is never
    made in memory.
    """
    home = Path(tempfile.mkdtemp(prefix="tl-", dir=None if large else fastest_directory()))
    try:
        with EmbeddedPostgres(home, configuration={**_SETTINGS, **(configuration or {})}) as server:
            process = postmaster(home)
            _spare_handshakes(server.url)
            yield server.url
        while process is not None and is_alive(process):
            time.sleep(0.02)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _spare_handshakes(url: str) -> None:
    """A password costs 4096 rounds of hashing a connection, and the tests open thousands; from now on one."""
    with psycopg.connect(url, autocommit=True) as owner:
        if owner.info.server_version >= _ROUNDS_CAN_BE_SET:
            owner.execute("SET scram_iterations = 1")
            password = Path(conninfo_to_dict(url)["passfile"]).read_text("utf-8").strip().rpartition(":")[2]
            owner.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(sql.Literal(password)))


def fastest_directory() -> Path | None:
    """Where a server's thousand files are in memory; None: there is no room, so where temporary files are."""
    try:
        free = shutil.disk_usage(_IN_MEMORY).free
    except OSError:
        return None
    return _IN_MEMORY if free >= _ROOM and os.access(_IN_MEMORY, os.W_OK) else None
