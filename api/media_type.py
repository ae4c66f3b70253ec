"""In which media type a request is answered (GraphQL over HTTP section 6.4, RFC 9110 section 12.5.1)."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache


class MediaType(Enum):
    """In the order of preference."""

    GRAPHQL_RESPONSE = "application/graphql-response+json"
    JSON = "application/json"


_LONGEST_KEPT = 256


def answer_media_type(accept: str | None) -> MediaType | None:
    """The one with the higher quality, the first where they are alike; None: neither is acceptable."""
    if accept is None or not accept.strip():
        return MediaType.GRAPHQL_RESPONSE
    return _kept(accept) if len(accept) <= _LONGEST_KEPT else _preferred(accept)


@lru_cache(maxsize=256)
def _kept(accept: str) -> MediaType | None:
    return _preferred(accept)


def _preferred(accept: str) -> MediaType | None:
    ranges = [_range(one) for one in accept.split(",")]
    best = max(MediaType, key=lambda one: _quality(one, ranges))
    return best if _quality(best, ranges) > 0 else None


def _quality(media_type: MediaType, ranges: list[tuple[str, float]]) -> float:
    """Of the most specific range that fits."""
    for pattern in (media_type.value, "application/*", "*/*"):
        found = [quality for name, quality in ranges if name == pattern]
        if found:
            return max(found)
    return 0.0


def _range(text: str) -> tuple[str, float]:
    name, *parameters = text.split(";")
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return name.strip().lower(), quality if 0 <= quality <= 1 else 0.0
