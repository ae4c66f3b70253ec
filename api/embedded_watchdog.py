"""Stops the embedded PostgreSQL when the last process that used it is gone, however it went.

A program of its own, detached from who started it: `python -I -S embedded_watchdog.py HOME SOCKET LOCK`. HOME
is the directory with the locks and the data, SOCKET the server's, LOCK the number of an inherited descriptor
that holds the lock of the watchdog. Imports the standard library only.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

_POLL_SECONDS = 0.05
_MAY_BE_STARTING_SECONDS = 1
_FAST_WITHIN_SECONDS = 20


def answers(path: str) -> bool:
    """Whether a server listens on the socket."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True


def main(home: Path, server_socket: str, own_lock: int) -> None:
    """Wait for the users' lock, then stop the server while nobody can start it."""
    users = os.open(home / "users.lock", os.O_RDWR)
    boot = os.open(home / "boot.lock", os.O_RDWR)
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        try:
            fcntl.flock(boot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody is starting it, and is about to use it
            fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(_POLL_SECONDS)
            continue
        break
    _stop(home, server_socket)
    os.close(own_lock)  # before the lock of the boot: who starts the server next needs a new watchdog
    os.close(boot)


def _stop(home: Path, server_socket: str) -> None:
    """Ask the server to end its sessions and stop, later on to stop at once; wait until it has."""
    asked_at = time.monotonic()
    server, sent = None, None
    while not answers(server_socket):  # it may be starting, and whoever started it be gone
        if time.monotonic() - asked_at > _MAY_BE_STARTING_SECONDS:
            return
        time.sleep(_POLL_SECONDS)
    while answers(server_socket) or (server is not None and is_alive(server)):
        late = time.monotonic() - asked_at > _FAST_WITHIN_SECONDS
        wanted = signal.SIGQUIT if late else signal.SIGINT
        if wanted is not sent:
            # As it answers, the process in its file is the server and not one that got its number later.
            with suppress(OSError, ValueError):
                server = server or postmaster(home)
                if server is not None:
                    os.kill(server, wanted)
                    sent = wanted
        time.sleep(_POLL_SECONDS)


def postmaster(home: Path) -> int | None:
    """The process in the server's own file, which a killed server leaves behind; None: there is no file."""
    try:
        return int((home / "data" / "postmaster.pid").read_text("ascii").split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def is_alive(process: int) -> bool:
    """Whether it runs. One that ended and that nobody waits for does not, though signals reach it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text("utf-8", errors="replace").rpartition(") ")[2]
    except OSError:
        with suppress(OSError):
            os.kill(process, 0)
            return not Path("/proc/self/stat").exists()
        return False
    return not state.startswith(("Z", "X"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
