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
LONGEST_GRACE_PERIOD = timedelta(seconds=60)
LONGEST_LOST_RESPONSE_WINDOW = timedelta(days=7)


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


def parse_lifetime(text: str) -> timedelta:
    """A duration above zero.

    Raises:
        ValueError: it is none.
    """
    lifetime = parse_duration(text)
    if not lifetime:
        raise ValueError("must be a duration above zero, such as 15m or 7d")
    return lifetime


def parse_grace_period(text: str) -> timedelta:
    """A duration of no more than a minute; zero: none.

    Raises:
        ValueError: it is none or longer.
    """
    try:
        period = parse_duration(text)
    except ValueError:
        period = None
    if period is None or period > LONGEST_GRACE_PERIOD:
        raise ValueError("must be a duration from 0 to 60s")
    return period


def parse_lost_response_window(text: str) -> timedelta:
    """A duration of no more than a week, or `off` for zero.

    Raises:
        ValueError: it is neither, or longer.
    """
    try:
        window = timedelta(0) if text == "off" else parse_duration(text)
    except ValueError:
        window = None
    if window is None or window > LONGEST_LOST_RESPONSE_WINDOW:
        raise ValueError("must be a duration up to 7d, or off")
    return window


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


def parse_count(text: str, *, lowest: int, highest: int) -> int | None:
    """A number within bounds, both inclusive, or `off` for None.

    Raises:
        ValueError: it is neither.
    """
    if text == "off":
        return None
    if re.fullmatch(r"[0-9]{1,9}", text) and lowest <= int(text) <= highest:
        return int(text)
    raise ValueError(f"must be a number from {lowest} to {highest}, or off")


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


def duration_text(duration: timedelta) -> str:
    """A duration of whole seconds as `parse_duration` reads it, in the largest unit that fits."""
    seconds = duration // timedelta(seconds=1)
    for unit in ("d", "h", "m"):
        size = _UNITS[unit] // timedelta(seconds=1)
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def rate_text(rate: Rate | None) -> str:
    """A rate as `parse_rate` reads it."""
    return "off" if rate is None else f"{rate.limit}/{duration_text(rate.period)}"
