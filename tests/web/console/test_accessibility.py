"""For everybody: contrast and names as axe-core sees them, the keyboard, a phone, reduced motion."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import expect

from tests.web.conftest import NewContext
from tests.web.console.large_ledger import Known
from tests.web.console.using import VIEWS, Console

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.mark.parametrize(("scheme", "viewport"), [("light", DESKTOP), ("dark", PHONE)])
async def test_no_view_has_a_serious_fault_or_is_wider_than_its_window(
    new_context: NewContext, known: Known, scheme: Literal["light", "dark"], viewport: dict[str, int]
) -> None:
    context = await new_context(color_scheme=scheme, viewport=viewport)
    console = Console(page=await context.new_page(), known=known)
    await console.open()
    await expect(console.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await console.violations() == []
    assert await console.overflow() <= 0
    await console.sign_in()
    for view in VIEWS:
        await console.open(view, **await console.place_of(view))
        await console.settled()
        assert await console.violations() == [], view
        assert await console.overflow() <= 0, view
    ground = await console.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(244, 246, 249)", "dark": "rgb(16, 20, 26)"}[scheme]


async def test_a_fault_would_be_found(console: Console) -> None:
    """The check itself."""
    await console.open()
    await expect(console.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await console.page.evaluate(
        """() => {
          const pale = document.createElement("p");
          pale.textContent = "hardly to be read";
          pale.style.color = "#ddd";
          document.querySelector("main").append(pale, document.createElement("input"));
        }"""
    )
    assert [one.partition(":")[0] for one in await console.violations()] == ["color-contrast", "label"]


async def test_the_keyboard_alone_leads_to_a_view_and_its_heading_has_the_focus(console: Console) -> None:
    await console.signed_in("log")
    page = console.page
    await page.reload()
    await console.settled()
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.get_by_role("link", name="Reuse alarms").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Reuse alarms")).to_be_focused()
    await expect(page).to_have_title("Reuse alarms · Token Ledger")


async def test_a_dialog_holds_the_focus_and_gives_it_back(console: Console, known: Known) -> None:
    await console.signed_in("session", id=known.suspended)
    page = console.page
    await page.get_by_role("button", name="Revoke…").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Revoke…")).to_be_focused()


async def test_after_an_act_the_focus_is_on_the_heading(console: Console, known: Known) -> None:
    """What had opened the dialog is gone by then."""
    session = (await known.auditor.open(known.site, "frida"))["session"]["id"]
    await console.signed_in("session", id=session)
    page = console.page
    await page.get_by_role("button", name="Revoke…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(console.fact("Status")).to_contain_text("Revoked")
    await expect(page.get_by_role("heading", name="Session", exact=True)).to_be_focused()


async def test_on_a_phone_the_views_are_behind_a_menu_and_rows_are_cards(
    new_context: NewContext, known: Known
) -> None:
    console = Console(page=await (await new_context(viewport=PHONE)).new_page(), known=known)
    await console.signed_in("sessions", subject="ada")
    page = console.page
    await expect(page.get_by_role("cell", name="Ada's laptop")).to_be_visible()
    assert await console.rows.first.evaluate("(row) => getComputedStyle(row).display") == "grid"
    menu = page.get_by_role("button", name="Sessions")
    await expect(menu).to_have_attribute("aria-expanded", "false")
    await expect(page.get_by_role("link", name="Event log")).to_have_count(0)
    await menu.click()
    await page.get_by_role("link", name="Event log").click()
    await expect(page.get_by_role("heading", name="Event log")).to_be_visible()
    await expect(page.get_by_role("button", name="Event log")).to_have_attribute("aria-expanded", "false")


async def test_the_chosen_colours_stay(console: Console) -> None:
    await console.open()
    page = console.page
    await page.get_by_role("button", name="Dark colours").click()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(ground) == "rgb(16, 20, 26)"
    await page.reload()
    assert await page.evaluate(ground) == "rgb(16, 20, 26)"
    await expect(page.get_by_role("button", name="Light colours")).to_be_visible()
