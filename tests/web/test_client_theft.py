"""A stolen refresh token is used: the thief gets nothing more, and every tab is told once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from playwright.async_api import BrowserContext

from tests.api.server import LOGIN, REFRESH
from tests.web.site import Site
from tests.web.tabs import Tab, open_tab
from tests.web.watching import Watch


async def stolen_cookie(context: BrowserContext) -> str:
    """The refresh token that the browser keeps now."""
    (cookie,) = await context.cookies()
    assert cookie["httpOnly"]
    return str(cookie["value"])


async def thief_refreshes(site: Site, token: str) -> Any:
    """What another program is answered, which sends the cookie as a browser would."""
    headers = {"cookie": f"token-ledger={token}", "origin": site.origin, "x-token-ledger": "1"}
    async with httpx.AsyncClient(headers={**headers, "user-agent": "curl/8.16.0"}) as http:
        answer = await http.post(f"{site.server.url}/graphql", json={"query": REFRESH})
        return answer.json()["data"]["refresh"]


async def three_tabs(context: BrowserContext, site: Site) -> tuple[list[Tab], Any]:
    client_id = await site.client(grace=0)
    tabs = [await open_tab(context, site, clientId=client_id) for _ in range(3)]
    session = await tabs[0].login(site.assertion())
    for tab in tabs:
        await tab.until_session(session["id"])
    return tabs, session


async def all_are_told_once(tabs: list[Tab], site: Site) -> list[Any]:
    """What each tab was told, the only thing that it was; nobody is signed in any more."""
    told = [await tab.until_told() for tab in tabs]
    for tab in tabs:
        assert await tab.token() is None
        assert await tab.session() is None
    asked = site.proxy.count("refresh")
    assert [await tab.ask() for tab in tabs] == [[401]] * len(tabs)
    assert site.proxy.count("refresh") == asked  # it is known, and not asked again and again
    assert [await tab.told() for tab in tabs] == told
    assert [len(one) for one in told] == [1] * len(tabs)
    return [one[0] for one in told]


async def test_an_old_token_that_is_replayed_elsewhere_signs_all_tabs_out_once(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow("status of 401")
    tabs, session = await three_tabs(context, site)
    stolen = await stolen_cookie(context)
    assert isinstance(await tabs[0].refreshed(), str)
    theft = await thief_refreshes(site, stolen)
    assert theft["code"] == "REUSE_DETECTED"
    answers = await asyncio.gather(*(tab.ask(10) for tab in tabs))  # access tokens of the session are refused
    assert answers == [[401] * 10] * 3
    told = await all_are_told_once(tabs, site)
    assert {(one["reason"], one["endedReason"]) for one in told} == {("SESSION_REVOKED", "REUSE")}
    recorded = site.recorded(session["id"])
    assert recorded[:2] == ["TokenIssued", "TokenRotated"]
    assert {"ReuseDetected", "TokenRevoked"} <= set(recorded)


async def test_a_thief_who_was_first_is_found_out_by_the_user(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow("status of 401")
    tabs, _ = await three_tabs(context, site)
    theft = await thief_refreshes(site, await stolen_cookie(context))
    assert theft["outcome"] == "ROTATED"
    assert await tabs[1].refreshed() is None
    told = await all_are_told_once(tabs, site)
    assert {one["reason"] for one in told} == {"REUSE_DETECTED"}
    assert all(one["message"] for one in told)


async def test_after_it_the_user_signs_in_again(context: BrowserContext, site: Site, watch: Watch) -> None:
    watch.allow("status of 401")
    tabs, session = await three_tabs(context, site)
    stolen = await stolen_cookie(context)
    await tabs[0].refreshed()
    await thief_refreshes(site, stolen)
    assert await tabs[0].refreshed() is None
    for tab in tabs:
        await tab.until_told()
    again = await tabs[2].login(site.assertion(session["subject"]))
    assert again["id"] != session["id"]
    for tab in tabs:
        await tab.until_session(again["id"])
        assert await tab.ask(3) == [session["subject"]] * 3
        assert len(await tab.told()) == 1
    assert (await thief_refreshes(site, stolen))["code"] == "SESSION_REVOKED"


@pytest.mark.parametrize("by", ["logout elsewhere", "an administrator"])
async def test_a_session_that_is_ended_elsewhere_is_told_with_its_reason(
    context: BrowserContext, site: Site, watch: Watch, by: str
) -> None:
    watch.allow("status of 401")
    tabs, session = await three_tabs(context, site)
    scope = "sessions:admin" if by == "an administrator" else ""
    who = session["subject"] if not scope else "admin"
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=site.server.url, headers=headers) as http:
        given = {"assertion": site.assertion(who, **({"scope": scope} if scope else {})), "transport": "BODY"}
        answer = await http.post("/graphql", json={"query": LOGIN, "variables": {"input": given}})
        token = answer.json()["data"]["login"]["accessToken"]
        end = 'mutation ($id: ID!) { revokeSession(id: $id, reason: "test") { __typename } }'
        answer = await http.post(
            "/graphql",
            json={"query": end, "variables": {"id": session["id"]}},
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.json()["data"]["revokeSession"]["__typename"] == "Session", answer.text
    assert await tabs[0].ask() == [401]
    told = await all_are_told_once(tabs, site)
    expected = "ADMIN" if scope else "SUBJECT"
    assert {(one["reason"], one["endedReason"]) for one in told} == {("SESSION_REVOKED", expected)}
