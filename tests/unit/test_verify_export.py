"""An export is what was signed, or the first thing that is wrong with it is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.checkpoint import CheckpointBody
from ledger.export.fault import ExportFaultError
from ledger.export.manifest import MANIFEST_NAME
from ledger.export.verification import Verified, verify_export
from ledger.merkle_tree import Frontier
from ledger.signed_note import NoteSigner, Verifier
from tests.made_exports import (
    ORIGIN,
    OTHER_SIGNER,
    SIGNER,
    Leaf,
    edit_line,
    forged,
    hide,
    made_log,
    written,
)

LOG = made_log(seed=7, count=35)
EVENTS, PERSONAL = "events-000000000010.jsonl", "personal-data-000000000010.jsonl"


def verified(directory: Path, *verifiers: Verifier) -> Verified:
    return verify_export(directory, verifiers or (SIGNER.verifier,), report=lambda _done, _total: None)


def fault(directory: Path, *verifiers: Verifier) -> str:
    with pytest.raises(ExportFaultError) as caught:
        verified(directory, *verifiers)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An export in which nothing is wrong."""
    written(tmp_path, LOG)
    return tmp_path


def test_a_good_export_is_verified_and_counted(directory: Path) -> None:
    found = verified(directory)
    tree = Frontier()
    for leaf in LOG:
        tree.append(leaf.hash)
    assert found.checkpoint == CheckpointBody(ORIGIN, 35, tree.root())
    streams = {leaf.stream for leaf in LOG}
    assert (found.streams, found.links) == (len(streams), 35 - len(streams))
    assert (found.begun_before, found.removed, found.absent) == (0, 0, [])
    assert found.personal_data == sum(leaf.salt is not None for leaf in LOG) == 28
    assert found.without_personal_data == 0
    assert found.trusted
    assert found.manifest_hash == hashlib.sha256((directory / MANIFEST_NAME).read_bytes()).digest()


def test_without_a_key_from_elsewhere_only_agreement_is_told(directory: Path) -> None:
    assert not verify_export(directory, None, report=lambda _done, _total: None).trusted


def test_one_of_several_keys_of_the_log_is_enough(directory: Path) -> None:
    assert verified(directory, OTHER_SIGNER.verifier, SIGNER.verifier).trusted


@pytest.mark.parametrize("first_index", range(1, 35))
def test_a_part_of_the_log_leads_to_the_same_root_from_its_left_edge(
    tmp_path: Path, first_index: int
) -> None:
    written(tmp_path, LOG, first_index=first_index)
    found = verified(tmp_path)
    before = {leaf.stream for leaf in LOG[:first_index]}
    assert found.begun_before == len(before & {leaf.stream for leaf in LOG[first_index:]})
    assert found.streams == len({leaf.stream for leaf in LOG[first_index:]})


def test_personal_data_that_was_erased_or_taken_away_is_counted_and_not_missed(tmp_path: Path) -> None:
    erased = [replace(leaf, salt=None, data=None) if number < 12 else leaf for number, leaf in enumerate(LOG)]
    written(tmp_path, erased)
    (tmp_path / "personal-data-000000000020.jsonl").unlink()
    found = verified(tmp_path)
    assert found.absent == ["personal-data-000000000020.jsonl"]
    assert found.personal_data == sum(leaf.salt is not None for leaf in LOG[12:20] + LOG[30:])
    assert found.without_personal_data == 28 - found.personal_data


def test_of_a_removed_event_the_hash_is_enough(tmp_path: Path) -> None:
    gone = LOG[0].stream
    kept = [replace(leaf, text=None, salt=None) if leaf.stream == gone else leaf for leaf in LOG]
    written(tmp_path, kept)
    found = verified(tmp_path)
    assert found.removed == sum(leaf.stream == gone for leaf in LOG)


def test_an_event_cannot_be_hidden_as_removed_while_its_stream_goes_on(tmp_path: Path) -> None:
    second = next(number for number, leaf in enumerate(LOG) if leaf.version == 2)
    hidden = [
        replace(leaf, text=None, salt=None) if number == second else leaf for number, leaf in enumerate(LOG)
    ]
    written(tmp_path, hidden)
    assert f"stream {LOG[second].stream} goes from version 1 to 3: it has a hole" in fault(tmp_path)


# ------------------------------------------------------------------------------- files that are not the ones


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def without_a_line(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3] + lines[4:]))


def without_the_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def with_a_line_more(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))


def recorded_earlier(path: Path) -> None:
    edit_line(path, 2, lambda line: line.update(recorded_at="2020-01-01T00:00:00.000000Z"))


