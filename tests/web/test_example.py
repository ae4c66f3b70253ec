"""The example in a browser, from the link that the demo prints, under the strict policy of its page."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Page, expect

from tests.web.site import Site
from tests.web.watching import Watch


async def opened(context: BrowserContext, site: Site, fragment: str = "") -> Page:
    page = await context.new_page()
    await page.goto(f"{site.origin}/example/{fragment}")
    return page


async def test_the_link_signs_in_and_leaves_no_trace(context: BrowserContext, site: Site) -> None:
    assertion = site.assertion("ada-of-the-link")
    page = await opened(context, site, f"#assertion={assertion}")
    await expect(page.get_by_role("heading", name="Signed in as ada-of-the-link")).to_be_visible()
    assert page.url == f"{site.origin}/example/"
    assert await page.evaluate("history.length") == 2  # about:blank, and this one without the fragment
    assert not any(assertion in one.path or assertion in str(one.headers) for one in site.proxy.seen)
    await page.reload()
    await expect(page.get_by_role("heading", name="Signed in as ada-of-the-link")).to_be_visible()
    await expect(page.locator("#refreshes")).to_have_text("1")


async def test_it_signs_in_calls_and_signs_out(context: BrowserContext, site: Site) -> None:
    page = await opened(context, site)
    await expect(page.get_by_role("heading", name="Nobody is signed in")).to_be_visible()
    await page.get_by_label("Assertion of your identity provider").fill(site.assertion("ada-of-the-form"))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Call the API").click()
    log = page.get_by_role("log")
    await expect(log).to_contain_text("The API answered: ada-of-the-form has 1 active session.")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(log).to_contain_text("Signed out: LOGOUT.")
    await expect(page.get_by_role("status")).to_have_text("Signed out.")
    await expect(page.get_by_role("button", name="Sign in")).to_be_enabled()


async def test_a_refusal_is_shown(context: BrowserContext, site: Site) -> None:
    assertion = site.assertion()
    await opened(context, site, f"#assertion={assertion}")
    await context.clear_cookies()
    page = await opened(context, site, f"#assertion={assertion}")
    await expect(page.get_by_role("log")).to_contain_text("ASSERTION_INVALID")


async def test_two_tabs_of_it_refresh_once(context: BrowserContext, site: Site) -> None:
    first = await opened(context, site, f"#assertion={site.assertion('ada-of-two-tabs')}")
    await expect(first.locator("#who")).to_have_text("ada-of-two-tabs")
    async with context.expect_page() as link:
        await first.get_by_role("link", name="Open a second tab").click()
    second = await link.value
    await expect(second.locator("#who")).to_have_text("ada-of-two-tabs")
    await expect(second.locator("#refreshes")).to_have_text("0")
    await expect(second.locator("#adoptions")).to_have_text("1")
    await second.get_by_role("button", name="Have the token refused ten times at once").click()
    await expect(second.get_by_role("log")).to_contain_text("this tab refreshed 1 time.")
    await expect(first.get_by_role("log")).to_contain_text("Another tab brought a token.")
    await expect(first.locator("#refreshes")).to_have_text("0")
    assert site.proxy.count("refresh") == 1
    await first.get_by_role("button", name="Sign out everywhere").click()
    for page in (first, second):
        await expect(page.get_by_role("heading", name="Nobody is signed in")).to_be_visible()


async def test_a_network_that_fails_is_shown_and_signs_nobody_out(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow("net::ERR_")
    page = await opened(context, site, f"#assertion={site.assertion('ada-offline')}")
    await expect(page.locator("#who")).to_have_text("ada-offline")
    site.proxy.go_offline()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("log")).to_contain_text("NETWORK: ")
    await expect(page.locator("#who")).to_be_visible()
    site.proxy.offline = False
    await page.get_by_role("button", name="Call the API").click()
    await expect(page.get_by_role("log")).to_contain_text("has 1 active session")
