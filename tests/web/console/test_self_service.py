"""A signed-in user: own sessions, a device renamed, one signed out, the others, all."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from tests.web.conftest import NewContext
from tests.web.console.large_ledger import CHROME, Known
from tests.web.console.using import Console


def _device(console: Console, name: str) -> Locator:
    return console.page.get_by_role("article", name=name)


async def test_a_user_renames_a_device_and_signs_out_one_and_the_others(
    console: Console, known: Known
) -> None:
    phone = await known.auditor.open(known.site, "mia", deviceLabel="old phone", agent=CHROME)
    for _ in range(2):
        await known.auditor.open(known.site, "mia", deviceLabel="library")
    await known.auditor.open(known.site, "another person", deviceLabel="not mine")
    await console.open("me")
    await console.sign_in("mia", scope="")
    await console.settled()
    page = console.page
    await expect(page.locator(".device")).to_have_count(4)
    await expect(_device(console, "Console")).to_contain_text("This one")
    await expect(_device(console, "not mine")).to_have_count(0)

    old = _device(console, "old phone")
    await expect(old).to_contain_text("Chrome 140 on Windows")
    await old.get_by_role("button", name="Rename").click()
    await expect(page.get_by_label("Name of the device")).to_be_focused()
    await page.keyboard.press("Escape")
    await old.get_by_role("button", name="Rename").click()
    await page.get_by_label("Name of the device").fill("Mia's phone")
    await page.keyboard.press("Enter")
    renamed = _device(console, "Mia's phone")
    await expect(renamed).to_be_visible()
    assert known.site.recorded(phone["session"]["id"])[-1] == "SessionRenamed"

    await renamed.get_by_role("button", name="Sign out").click()
    await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(page.locator(".device")).to_have_count(3)
    assert (await known.auditor.refresh(phone["refreshToken"]))["code"] == "SESSION_REVOKED"

    await page.get_by_role("button", name="Sign out all others…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(page.locator(".device")).to_have_count(1)
    await expect(page.get_by_role("button", name="Sign out all others…")).to_be_disabled()
    assert known.one("SELECT count(*) FROM active_tokens WHERE subject = 'mia' AND status = 'active'") == 1

    await page.get_by_role("link", name="What happened").click()
    await expect(console.rows.first).to_contain_text("Issued")
    for view in ("session", "event"):
        await expect(page.get_by_role("main")).to_contain_text("mia")
        await expect(page.locator("main a[href*='/subject']"), view).to_have_count(0)  # an auditor's view
        if view == "session":
            await page.goto(
                console.address("event", id=await console.rows.first.locator("a").get_attribute("title"))
            )
            await expect(page.get_by_role("heading", name="Event: Issued")).to_be_visible()


async def test_signing_out_everywhere_signs_out_this_browser_too(console: Console, known: Known) -> None:
    elsewhere = await known.auditor.open(known.site, "nina")
    await console.open("me")
    await console.sign_in("nina", scope="")
    page = console.page
    await page.get_by_role("button", name="Sign out everywhere…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert (await known.auditor.refresh(elsewhere["refreshToken"]))["code"] == "SESSION_REVOKED"
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_signing_out_is_of_this_session_alone(
    console: Console, new_context: NewContext, known: Known
) -> None:
    other = Console(page=await (await new_context()).new_page(), known=known)
    for one in (console, other):
        await one.open("me")
        await one.sign_in("olga", scope="")
    await console.page.get_by_role("button", name="Sign out", exact=True).first.click()
    await expect(console.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await other.page.reload()
    await expect(other.page.locator(".device")).to_have_count(1)
