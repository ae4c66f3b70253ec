"""Whatever is done to the bytes of an export, it is found, or is told to be what it is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cli.main import token_ledger
from ledger.export.fault import ExportFaultError
from ledger.export.manifest import MANIFEST_NAME
from ledger.export.verification import verify_export
from ledger.signed_note import Verifier
from tests.made_exports import SIGNER, hide, made_log, written

LOG = made_log(seed=11, count=25)
FIRST_INDEX = 3
_KINDS_OF_EDIT = ("replace", "insert", "delete", "cut off", "repeat", "swap lines")


def _made() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        written(directory, LOG, first_index=FIRST_INDEX)
        return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


GOOD = _made()


def edited(data: bytes, kind: str, place: float, more: bytes) -> bytes:
    """The bytes after an edit, somewhere in them."""
    at = int(place * len(data))
    match kind:
        case "replace":
            return data[:at] + more + data[at + len(more) :]
        case "insert":
            return data[:at] + more + data[at:]
        case "delete":
            return data[:at] + data[at + len(more) :]
        case "cut off":
            return data[:at]
        case "repeat":
            return data[:at] + data[max(0, at - len(more)) :]
        case _:
            lines = data.splitlines(keepends=True)
            first = int(place * (len(lines) - 1))
            lines[first : first + 2] = reversed(lines[first : first + 2])
            return b"".join(lines)


@contextmanager
def edited_export(edits: list[tuple[str, str, float, bytes]]) -> Iterator[Path]:
    """An export with those edits."""
    files = dict(GOOD)
    for name, kind, place, more in edits:
        files[name] = edited(files[name], kind, place, more)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for file, data in files.items():
            (directory / file).write_bytes(data)
        yield directory


def fault(directory: Path, keys: list[Verifier] | None) -> str | None:
    """What is wrong with it; None: nothing."""
    try:
        verify_export(directory, keys, report=lambda _done, _total: None)
    except ExportFaultError as error:
        return str(error)
    return None


def _is_good(directory: Path) -> bool:
    return {path.name: path.read_bytes() for path in directory.iterdir()} == GOOD


def _edit(names: list[str]) -> st.SearchStrategy[tuple[str, str, float, bytes]]:
    byte = st.binary(min_size=1, max_size=1)
    bit_like = st.sampled_from([b"0", b"1", b"a", b'"', b"\n", b" ", b"}", b"[", b"\\", b"\xff", b"\x00"])
    return st.tuples(
        st.sampled_from(names),
        st.sampled_from(_KINDS_OF_EDIT),
        st.floats(0, 1, exclude_max=True),
        st.one_of(byte, bit_like, st.binary(min_size=1, max_size=40)),
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(_edit(sorted(GOOD)), min_size=1, max_size=2), st.booleans())
def test_every_edit_is_found_with_the_key_and_without(
    edits: list[tuple[str, str, float, bytes]], with_key: bool
) -> None:
    with edited_export(edits) as directory:
        told = fault(directory, [SIGNER.verifier] if with_key else None)
        assert (told is None) == _is_good(directory), told
        assert told is None or "\n" not in told


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(_edit([name for name in sorted(GOOD) if name != MANIFEST_NAME]), min_size=1, max_size=3))
def test_edits_that_a_fitting_manifest_hides_change_no_leaf_and_no_personal_data(
    edits: list[tuple[str, str, float, bytes]],
) -> None:
    with edited_export(edits) as directory:
        hide(directory)
        if fault(directory, [SIGNER.verifier]) is not None:
            return
        for name, good in GOOD.items():
            lines = (directory / name).read_bytes().splitlines()
            if name.startswith("events-"):
                assert [_proved(line) for line in lines] == [_proved(line) for line in good.splitlines()]
            elif name.startswith("personal-data-"):
                assert set(lines) <= set(good.splitlines())


def _proved(line: bytes) -> tuple[object, ...]:
    parsed = json.loads(line)
    return parsed["leaf_index"], parsed["leaf_hash"], parsed["leaf"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(_edit(sorted(GOOD)))
def test_the_command_tells_one_line_and_ends_with_one(edit: tuple[str, str, float, bytes]) -> None:
    with edited_export([edit]) as directory:
        done = CliRunner().invoke(token_ledger, ["verify-export", str(directory)])
        assert done.exit_code == (0 if _is_good(directory) else 1), done
        if done.exit_code:
            assert (done.stdout, done.stderr.count("\n")) == ("", 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_anything_as_a_manifest_is_told_in_one_line(data: bytes) -> None:
    with edited_export([]) as directory:
        (directory / MANIFEST_NAME).write_bytes(data)
        told = fault(directory, None)
        assert told is not None
        assert told.startswith(f"{MANIFEST_NAME}: ")
