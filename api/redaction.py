"""What must never be read in a log or an error: tokens, assertions and credentials, wherever they turn up."""

from __future__ import annotations

import re

REDACTED = "[redacted]"

# Each alternative takes time in proportion to the text: a request may bring 64 KB that were made up for it.
_SECRET = re.compile(
    r"tl(?:rt|cs)_[A-Za-z0-9_-]+"  # refresh tokens and secrets of clients, whole or cut
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"  # JWTs: access tokens and assertions
    r"|(?:(?<![\w-])|(?<=\\n))e(?:yA|wo)[\w-]{8,}\.[\w-]{8,}\.[\w-]+"  # JWTs with a space or a line in front
    r"|(?<=://)[^/\s@:]*:[^/\s@]*(?=@)"  # user and password of a URL
    r"|(?i:(?<=password=)|(?<=bearer )|(?<=basic ))(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)"
    r"|(?m:^(?:DETAIL|CONTEXT): .*$)"  # of PostgreSQL: rows, and what is personal in them
)


def redacted(text: str) -> str:
    """The text with every secret in it replaced."""
    return _SECRET.sub(REDACTED, text)
