"""Signed notes as Go's note package writes them, and everything that is not one."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.signed_note import LARGEST_NOTE, NoteError, NoteSigner, Verifier, open_note

# The example of golang.org/x/mod/sumdb/note.
PETER_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
NOTE = f"{TEXT}\n{BY_PETER}"

# A tree head of the Go checksum database, and the key that the go command has built in.
SUM_DATABASE = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
TREE_HEAD = (
    "go.sum database tree\n65209736\n5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=\n"
    "\n— sum.golang.org "
    "Az3grnbssgK7ubgFX36gVETtNv0U23qxyAhAMai2QUfeGa3nB/akvkMdlUErfcZz7l/R3cVtYspg3dxXABkGZZKdsQ8=\n"
)

# The note of the specification, whose key it does not tell.
QUASIMODO = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
    "\n— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)

peter = Verifier.parse(PETER)
enoch = Verifier.parse(ENOCH)


def peters_signer() -> NoteSigner:
    return NoteSigner("PeterNeumann", Ed25519PrivateKey.from_private_bytes(b64decode(PETER_PRIVATE)[1:]))


def signature_line(name: str, data: bytes) -> str:
    return f"— {name} {b64encode(data).decode()}\n"


def test_a_note_is_signed_as_go_signs_it() -> None:
    assert peters_signer().sign(TEXT) == NOTE
    assert str(peters_signer().verifier) == PETER


def test_a_note_that_go_signed_is_opened() -> None:
    assert open_note(NOTE, peter) == TEXT
    assert open_note(NOTE.encode(), peter) == TEXT
    assert open_note(TREE_HEAD, Verifier.parse(SUM_DATABASE)) == TREE_HEAD.partition("\n\n")[0] + "\n"


def test_each_of_several_signers_is_enough() -> None:
    note = f"{TEXT}\n{BY_PETER}{BY_ENOCH}"
    assert open_note(note, peter) == TEXT
    assert open_note(note, enoch) == TEXT


def test_the_text_ends_at_the_last_empty_line() -> None:
    for text in ("\n", "\n\n", "a\n\nb\n", "a\n\n", f"a\n\n{BY_ENOCH}"):
        assert open_note(peters_signer().sign(text), peter) == text
    # The specification's example is well-formed: it gets as far as the missing signature.
    with pytest.raises(NoteError, match="no signature by PeterNeumann"):
        open_note(QUASIMODO, peter)


@pytest.mark.parametrize(
    "line",
    [
        BY_ENOCH,
        signature_line("PeterNeumann", b"\0\0\0\0" + bytes(64)),  # the name alone
        signature_line("Another", peter.key_id + bytes(64)),  # the key id alone
        signature_line("x", b"fourx"),  # another kind of key
        signature_line("x", bytes(5000)),
        signature_line("\N{SNOWMAN}", bytes(68)),
    ],
)
def test_signatures_by_other_keys_are_not_looked_at(line: str) -> None:
    assert open_note(f"{TEXT}\n{line}{BY_PETER}", peter) == TEXT
    assert open_note(f"{TEXT}\n{BY_PETER}{line}", peter) == TEXT
    with pytest.raises(NoteError, match="no signature by PeterNeumann"):
        open_note(f"{TEXT}\n{line}", peter)


def test_a_bad_signature_by_the_key_is_refused_though_a_good_one_stands_beside_it() -> None:
    for bad in (
        signature_line("PeterNeumann", peter.key_id + bytes(64)),
        signature_line("PeterNeumann", peter.key_id + b"short"),
        signature_line("PeterNeumann", b64decode(BY_PETER.split(" ")[2]) + b"\0"),
    ):
        for note in (f"{TEXT}\n{bad}", f"{TEXT}\n{bad}{BY_PETER}", f"{TEXT}\n{BY_PETER}{bad}"):
            with pytest.raises(NoteError, match="does not fit the text"):
                open_note(note, peter)


def test_a_note_whose_text_was_changed_is_refused_at_every_place() -> None:
    for place in range(len(TEXT) - 1):
        for other in (TEXT[:place] + TEXT[place + 1 :], TEXT[:place] + "§" + TEXT[place + 1 :]):
            with pytest.raises(NoteError, match="does not fit the text"):
                open_note(f"{other}\n{BY_PETER}", peter)


def test_a_signature_that_was_changed_is_refused_at_every_bit() -> None:
    data = b64decode(BY_PETER.split(" ")[2])
    for bit in range(8 * len(data)):
        other = (int.from_bytes(data, "big") ^ (1 << bit)).to_bytes(len(data), "big")
        with pytest.raises(NoteError, match=r"does not fit the text|no signature by PeterNeumann"):
            open_note(f"{TEXT}\n{signature_line('PeterNeumann', other)}", peter)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        TEXT + "\n",
        TEXT + BY_PETER,
        "\n" + BY_PETER,
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "Another line.\n",
        NOTE + BY_ENOCH[:-1],
        NOTE.replace("\n", "\r\n"),
        "\x01" + NOTE,
        "\t" + NOTE,
        "\x00" + NOTE,
        "\ud800" + NOTE,
        b"\xff" + NOTE.encode(),
        b"\xed\xa0\x80" + NOTE.encode(),
        NOTE.encode("utf-16"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—"),
        NOTE.replace("— ", " — "),
        NOTE.replace("— ", "—\N{NO-BREAK SPACE}"),
        NOTE.replace("— ", "—  "),
        NOTE.replace("PeterNeumann", "Peter Neumann"),
        NOTE.replace("PeterNeumann", "Peter+Neumann"),
        NOTE.replace("PeterNeumann", "Peter\N{NO-BREAK SPACE}Neumann"),
        NOTE.replace("PeterNeumann", "Peter\N{IDEOGRAPHIC SPACE}Neumann"),
        NOTE.replace("PeterNeumann", ""),
        NOTE.replace("PeterNeumann ", "PeterNeumann  "),
        NOTE.replace("AM=\n", "AM\n"),
        NOTE.replace("AM=\n", "AM= \n"),
        NOTE.replace("AM=\n", "AM==\n"),
        NOTE.replace("AM=\n", "AN=\n"),  # the same bytes, with a bit left over
        NOTE.replace("x08go/", "x08go_"),
        NOTE.replace("x08go/", "x08g o/"),
        f"{TEXT}\n— PeterNeumann\n",
        f"{TEXT}\n— PeterNeumann \n",
        f"{TEXT}\n— PeterNeumann x08gow==\n",
    ],
)
def test_a_malformed_note_is_refused(note: str | bytes) -> None:
    with pytest.raises(NoteError) as caught:
        open_note(note, peter)
    assert "does not fit" not in str(caught.value)
    assert "no signature by" not in str(caught.value)


def test_a_hundred_signatures_are_taken_and_no_more() -> None:
    assert open_note(f"{TEXT}\n" + BY_ENOCH * 99 + BY_PETER, peter) == TEXT
    with pytest.raises(NoteError, match="more than 100 signatures"):
        open_note(f"{TEXT}\n" + BY_ENOCH * 100 + BY_PETER, peter)


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\rb\n", "a\x00\n", "\ud800\n"])
def test_what_could_not_be_opened_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        peters_signer().sign(text)


def test_the_largest_note_is_signed_and_opened() -> None:
    longest = LARGEST_NOTE - len(f"\n\n{BY_PETER}".encode())
    text = "x" * longest + "\n"
    assert open_note(peters_signer().sign(text), peter) == text
    for too_long in ("x" + text, "x" * LARGEST_NOTE + "\n", "è" * (LARGEST_NOTE // 2) + "\n"):
        with pytest.raises(NoteError, match="at most"):
            peters_signer().sign(too_long)
        with pytest.raises(NoteError, match="at most"):
            open_note(f"{too_long}\n{BY_PETER}", peter)


@pytest.mark.parametrize("key", [PETER, ENOCH, SUM_DATABASE])
def test_a_verifier_key_is_written_as_it_was_read(key: str) -> None:
    assert str(Verifier.parse(key)) == key


def test_every_changed_verifier_key_is_refused() -> None:
    others = {PETER[:place] + chr(ord(one) + 1) + PETER[place + 1 :] for place, one in enumerate(PETER)}
    others |= {PETER[start:end] for start in range(len(PETER)) for end in range(start, len(PETER) + 1)}
    others -= {PETER}
    others |= {PETER + "\n", " " + PETER, PETER.replace("c74f20a3", "C74F20A3"), PETER.replace("+", " "), ""}
    for other in others:
        with pytest.raises(NoteError):
            Verifier.parse(other)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEQ==", "has 32 bytes"),
        ("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "not one of Ed25519"),
        (PETER.replace("c74f20a3", "c74f20a4"), "has not the id"),
        (PETER.replace("PeterNeumann", "EnochRoot"), "has not the id"),
        (PETER[:-1], "is not <name>"),
    ],
)
def test_a_refused_verifier_key_is_told_why(key: str, message: str) -> None:
    with pytest.raises(NoteError, match=message):
        Verifier.parse(key)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "a+b",
        "+",
        "a\nb",
        "a\tb",
        "a\x00",
        "a\N{NO-BREAK SPACE}",
        "a\N{LINE SEPARATOR}",
        "a\x85",
        "\ud800",
    ],
)
def test_a_name_that_no_note_can_have_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        Verifier(name, peter.public_key)
    with pytest.raises(NoteError):
        NoteSigner(name, Ed25519PrivateKey.generate())


def test_a_public_key_has_32_bytes() -> None:
    with pytest.raises(NoteError, match="32 bytes"):
        Verifier("name", bytes(31))


def test_a_signer_does_not_show_its_key() -> None:
    assert "Ed25519PrivateKey" not in repr(peters_signer())


def test_a_bare_signature_is_verified() -> None:
    signature = b64decode(BY_PETER.split(" ")[2])[4:]
    peter.verify(TEXT, signature)
    for text, other in ((TEXT + "x", signature), (TEXT, bytes(64)), (TEXT, b""), ("\ud800", signature)):
        with pytest.raises(NoteError, match="does not fit the text"):
            peter.verify(text, other)
