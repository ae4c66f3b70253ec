"""What processes cost and which connections they hold, as Linux tells in /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_ESTABLISHED = "01"
_STAT_PARENT, _STAT_USER, _STAT_AFTER_CHILDREN = 1, 11, 15
"""Places in /proc/PID/stat after the name: user and system time, then those of children waited for."""
_IDLE, _WAITING_FOR_DISK = 3, 4
_BUSY_KINDS = 8
"""/proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; what comes after is counted in user."""


def family_of(process: int) -> list[int]:
    """The process and every one below it that runs now."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            fields = _stat(int(folder.name))
            if fields is not None:
                children.setdefault(int(fields[_STAT_PARENT]), []).append(int(folder.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(process: int) -> float:
    """CPU time of the process and of all that ever ran below it and is alive or was waited for."""
    ticks = 0
    for one in family_of(process):
        fields = _stat(one)
        if fields is not None:
            ticks += sum(int(field) for field in fields[_STAT_USER:_STAT_AFTER_CHILDREN])
    return ticks / _TICKS_A_SECOND


def machine_cpu_seconds() -> float:
    """CPU time that all cores together have worked since the machine started, stolen time included."""
    fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1 : 1 + _BUSY_KINDS]
    busy = [int(field) for place, field in enumerate(fields) if place not in (_IDLE, _WAITING_FOR_DISK)]
    return sum(busy) / _TICKS_A_SECOND


def connections_by_process(process: int, port: int) -> dict[int, int]:
    """How many TCP connections to a local port each process of a family holds; those without are left out."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    held: dict[int, int] = {}
    for one in family_of(process):
        with suppress(OSError):
            for descriptor in Path(f"/proc/{one}/fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        held[one] = held.get(one, 0) + 1
    return held


def _stat(process: int) -> list[str] | None:
    """The fields after the process's name, which may hold blanks; None: it is gone."""
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(") ")[2].split()
