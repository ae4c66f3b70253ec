"""Bookkeeping but for the windows as the JSON of one column, and back; times are microseconds since 1970."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ledger.bookkeeping import Bookkeeping, Window
from ledger.events import RefusalReason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(book: Bookkeeping) -> str:
    """JSON of what is not as in an empty bookkeeping."""
    record: dict[str, Any] = {
        "crowded_out": book.crowded_out,
        "handed_out": book.handed_out,
        "prefixes": [_text(one) for one in book.prefixes],
        "rate": _moment(book.rate),
        "foreign": book.foreign,
        "recoveries": book.recoveries,
        "refusals": [(reason.value, _moment(at)) for reason, at in book.refusals],
        "refusals_recorded": book.refusals_recorded,
        "forgery_recorded_at": _moment(book.forgery_recorded_at),
        "shadow_recorded_at": _moment(book.shadow_recorded_at),
        "unrecorded_replays": book.unrecorded_replays,
    }
    kept = {key: value for key, value in record.items() if value or key == "crowded_out"}
    return orjson.dumps(kept).decode()


def decode(text: str, windows: tuple[Window, ...]) -> Bookkeeping:
    """The inverse of `encode`, with the windows of their own column."""
    record = orjson.loads(text)
    get = record.get
    return Bookkeeping(
        windows=windows,
        crowded_out=get("crowded_out"),
        handed_out=get("handed_out", 0),
        prefixes=tuple(b64decode(one) for one in get("prefixes", ())),
        rate=_read_moment(get("rate")),
        foreign=tuple(get("foreign", ())),
        recoveries=tuple(get("recoveries", ())),
        refusals=tuple((RefusalReason(reason), _required(at)) for reason, at in get("refusals", ())),
        refusals_recorded=get("refusals_recorded", 0),
        forgery_recorded_at=_read_moment(get("forgery_recorded_at")),
        shadow_recorded_at=_read_moment(get("shadow_recorded_at")),
        unrecorded_replays=get("unrecorded_replays", 0),
    )


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _moment(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _read_moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _required(microseconds)


def _required(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
