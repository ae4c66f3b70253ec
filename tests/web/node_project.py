"""A Node project with the libraries that the client has adapters for, and the client as npm packs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "web" / "client"
PROJECT = Path(__file__).parent / "adapters"
NO_REGISTRY = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b|E5\d\d"
)
"""What npm says where the registry cannot be reached."""


@dataclass(frozen=True, slots=True)
class NodeProject:
    """An installed project; `packed` are the names of the files in the client's package."""

    directory: Path
    packed: list[str]

    def run(self, *command: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in it, with the project's own programs first in the path."""
        path = f"{self.directory / 'node_modules' / '.bin'}:{os.environ['PATH']}"
        return subprocess.run(
            command,
            cwd=self.directory,
            env={**os.environ, **(environ or {}), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


def npm(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"]
    return subprocess.run(
        ["npm", *arguments, *quiet], cwd=directory, capture_output=True, text=True, check=False, timeout=240
    )


def node_project(parent: Path) -> NodeProject:
    """The project, installed into a directory of a parent once; skips, saying why, where that cannot be."""
    project = _installed(parent / "adapters")
    if isinstance(project, str):
        pytest.skip(f"{project}: the browser client's adapters and snippets are not tested")
    return project


@cache
def _installed(directory: Path) -> NodeProject | str:
    """The project, or what there is none for."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    shutil.copytree(PROJECT, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    installed = npm(directory, "ci", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=20000")
    if installed.returncode and (found := NO_REGISTRY.search(installed.stderr)):
        return f"npm reaches no registry ({found[0]})"
    assert installed.returncode == 0, installed.stdout + installed.stderr
    packed = npm(CLIENT, "pack", "--json", "--pack-destination", str(directory))
    assert packed.returncode == 0, packed.stderr
    told = json.loads(packed.stdout)
    (package,) = told if isinstance(told, list) else told.values()
    unpacked = directory / "node_modules" / "@token-ledger"
    with tarfile.open(directory / package["filename"]) as archive:
        archive.extractall(unpacked, filter="data")
    (unpacked / "package").rename(unpacked / "client")
    return NodeProject(directory, sorted(file["path"] for file in package["files"]))
