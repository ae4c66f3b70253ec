"""Events as those of the Open Cybersecurity Schema Framework (schema.ocsf.io, version 1.5.0).

`raw_data` holds the leaf byte for byte, so that an export in this format is verified as any other. What is
mapped beside it is for reading: it is not proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from ipaddress import ip_address
from typing import Any, NamedTuple

import orjson

from ledger.export.lines import EventLine, hash_of, number_of, parse_object, text_of
from ledger.export.sealed_events import SealedEvent, StoredEvent, began_at

SCHEMA_VERSION = "1.5.0"


class _Class(IntEnum):
    """Their thousands are the category."""

    BASE_EVENT = 0
    DETECTION_FINDING = 2004
    ACCOUNT_CHANGE = 3001
    AUTHENTICATION = 3002
    ENTITY_MANAGEMENT = 3004


class _Severity(IntEnum):
    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


class _Mapped(NamedTuple):
    """How a type of event is told."""

    message: str
    class_uid: _Class
    activity_id: int
    severity: _Severity = _Severity.INFORMATIONAL
    failed: bool = False
    entity: str | None = None
    """Kind of what is managed, where that is what the class is about."""


_LOGON, _LOGOFF, _RENEW = 1, 2, 5  # of Authentication; a family is the ticket that a refresh renews
_CREATE = 1  # of a finding, and of an entity
_ENABLE, _DISABLE, _DELETE_ACCOUNT = 2, 5, 6  # of an account
_READ, _UPDATE, _DELETE, _DEACTIVATE = 2, 3, 4, 11  # of an entity
_OTHER = 99

_AUTHENTICATION, _FINDING = _Class.AUTHENTICATION, _Class.DETECTION_FINDING
_ACCOUNT, _ENTITY = _Class.ACCOUNT_CHANGE, _Class.ENTITY_MANAGEMENT
_LOW, _MEDIUM, _HIGH = _Severity.LOW, _Severity.MEDIUM, _Severity.HIGH

MAPPED_TYPES: Mapping[str, _Mapped] = {
    "TokenIssued": _Mapped("A session was opened", _AUTHENTICATION, _LOGON),
    "TokenRotated": _Mapped("A refresh token was replaced by its successor", _AUTHENTICATION, _RENEW),
    "TokenReplayed": _Mapped("A replaced refresh token came back in its window", _AUTHENTICATION, _RENEW),
    "RefreshRefused": _Mapped("A refresh was refused", _AUTHENTICATION, _RENEW, _LOW, failed=True),
    "TokenRevoked": _Mapped("A session was ended by decision", _AUTHENTICATION, _LOGOFF),
    "TokenExpired": _Mapped("A session was ended by time", _AUTHENTICATION, _LOGOFF),
    "ReuseDetected": _Mapped("A replaced refresh token was used again", _FINDING, _CREATE, _HIGH),
    "ReplayedAfterRevocation": _Mapped(
        "A replaced refresh token came back to a revoked session", _FINDING, _CREATE, _MEDIUM
    ),
    "ForgeryDetected": _Mapped(
        "A refresh token that was never issued was presented", _FINDING, _CREATE, _MEDIUM
    ),
    "SessionRenamed": _Mapped("A session's device got another label", _ENTITY, _UPDATE, entity="session"),
    "SubjectSuspended": _Mapped("A subject was suspended", _ACCOUNT, _DISABLE, _LOW),
    "SubjectReactivated": _Mapped("A subject was reactivated", _ACCOUNT, _ENABLE),
    "SubjectErased": _Mapped("A subject's personal data was erased", _ACCOUNT, _DELETE_ACCOUNT, _LOW),
    "LegalHoldSet": _Mapped("A legal hold was set", _ENTITY, _UPDATE, _LOW, entity="legal hold"),
    "LegalHoldReleased": _Mapped("A legal hold was released", _ENTITY, _UPDATE, _LOW, entity="legal hold"),
    "NotBeforeSet": _Mapped(
        "Sessions opened before a time are refused", _ENTITY, _UPDATE, _LOW, entity="not-before"
    ),
    "BulkRevocationExecuted": _Mapped(
        "Sessions that match a filter were ended", _ENTITY, _DEACTIVATE, _LOW, entity="sessions"
    ),
    "ClientRegistered": _Mapped("A client was registered", _ENTITY, _CREATE, entity="client"),
    "ClientChanged": _Mapped("A client was changed", _ENTITY, _UPDATE, _LOW, entity="client"),
    "SigningKeyRotated": _Mapped("A key was replaced by the next one", _ENTITY, _UPDATE, _LOW, entity="key"),
    "AuditRead": _Mapped("Audit data was read", _ENTITY, _READ, entity="audit data"),
    "ExportCompleted": _Mapped("The log was exported", _ENTITY, _READ, _LOW, entity="log"),
    "PartitionArchived": _Mapped("A month of events was removed", _ENTITY, _DELETE, _LOW, entity="events"),
}
_NAMED_BY = ("subtype", "cause", "reason", "kind")
"""Fields of a payload of which the first that is there says which case of its type an event is."""
_ENTITY_ID = ("client_id", "key_id", "subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class OcsfMapping:
    """Maps events; the product is named in each."""

    product_version: str

    def line(self, event: SealedEvent, subject: str | None, *, origin: str) -> bytes:
        """The line of a leaf; `subject` is whom its stream is about, if anybody."""
        stored = event.stored
        mapped = self._removed(event) if stored is None else self._mapped(event, stored, subject)
        metadata = {
            "version": SCHEMA_VERSION,
            "product": {
                "name": "Token Ledger",
                "vendor_name": "Token Ledger",
                "version": self.product_version,
            },
            "log_name": origin,
            "sequence": event.leaf_index,
            "uid": f"{event.stream_id}:{event.version}",
            **mapped.pop("metadata"),
        }
        proved = {"leaf_index": event.leaf_index, "leaf_hash": event.leaf_hash.hex()}
        unmapped = {**mapped.pop("unmapped"), **proved}
        return orjson.dumps(
            {"metadata": metadata, **mapped, "unmapped": unmapped}, option=orjson.OPT_APPEND_NEWLINE
        )

    def _removed(self, event: SealedEvent) -> dict[str, Any]:
        """Of the time is known when the stream began."""
        return {
            **_classified(_Class.BASE_EVENT, 0, _Severity.INFORMATIONAL),
            "time": _milliseconds(began_at(event.stream_id)),
            "message": "An event that retention removed; its hash stayed",
            "metadata": {},
            "unmapped": {"removed": True},
        }

    def _mapped(self, event: SealedEvent, stored: StoredEvent, subject: str | None) -> dict[str, Any]:
        unknown = _Mapped(stored.type_name, _ENTITY, _OTHER, _LOW, entity=stored.type_name)
        told = MAPPED_TYPES.get(stored.type_name, unknown)
        payload: dict[str, Any] = orjson.loads(stored.payload)
        personal: dict[str, Any] = {} if stored.data is None else orjson.loads(stored.data)
        made = {
            **_classified(told.class_uid, told.activity_id, told.severity),
            "time": _milliseconds(stored.occurred_at),
            "message": told.message,
            "metadata": {
                "event_code": stored.type_name,
                "logged_time": _milliseconds(stored.recorded_at),
                **_known(
                    correlation_uid=None if stored.correlation_id is None else str(stored.correlation_id)
                ),
            },
            "raw_data": stored.leaf,
            **_known(status_detail=next((str(payload[name]) for name in _NAMED_BY if name in payload), None)),
        }
        if told.activity_id == _OTHER:
            made["activity_name"] = stored.type_name
        user = _user(subject)
        where = _known(
            src_endpoint=_endpoint(personal.pop("address", None)),
            http_request=_known(user_agent=personal.pop("user_agent", None)),
        )
        match told.class_uid:
            case _Class.AUTHENTICATION:
                made |= where
                made["status_id"] = 2 if told.failed else 1
                made["user"] = user
                made["session"] = {"uid": str(event.stream_id)}
                made["service"] = {"name": stored.client_id or "Token Ledger"}
                made["actor"] = _actor(stored.actor)
            case _Class.DETECTION_FINDING:
                made["status_id"] = 1
                made["finding_info"] = {
                    "uid": f"{event.stream_id}:{event.version}",
                    "title": told.message,
                    "types": [stored.type_name],
                }
                made["evidences"] = [
                    {"actor": {"session": {"uid": str(event.stream_id)}, "user": user}, "user": user, **where}
                ]
            case _Class.ACCOUNT_CHANGE:
                made |= where
                made["status_id"] = 1
                made["user"] = user
                made["actor"] = _actor(stored.actor)
            case _:
                made |= where
                made["status_id"] = 1
                made["entity"] = _entity(told, event, payload)
                made["actor"] = _actor(stored.actor)
        made["unmapped"] = personal
        return made


def read_ocsf_line(data: bytes) -> EventLine:
    """What of a line can be verified.

    Raises:
        LineError: it is no line of an export.
    """
    line = parse_object(data)
    unmapped = line.get("unmapped")
    proved: dict[str, Any] = unmapped if isinstance(unmapped, dict) else {}
    removed = "raw_data" not in line and proved.get("removed") is True
    return EventLine(
        leaf_index=number_of(proved, "leaf_index"),
        leaf_hash=hash_of(proved, "leaf_hash"),
        recorded_at=None,
        leaf=None if removed else text_of(line, "raw_data"),
    )


def _classified(class_uid: _Class, activity_id: int, severity: _Severity) -> dict[str, Any]:
    return {
        "category_uid": class_uid // 1000,
        "class_uid": int(class_uid),
        "activity_id": activity_id,
        "type_uid": class_uid * 100 + activity_id,
        "severity_id": int(severity),
    }


def _entity(told: _Mapped, event: SealedEvent, payload: Mapping[str, Any]) -> dict[str, Any]:
    named = next((payload[name] for name in _ENTITY_ID if payload.get(name)), None)
    if told.entity == "session":
        named = str(event.stream_id)
    return {"type": told.entity, **({"name": told.entity} if named is None else {"uid": str(named)})}


def _user(subject: str | None) -> dict[str, Any]:
    return {"name": "unknown"} if subject is None else {"uid": subject}


def _actor(actor: str | None) -> dict[str, Any]:
    kind, _, who = (actor or "system").partition(":")
    match kind:
        case "subject":
            return {"user": {"uid": who}}
        case "client":
            return {"app_name": who}
        case "operator":
            return {"user": {"name": "operator"}}
        case _:
            return {"app_name": "Token Ledger"}


def _endpoint(address: object) -> dict[str, Any]:
    try:
        return {"ip": str(ip_address(str(address)))}
    except ValueError:
        return {}


def _known(**values: Any) -> dict[str, Any]:
    """Those that say anything."""
    return {name: value for name, value in values.items() if value}


def _milliseconds(moment: datetime) -> int:
    """Since 1970, UTC."""
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1000 + moment.microsecond // 1000
