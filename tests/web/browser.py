"""Which browser the tests drive: one that is installed, or Debian's where it may be installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "PLAYWRIGHT_CHROMIUM"
"""Names a browser to use in place of what is found."""
ARGUMENTS = [
    "--no-sandbox",  # as root Chromium starts in no other way; it opens nothing but our own pages
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
    # The names of made-up sites lead to this machine, and all others nowhere.
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALLED_WITHIN_SECONDS = 300


class NoBrowserError(Exception):
    """There is none, and none could be installed: a line that says what to do."""


def find_browser(environ: Mapping[str, str] = os.environ) -> str:
    """The program of a browser that starts. Where there is none, root installs Debian's.

    Raises:
        NoBrowserError: there is none.
    """
    named = environ.get(VARIABLE)
    if named:
        if not _starts(named):
            raise NoBrowserError(f"{VARIABLE} names {named!r}, which is no browser that starts")
        return named
    found = _installed(environ)
    if found is None and _may_install(environ):
        _install(environ)
        found = _installed(environ)
    if found is None:
        raise NoBrowserError(
            f"there is no Chromium or Chrome: install one (Debian: apt-get install chromium), or name one by "
            f"{VARIABLE}"
        )
    return found


def _installed(environ: Mapping[str, str]) -> str | None:
    path = environ.get("PATH")
    candidates = [shutil.which(name, path=path) for name in _NAMES]
    return next((one for one in candidates if one is not None and _starts(one)), None)


def _starts(program: str) -> bool:
    """Whether it is a browser: on some systems the name is of a script that says where to get one."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _may_install(environ: Mapping[str, str]) -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get", path=environ.get("PATH")) is not None


def _install(environ: Mapping[str, str]) -> None:
    """Install Debian's Chromium, by one process of this machine at a time.

    Raises:
        NoBrowserError: it cannot be installed.
    """
    lock = Path(tempfile.gettempdir()) / "token-ledger-chromium.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if _installed(environ) is not None:  # by whoever held the lock
            return
        for command in (
            ["apt-get", "-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "update"],
            ["apt-get", "-q", "-y", "--no-install-recommends", "install", "chromium", "fonts-liberation"],
        ):
            try:
                done = subprocess.run(
                    command,
                    env={**environ, "DEBIAN_FRONTEND": "noninteractive"},
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=_INSTALLED_WITHIN_SECONDS,
                )
            except subprocess.TimeoutExpired:
                raise NoBrowserError(f"`{' '.join(command)}` did not end in time") from None
            if done.returncode != 0:
                told = (done.stderr.strip().splitlines() or ["it told nothing"])[-1]
                raise NoBrowserError(f"there is no Chromium, and `{command[-1]}` by apt-get failed: {told}")
