"""The console in a browser, on one large ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.conftest import database_copy
from tests.web.console.large_ledger import Known, large_ledger
from tests.web.console.using import Console


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def large(browser: Browser, server_url: str, template: str) -> AsyncIterator[Known]:
    """More than 100,000 events, for all tests: each that changes something has subjects of its own."""
    with database_copy(server_url, template) as url:
        async with large_ledger(url) as known:
            yield known


@pytest.fixture
def known(large: Known) -> Known:
    """The large ledger, behind a proxy without faults."""
    large.site.begin()
    return large


@pytest.fixture
def console(page: Page, known: Known) -> Console:
    """The console in an empty tab; nobody is signed in."""
    return Console(page=page, known=known)


@pytest.fixture
def proxied(page: Page, known: Known) -> Console:
    """The same through the proxy, which can lose, hold and count."""
    return Console(page=page, known=known, origin=known.site.origin)
