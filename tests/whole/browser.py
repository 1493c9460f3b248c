"""A real browser, driven over the WebDriver protocol."""

import base64
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ports import free_port

needs_browser = [
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

    async def run_async(self, code: str) -> Any:
        """Runs `code`, which calls `done` with its value when it is ready."""
        return await self._call("execute/async", {"script": f"const done = arguments[0]; {code}", "args": []})

    async def prefer(self, scheme: str) -> None:
        """Has pages shown in this colour scheme, "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self._call("goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    async def resize(self, width: int, height: int) -> None:
        await self._call("window/rect", {"width": width, "height": height})

    async def picture(self) -> bytes:
        """The visible part of the page, as PNG."""
        reply = await self._http.get(f"{self._session}/screenshot")
        return base64.b64decode(reply.json()["value"])

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
