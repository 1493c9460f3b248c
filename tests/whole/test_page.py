"""The page's session in a real browser, driven over the WebDriver protocol."""

import asyncio
import time
from pathlib import Path

import pytest

from server.config import Config
from server.machine.page_ticket import make_ticket
from tests.server.web.scene import FakeControl, FakeEngine, listening, served
from tests.whole.browser import browsing, needs_browser

pytestmark = needs_browser
IS_LOCKED = 'return document.getElementById("unlock") !== null'
IS_OPEN = 'return document.getElementById("pool") !== null && document.getElementById("unlock") === null'


def click(button: str) -> str:
    """Clicks the header's button with this text; false until there is one."""
    return (
        f"const found = [...document.querySelectorAll('header button')].find(b => b.textContent === '{button}');"
        "if (found) found.click(); return !!found"
    )


@pytest.mark.parametrize("way", ["key", "ticket"])
async def test_the_page_opens_with_the_key_or_a_ticket(tmp_path: Path, way: str) -> None:
    engine, control = FakeEngine(config=Config(api_key="gate-key")), FakeControl()
    async with listening(served(engine, control=control, clock=time.time)) as port, browsing(tmp_path) as browser:
        url = f"http://127.0.0.1:{port}/"
        await browser.open(url)
        await browser.until(IS_LOCKED)
        if way == "key":
            await browser.enter_key("wrong")
            await browser.until('return document.querySelector("[role=alert]").textContent.includes("wrong")')
            assert await browser.script(IS_LOCKED)
            await browser.enter_key("gate-key")
        else:
            await browser.open("about:blank")
            await browser.open(f"{url}#open={make_ticket(control.token)}")
        await browser.until(IS_OPEN)
        assert await browser.script("return location.hash") == ""
        # Neither stored nor in the page.
        assert "gate-key" not in await browser.script("return document.documentElement.outerHTML")
        assert "gate-key" not in await browser.script("return JSON.stringify(sessionStorage)")
        # A reload keeps it open; the button works.
        await browser.open(url)
        await browser.until(IS_OPEN)
        await browser.until(click("Stop"))
        await browser.until(click("Stop the server"))
        while not control.stopped:
            await asyncio.sleep(0.05)
        assert (control.stopped, control.has_quit) == (1, 0)


async def test_a_used_ticket_leaves_the_field_for_the_key(tmp_path: Path) -> None:
    engine, control = FakeEngine(config=Config(api_key="gate-key")), FakeControl()
    async with listening(served(engine, control=control, clock=time.time)) as port, browsing(tmp_path) as browser:
        await browser.open(f"http://127.0.0.1:{port}/#open={make_ticket('another')}")
        await browser.until('return document.querySelector("[role=alert]")?.textContent.includes("expired")')
        assert await browser.script(IS_LOCKED)
