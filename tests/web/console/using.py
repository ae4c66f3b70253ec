"""Using the console as a person does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Locator, Page, expect

from tests.web.console.large_ledger import EVERY_SCOPE, Known

VIEWS = ("", "live", "alarms", "sessions", "events", "subject", "revoke", "log", "session", "event", "me")
"""Every place in the console."""

_AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
_RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join(" ")}`);
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """One tab."""

    page: Page
    known: Known
    origin: str = ""
    """Empty: the server itself, which is faster than through the proxy."""

    def address(self, view: str = "", **query: object) -> str:
        """Of a view, as a deep link."""
        origin = self.origin or self.known.site.server.url
        return f"{origin}/console/{view}" + (f"?{urlencode(query)}" if query else "")

    async def open(self, view: str = "", **query: object) -> None:
        """Go there as from a link in a mail."""
        await self.page.goto(self.address(view, **query))

    async def sign_in(self, subject: str = "auditor", scope: str = EVERY_SCOPE) -> None:
        """Through the form that is shown; ends when it is gone."""
        claims = {"scope": scope} if scope else {}
        await self.page.get_by_label("Assertion", exact=True).fill(
            self.known.site.assertion(subject, **claims)
        )
        await self.page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(self.page.locator(".who")).to_have_count(1)

    async def signed_in(self, view: str = "", *, scope: str = EVERY_SCOPE, **query: object) -> None:
        """At a place, signed in there."""
        await self.open(view, **query)
        await self.sign_in(scope=scope)
        await self.settled()

    async def settled(self) -> None:
        """Nothing is loading any more."""
        await expect(self.page.locator("#view-heading")).to_be_visible()
        await expect(self.page.locator(".state.loading")).to_have_count(0)

    @property
    def rows(self) -> Locator:
        """Of the tables that are shown."""
        return self.page.locator("main tbody tr")

    def fact(self, name: str) -> Locator:
        """What a list of facts says to a name."""
        return self.page.locator(".facts > div", has=self.page.get_by_text(name, exact=True)).locator("dd")

    async def place_of(self, view: str) -> dict[str, object]:
        """What a view is asked about so that it shows something."""
        of_view: dict[str, dict[str, object]] = {
            "session": {"id": self.known.stolen},
            "event": {"id": self.known.event_id("ReuseDetected")},
            "log": {"event": self.known.event_id("ReuseDetected")},
            "subject": {"id": "ada"},
            "sessions": {"subject": "ada"},
            "events": {"subject": "ada"},
            "alarms": {"subject": "ada"},
            "revoke": {"subject": "eve"},
        }
        return of_view.get(view, {})

    async def violations(self) -> list[str]:
        """What axe-core finds serious or critical in the page as it is."""
        await self.page.evaluate(_AXE)
        found: list[str] = await self.page.evaluate(_RUN_AXE)
        return found

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wider: Any = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(wider)
