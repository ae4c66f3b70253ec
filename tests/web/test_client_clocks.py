"""Clocks that are wrong, that are set, and that stand still while a laptop sleeps."""

from __future__ import annotations

import asyncio
import time

import pytest
from playwright.async_api import BrowserContext

from tests.web.site import Site
from tests.web.tabs import open_tab, stop_clock
from tests.web.watching import Watch

FIVE_MINUTES = 300


@pytest.mark.parametrize("wrong", [-FIVE_MINUTES, FIVE_MINUTES], ids=["behind", "ahead"])
async def test_a_clock_that_is_wrong_by_five_minutes_changes_nothing(
    context: BrowserContext, site: Site, wrong: int
) -> None:
    """With tokens of four minutes, which would all seem expired, or good for twice as long."""
    client_id = await site.client(access_ttl=240)
    await context.clock.install(time=time.time() + wrong)
    tabs = [await open_tab(context, site, clientId=client_id) for _ in range(2)]
    session = await tabs[0].login(site.assertion())
    await tabs[1].until_session(session["id"])
    for tab in tabs:
        assert await tab.ask(5) == [session["subject"]] * 5
    assert site.proxy.count("refresh") == 0
    before = await tabs[0].token()
    await context.clock.fast_forward("03:50")
    for tab in tabs:
        await tab.page.wait_for_function("(before) => ledger.accessToken !== before", arg=before)
        assert await tab.ask(5) == [session["subject"]] * 5
        assert await tab.told() == []
    assert site.proxy.count("refresh") == 1


@pytest.mark.parametrize("jump", [-FIVE_MINUTES, FIVE_MINUTES], ids=["back", "forth"])
async def test_a_clock_that_is_set_meanwhile_costs_a_refresh_at_the_most(
    context: BrowserContext, site: Site, jump: int
) -> None:
    client_id = await site.client(access_ttl=240)
    await context.clock.install()
    tab = await open_tab(context, site, clientId=client_id)
    session = await tab.login(site.assertion())
    await context.clock.set_system_time(time.time() + jump)
    for _ in range(3):
        assert await tab.ask(5) == [session["subject"]] * 5
    assert site.proxy.count("refresh") <= 1
    assert await tab.told() == []


async def test_a_laptop_that_slept_past_expiry_wakes_signed_in(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    """The clock has gone on meanwhile, and no timer has fired."""
    await stop_clock(context)
    tabs = [await open_tab(context, site) for _ in range(3)]
    session = await tabs[0].login(site.assertion())
    for tab in tabs[1:]:
        await tab.until_session(session["id"])
    await context.clock.fast_forward("08:00:00")
    await context.clock.resume()
    for tab in tabs:
        assert await tab.ask(10) == [session["subject"]] * 10
        assert await tab.told() == []
    assert site.proxy.count("refresh") == 1


async def test_a_session_that_ended_while_the_laptop_slept_is_told_once(
    context: BrowserContext, site: Site
) -> None:
    """The browser has dropped the cookie by then, so that the service cannot say more."""
    client_id = await site.client(idle_ttl=1, access_ttl=1)
    await stop_clock(context)
    tabs = [await open_tab(context, site, clientId=client_id) for _ in range(2)]
    session = await tabs[0].login(site.assertion())
    await tabs[1].until_session(session["id"])
    await asyncio.sleep(1.1)
    await context.clock.fast_forward("08:00:00")
    await context.clock.resume()
    for tab in tabs:
        assert await tab.token() is None
        assert [one["reason"] for one in await tab.until_told()] == ["TOKEN_MISSING"]
