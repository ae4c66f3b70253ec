"""The checkpoint that an export is proved against, and the key that signed it."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.checkpoint import CheckpointBody, CheckpointError
from ledger.checkpoints import SignedCheckpoint
from ledger.export.directory import ExportError
from ledger.export.fault import ExportFaultError
from ledger.export.sealed_events import DamagedLogError
from ledger.log_key_ring import open_checkpoint
from ledger.signed_note import NoteError, Verifier


def signed_by(checkpoint: SignedCheckpoint, verifiers: Sequence[Verifier]) -> Verifier:
    """Which of the keys signed it.

    Raises:
        ExportError: none did.
        DamagedLogError: what is signed is another tree than the stored one.
    """
    for verifier in verifiers:
        try:
            body = open_checkpoint(checkpoint.note, (verifier,))
        except (NoteError, CheckpointError):
            continue
        if (body.size, body.root) != (checkpoint.size, checkpoint.root):
            raise DamagedLogError("the stored log is not the one that was signed: run token-ledger verify")
        return verifier
    raise ExportError(
        "the latest checkpoint is signed by no key of this deployment that is good: the next event that is "
        "sealed brings a new one"
    )


def open_with(
    note: str, *, origin: str, verifier_key: str, given: Sequence[Verifier] | None, file: str
) -> CheckpointBody:
    """The checkpoint of an export, which names log and key; `given` are keys that were got elsewhere.

    Raises:
        ExportFaultError: it is of another log or key, or not signed.
    """
    try:
        own = Verifier.parse(verifier_key)
    except NoteError as error:
        raise ExportFaultError(str(error), file=file) from None
    if given is not None and own not in given:
        raise ExportFaultError(
            f"it is proved with the key {own}, which is not the one given: it is of another log, or of "
            "another of its keys",
            file=file,
        )
    try:
        body = open_checkpoint(note, (own,))
    except (NoteError, CheckpointError) as error:
        raise ExportFaultError(f"the checkpoint is not good: {error}", file=file) from None
    if body.origin != origin:
        raise ExportFaultError(f"the checkpoint is of the log {body.origin}", file=file)
    return body
