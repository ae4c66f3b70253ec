"""The live stream: pause, filter, and nothing missed over a lost connection."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import WebSocket, WebSocketRoute, expect

from tests.web.console.large_ledger import Known
from tests.web.console.using import Console
from tests.web.watching import Watch


async def test_events_appear_as_they_come_and_wait_while_it_is_paused(console: Console, known: Known) -> None:
    await console.signed_in("live", subject="livia")
    page = console.page
    await expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    await expect(page.locator(".state.empty")).to_contain_text("Waiting for events.")
    pair = await known.auditor.open(known.site, "livia")
    await known.auditor.open(known.site, "somebody else")
    await expect(console.rows).to_have_count(1)
    await expect(console.rows).to_contain_text("Issued")
    await page.get_by_role("button", name="Pause").click()
    await known.auditor.refresh(pair["refreshToken"])
    await expect(page.get_by_role("button", name="Resume (1)")).to_be_visible()
    await expect(console.rows).to_have_count(1)
    await page.get_by_role("button", name="Resume (1)").click()
    await expect(console.rows).to_have_count(2)
    await expect(console.rows.first).to_contain_text("Rotated")
    await page.get_by_role("button", name="Clear", exact=True).first.click()
    await expect(console.rows).to_have_count(0)


async def test_what_happens_while_the_connection_is_lost_comes_once_it_is_back(
    proxied: Console, known: Known, watch: Watch
) -> None:
    watch.allow("WebSocket", "ERR_")
    await proxied.signed_in("live", subject="liv")
    page = proxied.page
    await expect(page.locator(".live-state.good")).to_be_visible()
    token = (await known.auditor.open(known.site, "liv"))["refreshToken"]
    await expect(proxied.rows).to_have_count(1)
    known.site.proxy.go_offline()
    await expect(page.get_by_role("alert")).to_contain_text("The connection is lost")
    for _ in range(3):
        token = (await known.auditor.refresh(token))["refreshToken"]
    await known.auditor.sealed()  # what is sealed later would come without a cursor, too
    known.site.proxy.offline = False
    await page.get_by_role("button", name="Try now").click()
    await expect(proxied.rows).to_have_count(4)
    await known.auditor.refresh(token)
    await expect(proxied.rows).to_have_count(5)
    told = await proxied.rows.locator("td[data-label=What]").all_inner_texts()
    assert [one.strip() for one in told] == [
        "generation 4",
        "generation 3",
        "generation 2",
        "generation 1",
        "generation 0, by body",
    ]


async def test_while_paused_the_page_keeps_a_bounded_number_and_says_what_it_skipped(
    console: Console,
) -> None:
    """By a server that sends as fast as no ledger does."""
    page = console.page
    sockets: list[WebSocketRoute] = []

    def connected(socket: WebSocketRoute) -> None:
        def answer(message: str | bytes) -> None:
            if json.loads(message)["type"] == "connection_init":
                socket.send(json.dumps({"type": "connection_ack"}))
            else:
                sockets.append(socket)

        socket.on_message(answer)

    await page.route_web_socket("**/graphql", connected)
    await console.signed_in("live", types="TOKEN_ISSUED")
    await expect(page.locator(".live-state.good")).to_be_visible()
    await page.get_by_role("button", name="Pause").click()
    for number in range(520):
        sockets[0].send(_issued(number))
    await expect(page.get_by_text("Paused: 500 events wait, 20 older ones were skipped.")).to_be_visible()
    await page.get_by_role("button", name="Resume (500)").click()
    await expect(console.rows).to_have_count(200)
    await expect(console.rows.first).to_contain_text("subject-519")
    await expect(page.get_by_text("20 events were skipped while it was paused.")).to_be_visible()


def _issued(number: int) -> str:
    """An event as the subscription tells it."""
    node = {
        "id": f"01900000-0000-7000-8000-{number:012d}:1",
        "type": "TOKEN_ISSUED",
        "sessionId": f"01900000-0000-7000-8000-{number:012d}",
        "logIndex": number,
        "occurredAt": "2026-01-01T00:00:00.000000Z",
        "actor": "system",
        "subject": f"subject-{number}",
        "erased": False,
        "data": {"transport": "body"},
    }
    payload = {"data": {"events": {"cursor": str(number), "node": node}}}
    return json.dumps({"id": "events", "type": "next", "payload": payload})


async def test_a_token_that_expires_costs_no_event(console: Console, known: Known) -> None:
    """The server closes the connection; the page comes back with another token and the last cursor."""
    client = await known.site.client(access_ttl=4)
    page = console.page
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - it marks what it is given
    await console.open("live", subject="lina")
    await page.get_by_label("Client id").fill(client)
    await console.sign_in()
    await expect(page.locator(".live-state.good")).to_be_visible()
    token = (await known.auditor.open(known.site, "lina"))["refreshToken"]
    async with page.expect_websocket():
        pass
    token = (await known.auditor.refresh(token))["refreshToken"]
    await expect(page.locator(".live-state.good")).to_be_visible()
    await known.auditor.refresh(token)
    await expect(console.rows).to_have_count(3)
    assert len(sockets) == 2
    assert sockets[0].is_closed()


@pytest.mark.parametrize(
    ("code", "told"),
    [(4429, "You have too many live connections open."), (1013, "The service cannot answer now.")],
)
async def test_why_the_server_closed_is_told(console: Console, code: int, told: str) -> None:
    await console.page.route_web_socket(
        "**/graphql",
        lambda socket: socket.on_message(lambda _: asyncio.ensure_future(socket.close(code=code))),
    )
    await console.signed_in("live")
    await expect(console.page.get_by_role("alert")).to_contain_text(told)


async def test_a_filter_that_the_server_refuses_is_told(console: Console) -> None:
    await console.signed_in("live", ipAddress="no address")
    await expect(console.page.get_by_role("alert")).to_contain_text("There is no stream")


async def test_a_token_that_is_not_taken_signs_nobody_out_whose_session_lives(console: Console) -> None:
    """As after a signing key was revoked: the next token is taken."""
    tokens: list[str] = []

    def connected(socket: WebSocketRoute) -> None:
        def answer(message: str | bytes) -> None:
            told = json.loads(message)
            if told["type"] != "connection_init":
                return
            tokens.append(told["payload"]["accessToken"])
            if len(tokens) == 1:
                asyncio.ensure_future(socket.close(code=4401))  # noqa: RUF006 - the page sees its end
            else:
                socket.send(json.dumps({"type": "connection_ack"}))

        socket.on_message(answer)

    await console.page.route_web_socket("**/graphql", connected)
    await console.signed_in("live")
    await expect(console.page.locator(".live-state.good")).to_be_visible()
    assert len(set(tokens)) == 2
    await expect(console.page.locator(".who")).to_have_text("auditor")


async def test_who_tries_again_while_a_token_is_waited_for_has_one_connection(console: Console) -> None:
    opened: list[str] = []
    page = console.page

    def connected(socket: WebSocketRoute) -> None:
        socket.on_message(lambda message: opened.append(json.loads(message)["type"]))

    await page.route_web_socket("**/graphql", connected)
    await console.open()
    await page.evaluate(
        """async () => {
          const { subscribe } = await import("/console/live.js");
          const waiting = [];
          window.stream = subscribe({
            accessToken: () => new Promise((resolve) => waiting.push(resolve)),
            query: "", filter: {}, onEvent: () => {}, onState: () => {},
          });
          window.stream.retry();
          window.stream.retry();
          dispatchEvent(new Event("online"));
          for (const resolve of waiting) resolve("token");
        }"""
    )
    await page.wait_for_timeout(300)
    assert opened == ["connection_init"]
    await page.evaluate("() => { stream.close(); stream.retry(); }")
    await page.wait_for_timeout(100)
    assert opened == ["connection_init"]


async def test_why_the_session_ended_is_told_where_the_stream_ended(console: Console, known: Known) -> None:
    await console.open("live")
    await console.sign_in("robbed")
    await expect(console.page.locator(".live-state.good")).to_be_visible()
    await known.auditor.ask(
        """mutation { revokeSessions(filter: { subject: "robbed" }, reason: "test", dryRun: false) {
          __typename } }"""
    )
    await expect(console.page.get_by_role("alert")).to_have_text("This session was ended.")


async def test_the_end_of_the_session_ends_the_stream(console: Console, known: Known) -> None:
    await console.open("live")
    await console.sign_in("watcher")
    await expect(console.page.locator(".live-state.good")).to_be_visible()
    await known.auditor.ask(
        """mutation { revokeSessions(filter: { subject: "watcher" }, reason: "test", dryRun: false) {
          __typename } }"""
    )
    await expect(console.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(console.page).to_have_url(console.address("live"))
