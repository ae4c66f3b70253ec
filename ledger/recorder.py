"""From decisions to rows: events get their place in the stream, their leaf and their personal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from ledger.binary_array import Column, byte_strings, integers, smallints, texts, timestamps, uuids
from ledger.bookkeeping import Bookkeeping
from ledger.event_codec import encode_payload, event_type, schema_version_of
from ledger.events import (
    Event,
    FamilyEvent,
    ForgeryDetected,
    RefreshRefused,
    ReplayedAfterRevocation,
    ReuseDetected,
    RevocationReason,
    SessionRenamed,
    TokenExpired,
    TokenIssued,
    TokenRevoked,
    TokenRotated,
)
from ledger.evolve import evolve
from ledger.family import last_active
from ledger.leaf import leaf_bytes, leaf_hash
from ledger.personal_data import NOTHING_PERSONAL, SALT_LENGTH, PersonalData, SaltedPersonalData
from ledger.sql_files import sql
from ledger.stored_family import FamilyPersonalData, StoredFamily, StreamHead

_SUBJECT = "subject:"
_COLUMNS: Mapping[str, Column] = {
    "stream_id": uuids,
    "version": integers,
    "type": texts,
    "schema_version": smallints,
    "occurred_at": timestamps,
    "actor": texts,
    "client_id": texts,
    "correlation_id": uuids,
    "causation": texts,
    "payload": texts,
    "personal_data": byte_strings,
    "previous": byte_strings,
    "leaf_hash": byte_strings,
    "salt": byte_strings,
    "data": texts,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Where a command comes from."""

    correlation_id: UUID
    """The id that the caller was told, too."""
    actor: str | None = None
    """`client:<id>`, `operator` or `system`; None: the subject of the session, `subject:<id>`."""
    causation: str | None = None
    """Id of the event that led to the command, `<stream id>:<version>`."""
    personal_data: PersonalData = NOTHING_PERSONAL


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Collects the events of one batch; appends them and their personal data in one statement."""

    random: Callable[[int], bytes]
    events: list[dict[str, Any]] = field(default_factory=list)

    def record(
        self,
        stored: StoredFamily | None,
        family_id: UUID,
        events: Sequence[FamilyEvent],
        bookkeeping: Bookkeeping,
        *,
        request: Request,
        now: datetime,
    ) -> StoredFamily | None:
        """The family after the events, which wait for `append`."""
        causation = request.causation
        for event in events:
            stored = self._record_one(stored, family_id, event, request=request, causation=causation, now=now)
            causation = causation or f"{family_id}:{stored.head.version}"
        return None if stored is None else replace(stored, bookkeeping=bookkeeping)

    async def append(self, connection: AsyncConnection[Any]) -> None:
        """Send the statement; none where nothing was recorded."""
        if self.events:
            await append(connection, self.events)

    def _record_one(
        self,
        stored: StoredFamily | None,
        family_id: UUID,
        event: FamilyEvent,
        *,
        request: Request,
        causation: str | None,
        now: datetime,
    ) -> StoredFamily:
        family = evolve(
            None if stored is None else stored.family, event, family_id=family_id, occurred_at=now
        )
        previous = None if stored is None else stored.head
        version = 1 if previous is None else previous.version + 1
        data = _personal_data_of(event, request.personal_data)
        row = event_row(
            event,
            stream_id=family_id,
            version=version,
            occurred_at=now,
            actor=_actor(event, request.actor, last_active(family).subject),
            client_id=last_active(family).client_id,
            correlation_id=request.correlation_id,
            causation=causation,
            personal=salted(data, self.random),
            previous=None if previous is None else previous.leaf_hash,
        )
        self.events.append(row)
        return StoredFamily(
            family=family,
            head=StreamHead(version=version, leaf_hash=row["leaf_hash"], occurred_at=now),
            personal=fold_personal_data(None if stored is None else stored.personal, event, data),
            bookkeeping=Bookkeeping() if stored is None else stored.bookkeeping,
        )


def salted(data: PersonalData, random: Callable[[int], bytes]) -> SaltedPersonalData | None:
    """Personal data as it is stored; None where there is none."""
    if data == NOTHING_PERSONAL:
        return None
    return SaltedPersonalData(salt=random(SALT_LENGTH), data=data.encode())


async def append(connection: AsyncConnection[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Append events in the order given, at least one; in the caller's transaction."""
    columns = {name: column([row[name] for row in rows]) for name, column in _COLUMNS.items()}
    await connection.execute(sql("ledger", "append_events"), columns)


