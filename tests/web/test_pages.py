"""The pages that the server serves, in a browser: nothing of another host, nothing against their policy."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.web.site import Site
from tests.web.watching import Watch


@pytest.mark.parametrize("path", ["/console/", "/console", "/console/deep/link", "/example/"])
async def test_a_page_opens_without_an_error(page: Page, site: Site, path: str) -> None:
    answer = await page.goto(site.origin + path)
    assert answer is not None
    assert answer.status == 200
    assert "Token Ledger" in await page.title()


async def test_what_a_page_must_not_do_is_noticed(page: Page, site: Site, watch: Watch) -> None:
    """The watch itself: without it every other test would hold whatever a page did."""
    await page.goto(f"{site.origin}/console/")
    assert watch.unexpected == []
    await page.evaluate(
        """async () => {
          setTimeout(() => { throw new Error("thrown") });
          console.error("complained");
          document.body.setAttribute("style", "color: red");
          await fetch("https://elsewhere.test/").catch(() => {});
        }"""
    )
    await watch.settle(page.context)
    await page.goto(site.app)
    image = 'document.body.append(Object.assign(new Image(), { src: "http://elsewhere.test/" }))'
    async with page.context.expect_event("request", lambda one: "elsewhere.test" in one.url):
        await page.evaluate(image)
    for told in (
        "error: thrown",
        "console: complained",
        "console: policy violated: style-src-attr by inline",
        "console: policy violated: connect-src by https://elsewhere.test",
        "request: GET http://elsewhere.test/",
    ):
        assert any(one.startswith(told) for one in watch.unexpected), (told, watch.told)
    watch.allow(".")
    assert watch.unexpected == []
