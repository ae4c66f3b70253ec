"""The text of a checkpoint: which log it is, how many leaves it has, and its root (C2SP tlog-checkpoint)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.merkle_tree import HASH_LENGTH
from ledger.strict_base64 import decode_base64, encode_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,19}")
_SIZE_END = 1 << 64
_CONTROL = re.compile(r"[\x00-\x1f]")


class CheckpointError(ValueError):
    """The text is no checkpoint, or the values cannot be one; the message says why."""


@dataclass(frozen=True, slots=True)
class CheckpointBody:
    """What the log signs.

    Raises:
        CheckpointError: the origin is empty or has a control character, the size does not fit 64 bits, or the
            root is not 32 bytes long.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin:
            raise CheckpointError("the origin is empty")
        if _CONTROL.search(self.origin):
            raise CheckpointError("the origin has a control character")
        if not 0 <= self.size < _SIZE_END:
            raise CheckpointError("the size does not fit 64 bits")
        if len(self.root) != HASH_LENGTH:
            raise CheckpointError("the root is not 32 bytes long")

    def encode(self) -> str:
        """The text to sign, without extension lines."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def decode(cls, text: str) -> CheckpointBody:
        """Read the text of an opened note. Extension lines may follow; what they say is dropped.

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
        origin, size, root, *_extensions = lines
        if _SIZE.fullmatch(size) is None:
            raise CheckpointError("the size is not a decimal number of 64 bits without leading zeros")
        try:
            root_hash = decode_base64(root)
        except ValueError:
            raise CheckpointError("the root is not base64 in its one spelling") from None
        return cls(origin=origin, size=int(size), root=root_hash)
