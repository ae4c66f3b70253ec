"""The text of a checkpoint: which log it is, how many leaves it has, and its root (C2SP tlog-checkpoint)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.merkle_tree import HASH_LENGTH
from ledger.strict_base64 import decode_base64, encode_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,19}")
_SIZE_END = 1 << 64
_RECORDINGS = "recordings "
_CONTROL = re.compile(r"[\x00-\x1f]")


class CheckpointError(ValueError):
    """The text is no checkpoint, or the values cannot be one; the message says why."""


@dataclass(frozen=True, slots=True)
class CheckpointBody:
    """What the log signs.

    Raises:
        CheckpointError: the origin is empty or has a control character, the size does not fit 64 bits, or the
            root or the chain is not 32 bytes long.
    """

    origin: str
    size: int
    root: bytes
    recordings: bytes | None = None
    """The chain of `ledger.recordings`, the first line below the root; None: signed by an older version."""

    def __post_init__(self) -> None:
        if not self.origin:
            raise CheckpointError("the origin is empty")
        if _CONTROL.search(self.origin):
            raise CheckpointError("the origin has a control character")
        if not 0 <= self.size < _SIZE_END:
            raise CheckpointError("the size does not fit 64 bits")
        if len(self.root) != HASH_LENGTH:
            raise CheckpointError("the root is not 32 bytes long")
        if self.recordings is not None and len(self.recordings) != HASH_LENGTH:
            raise CheckpointError("the chain of recordings is not 32 bytes long")

    def encode(self) -> str:
        """The text to sign."""
        chain = "" if self.recordings is None else f"{_RECORDINGS}{encode_base64(self.recordings)}\n"
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n{chain}"

    @classmethod
    def decode(cls, text: str) -> CheckpointBody:
        """Read the text of an opened note. Other extension lines may follow; what they say is dropped.

        Raises:
            CheckpointError: a line is missing or empty, or is not spelled as `encode` spells it.
        """
        *lines, rest = text.split("\n")
        if rest:
            raise CheckpointError("the last line does not end")
        if len(lines) < 3:
            raise CheckpointError("a checkpoint has three lines at least")
        if not all(lines):
            raise CheckpointError("a line is empty")
        origin, size, root, *extensions = lines
        if _SIZE.fullmatch(size) is None:
            raise CheckpointError("the size is not a decimal number of 64 bits without leading zeros")
        chain = None
        if extensions and extensions[0].startswith(_RECORDINGS):
            chain = _decoded(extensions[0].removeprefix(_RECORDINGS), "the chain of recordings")
        return cls(origin=origin, size=int(size), root=_decoded(root, "the root"), recordings=chain)


def _decoded(text: str, what: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError:
        raise CheckpointError(f"{what} is not base64 in its one spelling") from None
