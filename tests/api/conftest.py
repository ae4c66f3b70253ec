"""The application on a migrated database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.callers import Callers, callers_of
from tests.api.server import Server, running_server


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """In development mode, without limits by address; its view is compared with its events when it ends."""
    async with running_server(database_url) as running:
        yield running


@pytest.fixture
async def callers(database_url: str, tmp_path: Path) -> AsyncIterator[Callers]:
    """A running server, and every kind of caller of it."""
    async with callers_of(database_url, tmp_path) as made:
        yield made
