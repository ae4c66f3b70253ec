"""Seals the keys that lie in the database under the deployment's `SECRET_KEY`, which does not lie there.

To change `SECRET_KEY` on several machines: give `old,new` everywhere, then `new,old` (keys are resealed when
the service starts), then `new` alone. No process then meets a key that it cannot open.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LENGTH = 32
_NONCE_LENGTH = 12


class KeySealingError(Exception):
    """No value of `SECRET_KEY` opens what was sealed; or it was changed, or sealed for another context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKey:
    """One value or two: the first seals, both open. `repr` shows neither."""

    values: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """Read 32 bytes in base64 (standard or URL-safe alphabet, padded or not), or two such with a comma.

        Raises:
            ValueError: it is not that; the message says how to make one and repeats nothing of it.
        """
        parts = text.split(",")
        if len(parts) > 2:
            raise ValueError(f"SECRET_KEY takes one value or two with a comma, not {len(parts)}")
        return cls(values=tuple(_bytes(part.strip()) for part in parts))

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        """Encrypt under the first value: nonce 12 | AES-256-GCM ciphertext and tag.

        `context` says what is sealed and for whom; it is not stored, and `open` needs the same one.
        """
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return nonce + AESGCM(self.values[0]).encrypt(nonce, plain, context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """The plain bytes.

        Raises:
            KeySealingError: neither value opens it with this context.
        """
        for value in self.values:
            plain = _opened(value, sealed, context)
            if plain is not None:
                return plain
        raise KeySealingError("SECRET_KEY does not open this key")

    def reseal(self, sealed: bytes, *, context: bytes) -> bytes | None:
        """The same sealed under the first value; None when the first value opens it already.

        Raises:
            KeySealingError: neither value opens it with this context.
        """
        if _opened(self.values[0], sealed, context) is not None:
            return None
        return self.seal(self.open(sealed, context=context), context=context)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for a purpose (HKDF-SHA256, RFC 5869), the same wherever the first value is the same.

        They change when the first value does: only for what may be made anew without harm.
        """
        info = b"token-ledger derive " + purpose.encode()
        return HKDF(algorithm=SHA256(), length=_LENGTH, salt=None, info=info).derive(self.values[0])


def _bytes(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        value = b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        value = b""
    if len(value) != _LENGTH:
        raise ValueError("SECRET_KEY must be 32 bytes in base64: make one with `openssl rand -base64 32`")
    return value


def _opened(value: bytes, sealed: bytes, context: bytes) -> bytes | None:
    try:
        return AESGCM(value).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], context)
    except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
        return None
