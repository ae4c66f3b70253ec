"""As whom the embedded PostgreSQL runs: it refuses to be root."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.postgres_binaries import PostgresBinaries

SHARED = Path("/var/lib/token-ledger")
_IN_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_ACCOUNTS = ("postgres", "nobody")


class NoAccountError(Exception):
    """The server cannot run as anybody here; one line."""


class Account(Protocol):
    """Runs the server's programs."""

    def home(self, directory: Path) -> Path:
        """Where its files lie: the directory itself, or one in its stead that the account can reach."""
        ...

    def binaries(self, binaries: PostgresBinaries) -> PostgresBinaries:
        """Programs that the account can execute."""
        ...

    def own(self, path: Path) -> None:
        """Give the account a file or directory."""
        ...

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; both outputs are one text."""
        ...


class SameUser:
    """The user of this process, who is not root."""

    prefix: tuple[str, ...] = ()

    def home(self, directory: Path) -> Path:
        return directory

    def binaries(self, binaries: PostgresBinaries) -> PostgresBinaries:
        return binaries

    def own(self, path: Path) -> None:
        """It does already."""

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        return _run([*self.prefix, *command])


class InNamespace(SameUser):
    """Root, who is nobody inside a user namespace: files stay root's, below private directories too."""

    prefix = _IN_NAMESPACE


@dataclass(frozen=True, slots=True)
class OtherUser:
    """Root, who becomes another account: that one needs files and programs in places that it can reach."""

    uid: int
    gid: int
    shared: Path = SHARED

    def home(self, directory: Path) -> Path:
        name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        return self.shared / f"embedded-{name}"

    def binaries(self, binaries: PostgresBinaries) -> PostgresBinaries:
        """Raises:
        NoAccountError: they can neither be executed where they are nor copied.
        """
        if self._executes(binaries):
            return binaries
        package = binaries.installation.parent
        mark = f"{binaries.folder}|{(binaries.folder / 'postgres').stat().st_mtime_ns}"
        copy = self.shared / f"binaries-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
        copied = PostgresBinaries(copy / binaries.folder.relative_to(package.parent), binaries.major)
        if not copy.exists():
            draft = copy.with_name(f"{copy.name}.{os.getpid()}")
            try:
                self.shared.mkdir(mode=0o755, parents=True, exist_ok=True)
                for needed in filter(Path.exists, (binaries.installation, binaries.libraries)):
                    shutil.copytree(needed, draft / needed.relative_to(package.parent), symlinks=True)
                for folder in (draft, draft / package.name):  # whatever the umask
                    folder.chmod(0o755)
                draft.rename(copy)
            except OSError as error:
                shutil.rmtree(draft, ignore_errors=True)
                if not copy.exists():
                    raise _nobody(f"{self.shared} cannot be written ({error.strerror})") from None
        if not self._executes(copied):
            raise _nobody(f"its programs cannot be executed below {self.shared}")
        return copied

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        return _run(command, user=self.uid, group=self.gid)

    def _executes(self, binaries: PostgresBinaries) -> bool:
        programs = [binaries.folder / "postgres", binaries.folder / "initdb"]
        try:
            return all(self.run([program, "--version"]).returncode == 0 for program in programs)
        except OSError:
            return False


def choose_account() -> Account:
    """The account for this process.

    Raises:
        NoAccountError: this is root, namespaces are forbidden, and there is no account to become.
    """
    if os.geteuid() != 0:
        return SameUser()
    if namespaces_allowed():
        return InNamespace()
    for name in _ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return OtherUser(found.pw_uid, found.pw_gid)
    raise _nobody("there is neither a user postgres nor nobody")


def namespaces_allowed() -> bool:
    """Whether this process may make user namespaces."""
    try:
        return _run([*_IN_NAMESPACE, "true"]).returncode == 0
    except OSError:
        return False


def _run(
    command: Sequence[str | Path], *, user: int | None = None, group: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(one) for one in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )


def _nobody(reason: str) -> NoAccountError:
    return NoAccountError(
        f"the embedded PostgreSQL cannot run as root here ({reason}): set TOKEN_LEDGER_DATABASE_URL, or be "
        "another user"
    )
