"""The application on a migrated database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.server import Server, running_server


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[Server]:
    """In development mode, without limits by address; its view is compared with its events when it ends."""
    async with running_server(database_url) as running:
        yield running
