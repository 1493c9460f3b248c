"""A key of an app on the page of a real server: made, used, limited and revoked."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]

MADE = "document.querySelector('.key-made code')?.textContent"
NAMES = "[...document.querySelectorAll('.key-list h3')].map((one) => one.textContent)"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A server that requires no key, without an account."""
    folder = tmp_path_factory.mktemp("demo")
    async with open_bridge(None, folder, "--demo", "--pool-size", "1", is_checked=False) as bridge:
        yield bridge


async def make(page: Page, name: str) -> str:
    """Creates a key, and returns what the page shows once."""
    await page.fill("App", name)
    await page.click("Create key")
    await page.see(f"The key for {name}.")
    key = str(await page.until(MADE))
    await page.click("Done")
    await page.until(f"{MADE} === undefined")
    assert key not in str(await page.value("document.documentElement.outerHTML"))
    return key


async def ask(bridge: Bridge, key: str) -> httpx.Response:
    return await bridge.chat("Hi", model="haiku", headers={"authorization": f"Bearer {key}"})


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_key_is_made_used_limited_and_revoked(
    browser: Browser, demo: Bridge, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with paging(browser, demo.url.removesuffix("/v1"), scheme=scheme, size=size) as page:
        await page.open("#keys")
        await page.see("No app has a key of its own yet.")
        assert await page.faults(axe) == []
        key, other = await make(page, "Talon"), await make(page, MARKUP)
        assert await page.value(NAMES) == ["Talon", MARKUP]
        await page.see("limits bind only those that send theirs")
        assert (await ask(demo, key)).status_code == 200
        await page.see("Used just now; in the last minute 1 request and")
        await page.click("Edit the key for Talon")
        await page.until("document.querySelectorAll('.key-list form').length === 1")
        await page.fill("Name", "Voice")
        # The form of a new key has the same labels, and is closed: the first of each is its.
        await page.value(
            "(() => { const field = document.querySelector('.key-list .rights-limits input'); field.value = '1';"
            "field.dispatchEvent(new Event('input', { bubbles: true })); return true; })()"
        )
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
        await page.click("Save")
        await page.see("1 request a minute")
        assert await page.value(NAMES) == ["Voice", MARKUP]
        limited = await ask(demo, key)
        assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert (await ask(demo, other)).status_code == 200
        for name in ("Voice", MARKUP):
            await page.click(f"Revoke the key for {name}")
            await page.click("Revoke it")
            await page.until(f"!({NAMES}).includes({name!r})")
        await page.see("No app has a key of its own yet.")
        assert [(await ask(demo, each)).status_code for each in (key, other, "anything")] == [401, 401, 200]
        await page.open("#requests")
        await page.until(f"[...document.querySelectorAll('.app')].some((one) => one.textContent === {MARKUP!r})")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
        await page.check()


async def test_what_the_server_says_against_a_name_stands_below_the_field(browser: Browser, demo: Bridge) -> None:
    async with paging(browser, demo.url.removesuffix("/v1")) as page:
        page.allow("409|400")
        await page.open("#keys")
        await make(page, "Cursor")
        await page.fill("App", "cursor")
        await page.click("Create key")
        await page.see("There is a key with the name 'Cursor' already")
        await page.click("Revoke the key for Cursor")
        await page.click("Revoke it")
        await page.see("No app has a key of its own yet.")
