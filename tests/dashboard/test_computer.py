"""The card of Claude's use of the desktop, over a real session in a running server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.desktop_tools.actions import Window
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.server.asking import AskingServer, asking_server, wait_for
from tests.server.desktop_tools.fake_desktop import FakeDesktop
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
LINES = "[...document.querySelectorAll('.computer li')].map((one) => one.innerText.trim())"
SECRET = "a text that is typed"
NASTY = Window("notes", "<img src=x onerror=alert(1)>", 7)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskingServer]:
    with asking_server(tmp_path_factory.mktemp("server")) as made:
        made.runner.apply(replace(made.runner.config, computer_use=True))
        yield made


@pytest.fixture
def desktop(server: AskingServer) -> Iterator[FakeDesktop]:
    """The desktop of a session that has just started."""
    made = FakeDesktop()
    made.go.set()
    server.runner.start_computer_use(made).result(30)
    yield made
    server.runner.stop_computer_use("menu")
    wait_for(lambda: made.closings)


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, server: AskingServer, desktop: FakeDesktop) -> AsyncIterator[Page]:
    async with paging(browser, server.origin) as found:
        await found.open()
        yield found


def call(server: AskingServer, tool: str, **arguments: Any) -> "asyncio.Future[Any]":
    session = server.engine.computer.session
    assert session is not None
    return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(session.call(tool, arguments), server.engine.loop))


async def allow(page: Page) -> None:
    """Allows the use of the window, once the card's buttons can be used."""
    await page.see("An agent asks: use of a window")
    await page.until("!document.querySelector('.approval [aria-disabled]')")
    await page.click("Allow until it ends: use of a window")


async def test_each_action_is_shown_in_words_with_the_time_that_is_left(
    page: Page, server: AskingServer, desktop: FakeDesktop
) -> None:
    await page.see("Claude uses the desktop")
    await page.see("Claude has done nothing yet.")
    await page.until("/^(10:00|9:\\d\\d) left$/.test(document.querySelector('.computer [role=timer]').innerText)")
    await call(server, "screenshot")
    desktop.windows = (Window("notes", "gedit", 7),)
    typing = call(server, "type", text=SECRET)
    await allow(page)
    await asyncio.wait_for(typing, 30)
    desktop.locked = True
    await call(server, "key", text="ctrl+s")
    await page.until(f"{LINES}.length === 3")
    assert await page.value(LINES) == ["press ctrl+s refused", f"type {len(SECRET)} characters in gedit", "screenshot"]
    assert SECRET not in await page.text()
    for section in ("Settings", "Logs"):
        await page.go(section)
        await page.see(f"type {len(SECRET)} characters")


async def test_stop_ends_the_session_and_the_card_goes(page: Page, server: AskingServer, desktop: FakeDesktop) -> None:
    await page.click("Stop now: Claude's use of the desktop")
    await page.until("document.querySelector('.computer') === null")
    assert server.engine.computer.session is None
    ended = server.engine.computer.status.ended
    assert "dashboard" in ended
    await page.until(f"[...document.querySelectorAll('[role=status]')].some((one) => one.textContent === '{ended}')")
    await page.open()
    await page.see("Base URL")
    assert await page.value("document.querySelector('.computer')") is None


async def test_a_question_is_about_a_window_and_what_programs_call_themselves_is_only_text(
    page: Page, server: AskingServer, desktop: FakeDesktop
) -> None:
    desktop.windows = (NASTY,)
    click = call(server, "left_click", coordinate=[5, 6])
    await page.see("An agent asks: use of a window")
    await page.see("May Claude use the window “notes”")
    await page.lose("Asked for")
    await allow(page)
    assert not (await asyncio.wait_for(click, 30)).is_error
    await page.until(f"{LINES}.length === 1")
    assert await page.value(LINES) == [f"click 5,6 in {NASTY.app}"]
    assert await page.value("document.querySelectorAll('.computer img').length") == 0


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_card_has_no_fault(
    browser: Browser,
    server: AskingServer,
    desktop: FakeDesktop,
    axe: str,
    scheme: str,
    size: tuple[int, int],
    tmp_path: Path,
) -> None:
    desktop.locked = True
    for _ in range(15):
        await call(server, "scroll", coordinate=[1000, 700], direction="down", amount=3)
    async with paging(browser, server.origin, scheme=scheme, size=size) as page:
        await page.open()
        await page.until(f"{LINES}.length === 15")
        assert await page.overflow() == 0
        assert await page.faults(axe) == []
        (tmp_path / "card.png").write_bytes(await page.browser.picture())
