"""Who signs in, what the scopes show, and the way back to a deep link."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Route, expect

from tests.served import run
from tests.web.conftest import NewContext
from tests.web.console.large_ledger import Known
from tests.web.console.using import Console
from tests.web.watching import Watch


async def test_a_deep_link_leads_through_signing_in_to_its_place(console: Console) -> None:
    await console.open("events", types="SUBJECT_SUSPENDED", order="oldest")
    await console.sign_in()
    await expect(console.rows.first).to_contain_text("Subject suspended")
    await expect(console.page).to_have_url(
        console.address("events", types="SUBJECT_SUSPENDED", order="oldest")
    )
    await console.page.reload()
    await expect(console.rows.first).to_contain_text("Subject suspended")


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        ("", ["Checkpoint and proof", "My sessions"]),
        (
            "audit:read",
            [
                "Overview",
                "Live events",
                "Reuse alarms",
                "Sessions",
                "Event log",
                "Subject",
                "Checkpoint and proof",
                "My sessions",
            ],
        ),
        ("sessions:admin", ["Bulk revocation", "Checkpoint and proof", "My sessions"]),
    ],
)
async def test_what_the_scope_does_not_allow_is_not_shown(
    proxied: Console, known: Known, scope: str, shown: list[str]
) -> None:
    await proxied.signed_in("log", scope=scope)
    page = proxied.page
    assert await page.get_by_role("navigation").get_by_role("link").all_inner_texts() == shown
    if "audit:read" in scope:
        await proxied.open("subject", id="eve")
        await proxied.settled()
        await expect(proxied.fact("Status")).to_have_text("Suspended")
        await expect(page.get_by_role("button", name="Suspend…")).to_have_count(0)
        await expect(page.get_by_role("button", name="Erase…")).to_have_count(0)
        await expect(page.get_by_role("link", name="Revoke sessions…")).to_have_count(0)
    else:
        known.site.proxy.seen.clear()
        await proxied.open("sessions")
        await expect(page.locator(".state.empty")).to_contain_text(
            "It needs an access token with the scope audit:read"
        )
        assert known.site.proxy.count("sessions") == 0


async def test_without_any_scope_the_start_is_ones_own_sessions(console: Console) -> None:
    await console.signed_in(scope="")
    await expect(console.page).to_have_url(console.address("me"))
    await expect(console.page.locator(".device")).not_to_have_count(0)


async def test_a_client_signs_in_with_its_credentials_in_this_page_alone(
    console: Console, known: Known
) -> None:
    made = run("clients create console-reader --scope audit:read --json", known.site.server.environ)
    credentials = json.loads(made.stdout)
    await console.open("events", types="SUBJECT_SUSPENDED")
    page = console.page
    await page.get_by_label("A client, with its credentials").check()
    await expect(page.get_by_text("after a reload, and when it expires, you sign in again")).to_be_visible()
    await page.get_by_label("Client id").fill(credentials["client_id"])
    await page.get_by_label("Client secret").fill(credentials["client_secret"])
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(console.rows.first).to_contain_text("Subject suspended")
    await expect(page.get_by_role("link", name="My sessions")).to_have_count(0)
    kept = await page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    assert credentials["client_secret"] not in kept
    assert "eyJ" not in kept
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_wrong_credentials_and_assertions_are_told(console: Console, watch: Watch) -> None:
    watch.allow("401")
    await console.open()
    page = console.page
    await page.get_by_label("Assertion", exact=True).fill("no.such.assertion")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("get a new one")
    await page.get_by_label("A client, with its credentials").check()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.get_by_label("Client id").fill("web")
    await page.get_by_label("Client secret").fill("guess: ä")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("There is no client of this id with this secret.")


async def test_a_session_that_ended_leads_to_signing_in_and_back(
    console: Console, known: Known, watch: Watch
) -> None:
    watch.allow("401")
    await console.open("events", subject="ada", types="REUSE_DETECTED")
    await console.sign_in("leaving-auditor")
    await expect(console.rows).to_have_count(1)
    await known.auditor.ask(
        """mutation { revokeSessions(filter: { subject: "leaving-auditor" }, reason: "test", dryRun: false) {
          __typename } }"""
    )
    page = console.page
    await page.get_by_role("button", name="Oldest first").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.get_by_role("alert")).to_contain_text("This session was ended.")
    await console.sign_in()
    await expect(page).to_have_url(
        console.address("events", types="REUSE_DETECTED", subject="ada", order="oldest")
    )
    await expect(console.rows).to_have_count(1)


async def test_an_assertion_in_a_link_is_filled_in_and_leaves_the_address(
    new_context: NewContext, known: Known
) -> None:
    console = Console(page=await (await new_context()).new_page(), known=known)
    page = console.page
    assertion = known.site.assertion("linked", scope="audit:read")
    await page.goto(f"{console.address('alarms')}#assertion={assertion}")
    await expect(page.get_by_label("Assertion", exact=True)).to_have_value(assertion)
    await expect(page).to_have_url(console.address("alarms"))
    await expect(page.locator(".who")).to_have_count(0)  # nobody is signed in by following a link
    await expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".alarm-card").first).to_be_visible()
    await page.goto("about:blank")
    await page.goto(f"{console.address('alarms')}#assertion={known.site.assertion('another')}")
    await expect(page.locator(".state.notice")).to_contain_text("You are signed in as linked.")
    await expect(page).to_have_url(console.address("alarms"))
    await page.get_by_role("button", name="Sign in with it…").click()
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator(".who")).to_have_text("another")


async def test_a_link_to_the_page_that_is_open_already_is_followed(console: Console, known: Known) -> None:
    await console.open("alarms")
    page = console.page
    await expect(page.get_by_label("Assertion", exact=True)).to_be_visible()
    assertion = known.site.assertion("linked")
    await page.goto(f"{console.address('alarms')}#assertion={assertion}")
    await expect(page.get_by_label("Assertion", exact=True)).to_have_value(assertion)
    await expect(page).to_have_url(console.address("alarms"))


async def test_who_is_suspended_is_told_so_and_another_can_sign_in(console: Console, known: Known) -> None:
    await console.open("me")
    await console.sign_in("susan", scope="")
    await known.auditor.ask('mutation { suspendSubject(subject: "susan", reason: "test") { __typename } }')
    page = console.page
    await page.reload()
    await expect(page.get_by_role("alert")).to_contain_text("The user is suspended.")
    await console.sign_in("another", scope="")
    await expect(page.locator(".who")).to_have_text("another")
    await known.auditor.ask('mutation { reactivateSubject(subject: "susan") { __typename } }')


async def test_a_refusal_of_tokens_alone_signs_nobody_out(console: Console, watch: Watch) -> None:
    """The session lives, as its refresh says: whatever else is wrong may pass."""
    watch.allow("401")
    await console.signed_in("log")
    page = console.page

    async def refuses(route: Route) -> None:
        if "refresh(" in (route.request.post_data or ""):
            await route.continue_()
        else:
            await route.fulfill(status=401, body="{}", content_type="application/json")

    await page.route("**/graphql", refuses)
    await page.get_by_role("link", name="Event log", exact=True).click()
    await expect(page.locator(".state.failure")).to_contain_text("Your session goes on.")
    await page.unroute("**/graphql")
    await expect(console.rows).to_have_count(50)


async def test_nobody_else_is_signed_out_by_whoever_was_signed_in_before(
    console: Console, known: Known
) -> None:
    await console.open("me")
    await console.sign_in("wanda", scope="")
    await console.settled()
    other = Console(page=await console.page.context.new_page(), known=known)
    await other.page.goto(f"{other.address('me')}#assertion={known.site.assertion('xenia')}")
    await other.page.get_by_role("button", name="Sign in with it…").click()
    await other.page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(other.page.locator(".who")).to_have_text("xenia")
    page = console.page
    await page.get_by_role("button", name="Sign out everywhere…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(page.locator(".who")).to_have_text("xenia")
    await other.page.reload()
    await expect(other.page.locator(".who")).to_have_text("xenia")


async def test_nothing_is_done_in_the_name_of_whoever_signed_in_in_another_tab(
    console: Console, known: Known
) -> None:
    session = (await known.auditor.open(known.site, "sigrid"))["session"]["id"]
    await console.signed_in("session", id=session)
    other = Console(page=await console.page.context.new_page(), known=known)
    await other.page.goto(f"{other.address('me')}#assertion={known.site.assertion('thomas')}")
    await other.page.get_by_role("button", name="Sign in with it…").click()
    await other.page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(other.page.locator(".who")).to_have_text("thomas")
    page = console.page
    await page.get_by_role("button", name="Revoke…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.locator(".who")).to_have_text("thomas")
    await expect(page.locator(".state.empty")).to_contain_text("There is no such session")
    assert known.site.recorded(session) == ["TokenIssued"]
