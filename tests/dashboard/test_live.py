"""The section Live over the real Claude Code: running requests, texts of strangers, problems, and a restart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.standin.script import Gate, Hold, say
from server.standin.server import Standin, open_standin
from tests.dashboard.kit import GONE, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser
from tests.whole.test_stop import GRACE_PASSED

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
NASTY = '<img src=x onerror="alert(1)">'
ROWS = "[...document.querySelectorAll('[aria-label=\"{}\"] tbody tr')].map((row) => row.innerText)"
RUNNING, LAST = ROWS.format("Running requests"), ROWS.format("Last requests")
TILES = "[...document.querySelectorAll('.tile b')].map((one) => one.textContent)"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, bridge: Bridge) -> AsyncIterator[Page]:
    async with paging(browser, bridge.url.removesuffix("/v1")) as found:
        await found.open()
        await found.see("Claude processes")
        yield found


async def test_a_running_request_is_shown_and_stopped_by_keyboard(page: Page, bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    standin.script(say("first", Hold(gate), " last"))
    asking = asyncio.create_task(bridge.stream("hi"))
    await page.until(f"{RUNNING}.length === 1")
    await asyncio.wait_for(gate.reached(), 60)
    await page.until(f"/ms|\\d s/.test({RUNNING}[0])")
    await page.until(f"{TILES}.includes('Answering')")
    assert await page.value("document.querySelectorAll('.notice, .note.bad').length") == 0
    stop = "[...document.querySelectorAll('button')].find((one) => one.textContent === '{}')"
    await page.browser.script(f"{stop.format('Stop')} && document.querySelector('tbody button').focus()")
    await page.browser.press("Enter")
    await page.until("document.activeElement.textContent === 'Stop it'")
    await page.browser.press("Enter")
    lines = await asking
    assert "The request was stopped" in "".join(lines)
    await page.see("Nothing is being answered now.")
    await page.until(f"{LAST}[0]?.includes('failed')")
    assert "The request was stopped" in (await page.value(LAST))[0]
    await page.until(f"!{TILES}.includes('Answering')")


async def test_texts_of_strangers_are_only_text(page: Page, bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    # Until Claude answers, the model is shown under the name that the app gave it.
    standin.script(say("first", " last", before_headers=(Hold(gate),)))
    asking = asyncio.create_task(bridge.chat("hi", model=f"sonnet {NASTY}", headers={"user-agent": NASTY}))
    await page.until(f"{RUNNING}[0]?.includes({NASTY!r})")
    gate.open()
    await asking
    await page.see("Nothing is being answered now.")
    await page.until(f"{LAST}[0]?.includes('answered')")
    # The app's name is the first word of its user agent.
    assert NASTY.split(maxsplit=1)[0] in (await page.value(LAST))[0]
    # The picture of the header, and no other.
    assert await page.value("document.querySelectorAll('img').length") == 1


async def test_a_page_that_was_hidden_shows_what_happened_meanwhile(page: Page, bridge: Bridge) -> None:
    await page.hide()
    await bridge.chat("while hidden", headers={"user-agent": "hidden-app/1"})
    await page.show()
    await page.until(f"{LAST}[0]?.includes('hidden-app')")


@both_schemes
async def test_a_busy_page_has_no_fault(
    browser: Browser, bridge: Bridge, standin: Standin, axe: str, scheme: str
) -> None:
    gate = Gate()
    standin.script(say("first", Hold(gate), " last"))
    strange = {"user-agent": "W" * 300}
    asking = asyncio.create_task(bridge.chat("hi", model="opus", headers=strange))
    try:
        async with paging(browser, bridge.url.removesuffix("/v1"), scheme=scheme, size=PHONE) as page:
            await page.open()
            await page.until(f"{RUNNING}.length === 1")
            assert await page.faults(axe) == []
            assert await page.overflow() <= 0
            gate.open()
            await page.until(f"{LAST}[0]?.includes('WWW')")
            assert await page.overflow() <= 0
    finally:
        gate.open()
        await asking


async def test_the_page_finds_a_server_that_has_restarted(browser: Browser, tmp_path: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, tmp_path) as first:
        origin = first.url.removesuffix("/v1")
        port = origin.rpartition(":")[2]
        async with paging(browser, origin) as page:
            # The old token is refused once.
            page.allow(GONE)
            page.allow("status of 403")
            await page.open()
            await page.see("Running")
            await first.stop()
            await page.see("The connection to Drawbridge is lost")
            async with open_bridge(standin, tmp_path, "--port", port) as second:
                await page.lose("The connection to Drawbridge is lost")
                await second.chat("after the restart", headers={"user-agent": "again/2"})
                await page.until(f"{LAST}[0]?.includes('again')")
                # An open page does not delay the end of the server.
                assert await second.stop() == 0
                assert GRACE_PASSED not in second.log
