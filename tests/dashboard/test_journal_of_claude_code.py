"""The page's journal over the real Claude Code: phases, an error that is explained, and a restart that keeps all."""

from pathlib import Path

import pytest

from server.standin.script import Usage, refuse, say
from server.standin.server import Standin
from tests.dashboard.kit import Page, needs_browser, paging
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]

SECRET = "the-words-of-the-user"


async def open_first(page: Page) -> str:
    await page.until(
        "document.querySelector('.row-button') ? (document.querySelector('.row-button').click(), true) : false"
    )
    await page.until("document.querySelector('dialog[open] .waterfall')")
    return str(await page.value("document.querySelector('dialog').innerText"))


async def test_an_error_is_found_and_explained_and_a_restart_keeps_it(
    browser: Browser, standin: Standin, folder: Path
) -> None:
    standin.script(lambda _: say("Hello", usage=Usage(input_tokens=321, output_tokens=7)))
    quick = {"DRAWBRIDGE_RETRIES": "0"}
    async with open_bridge(standin, folder, environment=quick) as bridge:
        async with paging(browser, bridge.url.removesuffix("/v1")) as page:
            await page.open("#requests")
            await page.see("No requests yet")
            await bridge.chat(SECRET, headers={"x-title": "Talon"}, seed=7)
            await page.see("Talon")
            shown = await open_first(page)
            for phase in ("Claude until the first token", "The rest of the answer"):
                assert phase in shown
            assert "seed" in shown
            assert "billed to an API key" in shown
            await page.click("Close")
            standin.script(lambda _: refuse(529))
            assert (await bridge.chat(SECRET, headers={"x-title": "Zed"})).status_code == 503
            await page.see("Zed")
            await page.fill("Outcome", "failed")
            await page.until("document.querySelectorAll('.requests tbody tr').length === 1")
            shown = await open_first(page)
            assert "Claude's API failed" in shown
            assert "Send the request again in a moment." in shown
            await page.click("Close")
            assert (await refused(bridge)) == 400
            await page.see("Invalid request")
            shown = await open_first(page)
            assert "messages" in shown
            assert "names what is wrong with this field" in shown
            # The page would complain about the server that is gone.
            await browser.open("about:blank")
        assert await bridge.stop() == 0
    async with open_bridge(standin, folder) as bridge, paging(browser, bridge.url.removesuffix("/v1")) as page:
        await page.open("#usage?days=1")
        await page.see("By app")
        shown = await page.text()
        assert "2 failed" in shown
        assert "326" in shown
        await page.open("#requests")
        await page.until("document.querySelectorAll('.requests tbody tr').length === 3")
        assert SECRET not in await page.value("document.documentElement.outerHTML")


async def refused(bridge: Bridge) -> int:
    return (await bridge.post({"model": "sonnet", "user": SECRET})).status_code
