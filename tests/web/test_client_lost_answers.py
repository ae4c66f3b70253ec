"""Answers to a refresh that are lost, late or out of order: the user stays signed in."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from playwright.async_api import BrowserContext

from tests.web.site import Site
from tests.web.tabs import WITHOUT_CHANNELS, WITHOUT_LOCKS, Tab, open_tab, stop_clock
from tests.web.watching import Watch

ALONE = (WITHOUT_LOCKS, WITHOUT_CHANNELS)
"""Tabs that know nothing of each other: else no two answers are under way."""


async def test_an_answer_that_is_lost_after_the_commit_is_asked_for_again(
    context: BrowserContext, site: Site, watch: Watch
) -> None:
    watch.allow("net::ERR_EMPTY_RESPONSE", "net::ERR_CONNECTION_RESET")
    tab = await open_tab(context, site)
    session = await tab.login(site.assertion())
    lost = [site.proxy.lose("refresh") for _ in range(2)]
    assert isinstance(await tab.refreshed(), str)
    assert all(b"accessToken" in one.answer for one in lost)
    assert site.proxy.count("refresh") == 3
    assert site.recorded(session["id"]) == ["TokenIssued", "TokenRotated", "TokenReplayed"]
    assert await tab.ask() == [session["subject"]]
    assert await tab.told() == []


async def two_tabs_alone(context: BrowserContext, site: Site, **policy: Any) -> tuple[str, Tab, Tab, Any]:
    """The client, the tabs, and the session of both. Time stands still: else the late one would ask again."""
    client_id = await site.client(**policy)
    await stop_clock(context)
    late = await open_tab(context, site, before=ALONE, clientId=client_id)
    other = await open_tab(context, site, before=ALONE, clientId=client_id)
    session = await late.login(site.assertion())
    return client_id, late, other, session


def generation_of(cookie: str) -> int:
    """Of the refresh token in a cookie's text."""
    token = cookie.partition("tlrt_")[2]
    return int.from_bytes(base64.urlsafe_b64decode(token[:28])[17:21])


async def kept_generation(context: BrowserContext) -> int:
    """Of the token that the browser would send now."""
    (cookie,) = await context.cookies()
    return generation_of(cookie["value"])


async def test_cookies_that_come_out_of_order_in_the_window_sign_nobody_out(
    context: BrowserContext, site: Site
) -> None:
    """Where two tabs got tokens a moment apart, the token is settled: a late cookie brings none back."""
    _, late, other, session = await two_tabs_alone(context, site)
    held = site.proxy.hold("refresh")
    first = asyncio.ensure_future(late.refreshed())
    await held.met()
    for _ in range(3):
        assert isinstance(await other.refreshed(), str)
    held.release()
    assert isinstance(await first, str)
    assert await kept_generation(context) == 1
    for tab in (late, other, late):
        assert isinstance(await tab.refreshed(), str)
    assert site.recorded(session["id"]) == ["TokenIssued", "TokenRotated", "TokenReplayed"]
    assert await late.told() == await other.told() == []


async def with_a_cookie_that_came_late(
    context: BrowserContext, site: Site, **policy: int
) -> tuple[Tab, Tab, Any]:
    """Two tabs and their session, when the cookie with token 1 has come after the one with token 2.

    Token 1 was replaced under the policy that is given.
    """
    client_id, late, other, session = await two_tabs_alone(context, site, grace=0, lost_response_window=3600)
    held = site.proxy.hold("refresh")
    first = asyncio.ensure_future(late.refreshed())
    await held.met()
    assert (await kept_generation(context), generation_of(held.answer.decode("latin-1"))) == (0, 1)
    assert isinstance(await other.refreshed(), str)  # the same token
    await site.set_policy(client_id, **policy)
    assert isinstance(await other.refreshed(), str)  # its successor
    assert await kept_generation(context) == 2
    held.release()
    assert isinstance(await first, str)
    assert await kept_generation(context) == 1
    return late, other, session


@pytest.mark.parametrize(
    "policy", [{"grace": 10}, {"grace": 0, "lost_response_window": 3600}], ids=["grace", "lost response"]
)
async def test_a_cookie_that_brings_back_a_replaced_token_inside_a_window_signs_nobody_out(
    context: BrowserContext, site: Site, policy: dict[str, int]
) -> None:
    late, other, session = await with_a_cookie_that_came_late(context, site, **policy)
    for tab in (late, other):
        assert isinstance(await tab.refreshed(), str)
        assert await tab.ask() == [session["subject"]]
        assert await tab.told() == []
    assert await kept_generation(context) >= 2
    assert not {"ReuseDetected", "TokenRevoked"} & set(site.recorded(session["id"]))


async def test_a_cookie_that_brings_back_a_replaced_token_without_a_window_is_reuse(
    context: BrowserContext, site: Site
) -> None:
    """As the decision table says: nothing tells it from a stolen one."""
    late, other, session = await with_a_cookie_that_came_late(context, site, grace=0)
    assert await late.refreshed() is None
    assert await other.refreshed() is None
    assert [one["reason"] for one in await late.told()] == ["REUSE_DETECTED"]
    assert [(one["reason"], one["endedReason"]) for one in await other.told()] == [
        ("SESSION_REVOKED", "REUSE")
    ]
    assert {"ReuseDetected", "TokenRevoked"} <= set(site.recorded(session["id"]))
