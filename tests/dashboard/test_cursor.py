"""Cursor's steps on the page: a tunnel through a double of cloudflared, Cursor's recorded requests, and "seen"."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from server.machine.cursor_editions import PRIVATE
from server.standin.server import Standin
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.server.answering.test_canned_replies import VERIFY
from tests.server.web.cursor_bodies import CHAT
from tests.whole.browser import Browser
from tests.whole.test_cursor import DIALECTS, chunks_of
from tests.whole.test_tunnel import Tunnelled, tunnelled

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]
WAITING = "Waiting for the first request from Cursor..."


@asynccontextmanager
async def wizard(standin: Standin, folder: Path, browser: Browser) -> AsyncIterator[tuple[Tunnelled, Page]]:
    async with (
        tunnelled(standin, folder) as here,
        paging(browser, here.bridge.url.removesuffix("/v1")) as page,
    ):
        await page.open("#connect")
        await page.click("Cursor Code editor; needs a tunnel")
        await page.see("1. Open a tunnel")
        yield here, page


async def opened(page: Page) -> tuple[str, str]:
    """The base URL and the key, as the page shows them."""
    await page.click("Open through Cloudflare quick tunnel")
    await page.see(WAITING)
    entries = await page.value(
        "Object.fromEntries([...document.querySelectorAll('.entry')].map((one) =>"
        " [one.querySelector('dt').textContent, one.querySelector('dd code')?.textContent]))"
    )
    assert entries["Base URL"], entries
    return entries["Override OpenAI Base URL"], entries["OpenAI API Key"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_from_the_card_to_seen_in_each_form_of_a_body(
    standin: Standin, tmp_path: Path, browser: Browser, dialect: str
) -> None:
    async with wizard(standin, tmp_path, browser) as (here, page):
        assert "Open the tunnel first" in await page.text()
        url, key = await opened(page)
        assert url.startswith("https://")
        assert url.endswith("/v1")
        async with here.internet.client(url, key) as client:
            outside = replace(here.bridge, client=client, url=url)
            assert (await outside.post(VERIFY)).status_code == 200
            await chunks_of(outside, DIALECTS[dialect][1])
            await page.see("Cursor is connected")
        assert len(standin.requests) == 1
        await page.click("Close the tunnel")
        await page.see("Ready")
        # It was shown once.
        await page.go("Live")
        await page.open("#connect/cursor")
        await page.see("The tunnel has a key already")
        assert key not in await page.text()


async def test_the_azure_way_is_seen_too(standin: Standin, tmp_path: Path, browser: Browser) -> None:
    async with wizard(standin, tmp_path, browser) as (here, page):
        url, key = await opened(page)
        await page.click('I do not see "Override OpenAI Base URL"')
        root = url.removesuffix("/v1")
        assert await page.value(f"[...document.querySelectorAll('code')].some((one) => one.textContent === '{root}')")
        async with here.internet.client(url, key) as client:
            azure = f"{root}/openai/deployments/cc-sonnet/chat/completions?api-version=2024-10-21"
            headers = {"authorization": "", "api-key": key}
            reply = await client.post(azure, json={"messages": CHAT["messages"]}, headers=headers)
            assert reply.status_code == 200, reply.text
        await page.see("Cursor is connected")


async def test_mistakes_are_told_in_words_while_the_page_waits(
    standin: Standin, tmp_path: Path, browser: Browser
) -> None:
    async with wizard(standin, tmp_path, browser) as (here, page):
        url, key = await opened(page)
        async with here.internet.client(url, "db-0000000000-" + "x" * 43) as client:
            assert (await client.post("/chat/completions", json={**CHAT, "stream": False})).status_code == 401
        await page.see("sent a key that is not valid here")
        async with here.internet.client(url, key) as client:
            doubled = f"{url}/chat/completions/chat/completions"
            assert (await client.post(doubled, json={**CHAT, "stream": False})).status_code == 404
            await page.see("it adds /chat/completions to the address itself")
            assert await page.value(
                f"[...document.querySelectorAll('.note code')].some((o) => o.textContent === '{url}')"
            )
            # Somebody who scans the public name does not write on the page.
            assert (await client.post(f"{url}/admin", headers={"authorization": ""})).status_code == 404
            assert (await client.post("/chat/completions", json={**CHAT, "stream": False})).status_code == 200
        await page.see("Cursor is connected")
        assert "admin" not in await page.text()
        assert standin.requests
        assert key not in here.bridge.log


async def test_a_new_address_is_announced_on_the_page(standin: Standin, tmp_path: Path, browser: Browser) -> None:
    async with wizard(standin, tmp_path, browser) as (here, page):
        url, _ = await opened(page)
        program = next(one for one in here.bridge.server.children() if "cloudflared" in " ".join(one.cmdline()))
        program.kill()
        await page.see("Cursor's address has changed.")
        shown = await page.value("document.querySelector('.note code').textContent")
        assert shown != url
        assert shown.startswith("https://")


async def test_a_relay_is_opened_only_after_a_second_click(standin: Standin, tmp_path: Path, browser: Browser) -> None:
    async with wizard(standin, tmp_path, browser) as (_, page):
        await page.see("can read the requests on their way")
        await page.click("Open through ssh relay (localhost.run)")
        await page.see("localhost.run may read along: open")
        await page.click("Cancel")
        await page.lose("localhost.run may read along: open")
        assert "Opening the tunnel" not in await page.text()


async def test_private_inference_is_recognised_and_needs_no_tunnel(
    standin: Standin, tmp_path: Path, browser: Browser
) -> None:
    product = tmp_path / "home" / ".local" / "share" / "cursor-local" / "resources" / "app" / "product.json"
    product.parent.mkdir(parents=True)
    product.write_text(json.dumps({"nameLong": PRIVATE, "version": "3.21.4"}))
    async with wizard(standin, tmp_path, browser) as (here, page):
        await page.see(f"{PRIVATE} 3.21.4 is on this computer: it needs no tunnel")
        assert here.bridge.url in await page.text()
        code, out, err = await here.command("connect", "cursor")
        assert code == 0, err
        assert f"{PRIVATE} 3.21.4 is on this computer" in out + err
        # Its list of models is strict: a row without these fields would not be offered there.
        rows = (await here.bridge.client.get("/models", headers={"user-agent": "Cursor/3.21.4"})).json()["data"]
        chats = [row for row in rows if "capabilities" in row]
        assert {"opus", "sonnet", "haiku"} <= {row["id"] for row in chats}
        for row in chats:
            assert "chat_completions" in row["api_types"]
            assert row["capabilities"]["supports_tool_use"] is True
            assert row["capabilities"]["supports_streaming"] is True
            assert row["capabilities"]["output_modalities"] == ["text"]
            assert row["capabilities"]["context_length"] > 0


@both_schemes
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_the_steps_have_no_fault(
    standin: Standin, tmp_path: Path, browser: Browser, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with wizard(standin, tmp_path, browser) as (_, page):
        await page.browser.prefer(scheme)
        await page.browser.resize(*size)
        for closed in (True, False):
            await page.browser.script("document.querySelectorAll('details').forEach((one) => (one.open = true))")
            assert await page.overflow() <= 0
            assert await page.faults(axe) == []
            if closed:
                await opened(page)
