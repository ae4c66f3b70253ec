"""The keys of the log: one signs its checkpoints, several may have signed them."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.checkpoint import CheckpointBody
from ledger.signed_note import NoteError, NoteSigner, UnsignedError, Verifier, open_note
from ledger.signing_algorithm import SigningKey, VerificationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeyRing:
    """The current key signs; next, current and retiring ones are known. A log's name is its origin."""

    current: SigningKey
    known: tuple[VerificationKey, ...]
    revoked: tuple[VerificationKey, ...] = ()
    """What they signed is worth nothing to others. It still is what the log must lead on from."""

    def signer(self, origin: str) -> NoteSigner:
        """Signs as this log."""
        private_key = self.current.private_key
        assert isinstance(private_key, Ed25519PrivateKey)  # noqa: S101 - log keys are made so
        return NoteSigner(origin, private_key)

    def verifiers(self, origin: str) -> tuple[Verifier, ...]:
        """Of the known keys."""
        return tuple(verifier_of(one, origin) for one in self.known)

    def open(self, note: str, origin: str) -> CheckpointBody:
        """The checkpoint that one of the keys signed, a revoked one too.

        Raises:
            NoteError: none did, or the note is malformed.
            ledger.checkpoint.CheckpointError: what is signed is no checkpoint, or another log's.
        """
        revoked = tuple(verifier_of(one, origin) for one in self.revoked)
        return open_checkpoint(note, (*self.verifiers(origin), *revoked))


def verifier_of(key: VerificationKey, origin: str) -> Verifier:
    """What verifies the checkpoints that a key signs."""
    public_key = key.public_key
    assert isinstance(public_key, Ed25519PublicKey)  # noqa: S101 - log keys are made so
    return Verifier(origin, public_key.public_bytes_raw())


def open_checkpoint(note: str | bytes, verifiers: tuple[Verifier, ...]) -> CheckpointBody:
    """The checkpoint that is signed by one of the keys, whose name is the log's origin.

    Raises:
        NoteError: it is signed by none of them, malformed, or of another log than the key is named for.
        ledger.checkpoint.CheckpointError: what is signed is no checkpoint.
    """
    failure = UnsignedError("there is no key to verify it with")
    for verifier in verifiers:
        try:
            body = CheckpointBody.decode(open_note(note, verifier))
        except UnsignedError as error:
            failure = error
        else:
            if body.origin != verifier.name:
                raise NoteError(f"it is of the log {body.origin}, not of {verifier.name}")
            return body
    raise failure
