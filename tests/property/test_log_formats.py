"""Laws of the log's formats: what is written is read back the same; other text raises the one error."""

from __future__ import annotations

import contextlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.checkpoint import CheckpointBody, CheckpointError
from ledger.signed_note import NoteError, NoteSigner, Verifier, open_note
from ledger.strict_base64 import decode_base64, encode_base64
from ledger.tiles import TILE_WIDTH, Tile, parse_tile_path, tile_path

anything = st.text(st.characters(exclude_categories=[]))
lines = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32), min_size=1)
names = st.text(
    st.characters(exclude_categories=["Cs", "Z"], exclude_characters="+\x85", min_codepoint=33), min_size=1
)
hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, 2**64 - 1)
tiles = st.builds(Tile, level=st.integers(0, 63), index=st.integers(0, 2**56 - 1) | st.integers(0, 2000))
nearly_paths = st.from_regex(r"\Atile/[0-9]{1,3}/(x?[0-9]{1,4}/){0,3}[0-9]{2,4}(\.p/[0-9]{0,4})?\n?\Z")
nearly_checkpoints = st.from_regex(r"\A.{0,3}\n[-+ 0-9]{0,3}\n[A-Za-z0-9+/]{43}={0,2}\n?(.{0,2}\n)?\Z")
nearly_notes = st.builds(
    lambda text, signatures: (
        f"{text}\n" + "".join(f"— {name} {encode_base64(data)}\n" for name, data in signatures)
    ),
    anything,
    st.lists(st.tuples(names | anything, st.binary(max_size=80)), max_size=3),
)
SIGNER = NoteSigner("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@given(tiles, st.integers(1, TILE_WIDTH))
def test_a_tile_path_is_read_back(tile: Tile, width: int) -> None:
    assert parse_tile_path(tile_path(tile, width)) == (tile, width)


@given(anything | nearly_paths)
def test_a_tile_has_one_path(path: str) -> None:
    with contextlib.suppress(ValueError):
        assert tile_path(*parse_tile_path(path)) == path


@given(lines, sizes, hashes, st.none() | hashes)
def test_a_checkpoint_is_read_back(origin: str, size: int, root: bytes, recordings: bytes | None) -> None:
    body = CheckpointBody(origin=origin, size=size, root=root, recordings=recordings)
    assert CheckpointBody.decode(body.encode()) == body


@given(anything | nearly_checkpoints)
def test_a_checkpoint_has_one_text(text: str) -> None:
    with contextlib.suppress(CheckpointError):
        assert text.startswith(CheckpointBody.decode(text).encode())


@given(st.lists(lines | st.just("")), names, st.binary(min_size=32, max_size=32))
def test_a_note_is_opened_to_what_was_signed(text: list[str], name: str, seed: bytes) -> None:
    signer = NoteSigner(name, Ed25519PrivateKey.from_private_bytes(seed))
    signed = "".join(f"{line}\n" for line in [*text, ""])

    assert open_note(signer.sign(signed), signer.verifier) == signed
    assert Verifier.parse(str(signer.verifier)) == signer.verifier


@given(anything | st.binary() | nearly_notes | nearly_notes.map(lambda note: note.encode(errors="replace")))
@example(SIGNER.sign("text\n") + "— a b\n")
def test_no_other_note_is_opened(note: str | bytes) -> None:
    try:
        open_note(note, SIGNER.verifier)
    except NoteError:
        return
    raise AssertionError("a note was opened that nobody signed")


@given(anything | st.builds("{}+{}+{}".format, anything, anything, st.binary().map(encode_base64)))
def test_a_verifier_key_has_one_text(text: str) -> None:
    with contextlib.suppress(NoteError):
        assert str(Verifier.parse(text)) == text


@given(st.binary())
def test_base64_is_read_back(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data


@given(anything | st.from_regex(r"\A[A-Za-z0-9+/=\n]{0,12}\Z"))
def test_bytes_have_one_base64(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert encode_base64(decode_base64(text)) == text
