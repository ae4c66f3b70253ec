"""Standard base64 with padding (RFC 4648 section 4) in its one spelling, as notes and checkpoints have it."""

from __future__ import annotations

from base64 import b64decode, b64encode


def encode_base64(data: bytes) -> str:
    """With padding and without line breaks."""
    return b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The inverse of `encode_base64`.

    Raises:
        ValueError: missing padding, white space, another alphabet, or bits left over that are not zero.
    """
    data = b64decode(text, validate=True)
    # The decoder takes several spellings of some bytes; only the one comes back the same.
    if encode_base64(data) != text:
        raise ValueError("not base64 in its one spelling")
    return data
