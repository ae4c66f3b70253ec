"""Nothing, not yet, not now and not reachable: each is told, and what passes comes back by itself."""

from __future__ import annotations

import re

from playwright.async_api import Route, expect

from tests.web.console.large_ledger import Known
from tests.web.console.using import Console
from tests.web.watching import Watch

_QUERIED = ("", "alarms", "sessions", "events", "subject", "session", "event", "log", "me")
"""Views that read by queries."""


async def _unavailable(route: Route) -> None:
    await route.fulfill(
        status=503,
        headers={"content-type": "application/graphql-response+json", "retry-after": "1"},
        body='{"errors":[{"message":"The service cannot answer now.",'
        '"extensions":{"code":"TEMPORARILY_UNAVAILABLE","requestId":"request-17"}}]}',
    )


_NOTHING: list[tuple[str, dict[str, str], str]] = [
    ("sessions", {"subject": "nobody"}, "No session matches."),
    ("events", {"subject": "nobody"}, "No event matches."),
    ("alarms", {"subject": "nobody"}, "No reuse was detected."),
    ("subject", {"id": "nobody"}, "Nothing was ever done for this id."),
    ("session", {"id": "01900000-0000-7000-8000-000000000000"}, "There is no such session"),
    ("event", {"id": "01900000-0000-7000-8000-000000000000:1"}, "There is no such event"),
    ("log", {"event": "01900000-0000-7000-8000-000000000000:1"}, "There is no such event"),
    ("revoke", {"subject": "nobody"}, "No living session matches."),
    ("no/such/view", {}, "There is no such page."),
]


async def test_that_there_is_nothing_is_said_in_every_view(console: Console) -> None:
    await console.signed_in("log")
    for view, query, told in _NOTHING:
        await console.open(view, **query)
        await expect(console.page.locator(".state.empty")).to_contain_text(told)


async def test_loading_is_shown_until_the_answer_is_there(proxied: Console, known: Known) -> None:
    await proxied.signed_in("log")
    held = known.site.proxy.hold("events")
    await proxied.page.get_by_role("link", name="Event log", exact=True).click()
    await held.met()
    await expect(proxied.page.locator(".state.loading")).to_have_text("Loading events…")
    held.release()
    await expect(proxied.rows).to_have_count(50)
    await expect(proxied.page.locator(".state.loading")).to_have_count(0)


async def test_an_error_of_the_service_is_told_in_every_view_and_passes_by_itself(
    console: Console, watch: Watch
) -> None:
    watch.allow("503")
    await console.signed_in()
    page = console.page
    for view in _QUERIED:
        await page.route("**/graphql", _unavailable_but_tokens)
        await console.open(view, **await console.place_of(view))
        failure = page.locator(".state.failure").first
        await expect(failure).to_contain_text("The service cannot answer now")
        await expect(failure).to_contain_text("request-17")
        await page.unroute("**/graphql")
    await expect(page.locator(".state.failure")).to_have_count(0)
    await expect(page.locator(".device")).not_to_have_count(0)


async def _unavailable_but_tokens(route: Route) -> None:
    """What the product's own client asks for is answered."""
    if "refresh(" in (route.request.post_data or ""):
        await route.continue_()
    else:
        await _unavailable(route)


async def test_a_lost_connection_is_told_and_comes_back_by_itself(
    proxied: Console, known: Known, watch: Watch
) -> None:
    watch.allow("ERR_")
    await proxied.signed_in("log")
    known.site.proxy.go_offline()
    await proxied.page.get_by_role("link", name="Sessions", exact=True).click()
    failure = proxied.page.locator(".state.failure")
    await expect(failure).to_contain_text("The connection is lost")
    known.site.proxy.offline = False
    await expect(proxied.rows).to_have_count(50)
    await expect(failure).to_have_count(0)


async def test_a_server_that_never_answers_is_not_waited_for_for_ever(proxied: Console, known: Known) -> None:
    await proxied.page.clock.install()
    await proxied.signed_in("log")
    held = known.site.proxy.hold("events")
    await proxied.page.get_by_role("link", name="Event log", exact=True).click()
    await held.met()
    await proxied.page.clock.run_for(20_100)
    await expect(proxied.page.locator(".state.failure")).to_contain_text("The server does not answer.")
    held.release()
    await expect(proxied.rows).to_have_count(50)


async def test_a_page_that_failed_is_asked_for_again_and_no_row_is_lost(
    console: Console, known: Known, watch: Watch
) -> None:
    watch.allow("503")
    await console.signed_in("events", types="TOKEN_ISSUED")
    page = console.page
    await expect(console.rows).to_have_count(50)
    await page.route("**/graphql", _unavailable_but_tokens)
    await page.get_by_role("button", name="Show more").click()
    await expect(page.locator(".state.failure")).to_be_visible()
    await expect(console.rows).to_have_count(50)
    await page.unroute("**/graphql")
    await page.get_by_role("button", name="Try again").click()
    await expect(console.rows).to_have_count(100)
    names = await console.rows.locator("a[href*='event?']").all_inner_texts()
    assert len(set(names)) == 100


async def test_what_the_server_refuses_is_told_in_its_words(console: Console) -> None:
    await console.signed_in("events", ipAddress="no address")
    await expect(console.page.locator(".state.failure")).to_contain_text("The server refused this")
    await expect(console.page.locator(".state.failure")).to_contain_text(re.compile("ipAddress|address"))
    await console.page.get_by_role("button", name="Clear").click()
    await expect(console.rows).to_have_count(50)


async def test_a_start_without_the_server_is_told_and_goes_on(console: Console, watch: Watch) -> None:
    watch.allow("503", "ERR_")
    await console.signed_in("events", types="SUBJECT_SUSPENDED")
    page = console.page
    await page.route("**/graphql", _unavailable)
    await page.reload()
    await expect(page.get_by_text("Looking who is signed in")).to_be_visible()
    await expect(page.locator(".state.failure")).to_contain_text("The connection is lost")
    await page.unroute("**/graphql")
    await expect(console.rows.first).to_contain_text("Subject suspended")
