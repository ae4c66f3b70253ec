"""The text of a checkpoint in its one spelling."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import CheckpointBody, CheckpointError
from ledger.merkle_tree import EMPTY_ROOT
from ledger.signed_note import NoteSigner, open_note

# The example of the specification.
ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
EXAMPLE = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
BODY = CheckpointBody(origin="example.com/behind-the-sofa", size=20852163, root=b64decode(ROOT))


def test_the_example_of_the_specification() -> None:
    assert CheckpointBody.decode(EXAMPLE) == BODY
    assert BODY.encode() == EXAMPLE


def test_the_checkpoint_of_an_empty_tree() -> None:
    body = CheckpointBody(origin="example.com/log42", size=0, root=EMPTY_ROOT)
    assert body.encode() == "example.com/log42\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert CheckpointBody.decode(body.encode()) == body


def test_a_signed_checkpoint_is_a_note_with_the_origin_as_its_name() -> None:
    signer = NoteSigner(BODY.origin, Ed25519PrivateKey.generate())
    note = signer.sign(BODY.encode())

    assert note.startswith(f"{EXAMPLE}\n— example.com/behind-the-sofa ")
    assert CheckpointBody.decode(open_note(note, signer.verifier)) == BODY


@pytest.mark.parametrize("extension", ["one\n", "one\ntwo\n", "20852163\n", " \n"])
def test_extension_lines_are_tolerated(extension: str) -> None:
    assert CheckpointBody.decode(EXAMPLE + extension) == BODY


@pytest.mark.parametrize("origin", ["go.sum database tree", "example.com/a+b", "è", "0"])
def test_an_origin_is_any_line(origin: str) -> None:
    body = CheckpointBody(origin=origin, size=1, root=BODY.root)
    assert CheckpointBody.decode(body.encode()) == body


def test_the_largest_size() -> None:
    body = CheckpointBody(origin="o", size=2**64 - 1, root=BODY.root)
    assert CheckpointBody.decode(body.encode()) == body


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        EXAMPLE[:-1],
        EXAMPLE + "\n",
        EXAMPLE + "one\n\n",
        EXAMPLE + "\none\n",
        EXAMPLE + "one",
        "\n" + EXAMPLE,
        EXAMPLE.partition("\n")[2],
        EXAMPLE.replace("\n", "\r\n"),
        f"o\n{ROOT}\n1\n",
        f"o\n1\n\n{ROOT}\n",
        "o\n1\n",
        "o\n1\n\n",
        *(
            f"o\n{size}\n{ROOT}\n"
            for size in (
                "",
                " 1",
                "1 ",
                "+1",
                "-1",
                "-0",
                "00",
                "01",
                "1_0",
                "1.0",
                "1e3",
                "0x1",
                "\N{ARABIC-INDIC DIGIT ONE}",
                "\N{SUPERSCRIPT TWO}",
                str(2**64),
                "9" * 20,
            )
        ),
        *(
            f"o\n1\n{root}\n"
            for root in (
                "",
                ROOT[:-1],
                ROOT + "=",
                ROOT + " ",
                " " + ROOT,
                ROOT[:-2] + "J=",  # the same bytes, with a bit left over
                ROOT.replace("/", "_"),
                ROOT[:20] + " " + ROOT[20:],
                ROOT + ROOT,
                "AAAA",
                "è",
                BODY.root.hex(),
            )
        ),
    ],
)
def test_every_other_text_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        CheckpointBody.decode(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, BODY.root),
        ("a\nb", 1, BODY.root),
        ("a\x00", 1, BODY.root),
        ("o", -1, BODY.root),
        ("o", 2**64, BODY.root),
        ("o", 1, BODY.root[:-1]),
        ("o", 1, b""),
    ],
)
def test_values_that_no_checkpoint_has_are_refused(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(CheckpointError):
        CheckpointBody(origin=origin, size=size, root=root)


def test_a_size_of_more_digits_than_python_reads_is_refused() -> None:
    with pytest.raises(CheckpointError, match="64 bits"):
        CheckpointBody.decode(f"o\n{'9' * 5000}\n{ROOT}\n")


def test_the_chain_of_recordings_is_the_first_line_below_the_root() -> None:
    body = CheckpointBody("example.com/log", 7, BODY.root, bytes(range(32)))
    text = f"example.com/log\n7\n{ROOT}\nrecordings AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert body.encode() == text
    assert CheckpointBody.decode(text + "another extension\n") == body
    assert CheckpointBody.decode(text.replace("recordings", "recording")).recordings is None


@pytest.mark.parametrize("chain", ["", "AAEC", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", "?"])
def test_a_chain_that_is_none_is_refused(chain: str) -> None:
    with pytest.raises(CheckpointError, match="the chain of recordings is not"):
        CheckpointBody.decode(f"example.com/log\n7\n{ROOT}\nrecordings {chain}\n")
    with pytest.raises(CheckpointError, match="the chain of recordings is not 32 bytes long"):
        CheckpointBody("example.com/log", 7, BODY.root, b"short")
