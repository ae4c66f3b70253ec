"""Networks that fail: whatever is no answer of the service signs nobody out, and is tried again."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext

from tests.web.site import Site
from tests.web.tabs import WITHOUT_CHANNELS, open_tab, stop_clock
from tests.web.watching import Watch

FAILURES = ("net::ERR_", "status of 401")
NETWORK = {"code": "NETWORK", "terminal": False}


async def test_offline_past_expiry_nobody_is_signed_out(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow(*FAILURES)
    await stop_clock(context)
    tabs = [await open_tab(context, site, timeoutMs=500) for _ in range(2)]
    session = await tabs[0].login(site.assertion())
    await tabs[1].until_session(session["id"])
    site.proxy.go_offline()
    await context.clock.fast_forward("02:00:00")
    await context.clock.resume()
    assert await asyncio.gather(*(tab.token() for tab in tabs)) == [NETWORK, NETWORK]
    assert await tabs[0].logout() == NETWORK
    for tab in tabs:
        assert (await tab.session())["id"] == session["id"]
        assert await tab.told() == []
    site.proxy.offline = False
    for tab in tabs:
        await tab.page.wait_for_function("ledger.accessToken !== null")  # it went on trying by itself
        assert await tab.ask(10) == [session["subject"]] * 10
        assert await tab.told() == []
    assert site.recorded(session["id"]) == ["TokenIssued", "TokenRotated"]


async def test_back_online_the_browser_says_so_and_it_is_tried_at_once(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    """Time stands still, so that no pause between two tries ends by itself."""
    watch.allow(*FAILURES)
    await stop_clock(context)
    tab = await open_tab(context, site, before=(WITHOUT_CHANNELS,))
    session = await tab.login(site.assertion())
    await context.set_offline(True)
    async with context.expect_event("requestfailed"):
        asked = asyncio.ensure_future(tab.refreshed())
    await watch.settle(context)
    await context.set_offline(False)
    assert isinstance(await asyncio.wait_for(asked, 10), str)
    assert await tab.ask() == [session["subject"]]
    assert await tab.told() == []


async def test_a_request_that_needs_a_token_fails_offline_and_works_afterwards(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow(*FAILURES)
    tab = await open_tab(context, site, timeoutMs=500)
    session = await tab.login(site.assertion())
    site.proxy.go_offline()
    assert await tab.ask() == [{"code": None, "terminal": None}]  # as any fetch fails
    site.proxy.offline = False
    assert await tab.ask() == [session["subject"]]
    assert await tab.token() is not None
    assert site.proxy.count("refresh") == 0


@pytest.mark.parametrize("fault", ["cut", "lose"])
async def test_an_unanswered_sign_in_leaves_the_one_before(
    context: BrowserContext, site: Site, watch: Watch, fault: str
) -> None:
    watch.allow(*FAILURES)
    tab = await open_tab(context, site)
    session = await tab.login(site.assertion())
    getattr(site.proxy, fault)("login")
    with pytest.raises(Exception, match="could not be asked"):
        await tab.login(site.assertion())
    assert (await tab.session())["id"] == session["id"]
    assert await tab.ask() == [session["subject"]]


async def test_offline_from_the_start_it_is_not_known_who_is_signed_in(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    """A new page without a network is not signed out: the cookie may well be there."""
    watch.allow(*FAILURES)
    first = await open_tab(context, site)
    session = await first.login(site.assertion())
    await first.page.close()
    tab = await open_tab(context, site, timeoutMs=500)
    site.proxy.go_offline()
    assert await tab.token() == NETWORK
    site.proxy.offline = False
    await tab.page.wait_for_function("ledger.accessToken !== null")
    assert (await tab.session())["id"] == session["id"]
    assert await tab.told() == []
