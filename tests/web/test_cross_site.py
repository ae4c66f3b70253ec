"""What a page of a stranger can do to somebody who is signed in here: nothing, and it reads nothing.

The strangers are another site, another name of this machine, and another port of the same host. To the last
the browser is no help: a cookie knows no ports, so that it is sent, and the server has to refuse.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from playwright.async_api import BrowserContext, Page

from tests.served import free_port
from tests.web.fault_proxy import other_site
from tests.web.site import APP, EMPTY_PAGE, Site
from tests.web.watching import Watch

LOGIN = "mutation ($given: LoginInput!) { login(input: $given) { ... on TokenPair { session { id } } } }"
ACTS = {
    "refresh": "mutation { refresh { ... on TokenPair { outcome accessToken } } }",
    "logout": "mutation { logout(input: {scope: ALL}) { ... on LogoutPayload { revokedSessions } } }",
}
"""Each needs the cookie alone: who could send it from elsewhere would not have to know anything."""
ASK = """async ({ address, query, variables, init }) => {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json", "X-Token-Ledger": "1" },
    body: JSON.stringify({ query, variables }),
    ...init,
  }).catch((error) => ({ type: error.message, status: 0, text: () => "" }));
  return { type: answer.type, status: answer.status, body: await answer.text() };
}"""
UNREAD = {"type": "Failed to fetch", "status": 0, "body": ""}
HOSTS = ("elsewhere.test", "localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """Somebody who is signed in by cookie, with a page of each stranger open in the same browser."""

    site: Site
    page: Page
    strangers: dict[str, Page]
    """By the name of their host."""
    session_id: str

    @property
    def graphql(self) -> str:
        return f"{self.site.origin}/graphql"

    async def ask(self, operation: str) -> Any:
        """What the own page is answered."""
        answer = await self.page.evaluate(ASK, {"address": "/graphql", "query": ACTS[operation]})
        return json.loads(answer["body"])["data"][operation]

    def arrived(self) -> list[str]:
        """The methods of what came to `/graphql` since it was asked last.

        Each with the cookie exactly where the browser does not keep it back from a stranger.
        """
        came = [one for one in self.site.proxy.seen if one.path.startswith("/graphql")]
        self.site.proxy.seen.clear()
        for one in came:
            stranger = "127.0.0.1" in one.headers.get("origin", one.headers.get("referer", ""))
            assert ("cookie" in one.headers) == (stranger and one.method != "OPTIONS"), one
        return [one.method for one in came]

    async def is_untouched(self) -> None:
        """Nothing was recorded of the session; and the own page does what the strangers tried."""
        assert self.site.recorded(self.session_id) == ["TokenIssued"]
        assert (await self.ask("refresh"))["outcome"] == "ROTATED"
        assert (await self.ask("logout"))["revokedSessions"] == 1
        assert self.site.recorded(self.session_id) == ["TokenIssued", "TokenRotated", "TokenRevoked"]


@pytest_asyncio.fixture(loop_scope="session")
async def victim(context: BrowserContext, site: Site, watch: Watch) -> AsyncIterator[Victim]:
    watch.hosts |= set(HOSTS)
    watch.allow("^console: ")  # the browser complains of what strangers try
    page = await context.new_page()
    await page.goto(site.app)
    given = {"assertion": site.assertion()}
    answer = await page.evaluate(ASK, {"address": "/graphql", "query": LOGIN, "variables": {"given": given}})
    port = free_port()
    async with other_site(port, {APP: EMPTY_PAGE}):
        strangers = {host: await context.new_page() for host in HOSTS}
        for host, stranger in strangers.items():
            await stranger.goto(f"http://{host}:{port}{APP}")
        site.proxy.seen.clear()
        yield Victim(
            site=site,
            page=page,
            strangers=strangers,
            session_id=json.loads(answer["body"])["data"]["login"]["session"]["id"],
        )


async def test_a_form_does_nothing(victim: Victim) -> None:
    """Whose text is JSON where the encoding lets it be."""
    send = """({ address, encoding, query }) => {
      const form = document.createElement("form");
      Object.assign(form, { action: address, method: "POST", enctype: encoding });
      const field = document.createElement("input");
      const [name, value] = encoding === "text/plain"
        ? [`{"query": ${JSON.stringify(query)}, "ignored": "`, '"}'] : ["query", query];
      Object.assign(field, { name, value });
      form.append(field);
      document.body.append(form);
      form.submit();
    }"""
    for stranger in victim.strangers.values():
        page = stranger.url
        for encoding, query in (
            ("text/plain", ACTS["refresh"]),
            ("text/plain", ACTS["logout"]),
            ("application/x-www-form-urlencoded", ACTS["refresh"]),
            ("multipart/form-data", ACTS["refresh"]),
        ):
            given = {"address": victim.graphql, "encoding": encoding, "query": query}
            async with stranger.expect_navigation():
                await stranger.evaluate(send, given)
            assert "UNSUPPORTED_MEDIA_TYPE" in await stranger.inner_text("body")
            await stranger.goto(page)
    assert victim.arrived() == ["POST"] * 12
    await victim.is_untouched()


async def test_a_request_that_needs_leave_gets_none(victim: Victim) -> None:
    for host, stranger in victim.strangers.items():
        for credentials in ("include", "omit"):
            for query in ACTS.values():
                given = {"address": victim.graphql, "query": query, "init": {"credentials": credentials}}
                assert await stranger.evaluate(ASK, given) == UNREAD, host
    assert victim.arrived() == ["OPTIONS"] * 12
    await victim.is_untouched()


async def test_a_request_that_needs_no_leave_does_nothing(victim: Victim) -> None:
    """A simple one: of plain text, without a header of its own. It arrives, and is refused."""
    for host, stranger in victim.strangers.items():
        for mode in ("cors", "no-cors"):
            for query in ACTS.values():
                init = {"mode": mode, "headers": {"Content-Type": "text/plain"}}
                given = {"address": victim.graphql, "query": query, "init": init}
                read = await stranger.evaluate(ASK, given)
                assert read == (UNREAD if mode == "cors" else {**UNREAD, "type": "opaque"}), host
    assert victim.arrived() == ["POST"] * 12
    await victim.is_untouched()


async def test_an_address_does_nothing(victim: Victim) -> None:
    """A mutation as the address of what a page shows: whatever is loaded by GET."""
    show = """([name, address]) => {
      const made = document.createElement(name);
      made.rel = "stylesheet";
      made.src = made.href = address;
      document.body.append(made);
      return new Promise((resolve) => { made.onload = made.onerror = resolve; }).then(() => {});
    }"""
    for stranger in victim.strangers.values():
        for query in ACTS.values():
            for element in ("img", "script", "iframe", "link"):
                await stranger.evaluate(show, [element, f"{victim.graphql}?query={quote(query)}"])
    assert victim.arrived() == ["GET"] * 24
    await victim.is_untouched()


async def test_a_beacon_does_nothing(victim: Victim) -> None:
    send = """([address, query]) => ["text/plain", "application/json"].map((type) =>
      navigator.sendBeacon(address, new Blob([JSON.stringify({ query })], { type })))"""
    for stranger in victim.strangers.values():
        for query in ACTS.values():
            async with (
                stranger.expect_event("requestfinished"),  # the one of plain text
                stranger.expect_event("requestfailed"),  # the other needs leave
            ):
                assert await stranger.evaluate(send, [victim.graphql, query]) == [True, True]
    assert sorted(victim.arrived()) == ["OPTIONS"] * 6 + ["POST"] * 6
    await victim.is_untouched()


async def test_a_window_that_is_opened_tells_its_opener_nothing(victim: Victim) -> None:
    read = "() => { try { return popup.document.title } catch (error) { return error.name } }"
    for stranger in victim.strangers.values():
        for path in ("/console/", "/example/"):
            async with stranger.context.expect_page() as opened:
                await stranger.evaluate(
                    "(address) => { window.popup = window.open(address); }", victim.site.origin + path
                )
            popup = await opened.value
            await popup.wait_for_load_state()
            assert "Token Ledger" in await popup.title()  # it is open, for the user
            assert await popup.evaluate("window.opener") is None
            assert await stranger.evaluate("popup.closed")  # to its opener
            assert await stranger.evaluate(read) in ("SecurityError", "TypeError")
            await popup.close()
    # The own pages may have refreshed by themselves, as whenever the user opens them.
    assert not {"ReuseDetected", "TokenRevoked"} & set(victim.site.recorded(victim.session_id))
    assert (await victim.ask("logout"))["revokedSessions"] == 1


async def test_no_page_can_be_framed(victim: Victim) -> None:
    show = """(address) => {
      document.querySelector("iframe")?.remove();
      document.body.append(Object.assign(document.createElement("iframe"), { src: address }));
    }"""
    for stranger in victim.strangers.values():
        for path in ("/console/", "/graphql", "/example/"):
            async with stranger.expect_event("requestfailed") as failed:
                await stranger.evaluate(show, victim.site.origin + path)
            assert (await failed.value).failure == "net::ERR_BLOCKED_BY_RESPONSE", path
    await victim.is_untouched()


async def test_a_socket_is_refused(victim: Victim) -> None:
    connect = """(address) => new Promise((resolve) => {
      const socket = new WebSocket(address, "graphql-transport-ws");
      socket.onopen = () => resolve("open");
      socket.onclose = (event) => resolve(event.code);
    })"""
    address = victim.graphql.replace("http:", "ws:")
    for host, stranger in victim.strangers.items():
        assert await stranger.evaluate(connect, address) == 1006, host
    assert await victim.page.evaluate(connect, address) == "open"
    await victim.is_untouched()


async def test_no_answer_can_be_read(victim: Victim) -> None:
    read = """(address) => fetch(address, { credentials: "include" })
      .then((answer) => answer.text(), (error) => error.message)"""
    for path in ("/console/", "/console/me", "/graphql?query={me{id}}", "/readyz"):
        for host, stranger in victim.strangers.items():
            told = await stranger.evaluate(read, victim.site.origin + path)
            assert told == "Failed to fetch", (host, path)
        assert await victim.page.evaluate(read, path) != "Failed to fetch"
    await victim.is_untouched()
