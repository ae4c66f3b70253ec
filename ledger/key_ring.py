"""The keys of a deployment in memory: immutable rings that answer which key makes and which keys recognise.

A ring is loaded whole and replaced whole (`ledger.key_store.load`). No `repr` shows a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.log_key_ring import LogKeyRing
from ledger.signing_algorithm import SigningKey, VerificationKey


class KeyState(StrEnum):
    """In the order of a key's life; `revoked` can follow any other."""

    NEXT = "next"
    """Known everywhere before it is used."""
    CURRENT = "current"
    """Makes what is new."""
    RETIRING = "retiring"
    """Recognises what it made."""
    REVOKED = "revoked"
    """Neither used nor shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacKeyRing:
    """The keys under which refresh tokens are sealed, by the number (0 to 15) that a token names."""

    current_number: int
    keys: Mapping[int, bytes] = field(repr=False)
    """Next, current and retiring ones."""

    @property
    def current(self) -> bytes:
        return self.keys[self.current_number]

    def key(self, number: int) -> bytes | None:
        """None when there is no such key, or it is revoked."""
        return self.keys.get(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKey:
    """A public key that verifies access tokens; with a time of retirement it no longer signs."""

    key: VerificationKey
    retiring_at: datetime | None

    def verifies_at(self, now: datetime, *, longest_lifetime: timedelta) -> bool:
        """Whether a token that it signed can still be valid."""
        return self.retiring_at is None or now < self.retiring_at + longest_lifetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRing:
    """The keys of access tokens.

    `longest_lifetime` is the longest lifetime of an access token, plus the time for which a process may go on
    signing with a ring that is out of date.
    """

    current: SigningKey
    published: Mapping[str, PublishedKey]
    """Next, current and retiring ones by `kid`."""

    def verification_key(
        self, kid: str, *, now: datetime, longest_lifetime: timedelta
    ) -> VerificationKey | None:
        """None when there is no such key, it is revoked, or the last token that it signed has expired."""
        published = self.published.get(kid)
        if published is None or not published.verifies_at(now, longest_lifetime=longest_lifetime):
            return None
        return published.key

    def jwks(self, *, now: datetime, longest_lifetime: timedelta) -> dict[str, list[dict[str, str]]]:
        """The JWK set (RFC 7517 section 5): public members of the keys that verify tokens now or soon."""
        keys = self.published.values()
        return {
            "keys": [one.key.jwk() for one in keys if one.verifies_at(now, longest_lifetime=longest_lifetime)]
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRings:
    """All keys of a deployment, each for one purpose; the last two are 32 bytes each."""

    access: SigningKeyRing
    refresh: MacKeyRing
    log: LogKeyRing
    """Sign the checkpoints of the sealed log."""
    fingerprint: bytes = field(repr=False)
    """Keys the hashes of addresses and user agents that the ledger remembers."""
    cursor: bytes = field(repr=False)
    """Authenticates the cursors handed to callers."""
