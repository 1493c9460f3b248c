"""Settings changed on the page of a real server: at once, on another port, refused in words, pinned."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.dashboard.kit import DESK, GONE, PHONE, Page, both_schemes, needs_browser, paging
from tests.dashboard.test_connect import origin_of
from tests.ports import free_port
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A server whose port the settings file names, without an account."""
    folder = tmp_path_factory.mktemp("own")
    async with open_bridge(None, folder, "--demo", "--pool-size", "1", is_checked=False, is_port_free=True) as bridge:
        yield bridge


def file_of(bridge: Bridge) -> Path:
    return bridge.folder / "home" / ".config" / "drawbridge" / "settings.toml"


async def opened(page: Page) -> None:
    await page.open("#settings")
    await page.see("Default model")


async def state(page: Page, title: str) -> str:
    """What stands below the input of a setting."""
    row = (
        f"[...document.querySelectorAll('.setting')].find(row => row.querySelector('label').textContent === '{title}')"
    )
    return str(await page.value(f"{row}.innerText"))


async def test_a_change_applies_at_once_is_saved_and_can_be_put_back(own: Bridge, browser: Browser) -> None:
    async with paging(browser, origin_of(own)) as page:
        await opened(page)
        await page.fill("Default model", "haiku")
        await browser.press("Enter")
        await page.see("Saved")
        assert 'model = "haiku"' in file_of(own).read_text()
        assert (await own.health())["model"] == "haiku"
        await page.fill("Refuse unknown model names", "yes")
        await page.until("labelled('Refuse unknown model names').checked")
        body = {"model": "gpt-9", "messages": [{"role": "user", "content": "hi"}]}
        assert (await own.post(body)).status_code == 404
        await page.fill("Claude's thinking", "hidden")
        await page.click("Default: sonnet, for Default model")
        await page.until("labelled('Default model').value === 'sonnet'")
        text = file_of(own).read_text()
        assert 'reasoning = "hidden"' in text
        assert "\nmodel" not in text
        # Edits of the file are shown.
        file_of(own).write_text(text.replace('"hidden"', '"tags"'))
        await opened(page)
        await page.until("labelled(\"Claude's thinking\").value === 'tags'")


async def test_a_model_that_claude_does_not_have_is_saved_and_named(own: Bridge, browser: Browser) -> None:
    async with paging(browser, origin_of(own)) as page:
        await opened(page)
        await page.fill("Default model", "gpt-5")
        await browser.press("Enter")
        await page.see("Default model: Claude has no model 'gpt-5'.")
        assert 'model = "gpt-5"' in file_of(own).read_text()
        await page.click("Default: sonnet, for Default model")
        await page.until("!document.body.innerText.includes('gpt-5')")


async def test_a_value_that_is_not_taken_is_refused_in_place(own: Bridge, browser: Browser) -> None:
    async with paging(browser, origin_of(own)) as page:
        page.allow("status of 4")
        await opened(page)
        await page.fill("Timeout of Claude", "soon")
        await browser.press("Tab")
        await page.see("timeout takes seconds, from 0.1 to 86400")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            await page.fill("Port", str(taken.getsockname()[1]))
            await browser.press("Enter")
            await page.see("is taken")
        before = file_of(own).read_text()
        assert "soon" not in before
        assert f"port = {own.url.rpartition(':')[2].removesuffix('/v1')}" in before
        # It cannot be opened to others without a key.
        await page.fill("Who can connect", "lan")
        await page.see("an access key is required")
        assert (await own.health())["lan_addresses"] == []


async def test_a_pinned_setting_is_greyed_and_names_its_reason(own: Bridge, browser: Browser) -> None:
    async with paging(browser, origin_of(own)) as page:
        await opened(page)
        assert "Set by --pool-size" in await state(page, "Answers at once")
        assert await page.value("labelled('Answers at once').disabled")
        assert await page.value("labelled('Demo').disabled")
        await page.fill("Find a setting", "retries")
        await page.until("document.querySelectorAll('.setting').length < 8")
        assert await page.value("labelled('Retries').getClientRects().length > 0")


@both_schemes
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_all_groups_and_an_error_have_no_fault_and_fit(
    own: Bridge, browser: Browser, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with paging(browser, origin_of(own), scheme=scheme, size=size) as page:
        page.allow("status of 400")
        await opened(page)
        await browser.script("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        await page.fill("Largest request", "everything")
        await browser.press("Enter")
        await page.see("body_limit_mb takes megabytes")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0


async def test_another_port_takes_the_page_along(own: Bridge, browser: Browser) -> None:
    """The last test: the server is at another address afterwards."""
    port = free_port()
    async with paging(browser, origin_of(own)) as page:
        # The page's stream ends with the old address.
        page.allow(GONE)
        await opened(page)
        await page.fill("Port", str(port))
        page.origin = f"http://127.0.0.1:{port}"
        await browser.press("Enter")
        await page.until(f"location.port === '{port}' && location.hash === '#settings'")
        await page.see("Default model")
        assert await page.value(f"labelled('Port').value === '{port}'")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{page.origin}/health")).status_code == 200
        # The addresses from before are of this server too.
        await browser.requested()
