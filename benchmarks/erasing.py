"""A person in a long history, erased: how long that takes, and that nothing is left but proof."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from psycopg import sql

from api.development_issuer import development_secret, sign_development_assertion
from api.leader_connection import leader_connection
from benchmarks.books import OutcomeError
from benchmarks.command import run_command
from benchmarks.database import BenchmarkDatabase
from benchmarks.history import live_one_life
from benchmarks.service import Connection, Service, running_service
from ledger.checkpoints import Inclusion, inclusion_proof
from ledger.merkle_tree import verify_inclusion
from ledger.personal_data import PersonalData

SUBJECT = "somebody-to-be-erased"
_PERSON = PersonalData(
    address="198.51.100.77",
    user_agent="CanaryBrowser/77.7",
    device_label="canary-label",
    claims={"email": "canary@example.org"},
)
_WORDS = ("198.51.100.77", "CanaryBrowser", "canary-label", "canary@example.org")
_REFRESHES = 20
_LOGIN = (
    "mutation ($assertion: String!) { login(input: {assertion: $assertion, transport: BODY}) "
    "{ ... on TokenPair { accessToken } ... on AuthProblem { message } } }"
)
_ERASE = (
    'mutation ($subject: ID!) { eraseSubject(subject: $subject, reason: "request 17") '
    "{ ... on Subject { status } ... on RequestProblem { message } } }"
)
_TABLES = (
    "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname = current_schema() ORDER BY 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was seen."""

    seconds: float
    """Until `eraseSubject` had answered."""
    proofs: int
    """Inclusion proofs from before that still hold."""


async def live_before(database: BenchmarkDatabase) -> None:
    """The life of the person, with words that nobody else has."""
    await live_one_life(database.url, SUBJECT, _PERSON, refreshes=_REFRESHES)


async def prove_before(database: BenchmarkDatabase) -> list[Inclusion]:
    """That each event of the person is in the log, as it is now."""
    async with leader_connection(database.url) as connection:
        cursor = await connection.execute(
            "SELECT stream_id, version FROM audit_events WHERE subject = %s", (SUBJECT,)
        )
        proofs = [await inclusion_proof(connection, *row) for row in await cursor.fetchall()]
    return [one for one in proofs if one is not None]


def erase(database: BenchmarkDatabase, secret_key: str, proofs: list[Inclusion]) -> Erased:
    """Erase over GraphQL, then look for the person in every table, an export and the server's log.

    Raises:
        OutcomeError: something is left, or a proof does not hold any more.
    """
    if _places_of_words(database) == [] or len(proofs) <= _REFRESHES:
        raise OutcomeError("there was nobody to erase")
    with running_service(database.url, secret_key, workers=1) as service:
        seconds = _erase(service)
        log = service.log.read_text("utf-8")
    left = _places_of_words(database)
    with tempfile.TemporaryDirectory() as directory:
        exported = Path(directory) / "export"
        run_command(database, secret_key, "export", str(exported))
        left += [one.name for one in exported.iterdir() if _has_words(one.read_text("utf-8"))]
    if _has_words(log):
        left.append("the log of the server")
    if left:
        raise OutcomeError(f"words of the erased person are left in {', '.join(left)}")
    for one in proofs:
        verify_inclusion(
            one.leaf_hash,
            index=one.leaf_index,
            size=one.checkpoint.size,
            hashes=one.hashes,
            root=one.checkpoint.root,
        )
    with tempfile.NamedTemporaryFile("w", suffix=".note") as kept:
        kept.write(proofs[0].checkpoint.note)
        kept.flush()
        run_command(database, secret_key, "verify", "--checkpoint", kept.name)
    return Erased(seconds=seconds, proofs=len(proofs))


def _erase(service: Service) -> float:
    connection = Connection(service.port)
    assertion = sign_development_assertion(
        development_secret(service.settings),
        subject="officer",
        audience=service.settings.issuer,
        claims={"scope": "subjects:erase"},
        now=datetime.now(UTC),
        jti=str(uuid4()),
    )
    token = connection.ask(_LOGIN, {"assertion": assertion})["login"]["accessToken"]
    started = time.monotonic()
    answer = connection.ask(_ERASE, {"subject": SUBJECT}, token)["eraseSubject"]
    seconds = time.monotonic() - started
    connection.close()
    if answer.get("status") != "ERASED":
        raise OutcomeError(f"the erasure was answered {answer}")
    return seconds


def _has_words(text: str) -> bool:
    return any(word in text for word in _WORDS)


def _places_of_words(database: BenchmarkDatabase) -> list[str]:
    """Tables with a row that holds one of them, as text."""
    patterns = [f"%{word}%" for word in _WORDS]
    found = []
    with database.connect() as connection:
        for (table,) in connection.execute(_TABLES).fetchall():
            look = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE t::text LIKE ANY (%s))")
            if connection.execute(look.format(sql.SQL(table)), (patterns,)).fetchone() == (True,):
                found.append(f"table {table}")
    return found
