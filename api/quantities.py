"""How durations, rates and switches are written in settings and in the policy of a client.

Every parser raises a ValueError that begins with "must be" and never repeats what was given.
"""

from __future__ import annotations

import re
from datetime import timedelta

from ledger.gcra import Rate

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PERIODS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_ON = frozenset({"on", "true", "1"})
_OFF = frozenset({"off", "false", "0"})

LONGEST_DURATION = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """Whole seconds, or a number with its unit: `90`, `90s`, `15m`, `1h`, `7d`.

    Raises:
        ValueError: it is written otherwise, or longer than a hundred years.
    """
    match = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text)
    if match is None:
        raise ValueError(
            "must be a duration: whole seconds, or a number with s, m, h or d, such as 15m or 7d"
        )
    number, unit = match.groups()
    if int(number) > LONGEST_DURATION / _UNITS[unit or "s"]:
        raise ValueError("must be a duration of at most 36500d")
    return int(number) * _UNITS[unit or "s"]


def parse_window(text: str) -> timedelta:
    """A duration, or `off` for zero.

    Raises:
        ValueError: it is neither.
    """
    if text == "off":
        return timedelta(0)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def parse_rate(text: str) -> Rate | None:
    """So many in a period, `10/minute` or `300/5m`; `off` is None: unlimited.

    Raises:
        ValueError: it is neither, or allows nothing.
    """
    if text == "off":
        return None
    match = re.fullmatch(r"([0-9]{1,9})/([a-z0-9]+)", text)
    if match is not None:
        limit, period = match.groups()
        try:
            return Rate(limit=int(limit), period=_PERIODS.get(period) or parse_duration(period))
        except ValueError:
            pass
    raise ValueError("must be a rate above zero such as 10/minute or 300/5m, or off")


def parse_switch(text: str) -> bool:
    """`on`, `true` or `1`; `off`, `false` or `0`; case does not matter.

    Raises:
        ValueError: it is none of these.
    """
    word = text.lower()
    if word in _ON:
        return True
    if word in _OFF:
        return False
    raise ValueError("must be on or off")