def spaced(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"leaf":', b'"leaf": ', 1))


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\x00" * 100 + b"\n")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_off, f"{EVENTS}: line 10 does not end: the file was cut off"),
        (without_a_line, f"{EVENTS}, leaf 13: leaf 13 is missing here: the line is of leaf 14"),
        (without_the_last_line, f"{EVENTS}: has 9 lines, the manifest says 10: it was cut off"),
        (with_a_line_more, f"{EVENTS}: has more lines than the 10 of the manifest"),
        (recorded_earlier, f"{EVENTS}: is not the file of the manifest: it was changed"),
        (spaced, f"{EVENTS}: line 1 is not spelled as an export spells it"),
        (garbage, f"{EVENTS}: line 1 is no JSON"),
        (emptied, f"{EVENTS}: has 0 lines, the manifest says 10: it was cut off"),
        (Path.unlink, f"{EVENTS}: cannot be read (No such file or directory)"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(
    directory: Path, damage: Callable[[Path], None], told: str
) -> None:
    damage(directory / EVENTS)
    assert fault(directory) == told


def test_a_file_that_the_manifest_does_not_name_is_told(directory: Path) -> None:
    (directory / "notes.txt").write_text("from the auditor")
    (directory / "events-000000000035.jsonl").write_bytes(b"")
    assert fault(directory) == "events-000000000035.jsonl: the manifest does not name it"


# ------------------------------------------------------------------------------------- the manifest, the key


def test_an_export_without_a_manifest_is_not_complete(directory: Path) -> None:
    (directory / MANIFEST_NAME).unlink()
    assert "the export is not complete" in fault(directory)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"version": 1', '"version": 2', "is of version 2; this program reads version 1"),
        ('"version": 1', '"version": null', "names no version"),
        ('"version": 1', '"version": 1, "more": 1', "is malformed at more"),
        ('"format": "jsonl"', '"format": "csv"', "is malformed at format"),
        ('"count": 35', '"count": -35', "is malformed at count"),
        ('"count": 35', '"count": 35.0', "is malformed at count"),
        ('"count": 35', '"count":  35', "is not spelled as an export spells it"),
        ('"count": 35', '"count": 34', "the checkpoint covers 35 leaves, the export goes from 0 to 34"),
        (
            '"first_index": 0',
            '"first_index": 1',
            "the checkpoint covers 35 leaves, the export goes from 1 to 36",
        ),
        ('"origin": "ledger', '"origin": "lodger', "the checkpoint is of the log ledger.example.com/log"),
        ('"verifier_key": "', '"verifier_key": "x', "has not the id that belongs to its name and key"),
        ("{", "[{", "is no JSON"),
        ('"name": "events-000000000010', '"name": "../events-000000000010', "are not listed"),
        ('"personal_data": false', '"personal_data": true', "are not listed"),
    ],
)
def test_a_manifest_that_is_none_or_another_is_told(
    directory: Path, before: str, after: str, told: str
) -> None:
    path = directory / MANIFEST_NAME
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    assert fault(directory).startswith(f"{MANIFEST_NAME}: ")
    assert told in fault(directory)


def test_another_key_than_the_one_given_is_told(directory: Path) -> None:
    assert "is not the one given" in fault(directory, OTHER_SIGNER.verifier)


def test_whoever_signs_again_with_a_key_of_their_own_is_found_by_the_given_key(tmp_path: Path) -> None:
    written(tmp_path, LOG, signer=OTHER_SIGNER)
    assert not verify_export(tmp_path, None, report=lambda _done, _total: None).trusted
    assert "is not the one given" in fault(tmp_path)


def test_the_checkpoint_of_another_log_is_told(directory: Path) -> None:
    other = NoteSigner("other.example.com/log", SIGNER.private_key)
    note = other.sign(CheckpointBody(other.name, 35, bytes(32)).encode())
    hide(directory, checkpoint=note)
    assert "the checkpoint is not good" in fault(directory)
    hide(directory, verifier_key=str(other.verifier), origin=other.name)
    assert "is not the one given" in fault(directory)


def test_a_checkpoint_of_the_same_log_that_was_signed_earlier_is_told(
    directory: Path, tmp_path: Path
) -> None:
    earlier = written(tmp_path / "earlier", LOG[:20])
    hide(directory, checkpoint=earlier.checkpoint)
    assert "the checkpoint covers 20 leaves" in fault(directory)


def test_a_signature_that_was_changed_is_told(directory: Path) -> None:
    text = json.loads((directory / MANIFEST_NAME).read_bytes())["checkpoint"]
    hide(directory, checkpoint=text.replace("\n35\n", "\n36\n"))
    assert "the checkpoint is not good" in fault(directory)


