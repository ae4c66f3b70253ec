"""What pages must not do unnoticed: errors, violations of their policy, requests to other hosts."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Request, WebError

_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.effectiveDirective} by ${event.blockedURI || "inline"}`);
});
"""
_TWO_TURNS = """async () => {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();  // no timer: a test may have stopped the clock
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  }
}"""


@dataclass  # without slots: Playwright keeps its wrappers in the object whose methods it calls
class Watch:
    """Notes what happens in every page of the contexts that it is told of."""

    hosts: set[str] = field(default_factory=lambda: {"127.0.0.1"})
    """That may be asked, whatever the port."""
    told: list[str] = field(default_factory=list)
    """Whatever happened that may be a fault, in its order."""
    _allowed: list[re.Pattern[str]] = field(default_factory=list)

    async def over(self, context: BrowserContext) -> None:
        """Watch the pages that are opened in a context from now on."""
        await context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    async def settle(self, context: BrowserContext) -> None:
        """Wait until what the pages have done is told: a violation is told a turn later."""
        for page in context.pages:
            with suppress(Error, TimeoutError):
                await asyncio.wait_for(page.evaluate(_TWO_TURNS), 2)

    def allow(self, *patterns: str) -> None:
        """What the test means to happen: regular expressions that are searched for in what is told."""
        self._allowed += [re.compile(pattern) for pattern in patterns]

    @property
    def unexpected(self) -> list[str]:
        """What is told and not allowed."""
        return [one for one in self.told if not any(known.search(one) for known in self._allowed)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.told.append(f"console: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        self.told.append(f"error: {error.error}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in self.hosts:
            self.told.append(f"request: {request.method} {request.url}")
