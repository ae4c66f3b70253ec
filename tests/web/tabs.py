"""Tabs in which the browser client runs, as a frontend would have them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.web.site import Site

WITHOUT_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });"
WITHOUT_CHANNELS = "delete globalThis.BroadcastChannel;"
_STARTED = """async ([module, options]) => {
  const { createTokenLedger } = await import(module);
  window.ledger = createTokenLedger(options);
  window.told = [];
  ledger.onSignedOut((event) => told.push(event));
  window.ask = async () => {
    const answer = await ledger.fetch(ledger.url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json" },
      body: JSON.stringify({ query: "query Me { me { id } }" }),
    });
    return (await answer.json()).data?.me.id ?? answer.status;
  };
  window.told_or_error = (promise) =>
    promise.catch((error) => ({ code: error.code, terminal: error.terminal }));
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A page with the client as `ledger`, started and not signed in by itself."""

    page: Page

    async def login(self, assertion: str) -> Any:
        """The session that an assertion was exchanged for."""
        return await self.page.evaluate("(assertion) => ledger.login(assertion)", assertion)

    async def token(self, *, refused: str | None = None) -> Any:
        """An access token, None where nobody is signed in, or `{code, terminal}` of an error."""
        return await self.page.evaluate(
            "(refused) => told_or_error(ledger.getAccessToken(refused === null ? {} : { refused }))", refused
        )

    async def refreshed(self) -> Any:
        """As `token`, where the one that is held is not taken any more."""
        return await self.page.evaluate(
            "() => told_or_error(ledger.getAccessToken({ refused: ledger.accessToken }))"
        )

    async def ask(self, times: int = 1) -> list[Any]:
        """So many requests at once that need a token: the subject each was answered, or its status."""
        return list(
            await self.page.evaluate(
                "(times) => Promise.all(Array.from({ length: times }, () => told_or_error(ask())))", times
            )
        )

    async def logout(self, scope: str = "THIS") -> Any:
        """What was ended, or `{code, terminal}` of an error."""
        return await self.page.evaluate("(scope) => told_or_error(ledger.logout(scope))", scope)

    async def session(self) -> Any:
        """Who is signed in; None: nobody."""
        return await self.page.evaluate("ledger.session")

    async def told(self) -> list[Any]:
        """Every sign-out that this tab was told of."""
        return list(await self.page.evaluate("told"))

    async def until_told(self) -> list[Any]:
        """As `told`, once there is one."""
        await self.page.wait_for_function("told.length > 0")
        return await self.told()

    async def until_session(self, session_id: str | None) -> None:
        """Wait until the tab holds a session; None: until it holds none."""
        await self.page.wait_for_function("(id) => (ledger.session?.id ?? null) === id", arg=session_id)


async def open_tab(
    context: BrowserContext,
    site: Site,
    *,
    before: Sequence[str] = (),
    address: str | None = None,
    module: str = "/client/token-ledger.js",
    **options: Any,
) -> Tab:
    """A new tab of the frontend. `before` are scripts that run before any of the page's own."""
    page = await context.new_page()
    for script in before:
        await page.add_init_script(script)
    await page.goto(address or site.app)
    await page.evaluate(_STARTED, [module, options])
    return Tab(page=page)


async def stop_clock(context: BrowserContext) -> None:
    """In every tab that is opened from now on no timer fires and no time goes by, as while a machine sleeps.

    `context.clock.resume()` lets time go on where it stopped; `fast_forward` lets it have gone by meanwhile.
    """
    await context.clock.install()
    await context.clock.pause_at(time.time() + 1)
