"""What a session was at a moment, from the few events that tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.event_codec import decode_payload
from ledger.events import (
    AdministrativeEvent,
    FamilyEvent,
    TokenExpired,
    TokenIssued,
    TokenRevoked,
    TokenRotated,
)
from ledger.evolve import evolve
from ledger.family import ActiveFamily, ExpiredFamily, Family, RevokedFamily, last_active, passed_deadline
from ledger.personal_data import NOTHING_PERSONAL, PersonalData
from ledger.recorder import fold_personal_data
from ledger.stored_family import FamilyPersonalData
from projections.active_tokens.sessions import SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A session at a moment; the personal data of the last use until then is None where it was erased."""

    family_id: UUID
    subject: str
    client_id: str
    status: SessionStatus
    generation: int
    device_label: str | None
    address: str | None
    user_agent: str | None
    opened_at: datetime
    last_used_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What had been decided about subjects, clients and everyone at a moment."""

    everyone_not_before: datetime | None = None
    clients_not_before: Mapping[str, datetime] = field(default_factory=dict)
    subjects_not_before: Mapping[str, datetime] = field(default_factory=dict)
    suspended: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFamily:
    """A family as its events made it until a moment."""

    family: Family
    personal: FamilyPersonalData


def past_families(rows: Iterable[Any]) -> dict[UUID, PastFamily]:
    """Families by the rows of `telling_events.sql`.

    Raises:
        ledger.evolve.BrokenStreamError: events that no decision can have made.
        ledger.event_codec.UnknownEventError: an event that this program cannot read.
    """
    families: dict[UUID, PastFamily] = {}
    for family_id, _, type_name, schema_version, occurred_at, payload, data in rows:
        event = decode_payload(type_name, schema_version, payload)
        if isinstance(event, AdministrativeEvent):
            continue
        before = families.get(family_id)
        family = None if before is None else before.family
        match event:
            case TokenRotated() if isinstance(family, ActiveFamily):
                # Rotations before the last one were left out.
                family = replace(family, generation=event.generation - 1)
            case TokenIssued() | TokenRotated() | TokenRevoked() | TokenExpired():
                pass
            case _ if before is not None:
                families[family_id] = replace(before, personal=_personal(before, event, data))
                continue
        families[family_id] = PastFamily(
            family=evolve(family, event, family_id=family_id, occurred_at=occurred_at),
            personal=_personal(before, event, data),
        )
    return families


def snapshot_at(past: PastFamily, controls: Controls, time: datetime) -> Snapshot:
    """The session at the moment: what time, a not-before or a suspension had ended counts as ended by then,
    also where its event came later."""
    family = last_active(past.family)
    return Snapshot(
        family_id=family.family_id,
        subject=family.subject,
        client_id=family.client_id,
        status=_status(past.family, controls, time),
        generation=family.generation,
        device_label=past.personal.device_label,
        address=past.personal.address,
        user_agent=past.personal.user_agent,
        opened_at=family.opened_at,
        last_used_at=family.last_used_at,
        idle_expires_at=family.idle_expires_at,
        absolute_expires_at=family.absolute_expires_at,
    )


def _status(family: Family, controls: Controls, time: datetime) -> SessionStatus:
    match family:
        case RevokedFamily():
            return SessionStatus.REVOKED
        case ExpiredFamily():
            return SessionStatus.EXPIRED
        case ActiveFamily():
            boundaries = (
                controls.everyone_not_before,
                controls.clients_not_before.get(family.client_id),
                controls.subjects_not_before.get(family.subject),
            )
            if passed_deadline(family, time) is not None:
                return SessionStatus.EXPIRED
            if any(one is not None and family.opened_at < one for one in boundaries):
                return SessionStatus.REVOKED
            if family.subject in controls.suspended:
                return SessionStatus.SUSPENDED
            return SessionStatus.ACTIVE


def _personal(before: PastFamily | None, event: FamilyEvent, data: str | None) -> FamilyPersonalData:
    return fold_personal_data(
        None if before is None else before.personal,
        event,
        NOTHING_PERSONAL if data is None else PersonalData.decode(data),
    )
