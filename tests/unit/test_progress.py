"""Work that takes long says how far it is, where no terminal shows a bar."""

from __future__ import annotations

import pytest

from api.cli import progress as module
from api.cli.progress import progress


def test_a_line_says_how_far_it_is_and_how_fast(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    with progress("export", unit="events") as report:
        report(5000, 90_000, 5000)  # done before
        for done in (10_000, 15_000, 90_000):
            seconds[0] += 2.5
            report(done, 90_000, done)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "export: 15000 of 90000 events, 2000 events/s\n"


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("export", unit="events") as report:
        report(0, 10, 0)
        report(10, 10, 10)
    assert capsys.readouterr().err == ""
