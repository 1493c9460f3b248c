"""Drives the dashboard in a real browser, and checks at the end of each test that nothing went wrong unseen."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.whole.browser import Browser, needs_browser, session

__all__ = ["DESK", "PHONE", "Page", "both_schemes", "needs_browser", "paging", "session", "until"]

# Widths and heights: the narrowest phone and a desk's screen.
PHONE, DESK = (360, 740), (1280, 900)
PATIENCE_S = 60.0
both_schemes = pytest.mark.parametrize("scheme", ["light", "dark"])
# The browser's own word for a server that stops while the page is open.
GONE = r"net::ERR_(?:CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|ABORTED|FAILED)"

# Finds what a person sees and can use, by the name that a screen reader says.
_FIND = """
const nameOf = (one) =>
  (one.getAttribute("aria-label") || one.textContent || one.value || "").replace(/\\s+/g, " ").trim();
const canBeUsed = (one) => one.getClientRects().length && !one.disabled;
const find = (name) =>
  [...document.querySelectorAll("button, a, summary")].find((one) => nameOf(one) === name && canBeUsed(one));
const labelled = (text) => {
  const label = [...document.querySelectorAll("label")].find((one) => one.textContent.trim() === text);
  return label && document.getElementById(label.htmlFor);
};
"""


class Page:
    """One page of the dashboard. `allowed` matches what the console may say in this test."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self.browser = browser
        self.origin = origin
        self.allowed: list[str] = []

    def allow(self, pattern: str) -> None:
        """Lets the console say what `pattern` matches, as a refused key."""
        self.allowed.append(pattern)

    async def open(self, address: str = "#live") -> None:
        """Loads the page at this address, also if only the section differs."""
        await self.browser.open("about:blank")
        await self.browser.open(f"{self.origin}/{address}")

    async def go(self, section: str) -> None:
        """Goes to a section by its link in the navigation."""
        await self.click(section)
        await self.until(f"document.querySelector('h1')?.textContent === {json.dumps(section)}")

    async def value(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return await self.browser.script(f"{_FIND} return ({expression});")

    async def until(self, expression: str, seconds: float = PATIENCE_S) -> Any:
        """Waits until the expression is true."""
        end = time.monotonic() + seconds
        while not (found := await self.value(expression)):
            if time.monotonic() > end:
                raise AssertionError(f"never true: {expression}\n{await self.text()}")
        return found

    async def click(self, name: str) -> None:
        """Clicks the button or link with this name, as soon as it can be used."""
        await self.until(f"(find({json.dumps(name)}) ? (find({json.dumps(name)}).click(), true) : false)")

    async def focus(self, name: str) -> None:
        """Puts the keyboard on the button or link with this name."""
        await self.until(f"(find({json.dumps(name)}) ? (find({json.dumps(name)}).focus(), true) : false)")

    async def focused(self) -> str:
        """The name of what has the keyboard."""
        return str(await self.value("nameOf(document.activeElement)"))

    async def until_focused(self, name: str) -> None:
        """Waits until the element with this name has the keyboard, which it gets after it can be seen."""
        await self.until(f"nameOf(document.activeElement) === {json.dumps(name)}")

    async def fill(self, label: str, text: str) -> None:
        """Puts `text` into the field, choice or check box ("yes", "") with this label."""
        field, given = json.dumps(label), json.dumps(text)
        await self.until(f"labelled({field}) !== undefined && labelled({field}) !== null")
        await self.browser.script(
            f"""{_FIND} const field = labelled({field}); field.focus();
            if (field.type === "checkbox") {{ if (field.checked !== Boolean({given})) field.click(); return; }}
            const proto = Object.getPrototypeOf(field);
            Object.getOwnPropertyDescriptor(proto, "value").set.call(field, {given});
            field.dispatchEvent(new Event("input", {{ bubbles: true }}));
            field.dispatchEvent(new Event("change", {{ bubbles: true }}));"""
        )

    async def text(self) -> str:
        """What a person reads."""
        return str(await self.browser.script("return document.body.innerText"))

    async def see(self, text: str, seconds: float = PATIENCE_S) -> None:
        """Waits until `text` can be read."""
        await self.until(f"document.body.innerText.includes({json.dumps(text)})", seconds)

    async def lose(self, text: str) -> None:
        """Waits until `text` cannot be read any more."""
        await self.until(f"!document.body.innerText.includes({json.dumps(text)})")

    async def hide(self) -> None:
        """Makes the page believe that it is hidden, as behind another tab."""
        await self._set_hidden("true")

    async def show(self) -> None:
        """Undoes `hide`."""
        await self._set_hidden("false")

    async def _set_hidden(self, hidden: str) -> None:
        await self.browser.script(
            f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});"
            "document.dispatchEvent(new Event('visibilitychange'));"
        )

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(await self.value("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    async def faults(self, axe: str) -> list[Any]:
        """What axe-core finds: each fault with the elements that have it."""
        await self.browser.script(axe)
        found = await self.browser.run_async(
            'axe.run(document, {resultTypes: ["violations"]}).then((found) => done(found.violations.map('
            "(each) => [each.id, each.impact, each.nodes.map((node) =>"
            " [node.target.join(' '), node.failureSummary])])));"
        )
        return list(found)

    async def check(self) -> None:
        """Asserts that the console is silent, that no policy was violated, and that no other host was asked."""
        messages = [line for line in await self.browser.console() if not self._is_allowed(line)]
        assert messages == [], messages
        own = (self.origin, "data:", "about:", "chrome", "blob:null")
        assert [url for url in await self.browser.requested() if not url.startswith(own)] == []

    def _is_allowed(self, line: str) -> bool:
        return any(re.search(pattern, line) for pattern in self.allowed)


async def until(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Waits until `condition` holds in the test's own process."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def paging(
    browser: Browser, origin: str, *, scheme: str = "light", size: tuple[int, int] = DESK
) -> AsyncIterator[Page]:
    """A page that is checked and left at the end of the block."""
    await browser.prefer(scheme)
    await browser.resize(*size)
    page = Page(browser, origin)
    try:
        yield page
        await page.check()
    finally:
        # It would complain about a server that has ended, in the console of the next page.
        await browser.open("about:blank")
