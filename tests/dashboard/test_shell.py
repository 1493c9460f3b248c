"""The frame of the dashboard: navigation, keyboard, narrow screens, both colour schemes, stop and quit, no script."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.config import Config
from server.keys.key_book import KeyBook
from server.web.control.parts import Parts
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging, until
from tests.server.web.scene import FakeControl, FakeEngine, listening, served
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
SECTIONS = "[...document.querySelectorAll('nav.rail li a')].map((one) => one.textContent)"
TITLE = "document.querySelector('h1')?.textContent"


@pytest_asyncio.fixture(loop_scope="module")
async def control() -> FakeControl:
    return FakeControl()


@pytest_asyncio.fixture(loop_scope="module")
async def origin(control: FakeControl, tmp_path: Path) -> AsyncIterator[str]:
    parts = Parts(keys=KeyBook(tmp_path))
    async with listening(served(FakeEngine(), control=control, clock=time.time, parts=parts)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, origin: str) -> AsyncIterator[Page]:
    async with paging(browser, origin) as found:
        yield found


async def opened(page: Page, address: str = "#live") -> None:
    await page.open(address)
    await page.see("Running")
    await page.until(TITLE)


async def test_each_section_has_an_address_which_the_back_button_follows(page: Page) -> None:
    await opened(page)
    sections = await page.value(SECTIONS)
    assert sections[:1] == ["Live"]
    assert len(sections) >= 2
    for section in sections:
        await page.go(section)
        await page.until(f"document.title === {f'{section} - Drawbridge'!r}")
        assert await page.value("location.hash.slice(1).toLowerCase()") == section.lower()
        assert await page.value("document.querySelector('nav [aria-current=page]').textContent") == section
        # The keyboard follows.
        if section != "Live":
            await page.until("document.activeElement.tagName === 'H1'")
    await page.browser.script("history.back()")
    await page.until(f"{TITLE} === {sections[-2]!r}")
    # A deep link, and an address of no section.
    await opened(page, f"#{sections[-1].lower()}")
    assert await page.value(TITLE) == sections[-1]
    await opened(page, "#nothing/here?at=all")
    assert await page.value(TITLE) == "Live"


async def test_the_navigation_works_by_keyboard(page: Page) -> None:
    await opened(page)
    for _ in range(20):
        await page.browser.press("Tab")
        if await page.focused() == "Logs":
            break
    await page.browser.press("Enter")
    await page.until(f"{TITLE} === 'Logs'")


async def test_the_first_stop_of_the_keyboard_skips_the_navigation(page: Page) -> None:
    await opened(page)
    await page.browser.press("Tab")
    await page.until_focused("Skip to the section")
    assert await page.value("document.activeElement.getBoundingClientRect().top >= 0")
    await page.browser.press("Enter")
    await page.until("document.activeElement.tagName === 'H1'")
    assert await page.value("location.hash") == "#live"


@both_schemes
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_no_section_has_a_fault_or_is_wider_than_the_screen(
    browser: Browser, origin: str, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with paging(browser, origin, scheme=scheme, size=size) as page:
        await opened(page)
        for section in await page.value(SECTIONS):
            await page.go(section)
            await asyncio.sleep(0.5)
            assert await page.faults(axe) == [], section
            assert await page.overflow() <= 0, section


@pytest.mark.parametrize(("first", "sure"), [("Stop the server", "stopped"), ("Quit Drawbridge", "has_quit")])
async def test_stop_and_quit_ask_once_more_and_are_told_apart(
    page: Page, control: FakeControl, first: str, sure: str
) -> None:
    await opened(page)
    # By keyboard: asked, taken back with Escape, asked again and confirmed.
    await page.focus(first)
    for key in ("Enter", "Escape", "Enter"):
        await page.browser.press(key)
        await page.until_focused(first)
    assert (control.stopped, control.has_quit) == (0, 0)
    await page.browser.press("Enter")
    await until(lambda: getattr(control, sure) == 1)
    assert control.stopped + control.has_quit == 1


async def test_without_an_app_there_is_no_quit(browser: Browser) -> None:
    app = served(FakeEngine(), control=FakeControl(can_quit=False), clock=time.time)
    async with listening(app) as port, paging(browser, f"http://127.0.0.1:{port}") as page:
        await opened(page)
        assert await page.value("find('Stop the server') !== undefined")
        assert await page.value("find('Quit Drawbridge') === undefined")


@both_schemes
async def test_the_field_for_the_key_has_no_fault(browser: Browser, axe: str, scheme: str) -> None:
    engine = FakeEngine(config=Config(api_key="gate-key"))
    async with (
        listening(served(engine, control=FakeControl(), clock=time.time)) as port,
        paging(browser, f"http://127.0.0.1:{port}", scheme=scheme, size=PHONE) as page,
    ):
        page.allow("status of 40[13]")
        await page.open("#logs")
        await page.see("Access key")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
        await page.fill("Access key", "wrong")
        await page.click("Open")
        await page.see("The access key is wrong. Copy the main one from Drawbridge's menu")
        await page.fill("Access key", "gate-key")
        await page.browser.press("Enter")
        # The section of the address is shown.
        await page.until(f"{TITLE} === 'Logs'")
        # A new key shuts the page again.
        engine.change(api_key="another")
        # The page may ask for something by itself before it is clicked.
        await page.until(
            "find('Live')?.click() || document.body.innerText.includes('This server requires an access key')"
        )


async def test_without_javascript_the_page_tells_state_and_address(browser: Browser, origin: str, axe: str) -> None:
    async with paging(browser, origin) as page:
        await browser.command("Emulation.setScriptExecutionDisabled", value=True)
        try:
            await page.open("")
            text = await page.text()
        finally:
            await browser.command("Emulation.setScriptExecutionDisabled", value=False)
        for words in ("Running", f"{origin}/v1", "on the Claude plan", "Turn JavaScript on"):
            assert words in text
        assert await page.faults(axe) == []
