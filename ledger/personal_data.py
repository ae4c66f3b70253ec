"""What can be erased of an event: it lies beside the event, which commits to it by a salted hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from ledger.canonical import Json, canonical_json

SALT_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """Of one event; what is None was not known."""

    address: str | None = None
    user_agent: str | None = None
    device_label: str | None = None
    claims: Mapping[str, Json] | None = None
    reason: str | None = None
    """Free text that an actor gave."""
    filter: Mapping[str, Json] | None = None
    """What a bulk run was asked for and is personal: addresses and labels."""

    def encode(self) -> bytes:
        """Canonical JSON, without what is not known."""
        known: dict[str, Json] = {}
        if self.address is not None:
            known["address"] = self.address
        if self.user_agent is not None:
            known["user_agent"] = self.user_agent
        if self.device_label is not None:
            known["device_label"] = self.device_label
        if self.claims:
            known["claims"] = self.claims
        if self.reason is not None:
            known["reason"] = self.reason
        if self.filter:
            known["filter"] = self.filter
        return canonical_json(known)

    @classmethod
    def decode(cls, data: bytes | str) -> PersonalData:
        """The inverse of `encode`."""
        return cls(**orjson.loads(data))


NOTHING_PERSONAL = PersonalData()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaltedPersonalData:
    """Personal data as it is stored."""

    salt: bytes
    data: bytes
    """As `PersonalData.encode` gives it."""

    @property
    def commitment(self) -> bytes:
        """What the event holds instead; without the salt nothing can be guessed from it."""
        return hashlib.sha256(self.salt + self.data).digest()
