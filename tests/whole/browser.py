"""A real browser, driven over the WebDriver protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ports import free_port

needs_browser = [
    pytest.mark.outside,
    pytest.mark.skipif(shutil.which("chromedriver") is None, reason="needs chromium and chromium-driver"),
]
LOGS = {"browser": "ALL", "performance": "ALL"}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Space": " ",
    "ArrowDown": "\ue015",
    "ArrowUp": "\ue013",
    "PageUp": "\ue00e",
    "End": "\ue010",
}


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
        await self.command("Emulation.setEmulatedMedia", features=features)

    async def resize(self, width: int, height: int) -> None:
        """The size of the page, without the window's border; windows have a least width, and pages have none."""
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def command(self, name: str, **params: object) -> Any:
        """A command of the browser's own protocol."""
        return await self._call("goog/cdp/execute", {"cmd": name, "params": params})

    async def press(self, *keys: str) -> None:
        """Presses keys one after the other: letters, or names as in `KEYS`."""
        strokes = [KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": stroke} for stroke in strokes for kind in ("keyDown", "keyUp")]
        await self._call("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    async def console(self) -> list[str]:
        """What the page wrote to the console as a warning or an error since the last call."""
        entries = await self._call("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in {"WARNING", "SEVERE"}]

    async def requested(self) -> list[str]:
        """The addresses that were requested since the last call."""
        entries = await self._call("se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

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


@contextmanager
def driving() -> Iterator[str]:
    """Runs the driver of the browser, and yields its address."""
    url = f"http://127.0.0.1:{free_port()}"
    with subprocess.Popen(["chromedriver", f"--port={url.rpartition(':')[2]}"], stdout=subprocess.DEVNULL) as driver:
        try:
            for _ in range(300):
                try:
                    httpx.get(f"{url}/status", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield url
        finally:
            driver.terminate()


@asynccontextmanager
async def session(driver: str, folder: Path) -> AsyncIterator[Browser]:
    """A browser of its own, with an empty profile in `folder`."""
    async with httpx.AsyncClient(base_url=driver, timeout=60, trust_env=False) as http:
        options = {"args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": LOGS}}}
        for _ in range(3):
            # On a busy computer the browser may be too slow for its driver.
            made = (await http.post("/session", json=wanted)).json()["value"]
            if "sessionId" in made:
                break
        own = made["sessionId"]
        try:
            yield Browser(http, own)
        finally:
            await http.delete(f"/session/{own}")


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Browser]:
    """A browser and its driver."""
    with driving() as driver:
        async with session(driver, folder) as browser:
            yield browser
