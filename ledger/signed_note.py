"""Texts signed with Ed25519, and the keys that verify them (C2SP signed-note).

A note is a text, an empty line, and a line for each signature: an em dash, the name of the key, and base64 of
its id and the signature.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.strict_base64 import decode_base64, encode_base64

LARGEST_NOTE = 1_000_000
"""Bytes of UTF-8."""
MOST_SIGNATURES = 100

_ED25519 = b"\x01"
"""The type of these signatures in the key id and the verifier key."""
_PUBLIC_KEY_LENGTH = 32
_KEY_ID_LENGTH = 4
_SIGNATURE_START = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
"""All ASCII control characters that a note must not have: newline alone is allowed."""


class NoteError(ValueError):
    """A note, a key's name or a verifier key is malformed, or a note is not signed by the key.

    The message says what is wrong and repeats nothing of the note.
    """


class UnsignedError(NoteError):
    """A note has no signature by the key, good or bad."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and its name, which stand for the log that signs.

    Raises:
        NoteError: the name is empty or has a plus, a space or a control character; the key is not 32 bytes.
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public_key) != _PUBLIC_KEY_LENGTH:
            raise NoteError("an Ed25519 public key has 32 bytes")

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read a verifier key, `<name>+<key id in hex>+<base64>`, in its one spelling.

        Raises:
            NoteError: it is malformed, the key is not of Ed25519, or the id is another key's.
        """
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        try:
            key = decode_base64(encoded)
        except ValueError:
            raise NoteError("the verifier key is not <name>+<key id>+<base64>") from None
        if key[:1] != _ED25519:
            raise NoteError("the verifier key is not one of Ed25519")
        verifier = cls(name=name, public_key=key[1:])
        if str(verifier) != text:
            raise NoteError("the verifier key has not the id that belongs to its name and key")
        return verifier

    def __str__(self) -> str:
        """The verifier key, as it is given to those who verify."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(_ED25519 + self.public_key)}"

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell the keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[
            :_KEY_ID_LENGTH
        ]

    def verify(self, text: str, signature: bytes) -> None:
        """Verify a bare signature of a note's text, without the key id that stands before it in a note.

        Raises:
            NoteError: it is not this key's signature of the text.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, UnicodeEncodeError):
            raise NoteError(f"the signature by {self.name} does not fit the text") from None


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key and its name. `repr` does not show the key.

    Raises:
        NoteError: the name is empty or has a plus, a space or a control character.
    """

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        public_key = self.private_key.public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", Verifier(name=self.name, public_key=public_key))

    def sign(self, text: str) -> str:
        """The whole note: the text with this key's signature below it.

        Raises:
            NoteError: the text does not end with a newline, has another control character or what UTF-8
                cannot hold, or makes a note larger than `LARGEST_NOTE`.
        """
        if not text.endswith("\n"):
            raise NoteError("the text does not end with a newline")
        _check_characters(text)
        signature = self.private_key.sign(text.encode())
        line = f"{_SIGNATURE_START}{self.name} {encode_base64(self.verifier.key_id + signature)}\n"
        note = f"{text}\n{line}"
        _check_characters(note)
        return note


def open_note(note: str | bytes, verifier: Verifier) -> str:
    """The text of a note that is signed by the key; signatures by other keys are not looked at.

    Raises:
        NoteError: the note is malformed or beyond the limits, no signature is by this key, or one that says
            it is does not fit the text.
    """
    text, signatures = _parse(note)
    own = [
        signature
        for name, key_id, signature in signatures
        if (name, key_id) == (verifier.name, verifier.key_id)
    ]
    if not own:
        raise UnsignedError(
            f"the note has no signature by {verifier.name} with the key {verifier.key_id.hex()}"
        )
    for signature in own:
        verifier.verify(text, signature)
    return text


def _parse(note: str | bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text, and of each signature the key's name, its id and the bare signature."""
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError:
            raise NoteError("the note is not UTF-8") from None
    _check_characters(note)
    before, separator, after = note.rpartition("\n\n")
    if not separator:
        raise NoteError("the note has no empty line before signatures")
    *lines, rest = after.split("\n")
    if rest:
        raise NoteError("the note's last line does not end")
    if not lines:
        raise NoteError("the note has no signatures")
    if len(lines) > MOST_SIGNATURES:
        raise NoteError(f"the note has more than {MOST_SIGNATURES} signatures")
    return before + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    if not line.startswith(_SIGNATURE_START):
        raise NoteError("a line below the note's text is not a signature")
    name, _, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    _check_name(name)
    try:
        data = decode_base64(encoded)
    except ValueError:
        raise NoteError("a signature is not base64 in its one spelling") from None
    if len(data) <= _KEY_ID_LENGTH:
        raise NoteError("a signature is shorter than a key id and a signature")
    return name, data[:_KEY_ID_LENGTH], data[_KEY_ID_LENGTH:]


def _check_name(name: str) -> None:
    if not name:
        raise NoteError("the key's name is empty")
    if "+" in name or any(character.isspace() for character in name):
        raise NoteError("the key's name has a plus or a space")
    _check_characters(name)


def _check_characters(text: str) -> None:
    """What holds of a note as a whole, and so of each of its parts."""
    if len(text) > LARGEST_NOTE:
        raise NoteError(f"a note has {LARGEST_NOTE} bytes at most")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise NoteError("the note is not UTF-8") from None
    if size > LARGEST_NOTE:
        raise NoteError(f"a note has {LARGEST_NOTE} bytes at most")
    if _CONTROL.search(text):
        raise NoteError("the note has a control character other than newline")
