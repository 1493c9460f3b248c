"""The section Logs: new lines as they come, filters, pause, and texts of strangers."""

import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.logs import close_log, open_log
from server.web.control.parts import Parts
from server.web.events.hub import EventHub
from server.web.events.log_lines import log_lines
from tests.dashboard.kit import Page, needs_browser, paging
from tests.server.web.scene import FakeControl, FakeEngine, listening, served
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]
logger = logging.getLogger("server.tests")
NASTY = '<img src=x onerror="alert(1)">'
LINES = "[...document.querySelectorAll('.log .message')].map((one) => one.textContent)"
AT_END = "(box => box.scrollHeight - box.scrollTop - box.clientHeight < 24)(document.querySelector('.log'))"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, tmp_path: Path) -> AsyncIterator[Page]:
    handler = open_log(tmp_path)
    # The test's own requests to the browser.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logger.info("before the start")
    hub = EventHub()
    try:
        with log_lines(lambda line: hub.publish("log", line)) as log:
            parts = Parts(hub=hub, log=log, log_folder=tmp_path, diagnose=lambda: "Python 3, no keys")
            app = served(FakeEngine(), control=FakeControl(), clock=time.time, parts=parts)
            async with listening(app) as port, paging(browser, f"http://127.0.0.1:{port}") as found:
                await found.open("#logs")
                await found.see("before the start")
                yield found
                hub.close()
    finally:
        logging.getLogger("httpx").setLevel(logging.NOTSET)
        close_log(handler)


async def test_lines_appear_as_they_are_written_each_once(page: Page) -> None:
    for number in range(5):
        logger.info("line %d", number)
    await page.see("line 4")
    shown = await page.value(LINES)
    assert [line for line in shown if line.startswith("line ")] == [f"line {number}" for number in range(5)]
    # The page's own requests do not fill it.
    assert not [line for line in shown if "/assets/" in line or "/control/" in line]
    await page.open("#logs")
    await page.see("line 4")
    assert (await page.value(LINES)).count("line 4") == 1


async def test_lines_are_filtered_by_level_and_text(page: Page) -> None:
    logger.info("a quiet line")
    logger.warning("a loud line")
    logger.error("a broken line")
    await page.see("a broken line")
    await page.fill("Level", "warning")
    await page.lose("a quiet line")
    assert await page.value(LINES) == ["a loud line", "a broken line"]
    await page.fill("Find", "LOUD")
    await page.lose("a broken line")
    await page.see("1 of ")
    await page.fill("Find", "nothing such")
    await page.see("No line matches.")


async def test_pause_keeps_the_lines_until_the_reader_goes_on(page: Page) -> None:
    await page.click("Pause")
    logger.info("written meanwhile")
    await page.see("newer lines wait")
    assert "written meanwhile" not in await page.value(LINES)
    await page.click("Continue")
    await page.see("written meanwhile")


async def test_the_view_follows_new_lines_until_the_reader_scrolls_up(page: Page) -> None:
    for number in range(80):
        logger.info("many %d", number)
    await page.see("many 79")
    await page.until(AT_END)
    # By keyboard.
    await page.browser.script("document.querySelector('.log').focus()")
    await page.browser.press("PageUp", "PageUp")
    await page.until(f"!({AT_END})")
    logger.info("below")
    await page.see("below")
    assert not await page.value(AT_END)
    await page.browser.press("End")
    await page.until(AT_END)
    logger.info("at the end")
    await page.see("at the end")
    await page.until(AT_END)


async def test_texts_of_strangers_are_only_text(page: Page) -> None:
    logger.warning("%s", NASTY)
    await page.see(NASTY)
    assert await page.value("document.querySelectorAll('img').length") == 1


async def test_the_diagnostics_are_copied(page: Page) -> None:
    await page.browser.command(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    await page.click("Copy diagnostics")
    await page.see("Copied")
    copied = await page.browser.run_async("navigator.clipboard.readText().then(done, (error) => done(`${error}`))")
    assert copied == "Python 3, no keys"
