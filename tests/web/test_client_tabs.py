"""Several tabs, one session: one of them refreshes, and all of them know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import BrowserContext

from tests.web.conftest import NewContext
from tests.web.site import Site
from tests.web.tabs import WITHOUT_CHANNELS, WITHOUT_LOCKS, Tab, open_tab, stop_clock
from tests.web.watching import Watch

ENDS = {"ReuseDetected", "TokenRevoked", "TokenExpired"}
TOKENS_LIVE_SECONDS = 1
REFUSED_ONCE = "the server responded with a status of 401"


async def asleep_past_expiry(
    context: BrowserContext, site: Site, *, before: tuple[str, ...] = ()
) -> tuple[list[Tab], Any]:
    """Four tabs that wake when the access token that all of them hold has expired, and the session."""
    client_id = await site.client(access_ttl=TOKENS_LIVE_SECONDS)
    await stop_clock(context)
    tabs = [await open_tab(context, site, before=before, clientId=client_id) for _ in range(4)]
    session = await tabs[0].login(site.assertion())
    for tab in tabs[1:]:
        if before:  # nobody tells it: its own refresh does
            assert isinstance(await tab.token(), str)
        await tab.until_session(session["id"])
    await site.set_policy(client_id)  # the next token lives as long as any
    await asyncio.sleep(TOKENS_LIVE_SECONDS + 0.1)  # the server has no other clock
    site.proxy.seen.clear()
    return tabs, session


async def ten_requests_each(
    context: BrowserContext, site: Site, tabs: list[Tab], *, refreshes: int
) -> list[Any]:
    """All that was answered to ten requests of each tab, sent when all of them wake.

    The first refresh is answered when every request was refused and so many refreshes were asked for: whoever
    would refresh, too, has begun to.
    """
    held = site.proxy.hold("refresh")
    await context.clock.resume()
    asked = asyncio.gather(*(tab.ask(10) for tab in tabs))
    await held.met()
    await site.proxy.until("me", 10 * len(tabs))
    await site.proxy.until("refresh", refreshes)
    await asyncio.sleep(0.3)  # longer than a tab listens to its siblings before it goes ahead
    held.release()
    return [one for answers in await asked for one in answers]


async def test_four_tabs_with_ten_requests_each_refresh_once(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow(REFUSED_ONCE)
    tabs, session = await asleep_past_expiry(context, site)
    assert await ten_requests_each(context, site, tabs, refreshes=1) == [session["subject"]] * 40
    assert site.proxy.count("refresh") == 1
    assert site.recorded(session["id"]) == ["TokenIssued", "TokenRotated"]
    assert [await tab.told() for tab in tabs] == [[]] * 4


@pytest.mark.parametrize(
    "missing", [(WITHOUT_LOCKS,), (WITHOUT_LOCKS, WITHOUT_CHANNELS)], ids=["locks", "locks and channels"]
)
async def test_without_what_tabs_share_nobody_is_signed_out(
    context: BrowserContext, site: Site, watch: Watch, missing: tuple[str, ...]
) -> None:
    """Their refreshes race then, and the grace window bears it."""
    watch.allow(REFUSED_ONCE)
    tabs, session = await asleep_past_expiry(context, site, before=missing)
    assert await ten_requests_each(context, site, tabs, refreshes=2) == [session["subject"]] * 40
    assert 2 <= site.proxy.count("refresh") <= 8
    assert not ENDS & set(site.recorded(session["id"]))
    assert [await tab.told() for tab in tabs] == [[]] * 4
    assert await tabs[0].ask() == [session["subject"]]


async def test_without_locks_a_sibling_that_was_first_is_followed_where_it_can_be_heard(
    context: BrowserContext, site: Site
) -> None:
    """One after the other they need no lock to refresh once, however many tokens a second has."""
    first, second = [await open_tab(context, site, before=(WITHOUT_LOCKS,)) for _ in range(2)]
    session = await first.login(site.assertion())
    await second.until_session(session["id"])
    for count in range(1, 9):
        old = await second.token()
        new = await first.refreshed()
        assert new != old
        await second.page.wait_for_function("(token) => ledger.accessToken === token", arg=new)
        assert await second.token(refused=old) == new
        assert site.proxy.count("refresh") == count


async def test_a_new_tab_takes_over_what_another_holds(context: BrowserContext, site: Site) -> None:
    first = await open_tab(context, site)
    session = await first.login(site.assertion())
    second = await open_tab(context, site)
    assert await second.ask() == [session["subject"]]
    assert await second.session() == session
    assert site.proxy.count("refresh") == 0


async def test_after_a_reload_the_cookie_signs_in_again(context: BrowserContext, site: Site) -> None:
    tab = await open_tab(context, site)
    session = await tab.login(site.assertion())
    await tab.page.close()
    tab = await open_tab(context, site)
    assert await tab.session() is None
    assert await tab.ask(10) == [session["subject"]] * 10
    assert (await tab.session())["id"] == session["id"]
    assert site.proxy.count("refresh") == 1


async def test_refreshing_ahead_of_expiry_is_done_by_one_tab(context: BrowserContext, site: Site) -> None:
    await stop_clock(context)
    tabs = [await open_tab(context, site) for _ in range(3)]
    session = await tabs[0].login(site.assertion())
    for tab in tabs[1:]:
        await tab.until_session(session["id"])
    before = await tabs[0].token()
    await context.clock.fast_forward("13:30")  # of 15 minutes, less a little
    await context.clock.resume()
    for tab in tabs:
        await tab.page.wait_for_function("(before) => ledger.accessToken !== before", arg=before)
    assert site.proxy.count("refresh") == 1
    assert await tabs[0].token() == await tabs[1].token() == await tabs[2].token()


@pytest.mark.parametrize("scope", ["THIS", "ALL"])
async def test_signing_in_and_out_is_known_in_every_tab(
    context: BrowserContext, site: Site, scope: str
) -> None:
    tabs = [await open_tab(context, site) for _ in range(3)]
    assert [await tab.token() for tab in tabs] == [None] * 3  # and asked once, in vain
    for _ in range(2):
        session = await tabs[0].login(site.assertion())
        for tab in tabs:
            await tab.until_session(session["id"])
            assert await tab.ask() == [session["subject"]]
        assert await tabs[1].logout(scope) == {"revokedSessions": 1}
        for tab in tabs:
            await tab.until_session(None)
            assert await tab.token() is None
    for tab in tabs:
        assert [one["reason"] for one in await tab.told()] == ["LOGOUT", "LOGOUT"]
    assert await context.cookies() == []


async def test_signing_out_the_others_leaves_this_browser_alone(
    context: BrowserContext, site: Site, new_context: NewContext
) -> None:
    subject = f"subject-of-two-{site.server.settings.port}"
    here = await open_tab(context, site)
    there = await open_tab(await new_context(), site)
    session = await here.login(site.assertion(subject))
    await there.login(site.assertion(subject))
    assert await here.logout("OTHERS") == {"revokedSessions": 1}
    assert await here.refreshed() is not None
    assert (await here.session())["id"] == session["id"]
    assert await here.told() == []
    assert await there.refreshed() is None
    assert [(one["reason"], one["endedReason"]) for one in await there.told()] == [
        ("SESSION_REVOKED", "SUBJECT")
    ]


async def test_in_body_mode_tabs_share_the_storage_of_their_origin(
    context: BrowserContext, site: Site
) -> None:
    stored = """
      window.storage = {
        get: () => localStorage.getItem("token"),
        set: (token) => localStorage.setItem("token", token),
        remove: () => localStorage.removeItem("token"),
      };"""
    started = """async (locks) => {
      const { createTokenLedger } = await import("/client/token-ledger.js");
      window.ledger = createTokenLedger({ transport: "body", storage });
    }"""
    pages = [await context.new_page() for _ in range(2)]
    for page in pages:
        await page.add_init_script(stored)
        await page.goto(site.app)
        await page.evaluate(started)
    session = await pages[0].evaluate("(assertion) => ledger.login(assertion)", site.assertion())
    renew = "() => ledger.getAccessToken({ refused: ledger.accessToken })"
    for _ in range(5):
        for token in await asyncio.gather(*(page.evaluate(renew) for page in pages)):
            assert isinstance(token, str)
    assert await context.cookies() == []
    assert not ENDS & set(site.recorded(session["id"]))
    assert await pages[0].evaluate("ledger.logout()") == {"revokedSessions": 1}
    assert await pages[1].evaluate("localStorage.length") == 0
    await pages[1].wait_for_function("ledger.session === null")
