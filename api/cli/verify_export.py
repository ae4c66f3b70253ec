"""`token-ledger verify-export`: needs no settings and reads no environment."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from api.cli.output import printable
from api.cli.progress import progress
from ledger.export.fault import ExportFaultError
from ledger.export.manifest import ExportFormat
from ledger.export.session import SESSION_NAME, VerifiedSession, verify_session
from ledger.export.verification import Verified, verify_export
from ledger.signed_note import NoteError, Verifier

_LARGEST_KEY_FILE = 1_000_000


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--vkey",
    "key_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verifier keys of the log, as `keys list` prints them, got in another way than the export.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(directory: Path, key_file: Path | None, as_json: bool) -> None:
    """Verify an export in DIR: every file, every event, every link, and that all lead to the signed root.

    Without --vkey the key in the export itself is used, which shows only that the export agrees with itself.
    Files of personal data that are not there are not missed. Needs memory for each session, about 250 bytes.
    An export of one session is verified from its first event to the newest that was sealed.

    Exit status 1 and the first that is wrong when anything is.
    """
    verifiers = None if key_file is None else _read_keys(key_file)
    started = time.monotonic()
    try:
        if (directory / SESSION_NAME).exists():
            _tell_session(verify_session(directory, verifiers), as_json=as_json)
            return
        with progress("verify-export", unit="events") as report:
            verified = verify_export(
                directory, verifiers, report=lambda done, total: report(done, total, done)
            )
    except ExportFaultError as error:
        if as_json:
            told = {"file": error.file, "leaf_index": error.leaf_index, "problem": error.what}
            click.echo(json.dumps({"verified": False, **told}))
        else:
            click.echo(printable(str(error)), err=True)
        sys.exit(1)
    seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(_summary(verified, seconds)))
    else:
        for line in _lines(verified, seconds):
            click.echo(printable(line))


def _read_keys(path: Path) -> list[Verifier]:
    """The last word of each line, so that the lines of `keys list` can be kept as they are."""
    try:
        with path.open("rb") as file:
            lines = file.read(_LARGEST_KEY_FILE).decode().splitlines()
        keys = [Verifier.parse(line.split()[-1]) for line in lines if line.strip()]
    except OSError as error:
        raise click.BadParameter(f"cannot be read ({error.strerror})", param_hint="--vkey") from None
    except UnicodeDecodeError:
        raise click.BadParameter("is no text", param_hint="--vkey") from None
    except NoteError as error:
        raise click.BadParameter(str(error), param_hint="--vkey") from None
    if not keys:
        raise click.BadParameter("holds no verifier key", param_hint="--vkey")
    return keys


def _tell_session(verified: VerifiedSession, *, as_json: bool) -> None:
    export, checkpoint = verified.export, verified.checkpoint
    if as_json:
        told: dict[str, object] = {
            "verified": True,
            "origin_proved": verified.trusted,
            "origin": export.origin,
            "session": str(export.session),
            "count": len(export.leaves),
            "leaf_index": export.leaf_index,
            "tree_size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "verifier_key": export.verifier_key,
            "personal_data": verified.personal_data,
            "without_personal_data": verified.without_personal_data,
            "sha256": verified.file_hash.hex(),
        }
        click.echo(json.dumps(told))
        return
    click.echo(f"verified: {len(export.leaves)} events of session {export.session}, from its first one on")
    click.echo(
        printable(
            f"the newest is leaf {export.leaf_index} of {export.origin}, under the signed root of "
            f"{checkpoint.size} leaves, {checkpoint.root.hex()}"
        )
    )
    click.echo(_personal_data_line(verified))
    click.echo(f"SHA-256 of {SESSION_NAME}, as in the event ExportCompleted: {verified.file_hash.hex()}")
    if not verified.trusted:
        click.echo(printable(_own_key_line(export.verifier_key)))


def _personal_data_line(verified: Verified | VerifiedSession) -> str:
    return (
        f"personal data: {verified.personal_data} records are what their events commit to, "
        f"{verified.without_personal_data} events have none here any more"
    )


def _own_key_line(verifier_key: str) -> str:
    return (
        f"the key {verifier_key} is the export's own: this shows that the export agrees with itself, "
        "not whose it is; give --vkey with the key that `token-ledger keys list` told you"
    )


def _lines(verified: Verified, seconds: float) -> list[str]:
    manifest, checkpoint = verified.manifest, verified.checkpoint
    end = manifest.first_index + manifest.count
    told = f"{manifest.count} events, leaves {manifest.first_index} to {end - 1} of {manifest.origin}"
    lines = [
        f"verified: {told}, in {seconds:.1f} s ({manifest.count / max(seconds, 0.001):.0f}/s)",
        f"they lead to the signed root of {checkpoint.size} leaves, {checkpoint.root.hex()}",
        f"{verified.streams} streams, {verified.links} links between their events",
    ]
    if verified.begun_before:
        lines.append(f"{verified.begun_before} streams began before: their first link is not checked here")
    if verified.removed:
        lines.append(f"of {verified.removed} events retention left the hash alone")
    if manifest.format is ExportFormat.OCSF:
        lines.append("proved is raw_data, the leaf, of each event; what is mapped beside it is not")
    else:
        lines.append(_personal_data_line(verified))
    if verified.absent:
        lines.append(f"{len(verified.absent)} files of personal data are not there")
    lines.append(f"SHA-256 of the manifest, as in the event ExportCompleted: {verified.manifest_hash.hex()}")
    if not verified.trusted:
        lines.append(_own_key_line(manifest.verifier_key))
    return lines


def _summary(verified: Verified, seconds: float) -> dict[str, object]:
    manifest, checkpoint = verified.manifest, verified.checkpoint
    return {
        "verified": True,
        "origin_proved": verified.trusted,
        "origin": manifest.origin,
        "format": manifest.format.value,
        "first_index": manifest.first_index,
        "count": manifest.count,
        "tree_size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "verifier_key": manifest.verifier_key,
        "streams": verified.streams,
        "links": verified.links,
        "begun_before": verified.begun_before,
        "removed": verified.removed,
        "personal_data": verified.personal_data,
        "without_personal_data": verified.without_personal_data,
        "absent": verified.absent,
        "manifest_sha256": verified.manifest_hash.hex(),
        "seconds": round(seconds, 3),
    }
