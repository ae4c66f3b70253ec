"""The refresh token: a ratchet of 97 ASCII characters that needs no secret at rest.

`tlrt_` + base64url-no-padding(
    version 1 byte | family_id 16 | generation 4 big-endian | secret 32 | mac 16
)

The high half of the version byte is the format (1), the low half the number of the mac key. A token whose
mac is wrong is turned away before anything is read from the database.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

PREFIX = "tlrt_"
TOKEN_LENGTH = 97
SECRET_LENGTH = 32
NONCE_LENGTH = 32
_FORMAT = 1
_MAC_LENGTH = 16
_BODY_LENGTH = 1 + 16 + 4 + SECRET_LENGTH
_MAXIMUM_GENERATION = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token says. `repr` leaves the secret out."""

    family_id: UUID
    generation: int
    secret: bytes

    def __repr__(self) -> str:
        return f"RefreshToken(family_id={self.family_id}, generation={self.generation})"


def secret_hash(secret: bytes) -> bytes:
    """SHA-256 of a secret: all that is ever stored of it."""
    return hashlib.sha256(secret).digest()


def same_hash(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


def successor_secret(secret: bytes, *, family_id: UUID, generation: int, nonce: bytes) -> bytes:
    """The secret of `generation`, derived from the secret of the generation before it."""
    message = b"".join((b"tlrt succ", family_id.bytes, generation.to_bytes(4, "big"), nonce))
    return hmac.digest(secret, message, "sha256")


def encode(token: RefreshToken, *, key_number: int, key: bytes) -> str:
    """Write a token, its mac made with the mac key of that number (0 to 15)."""
    body = b"".join(
        (
            bytes((_FORMAT << 4 | key_number,)),
            token.family_id.bytes,
            token.generation.to_bytes(4, "big"),
            token.secret,
        )
    )
    mac = hmac.digest(key, body, "sha256")[:_MAC_LENGTH]
    return PREFIX + urlsafe_b64encode(body + mac).decode("ascii")


def key_number(text: str) -> int | None:
    """The number of the mac key that a token names; None when it has not the form of a token."""
    raw = _bytes(text)
    return None if raw is None else raw[0] & 0x0F


def decode(text: str, *, key: Callable[[int], bytes | None]) -> RefreshToken | None:
    """Read a token; None unless it is exactly the one spelling of a token with the right mac.

    `key` gives the mac key of a number, None when there is none.
    """
    raw = _bytes(text)
    if raw is None:
        return None
    mac_key = key(raw[0] & 0x0F)
    if mac_key is None:
        return None
    body, mac = raw[:_BODY_LENGTH], raw[_BODY_LENGTH:]
    if not hmac.compare_digest(hmac.digest(mac_key, body, "sha256")[:_MAC_LENGTH], mac):
        return None
    return RefreshToken(
        family_id=UUID(bytes=body[1:17]),
        generation=int.from_bytes(body[17:21], "big"),
        secret=body[21:],
    )


def _bytes(text: str) -> bytes | None:
    if len(text) != TOKEN_LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return None
    encoded = text[len(PREFIX) :]
    try:
        raw = urlsafe_b64decode(encoded)
    except ValueError:
        return None
    # The decoder skips characters outside its alphabet; only the canonical spelling comes back the same.
    if urlsafe_b64encode(raw).decode("ascii") != encoded or raw[0] >> 4 != _FORMAT:
        return None
    return raw
