"""What administrators do: asked for, confirmed, done, and recorded."""

from __future__ import annotations

import json
import re

from playwright.async_api import Route, expect

from tests.web.console.large_ledger import Known
from tests.web.console.using import Console


async def test_a_session_is_revoked_after_a_question(console: Console, known: Known) -> None:
    session = (await known.auditor.open(known.site, "rita"))["session"]["id"]
    await console.signed_in("session", id=session)
    page = console.page
    await page.get_by_role("button", name="Revoke…").click()
    dialog = page.get_by_role("dialog", name="Revoke this session?")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert known.site.recorded(session) == ["TokenIssued"]
    await page.get_by_role("button", name="Revoke…").click()
    await dialog.get_by_label("Reason").fill("lost phone")
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(console.fact("Status")).to_contain_text("Revoked")
    await expect(console.rows.last).to_contain_text("lost phone")
    await expect(page.get_by_role("button", name="Revoke…")).to_have_count(0)
    assert known.site.recorded(session) == ["TokenIssued", "TokenRevoked"]


async def test_many_sessions_end_after_a_dry_run_and_a_typed_confirmation(
    proxied: Console, known: Known
) -> None:
    for _ in range(12):
        await known.auditor.open(known.site, "bulky", deviceLabel="stolen tablet")
    await known.auditor.sealed()
    await proxied.signed_in("revoke")
    page = proxied.page
    await expect(page.locator(".state.empty")).to_contain_text("Fill in at least one field.")
    await page.get_by_label("Subject", exact=True).fill("bulky")
    await page.get_by_label("Device label").fill("stolen tablet")
    await page.get_by_role("button", name="Count").click()
    await expect(page.get_by_role("heading", name="12 sessions would end")).to_be_visible()
    await expect(proxied.rows).to_have_count(10)
    end = page.get_by_role("button", name="End 12 sessions")
    await expect(end).to_be_disabled()
    await page.get_by_label("Reason").fill("ticket 17")
    await page.get_by_label("Type 12 to confirm").fill("11")
    await expect(end).to_be_disabled()
    assert known.one("SELECT count(*) FROM active_tokens WHERE subject = 'bulky' AND status = 'active'") == 12
    await page.get_by_label("Type 12 to confirm").fill("12")
    await end.click()
    await expect(page.locator(".state.done")).to_contain_text("12 sessions ended")
    assert known.one("SELECT count(*) FROM active_tokens WHERE subject = 'bulky' AND status = 'active'") == 0
    sent = [
        json.loads(one.body)["variables"]
        for one in known.site.proxy.seen
        if one.operation == "revokeSessions"
    ]
    assert [(one["dryRun"], one.get("expectAtMost")) for one in sent] == [(True, None), (False, 12)]


async def test_a_long_revocation_goes_step_by_step_and_shows_how_far_it_is(
    console: Console, known: Known
) -> None:
    """The steps are the server's, of 10,000 sessions; here a few are made to look like them."""
    page = console.page
    left = [25_000, 15_000, 5_000, 0]
    asked: list[int | None] = []

    async def step(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        if "revokeSessions" not in body["query"]:
            await route.continue_()
            return
        number = len(asked)
        asked.append(body["variables"].get("expectAtMost"))
        if number == 2:
            await expect(page.get_by_text("10,000 of 25,000 ended")).to_be_visible()
            await page.get_by_role("button", name="Stop after this step").click()
        told = {
            "__typename": "BulkRevocation",
            "matched": left[max(0, number - 1)],
            "revoked": 0 if number == 0 else left[number - 1] - left[number],
            "remaining": left[number],
            "dryRun": number == 0,
            "sample": [],
        }
        await route.fulfill(json={"data": {"revokeSessions": told}})

    await page.route("**/graphql", step)
    await console.signed_in("revoke", clientId="web")
    await page.get_by_label("Reason").fill("all of them")
    await page.get_by_label("Type 25000 to confirm").fill("25000")
    await page.get_by_role("button", name="End 25,000 sessions").click()
    await page.get_by_role("button", name=re.compile("Go on")).click()
    await expect(page.locator(".state.done")).to_contain_text("25,000 sessions ended")
    assert asked == [None, 25_000, 15_000, 5_000]


async def test_more_sessions_than_were_counted_are_refused_and_none_ends(
    console: Console, known: Known
) -> None:
    await known.auditor.open(known.site, "growing")
    await console.signed_in("revoke", subject="growing")
    page = console.page
    await expect(page.get_by_role("heading", name="1 session would end")).to_be_visible()
    await known.auditor.open(known.site, "growing")
    await page.get_by_label("Reason").fill("ticket 18")
    await page.get_by_label("Type 1 to confirm").fill("1")
    await page.get_by_role("button", name="End 1 session").click()
    await expect(page.get_by_role("alert")).to_contain_text("The server refused this")
    assert (
        known.one("SELECT count(*) FROM active_tokens WHERE subject = 'growing' AND status = 'active'") == 2
    )
    await page.get_by_role("button", name="Count again").click()
    await expect(page.get_by_role("heading", name="2 sessions would end")).to_be_visible()


async def test_a_subject_is_suspended_held_and_erased(console: Console, known: Known) -> None:
    await known.auditor.open(known.site, "erna", deviceLabel="Erna's phone")
    await known.auditor.sealed()
    await console.signed_in("subject", id="erna")
    page = console.page

    async def act(button: str, reason: str) -> None:
        await page.get_by_role("button", name=f"{button}…").click()
        await page.get_by_role("dialog").get_by_label("Reason").fill(reason)

    await act("Suspend", "takeover")
    await page.get_by_role("dialog").get_by_role("button", name="Suspend").click()
    await expect(console.fact("Status")).to_have_text("Suspended")
    await act("Set a legal hold", "case 1")
    await page.get_by_role("dialog").get_by_role("button", name="Set the hold").click()
    await expect(console.fact("Legal hold")).to_have_text("Held")
    await expect(page.get_by_role("button", name="Erase…")).to_be_disabled()
    await act("Release the hold", "case 1 is closed")
    await page.get_by_role("dialog").get_by_role("button", name="Release").click()
    await expect(console.fact("Legal hold")).to_have_text("No")
    await act("Erase", "request 17")
    erase = page.get_by_role("dialog").get_by_role("button", name="Erase for good")
    await expect(erase).to_be_disabled()
    await page.get_by_label("Type the subject's id to confirm").fill("erna")
    await erase.click()
    await expect(console.fact("Status")).to_have_text("Erased")
    await expect(page.get_by_role("button", name="Erase…")).to_have_count(0)
    assert known.one("SELECT status FROM subjects WHERE subject = 'erna'") == "erased"
    issued = page.get_by_role("table", name="Events of erna").locator("tr", has_text="Issued")
    await expect(issued).to_contain_text("erased")
