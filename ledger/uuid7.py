"""Ids that sort by time: UUID version 7 (RFC 9562 section 5.7)."""

from uuid import UUID


def uuid7(milliseconds: int, random: bytes) -> UUID:
    """An id of that Unix time with ten random bytes."""
    value = milliseconds << 80 | int.from_bytes(random, "big")
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62)
