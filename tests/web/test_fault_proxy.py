"""The fault proxy does what it says: without that no test through it means anything."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.api.server import LOGIN, REFRESH
from tests.web.site import Site
from tests.web.watching import Watch

HEADERS = {"x-token-ledger": "1", "content-type": "application/json"}


@pytest_asyncio.fixture(loop_scope="session")
async def http(site: Site) -> Any:
    async with httpx.AsyncClient(base_url=site.origin, headers={**HEADERS, "origin": site.origin}) as client:
        yield client


async def ask(http: httpx.AsyncClient, query: str, given: Any) -> Any:
    answer = await http.post("/graphql", json={"query": query, "variables": {"input": given}})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def signed_in(http: httpx.AsyncClient, site: Site) -> Any:
    pair = (await ask(http, LOGIN, {"assertion": site.assertion()}))["login"]
    assert pair["__typename"] == "TokenPair"
    return pair["session"]


async def test_it_forwards_and_counts(http: httpx.AsyncClient, site: Site) -> None:
    await signed_in(http, site)
    assert (await ask(http, REFRESH, {}))["refresh"]["outcome"] == "ROTATED"
    assert (await http.get("/healthz")).status_code == 200
    assert [one.operation for one in site.proxy.seen] == ["login", "refresh", "/healthz"]
    assert site.proxy.count("refresh") == 1
    assert site.proxy.seen[1].headers["x-token-ledger"] == "1"


async def test_a_lost_answer_was_given(http: httpx.AsyncClient, site: Site) -> None:
    session = await signed_in(http, site)
    lost = site.proxy.lose("refresh")
    with pytest.raises(httpx.TransportError):
        await ask(http, REFRESH, {})
    assert b"ROTATED" in lost.answer
    assert site.recorded(session["id"]) == ["TokenIssued", "TokenRotated"]
    assert (await ask(http, REFRESH, {}))["refresh"]["outcome"] == "REPLAYED"


async def test_a_request_that_is_cut_off_does_not_arrive(http: httpx.AsyncClient, site: Site) -> None:
    session = await signed_in(http, site)
    site.proxy.cut("refresh")
    with pytest.raises(httpx.TransportError):
        await ask(http, REFRESH, {})
    assert site.recorded(session["id"]) == ["TokenIssued"]
    assert (await ask(http, REFRESH, {}))["refresh"]["outcome"] == "ROTATED"


async def test_an_answer_that_is_held_waits(http: httpx.AsyncClient, site: Site) -> None:
    session = await signed_in(http, site)
    held = site.proxy.hold("refresh")
    first = asyncio.ensure_future(ask(http, REFRESH, {}))
    await held.met()
    assert site.recorded(session["id"]) == ["TokenIssued", "TokenRotated"]
    assert (await ask(http, REFRESH, {}))["refresh"]["outcome"] == "REPLAYED"
    assert not first.done()
    held.release()
    assert (await first)["refresh"]["outcome"] == "ROTATED"


async def test_offline_nobody_gets_through(http: httpx.AsyncClient, site: Site) -> None:
    site.proxy.go_offline()
    with pytest.raises(httpx.TransportError):
        await http.get("/healthz")
    assert site.proxy.seen == []
    site.proxy.offline = False
    assert (await http.get("/healthz")).status_code == 200


async def test_a_browser_asks_once_and_is_cut_off_in_the_middle_of_a_socket(
    page: Page, site: Site, watch: Watch
) -> None:
    """What is lost is not asked for again behind the page's back; WebSockets end with the rest."""
    watch.allow("net::ERR_")
    await page.goto(site.app)
    site.proxy.lose("/healthz")
    assert await page.evaluate('fetch("/healthz").then(() => "answered", () => "failed")') == "failed"
    assert site.proxy.count("/healthz") == 1
    await page.evaluate(
        """() => new Promise((resolve, reject) => {
          window.socket = new WebSocket(`ws://${location.host}/graphql`, "graphql-transport-ws");
          window.ending = new Promise((told) => { socket.onclose = (event) => told(event.code); });
          socket.onopen = resolve;
          socket.onerror = reject;
        })"""
    )
    site.proxy.go_offline()
    assert await page.evaluate("window.ending") == 1006
