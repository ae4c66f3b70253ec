"""What is written in one turn of the event loop leaves together, and nothing is lost or reordered."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from api.joined_writes import JoinedWrites


class Recording:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done

    def pause_reading(self) -> None:
        self.done.append("paused")


def joined() -> tuple[Recording, Any]:
    recording = Recording()
    return recording, JoinedWrites(cast("asyncio.Transport", recording), asyncio.get_running_loop())


async def test_a_head_and_its_body_leave_together() -> None:
    recording, transport = joined()
    transport.write(b"head ")
    transport.write(b"body")
    assert recording.done == [b"head body"]
    await asyncio.sleep(0)
    assert recording.done == [b"head body"]


async def test_a_head_alone_leaves_when_the_turn_ends() -> None:
    recording, transport = joined()
    transport.write(b"head ")
    assert recording.done == []
    await asyncio.sleep(0)
    transport.write(b"body")
    await asyncio.sleep(0)
    assert recording.done == [b"head ", b"body"]


async def test_an_empty_body_lets_its_head_go() -> None:
    recording, transport = joined()
    transport.write(b"head")
    transport.write(b"")
    assert recording.done == [b"head"]


async def test_no_more_than_one_write_is_held() -> None:
    recording, transport = joined()
    for number in range(5):
        transport.write(b"%d" % number)
    assert recording.done == [b"01", b"23"]
    await asyncio.sleep(0)
    assert recording.done == [b"01", b"23", b"4"]


async def test_what_was_written_leaves_before_the_end() -> None:
    recording, transport = joined()
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert recording.done == [b"last words", "closed"]
    assert transport.is_closing()


async def test_all_else_is_done_by_the_transport_itself() -> None:
    recording, transport = joined()
    transport.pause_reading()
    assert recording.done == ["paused"]
