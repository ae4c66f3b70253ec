"""Which browser is taken, and what is told where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.browser import VARIABLE, NoBrowserError, find_browser


def program(folder: Path, name: str, status: int) -> str:
    made = folder / name
    made.write_text(f"#!/bin/sh\nexit {status}\n")
    made.chmod(0o755)
    return str(made)


def test_the_one_that_is_named_goes_first(tmp_path: Path) -> None:
    program(tmp_path, "chromium", 0)
    named = program(tmp_path, "mine", 0)
    assert find_browser({"PATH": str(tmp_path), VARIABLE: named}) == named


def test_one_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    """As the script of some systems that only says where to get the browser."""
    program(tmp_path, "chromium-browser", 1)
    chrome = program(tmp_path, "google-chrome", 0)
    assert find_browser({"PATH": str(tmp_path)}) == chrome


def test_without_one_it_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoBrowserError, match=VARIABLE):
        find_browser({"PATH": str(tmp_path)})
    with pytest.raises(NoBrowserError, match="mine"):
        find_browser({"PATH": str(tmp_path), VARIABLE: str(tmp_path / "mine")})


def test_an_installation_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho 'E: no such network' >&2\nexit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(NoBrowserError, match="E: no such network"):
        find_browser({"PATH": f"{tmp_path}:/nonexistent"})


def test_root_installs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "chromium"
    ready = tmp_path / "ready"
    ready.mkdir()
    program(ready, "chromium", 0)
    (tmp_path / "apt-get").write_text(
        f'#!/bin/sh\ncase "$*" in *install*) /bin/mv {ready}/chromium {made};; esac\n'
    )
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert find_browser({"PATH": str(tmp_path)}) == str(made)
