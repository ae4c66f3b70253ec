"""Every view, on a ledger of more than 100,000 events: what it shows is what the ledger holds."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import expect

from tests.web.conftest import NewContext
from tests.web.console.large_ledger import ABROAD, HOME, LEAST_EVENTS, Known
from tests.web.console.using import Console

SUMMARY = """query ($since: DateTime!) { securitySummary(since: $since) {
  activeSessions rotated replayed reuseDetected issued revoked
} }"""


async def test_the_ledger_is_large_sealed_and_has_every_kind_of_life(known: Known) -> None:
    assert known.one("SELECT count(*) FROM log") >= LEAST_EVENTS
    assert known.site.recorded(known.stolen) == [
        "TokenIssued",
        "TokenRotated",
        "TokenRotated",
        "TokenReplayed",
        "TokenRotated",
        "TokenReplayed",
        "TokenRotated",
        "ReuseDetected",
        "TokenRevoked",
        "ReplayedAfterRevocation",
    ]


async def test_the_overview_counts_and_draws_what_happened(console: Console, known: Known) -> None:
    await console.signed_in()
    page = console.page
    counted = (await known.auditor.ask(SUMMARY, since="2000-01-01T00:00:00Z"))["securitySummary"]
    tile = page.locator(".tile")
    await expect(tile.filter(has_text="Reuse alarms")).to_contain_text(f"{counted['reuseDetected']:,}")
    await expect(tile.filter(has_text="Active sessions")).to_contain_text(
        re.compile(rf"{counted['activeSessions'] // 1000},\d\d\d")
    )
    assert counted["reuseDetected"] > 50
    charts = page.locator(".chart")
    await expect(charts).to_have_count(5)
    assert [await one.locator("h2").inner_text() for one in await charts.all()] == [
        "Active sessions",
        "Refreshes and sign-ins",
        "Replays",
        "Reuse",
        "Ended sessions",
    ]
    for chart in await charts.all():
        assert await chart.locator("canvas").evaluate(
            """(canvas) => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return new Set(new Uint32Array(data.buffer)).size > 10;
            }"""
        ), await chart.inner_text()
    await page.get_by_text("The same as a table").click()
    sums = await page.locator(".numbers tbody").evaluate(
        """(body) => [...body.rows].reduce((sums, row) => sums.map(
          (sum, place) => sum + Number(row.cells[place + 1].textContent.replaceAll(",", ""))),
          [0, 0, 0, 0])"""
    )
    assert sums[3] == counted["reuseDetected"]
    assert sums[2] == counted["replayed"]


async def test_the_period_is_in_the_address_and_back_leads_back(console: Console) -> None:
    await console.signed_in()
    page = console.page
    await page.get_by_role("button", name="24 hours").click()
    await expect(page).to_have_url(console.address(period="24h"))
    await console.settled()
    await page.go_back()
    await expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")


async def test_an_alarm_shows_both_fingerprints_and_the_time_between(console: Console, known: Known) -> None:
    await console.signed_in("alarms")
    newest = console.page.locator(".alarm-card").first
    await expect(newest).to_contain_text("ada")
    await expect(newest.locator(".print").first).to_contain_text(HOME)
    await expect(newest.locator(".print").first).to_contain_text("Firefox 140 on Linux")
    await expect(newest.locator(".came-back")).to_contain_text(ABROAD)
    await expect(newest.locator(".came-back")).to_contain_text("curl 8")
    await expect(newest).to_contain_text("Another address and browser")
    await expect(newest.locator(".between-time")).to_have_text(re.compile(r"^\d+ s$"))
    assert await console.page.locator(".alarm-card").count() == 15
    await console.page.get_by_role("button", name="Show more").click()
    await expect(console.page.locator(".alarm-card")).to_have_count(30)
    await console.settled()
    seconds, address = known.rows(
        """SELECT (e.payload::jsonb ->> 'seconds_since_rotation')::integer, p.data::jsonb ->> 'address'
        FROM events AS e
        JOIN log AS l USING (stream_id, version)
        JOIN personal_data AS p USING (stream_id, version)
        WHERE e.type = 'ReuseDetected' ORDER BY l.leaf_index DESC OFFSET 20 LIMIT 1"""
    )[0]
    older = console.page.locator(".alarm-card").nth(20)
    await expect(older.locator(".came-back")).to_contain_text(address)
    await expect(older.locator(".between-time")).to_contain_text(
        f"{seconds // 3600} h" if seconds < 86_400 else f"{seconds // 86_400} d"
    )
    await expect(older).to_contain_text("same browser")


async def test_sessions_are_found_by_every_filter(console: Console, known: Known) -> None:
    third = known.one(
        "SELECT to_char(min(opened_at) + (max(opened_at) - min(opened_at)) / 3, "
        '\'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\') FROM active_tokens'
    )
    wanted: list[tuple[dict[str, str], str]] = [
        ({"status": "SUSPENDED"}, "subject = 'eve'"),
        ({"subject": "ada"}, "subject = 'ada'"),
        ({"ipAddress": "10.1.7.0/24"}, "address::inet << '10.1.7.0/24'"),
        ({"deviceLabel": "Eve's phone"}, "device_label = 'Eve''s phone'"),
        (
            {"clientId": "web", "ipAddress": "10.3.0.0/20", "status": "REVOKED", "createdAfter": third},
            f"address::inet << '10.3.0.0/20' AND status = 'revoked' AND opened_at >= '{third}'",
        ),
        (
            {"createdBefore": third, "ipAddress": "10.0.0.0/18"},
            f"opened_at < '{third}' AND address::inet << '10.0.0.0/18'",
        ),
        (
            {"lastUsedBefore": third, "ipAddress": "10.2.0.0/19"},
            f"last_used_at < '{third}' AND address::inet << '10.2.0.0/19'",
        ),
        (
            {"ids": f"{known.suspended} {known.stolen}"},
            f"family_id IN ('{known.suspended}', '{known.stolen}')",
        ),
    ]
    await console.signed_in("log")
    for query, statement in wanted:
        expected = known.one(f"SELECT count(*) FROM active_tokens WHERE {statement}")  # noqa: S608
        assert expected > 0, statement
        await console.open("sessions", **query)
        await console.settled()
        more = console.page.get_by_role("button", name=re.compile("Show more|Look further"))
        while await more.count():
            await more.click()
            await console.settled()
        await expect(console.rows).to_have_count(expected)
        await expect(console.page.locator(".filter .count")).to_have_text(str(len(query)))


async def test_sessions_as_they_were_before_a_theft(console: Console, known: Known) -> None:
    moment = known.one(
        'SELECT to_char(occurred_at, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') FROM events '
        "WHERE stream_id = %s AND version = 5",
        known.stolen,
    )
    await console.signed_in("sessions", subject="ada", asOf=moment)
    await expect(console.rows).to_have_count(1)
    await expect(console.rows).to_contain_text("Active")
    await expect(console.page.get_by_text("As they were at")).to_be_visible()
    await console.page.get_by_role("link", name="Show them as they are now").click()
    await expect(console.rows).to_contain_text("Revoked")
    await console.open("session", id=known.stolen, asOf=moment)
    await console.settled()
    past = console.page.locator(".past")
    await expect(past).to_contain_text("Active")
    await expect(past.locator("dd").nth(1)).to_have_text("3")


async def test_a_session_is_drawn_with_its_generations_replays_and_the_reuse(
    console: Console, known: Known
) -> None:
    await console.signed_in("session", id=known.stolen)
    page = console.page
    picture = page.get_by_role("img", name=re.compile("Timeline of 10 events"))
    await expect(picture).to_have_attribute(
        "aria-label", re.compile("4 rotations, 2 replays, 0 refusals, reuse of token 0 at generation 4")
    )
    assert await picture.locator(".generations rect").count() == 5
    assert await picture.locator(".mark.replay").count() == 2
    assert await picture.locator(".mark.refusal").count() == 1
    reuse = picture.locator(".mark.reuse")
    await expect(reuse).to_have_count(1)
    alarm = await page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--alarm').trim()"
    )
    assert alarm == "#b3202a"
    assert (
        await reuse.locator("line").evaluate("(line) => getComputedStyle(line).stroke") == "rgb(179, 32, 42)"
    )
    places = [float(await one.get_attribute("x1") or 0) for one in await reuse.locator("line").all()]
    ends = [
        float(await one.get_attribute("x1") or 0) for one in await picture.locator(".mark.end line").all()
    ]
    assert places < ends
    assert await picture.locator(".link").count() == 4
    await expect(console.rows).to_have_count(10)
    await expect(console.rows.nth(7)).to_contain_text("token 0 came back at generation 4")
    await expect(console.fact("Status")).to_contain_text("reuse of a replaced token")


async def test_a_subject_has_status_sessions_and_what_happened(console: Console) -> None:
    await console.signed_in("subject", id="eve")
    page = console.page
    await expect(console.fact("Status")).to_have_text("Suspended")
    await expect(page.get_by_role("table", name="Sessions of eve").locator("tbody tr")).to_have_count(1)
    events = page.get_by_role("table", name="Events of eve").locator("tbody tr")
    await expect(events).to_have_count(3)
    await expect(events.filter(has_text="Subject suspended")).to_contain_text("account takeover")
    await page.get_by_label("Subject id").fill("ada")
    await page.get_by_label("Subject id").press("Enter")
    await expect(page).to_have_url(console.address("subject", id="ada"))
    await expect(page.get_by_role("table", name="Sessions of ada").locator("tbody tr")).to_have_count(1)


async def test_events_are_found_by_type_and_read_page_by_page(console: Console, known: Known) -> None:
    await console.signed_in("events", types="REUSE_DETECTED,FORGERY_DETECTED", until="2100-01-01T00:00:00Z")
    page = console.page
    await expect(console.rows).to_have_count(50)
    await page.get_by_role("button", name="Show more").click()
    await expect(console.rows).to_have_count(100)
    indices = [
        int(one.removeprefix("Event").strip())
        for one in await console.rows.locator("a[href*='event?']").all_inner_texts()
    ]
    assert indices == sorted(indices, reverse=True)
    assert len(set(indices)) == 100
    await page.get_by_role("button", name="Oldest first").click()
    await expect(page).to_have_url(re.compile("order=oldest"))
    await console.settled()
    oldest = known.one(
        "SELECT min(leaf_index) FROM log JOIN events USING (stream_id, version) WHERE type = 'ReuseDetected'"
    )
    await expect(console.rows.first.locator("a").first).to_contain_text(str(oldest))


async def test_events_are_found_by_every_filter(console: Console, known: Known) -> None:
    since, client = known.rows(
        'SELECT to_char(occurred_at, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\'), client_id FROM events '
        "WHERE stream_id = %s AND version = 6",
        known.stolen,
    )[0]
    stolen = f"stream_id = '{known.stolen}'"
    wanted: list[tuple[dict[str, str], str]] = [
        ({"fromIndex": "10", "toIndex": "23"}, "leaf_index >= 10 AND leaf_index < 23"),
        ({"sessionId": known.stolen}, stolen),
        (
            {"actor": "subject:the-auditor", "subject": "eve"},
            "type = 'SubjectSuspended' AND payload::jsonb ->> 'subject' = 'eve'",
        ),
        ({"ipAddress": "203.0.113.0/24", "clientId": client, "subject": "ada"}, f"{stolen} AND version >= 8"),
        ({"subject": "ada", "since": since}, f"{stolen} AND occurred_at >= '{since}'"),
        ({"subject": "ada", "until": since}, f"{stolen} AND occurred_at < '{since}'"),
    ]
    await console.signed_in("log")
    for query, statement in wanted:
        expected = known.one(
            f"SELECT count(*) FROM log JOIN events USING (stream_id, version) WHERE {statement}"  # noqa: S608
        )
        assert expected > 0, statement
        await console.open("events", **query)
        await console.settled()
        await expect(console.rows).to_have_count(expected)


async def test_a_filter_is_filled_in_applied_and_cleared(console: Console) -> None:
    await console.signed_in("events")
    page = console.page
    await page.get_by_label("Subject", exact=True).fill("ada")
    await page.locator(".types summary").click()
    await page.get_by_label("Reuse detected").check()
    await page.keyboard.press("Escape")
    await expect(page.locator(".types summary")).to_have_text("Reuse detected")
    await expect(page.get_by_label("Reuse detected")).to_be_hidden()
    await page.get_by_role("button", name="Apply").click()
    await expect(page).to_have_url(console.address("events", types="REUSE_DETECTED", subject="ada"))
    await expect(console.rows).to_have_count(1)
    await page.get_by_role("button", name="Clear").click()
    await expect(page).to_have_url(console.address("events"))
    await expect(console.rows).to_have_count(50)


async def test_an_event_tells_all_that_is_recorded(console: Console, known: Known) -> None:
    event = known.event_id("ReuseDetected")
    await console.signed_in("event", id=event)
    page = console.page
    await expect(page.get_by_role("heading", name="Event: Reuse detected")).to_be_visible()
    await expect(console.fact("Address")).to_have_text(ABROAD)
    told: Any = await known.auditor.ask(
        "query ($id: ID!) { node(id: $id) { ... on Event { leaf } } }", id=event
    )
    await expect(page.locator("pre.wrapped")).to_have_text(told["node"]["leaf"])
    await page.get_by_role("link", name="Verify that it is in the log").click()
    await expect(page).to_have_url(console.address("log", event=event))


async def test_times_are_told_in_local_time_and_in_utc(new_context: NewContext, known: Known) -> None:
    context = await new_context(timezone_id="Asia/Kolkata")
    console = Console(page=await context.new_page(), known=known)
    await console.signed_in("events", sessionId=known.stolen)
    page = console.page
    moment = known.one("SELECT occurred_at FROM events WHERE stream_id = %s AND version = 10", known.stolen)
    shown = console.rows.first.locator("time")
    local = known.one("SELECT to_char(%s AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM-DD HH24:MI:SS')", moment)
    utc = known.one("SELECT to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')", moment)
    await expect(shown).to_have_text(local)
    await expect(shown).to_have_attribute("title", re.compile(rf"^{utc}\.\d{{6}} UTC$"))
    await page.get_by_role("button", name="Local UTC+05:30").click()
    await expect(shown).to_have_text(utc)
    await expect(shown).to_have_attribute("title", re.compile(rf"^{local}\.\d{{6}} UTC\+05:30$"))
