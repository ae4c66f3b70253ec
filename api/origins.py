"""Which web origins may call with credentials: an exact comparison with a short list (RFC 6454)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")


def parse_origin(text: str) -> str:
    """An origin in the one spelling that browsers send.

    Raises:
        ValueError: it is a wildcard, `null`, holds a path, or is spelt as no browser spells it.
    """
    hint = "must be exact origins as a browser sends them, such as https://app.example.com"
    if text == "*" or "*" in text:
        raise ValueError(f"{hint}; a wildcard is not allowed")
    if text == "null":
        raise ValueError(f"{hint}; null is what sandboxed pages of anyone send")
    if _ORIGIN.fullmatch(text) is None:
        raise ValueError(f"{hint}: scheme://host or scheme://host:port in lower case, nothing after it")
    if origin_of(text) != text:
        raise ValueError(f"{hint}: without the port that the scheme has anyway, and with a port below 65536")
    return text


def origin_of(url: str) -> str | None:
    """The origin of an absolute URL as browsers spell it; None: it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


class Origins:
    """The origins from which a browser may call: those allowed and the issuer's own.

    In development also the server's own port on localhost.
    """

    __slots__ = ("_allowed",)

    def __init__(self, allowed: tuple[str, ...], *, issuer: str, development: bool, port: int) -> None:
        own = origin_of(issuer)
        local = (f"http://localhost:{port}", f"http://127.0.0.1:{port}") if development else ()
        self._allowed = frozenset(origin for origin in (*allowed, own, *local) if origin is not None)

    def allows(self, origin: str | None) -> bool:
        """Whether a request with this Origin header may go on; without one it may not."""
        return origin in self._allowed