@pytest.mark.parametrize(
    "change", [lambda edge: edge[::-1], lambda edge: edge[1:], lambda edge: (bytes(32), *edge[1:])]
)
def test_a_left_edge_that_is_not_the_logs_is_told(tmp_path: Path, change: Callable[[Any], Any]) -> None:
    manifest = written(tmp_path, LOG, first_index=13)
    hide(tmp_path, left_edge=change(manifest.left_edge))
    assert "left edge" in fault(tmp_path)


# ------------------------------------------------------------- changes that are hidden by a fitting manifest


def swapped(leaves: list[Leaf]) -> list[Leaf]:
    first = next(
        number for number in range(len(leaves) - 1) if leaves[number].stream != leaves[number + 1].stream
    )
    leaves[first], leaves[first + 1] = leaves[first + 1], leaves[first]
    return leaves


def last_of_its_stream_changed(leaves: list[Leaf]) -> list[Leaf]:
    leaves[-1] = forged(leaves[-1], actor="operator")
    return leaves


def changed_within(leaves: list[Leaf]) -> list[Leaf]:
    leaves[0] = forged(leaves[0], actor="operator")
    return leaves


def twice(leaves: list[Leaf]) -> list[Leaf]:
    return [*leaves[:-2], leaves[-3], leaves[-1]]


def stream_without_its_begin(leaves: list[Leaf]) -> list[Leaf]:
    return [forged(leaves[0], version=3), *leaves[1:]]


def begin_with_a_past(leaves: list[Leaf]) -> list[Leaf]:
    return [forged(leaves[0], previous="00" * 32), *leaves[1:]]


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (swapped, "the leaves do not lead to the signed root"),
        (last_of_its_stream_changed, "the leaves do not lead to the signed root"),
        (changed_within, "is not chained to its event before"),
        (twice, "it has a hole"),
        (stream_without_its_begin, "begins with version 3"),
        (begin_with_a_past, "begins with an event that names one before it"),
    ],
)
def test_leaves_that_were_changed_together_with_their_hashes_are_found(
    tmp_path: Path, forge: Callable[[list[Leaf]], list[Leaf]], told: str
) -> None:
    written(tmp_path, forge(list(LOG)), root_of=LOG)
    assert told in fault(tmp_path)


def test_a_leaf_that_has_not_its_hash_is_named(directory: Path) -> None:
    edit_line(directory / EVENTS, 4, lambda line: line.update(leaf=line["leaf"].replace("ada", "eve")))
    hide(directory)
    assert (
        fault(directory)
        == f"{EVENTS}, leaf 14: the leaf was changed: it has another hash than the one beside it"
    )


def test_events_left_out_at_the_end_are_told(directory: Path) -> None:
    for path in (directory / "events-000000000030.jsonl", directory / "personal-data-000000000030.jsonl"):
        path.write_bytes(b"")
    hide(directory)
    assert "the checkpoint covers 35 leaves, the export goes from 0 to 30" in fault(directory)
    hide(directory, count=35)
    assert "it ends at leaf 30, the checkpoint covers 35" in fault(directory)


def test_a_line_that_is_no_leaf_is_told(directory: Path) -> None:
    def no_leaf(line: dict[str, Any]) -> None:
        line["leaf"] = '{"stream":"x","version":1}'
        line["leaf_hash"] = hashlib.sha256(b"\x00" + line["leaf"].encode()).hexdigest()

    edit_line(directory / EVENTS, 4, no_leaf)
    hide(directory)
    assert fault(directory) == f"{EVENTS}, leaf 14: holds a leaf without a stream and version"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": '{"address":"198.51.100.1"}'}, "the personal data was changed"),
        ({"salt": "00" * 32}, "the personal data was changed"),
        ({"version": 9}, "the record is of another event than the leaf"),
        ({"stream": "00000000-0000-0000-0000-000000000000"}, "the record is of another event than the leaf"),
        ({"leaf_index": 15}, "there is personal data, and the event commits to none"),
        ({"leaf_index": 9}, "the record is of no event with personal data in its place"),
    ],
)
def test_personal_data_that_its_event_does_not_commit_to_is_told(
    directory: Path, change: dict[str, Any], told: str
) -> None:
    # The fourth record of the file is of leaf 14; leaf 15 has no personal data.
    assert LOG[15].salt is None
    place = {leaf: number for number, leaf in enumerate(n for n in range(10, 20) if LOG[n].salt is not None)}[
        14
    ]
    if "leaf_index" in change and change["leaf_index"] == 15:
        change = {**change, "stream": str(LOG[15].stream), "version": LOG[15].version}
    edit_line(directory / PERSONAL, place, lambda line: line.update(change))
    hide(directory)
    assert told in fault(directory)
