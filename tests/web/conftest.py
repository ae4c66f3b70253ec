"""A real browser: one a worker of the test run, a context of its own for each test, and nothing unnoticed.

Tests that use it are `async def` and run in one event loop, that of the session: an asynchronous fixture of
theirs says `@pytest_asyncio.fixture(loop_scope="session")`. One worker has all of them, with one browser.
Where there is none they are skipped, and the reason is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.conftest import database_copy
from tests.web.browser import ARGUMENTS, NoBrowserError, find_browser
from tests.web.site import Site, site_on
from tests.web.watching import Watch

NewContext = Callable[..., Awaitable[BrowserContext]]

_TIMEOUT_MILLISECONDS = 10_000


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def browser_program() -> str:
    """The program of an installed browser."""
    try:
        return find_browser()
    except NoBrowserError as error:
        pytest.skip(f"needs a browser: {error}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_program: str) -> AsyncIterator[Browser]:
    """The one browser."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=browser_program, args=ARGUMENTS)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def watch() -> AsyncIterator[Watch]:
    """Fails the test at its end where a page told an error that the test did not allow."""
    made = Watch()
    yield made
    assert made.unexpected == []


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(browser: Browser, watch: Watch) -> AsyncIterator[NewContext]:
    """Makes further browsers, as it were: cookies and storage of their own, watched like the first.

    Takes what Playwright's `new_context` takes, such as `viewport` and `color_scheme`.
    """
    made: list[BrowserContext] = []

    async def make(**options: Any) -> BrowserContext:
        context = await browser.new_context(**options)
        context.set_default_timeout(_TIMEOUT_MILLISECONDS)
        made.append(context)
        await watch.over(context)
        return context

    yield make
    for context in made:
        await watch.settle(context)
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(new_context: NewContext) -> BrowserContext:
    """A browser of the test's own."""
    return await new_context()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return await context.new_page()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_site(browser: Browser, server_url: str, template: str) -> AsyncIterator[Site]:
    """A server behind the proxy, for all tests: each has subjects and clients of its own."""
    with database_copy(server_url, template) as url:
        async with site_on(url) as site:
            yield site


@pytest.fixture
def site(running_site: Site) -> Site:
    """The server behind the proxy, without faults yet."""
    running_site.begin()
    return running_site
