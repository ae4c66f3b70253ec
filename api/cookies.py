"""The cookie that carries the refresh token where the browser keeps it (RFC 6265)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCookie:
    """HttpOnly, SameSite=Strict, for all paths of this host and no other."""

    name: str
    secure: bool
    _attributes: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        secure = "; Secure" if self.secure else ""
        object.__setattr__(self, "_attributes", f"; Path=/; HttpOnly; SameSite=Strict{secure}")

    def header(self, token: str, *, lifetime: timedelta) -> str:
        """The value of Set-Cookie that keeps a token for a lifetime."""
        return f"{self.name}={token}; Max-Age={max(0, int(lifetime.total_seconds()))}{self._attributes}"

    def clearing_header(self) -> str:
        """The value of Set-Cookie that removes the token."""
        return f"{self.name}=; Max-Age=0{self._attributes}"

    def read(self, headers: list[str]) -> str | None:
        """The token in the values of the Cookie headers; None where there is none, or it is empty.

        A token of ours needs no quoting or escaping, so that the text up to the next semicolon is all of it.
        """
        for header in headers:
            for pair in header.split(";"):
                name, _, value = pair.strip(" \t").partition("=")
                if name == self.name:
                    return value or None
        return None
