"""The client on pages of other origins: those that are allowed work, and strangers get nothing by it."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext

from tests.served import free_port
from tests.web.fault_proxy import other_site
from tests.web.site import APP, EMPTY_PAGE, Site
from tests.web.tabs import open_tab
from tests.web.watching import Watch


async def test_a_frontend_of_an_allowed_origin_uses_it_as_its_own(
    context: BrowserContext, site: Site
) -> None:
    """Of the same site, as the cookie demands: another port here, another subdomain elsewhere."""
    module, url = f"{site.origin}/client/token-ledger.js", f"{site.origin}/graphql"
    async with other_site(int(site.frontend.rpartition(":")[2]), {APP: EMPTY_PAGE}):
        tabs = [
            await open_tab(context, site, address=site.frontend + APP, module=module, url=url)
            for _ in range(2)
        ]
        session = await tabs[0].login(site.assertion())
        await tabs[1].until_session(session["id"])
        assert isinstance(await tabs[1].refreshed(), str)
        for tab in tabs:
            assert await tab.ask(3) == [session["subject"]] * 3
        assert await tabs[0].logout() == {"revokedSessions": 1}
        await tabs[1].until_session(None)
    assert await context.cookies() == []


@pytest.mark.parametrize("host", ["elsewhere.test", "localhost", "127.0.0.1"])
async def test_a_stranger_gets_nothing_by_it(
    context: BrowserContext, site: Site, watch: Watch, host: str
) -> None:
    watch.hosts.add(host)
    watch.allow("blocked by CORS policy", "net::ERR_FAILED")
    own = await open_tab(context, site)
    session = await own.login(site.assertion())
    module, url = f"{site.origin}/client/token-ledger.js", f"{site.origin}/graphql"
    port = free_port()
    async with other_site(port, {APP: EMPTY_PAGE}):
        stranger = await open_tab(
            context, site, address=f"http://{host}:{port}{APP}", module=module, url=url, timeoutMs=300
        )
        assert await stranger.token() == {"code": "NETWORK", "terminal": False}
        assert await stranger.logout("ALL") == {"code": "NETWORK", "terminal": False}
        assert await stranger.session() is None
        with pytest.raises(Exception, match="forbidden origin"):
            await stranger.login(site.assertion())
    assert site.recorded(session["id"]) == ["TokenIssued"]
    assert await own.ask() == [session["subject"]]
    assert isinstance(await own.refreshed(), str)


async def test_the_access_token_goes_to_no_other_origin(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    tab = await open_tab(context, site)
    await tab.login(site.assertion())
    port = free_port()
    cross = {"Access-Control-Allow-Origin": site.origin, "Access-Control-Allow-Headers": "authorization"}
    async with other_site(port, {APP: (EMPTY_PAGE[0], cross)}):
        async with context.expect_event("requestfinished", lambda one: f":{port}" in one.url) as asked:
            await tab.page.evaluate("(url) => ledger.fetch(url)", f"http://127.0.0.1:{port}{APP}")
        assert "authorization" not in await (await asked.value).all_headers()
    async with context.expect_event("requestfinished", lambda one: "/healthz" in one.url) as asked:
        await tab.page.evaluate("() => ledger.fetch('/healthz')")
    assert (await (await asked.value).all_headers())["authorization"].startswith("Bearer ")
