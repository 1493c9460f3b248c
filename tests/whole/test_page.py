"""The status page in a real browser, driven over the WebDriver protocol."""

import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.config import Config
from server.machine.page_ticket import make_ticket
from tests.ports import free_port
from tests.server.web.scene import FakeControl, FakeEngine, listening, served

pytestmark = [
    pytest.mark.outside,
    pytest.mark.skipif(shutil.which("chromedriver") is None, reason="needs chromium and chromium-driver"),
]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


class Browser:
    """One tab of a browser."""

    def __init__(self, http: httpx.AsyncClient, session: str) -> None:
        self._http = http
        self._session = f"/session/{session}"

    async def open(self, url: str) -> None:
        await self._call("url", {"url": url})

    async def script(self, code: str) -> Any:
        return await self._call("execute/sync", {"script": code, "args": []})

    async def until(self, code: str) -> Any:
        """Runs `code` until its value is true."""
        end = time.monotonic() + 30
        while not (value := await self.script(code)):
            assert time.monotonic() < end, await self.script("return document.body.innerText")
        return value

    async def enter_key(self, key: str) -> None:
        await self.script(
            f'document.getElementById("key").value = "{key}"; document.getElementById("unlock").requestSubmit();'
        )

    async def _call(self, path: str, body: dict[str, Any]) -> Any:
        reply = await self._http.post(f"{self._session}/{path}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()["value"]


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Browser]:
    port = free_port()
    with subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL) as driver:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            for _ in range(100):
                try:
                    await http.get("/status")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            options = {"args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"]}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            session = (await http.post("/session", json=wanted)).json()["value"]["sessionId"]
            try:
                yield Browser(http, session)
            finally:
                await http.delete(f"/session/{session}")
                driver.terminate()


IS_LOCKED = 'return document.getElementById("unlock") !== null'
IS_OPEN = 'return document.getElementById("pool") !== null && document.getElementById("unlock") === null'


@pytest.mark.parametrize("way", ["key", "ticket"])
async def test_the_page_opens_with_the_key_or_a_ticket(tmp_path: Path, way: str) -> None:
    engine, control = FakeEngine(config=Config(api_key="gate-key")), FakeControl()
    async with listening(served(engine, control=control, clock=time.time)) as port, browsing(tmp_path) as browser:
        url = f"http://127.0.0.1:{port}/"
        await browser.open(url)
        assert await browser.script(IS_LOCKED)
        if way == "key":
            await browser.enter_key("wrong")
            await browser.until('return document.getElementById("outcome").textContent.includes("wrong")')
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
        for _ in range(2):
            await browser.script('document.getElementById("stop").click()')
        await browser.until('return document.getElementById("state").textContent === "Stopped"')
        assert control.stopped == 1


async def test_a_used_ticket_leaves_the_field_for_the_key(tmp_path: Path) -> None:
    engine, control = FakeEngine(config=Config(api_key="gate-key")), FakeControl()
    async with listening(served(engine, control=control, clock=time.time)) as port, browsing(tmp_path) as browser:
        await browser.open(f"http://127.0.0.1:{port}/#open={make_ticket('another')}")
        await browser.until('return document.getElementById("outcome").textContent.includes("expired")')
        assert await browser.script(IS_LOCKED)
