"""Cursors: where a page ended, sealed for one list and one filter."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

from api.graphql.errors import BadUserInputError

_MAC_LENGTH = 16
_LONGEST = 200


class Cursors:
    """Makes and reads cursors under one key."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        """`key` gives the key of the moment."""
        self._key = key

    def encode(self, scope: str, position: bytes) -> str:
        """`scope` names the list and its filter; a cursor is of use there only."""
        return urlsafe_b64encode(position + self._mac(scope, position)).rstrip(b"=").decode("ascii")

    def decode(self, scope: str, text: str, *, length: int) -> bytes:
        """The position, `length` bytes.

        Raises:
            BadUserInputError: the cursor was changed, is of another list, or is none at all.
        """
        raw = _decoded(text) if len(text) <= _LONGEST else b""
        position, mac = raw[:-_MAC_LENGTH], raw[-_MAC_LENGTH:]
        known = len(position) == length and hmac.compare_digest(mac, self._mac(scope, position))
        if not known or self.encode(scope, position) != text:
            raise BadUserInputError("`after` must be a cursor that this list gave with the same filter.")
        return position

    def _mac(self, scope: str, position: bytes) -> bytes:
        message = len(position).to_bytes(2, "big") + position + scope.encode()
        return hmac.digest(self._key(), message, "sha256")[:_MAC_LENGTH]


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
