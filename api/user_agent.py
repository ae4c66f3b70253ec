"""What kind of program called, as far as its User-Agent header says."""

from __future__ import annotations

from functools import lru_cache

LONGEST_USER_AGENT = 512
UNKNOWN_FAMILY = "Other"


def user_agent_family(user_agent: str | None) -> str:
    """The browser or program without its version (`Firefox`, `Mobile Safari`); `Other`: not known, or none.

    Only the first 512 characters are read. The first call loads the parser, which takes some 100 ms.
    """
    text = (user_agent or "")[:LONGEST_USER_AGENT]
    return _family(text.encode(errors="replace").decode())  # the parser takes Unicode text only


@lru_cache(maxsize=4096)
def _family(user_agent: str) -> str:
    if not user_agent:
        return UNKNOWN_FAMILY
    from ua_parser import parse_user_agent  # noqa: PLC0415 - slow to import, and not every command needs it

    found = parse_user_agent(user_agent)
    return UNKNOWN_FAMILY if found is None else found.family
