"""Open windows as the bytes of one column, and back: they are read and written with every rotation.

After a byte with the number of the layout each window has a fixed part and its fingerprints. Numbers are
big-endian, times microseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct

from ledger.bookkeeping import Window

_LAYOUT = b"\x01"
_FIXED = Struct("!I32s32sqqq8sIB")
_NO_LOST_RESPONSE_WINDOW = -(2**63)
_FINGERPRINT_LENGTH = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(windows: tuple[Window, ...]) -> bytes:
    """The bytes of the windows; none for none."""
    if not windows:
        return b""
    parts = [_LAYOUT]
    for one in windows:
        lost = one.lost_response_ends_at
        parts.append(
            _FIXED.pack(
                one.generation,
                one.secret_hash,
                one.nonce,
                _microseconds(one.replaced_at),
                _microseconds(one.grace_ends_at),
                _NO_LOST_RESPONSE_WINDOW if lost is None else _microseconds(lost),
                one.agent,
                one.replays,
                len(one.fingerprints),
            )
        )
        parts += one.fingerprints
    return b"".join(parts)


def decode(data: bytes) -> tuple[Window, ...]:
    """The inverse of `encode`.

    Raises:
        ValueError: a layout that this program does not know.
    """
    if not data:
        return ()
    if data[:1] != _LAYOUT:
        raise ValueError(f"windows of the layout {data[0]} are not known: upgrade the program")
    windows = []
    place = 1
    while place < len(data):
        end = place + _FIXED.size + data[place + _FIXED.size - 1] * _FINGERPRINT_LENGTH
        windows.append(_window(data[place:end]))
        place = end
    return tuple(windows)


@lru_cache(maxsize=4096)
def _window(record: bytes) -> Window:
    """A window never changes while it is not used, and the row of a busy family brings it again and again."""
    generation, secret_hash, nonce, replaced_at, grace_ends_at, lost, agent, replays, _ = _FIXED.unpack_from(
        record
    )
    fingerprints = range(_FIXED.size, len(record), _FINGERPRINT_LENGTH)
    return Window(
        generation=generation,
        secret_hash=secret_hash,
        nonce=nonce,
        replaced_at=_moment(replaced_at),
        grace_ends_at=_moment(grace_ends_at),
        lost_response_ends_at=None if lost == _NO_LOST_RESPONSE_WINDOW else _moment(lost),
        agent=agent,
        replays=replays,
        fingerprints=tuple([record[at : at + _FINGERPRINT_LENGTH] for at in fingerprints]),
    )


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