def event_row(
    event: Event,
    *,
    stream_id: UUID,
    version: int,
    occurred_at: datetime,
    actor: str | None,
    client_id: str | None,
    correlation_id: UUID | None,
    causation: str | None = None,
    personal: SaltedPersonalData | None = None,
    previous: bytes | None = None,
) -> dict[str, Any]:
    """An event as `append` takes it, its leaf hash with it; `previous` as in `ledger.leaf.leaf_bytes`."""
    type_name = event_type(event)
    schema_version = schema_version_of(type_name)
    payload = encode_payload(event)
    committed = None if personal is None else personal.commitment
    leaf = leaf_bytes(
        stream_id=stream_id,
        version=version,
        type_name=type_name,
        schema_version=schema_version,
        occurred_at=occurred_at,
        actor=actor,
        client_id=client_id,
        correlation_id=correlation_id,
        causation=causation,
        payload=payload,
        personal_data=committed,
        previous=previous,
    )
    return {
        "stream_id": stream_id,
        "version": version,
        "type": type_name,
        "schema_version": schema_version,
        "occurred_at": occurred_at,
        "actor": actor,
        "client_id": client_id,
        "correlation_id": correlation_id,
        "causation": causation,
        "payload": payload,
        "personal_data": committed,
        "previous": previous,
        "leaf_hash": leaf_hash(leaf),
        "salt": None if personal is None else personal.salt,
        "data": None if personal is None else personal.data.decode(),
    }


def fold_personal_data(
    before: FamilyPersonalData | None, event: FamilyEvent, data: PersonalData
) -> FamilyPersonalData:
    """What the view keeps of the personal data of a family's events; part of the fold."""
    match event:
        case TokenIssued():
            return FamilyPersonalData(
                device_label=data.device_label,
                claims=data.claims,
                address=data.address,
                user_agent=data.user_agent,
            )
        case TokenRotated():
            return replace(before or FamilyPersonalData(), address=data.address, user_agent=data.user_agent)
        case SessionRenamed():
            return replace(before or FamilyPersonalData(), device_label=data.device_label)
        case _:
            return before or FamilyPersonalData()


def _personal_data_of(event: FamilyEvent, data: PersonalData) -> PersonalData:
    """What of a request's personal data belongs beside an event of this type."""
    match event:
        case TokenIssued():
            return data
        case SessionRenamed():
            return PersonalData(
                address=data.address, user_agent=data.user_agent, device_label=data.device_label
            )
        case TokenRevoked(reason=RevocationReason.LOGOUT | RevocationReason.SUBJECT | RevocationReason.ADMIN):
            return PersonalData(address=data.address, user_agent=data.user_agent, reason=data.reason)
        case _:
            return PersonalData(address=data.address, user_agent=data.user_agent)


def acting_subject(actor: str | None) -> str | None:
    """The subject that an actor is; None: a client, the operator or the system."""
    if actor is None or not actor.startswith(_SUBJECT):
        return None
    return actor.removeprefix(_SUBJECT)


def _actor(event: FamilyEvent, actor: str | None, subject: str) -> str:
    """What the ledger found out or ended by itself was done by the system, not by whoever asked."""
    match event:
        case TokenRevoked(
            reason=RevocationReason.REUSE | RevocationReason.LIMIT | RevocationReason.NOT_BEFORE
        ):
            return "system"
        case (
            TokenExpired()
            | ReuseDetected()
            | ReplayedAfterRevocation()
            | ForgeryDetected()
            | RefreshRefused()
        ):
            return "system"
        case _:
            return actor or f"{_SUBJECT}{subject}"
