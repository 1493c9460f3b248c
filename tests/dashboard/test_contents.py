"""Contents of requests on the page, over the real Claude Code: switched on, kept, exported and gone."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Reply, Text, Thinking, call
from server.standin.server import Standin
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.bridge import Bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]

LINE = "Contents of requests are kept until"
MARKUP = '<img src=x onerror="document.title=1">'
PNG = (Path(__file__).parents[2] / "assets" / "icons" / "drawbridge.png").read_bytes()
PICTURE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
# A clipboard that the page may not have here.
WRITE = "writeText: async (text) => { window.copied = text; }"
CLIPBOARD = f"Object.defineProperty(navigator, 'clipboard', {{value: {{{WRITE}}}}});"
BODIES = "[...document.querySelectorAll('.contents pre')].map((one) => one.textContent)"
KEPT = "[...document.querySelectorAll('.kept-list pre')].map((one) => one.textContent)"
COUNTED = {"role": "user", "content": "Count me"}
ROW = "document.querySelector('.requests .row-button, .request-cards .row-button')"


async def ask(bridge: Bridge, text: str) -> None:
    content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    body = {"model": "sonnet", "messages": [{"role": "user", "content": content}], "tools": TOOLS, "seed": 3}
    assert (await bridge.post(body)).status_code == 200


def serious(faults: list[Any]) -> list[Any]:
    return [fault for fault in faults if fault[1] in {"serious", "critical"}]


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_contents_are_switched_on_kept_exported_and_gone(
    browser: Browser, bridge: Bridge, standin: Standin, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    answer = Text((f"It is blue. {MARKUP}",))
    standin.script(
        lambda _: Reply((Thinking(("Hm, ", "the sky.")), answer, call("look", {"at": "up"})), stop_reason="tool_use")
    )
    await ask(bridge, "Not kept")
    async with paging(browser, bridge.url.removesuffix("/v1"), scheme=scheme, size=size) as page:
        await page.open("#requests")
        await browser.script(CLIPBOARD)
        await page.see("What apps send and Claude answers is not kept.")
        await page.click("Keep for 15 minutes")
        await page.see(LINE)
        await ask(bridge, f"Why blue? {MARKUP}")
        await page.until("document.querySelectorAll('.requests tbody tr, .request-cards li').length >= 2")
        assert serious(await page.faults(axe)) == []
        for section in ("live", "logs", "requests"):
            await page.value(f"location.hash = '{section}'")
            await page.until(f"document.querySelector('.contents-banner').innerText.includes('{LINE}')")

        await page.until(ROW)
        await page.value(f"{ROW}.click()")
        await page.see("What it contained")
        await page.until(f"{BODIES}.some((one) => one.includes('Why blue?'))")
        body, thinking, text, arguments = await page.value(BODIES)
        assert f"(image/png, {len(PNG) / 1000:.1f} kB)" in body
        assert (thinking, text, json.loads(arguments)) == ("Hm, the sky.", f"It is blue. {MARKUP}", {"at": "up"})
        assert await page.value("document.title") != "1"
        assert serious(await page.faults(axe)) == []
        assert await page.overflow() == 0

        await page.click("Copy as curl, this request")
        copied = await page.until("window.copied")
        assert copied.startswith("curl ")
        assert "$KEY" in copied
        exported = await export(page)
        assert "Why blue?" in exported
        assert json.loads(exported)["record"]["dialect"] == "chat_completions"

        await page.click("Close")
        # A request that is in no list but this.
        await bridge.client.post("/messages/count_tokens", json={"model": "sonnet", "messages": [COUNTED]})
        await page.value("document.querySelector('.kept-list summary').click()")
        await page.until("document.querySelectorAll('.kept-list li').length >= 2")
        await page.value("document.querySelector('.kept-list .row-button').click()")
        await page.until(f"{KEPT}.some((one) => one.includes('input_tokens'))")
        assert serious(await page.faults(axe)) == []
        assert await page.overflow() == 0
        await page.click("Stop keeping")
        await page.lose(LINE)
        await page.click("Forget what was kept")
        await page.click("Forget all")
        await page.until("!find('Forget what was kept')")
        await page.value(f"{ROW}.click()")
        await page.see("Contents were not kept when this request was answered")


async def export(page: Page) -> str:
    """The text of the file that the button saves."""
    await page.value(
        "(window.saved = null, URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; });"
        " return 'data:,'; }, HTMLAnchorElement.prototype.click = function () {}, 1)"
    )
    await page.click("Export this request as a file")
    return str(await page.until("window.saved"))
