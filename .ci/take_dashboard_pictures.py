#!/usr/bin/env python3
"""Takes the manual's pictures of the dashboard's sections: a demo in use, in a real browser, in assets/pictures.

All that they show is of requests that were really sent.

Needs chromium and its driver. `uv run .ci/take_dashboard_pictures.py [SECTION ...]`
"""

import asyncio
import io
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.ports import free_port  # noqa: E402 # after the path
from tests.whole.browser import Browser, browsing  # noqa: E402

WIDTH, HEIGHT = 1120, 840
# The address that most people see.
PORT = 8082
ADDRESSES = {"inspector": "requests?status=answered", "usage": "usage?days=1"}
# Each section and the picture's name; the page of one request comes after the list.
PICTURES = {
    "live": "page",
    "requests": "dashboard-requests",
    "inspector": "dashboard-inspector",
    "usage": "dashboard-usage",
    "connect": "dashboard-connect",
    "keys": "dashboard-keys",
    "projects": "dashboard-projects",
    "playground": "dashboard-playground",
    "settings": "dashboard-settings",
    "logs": "dashboard-logs",
}
PROJECTS = (
    {"name": "shop", "description": "The web shop", "permission": "edit", "reads_claude_md": True},
    {"name": "notes", "description": "Notes and lists", "allowed_tools": ["Read", "Grep"]},
)
AGENTS = {
    "OpenAI/Python 3.52.0": "opus",
    "Cline/3.40": "sonnet",
    "codex_cli_rs/0.90.0": "opus",
    "Continue/1.4": "haiku",
    "Open WebUI/0.9": "sonnet",
}
# How long the questions of each app are.
LENGTHS = (5, 400, 40, 900, 150)

_ASK = """
const field = document.querySelector("main textarea");
const { set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
set.call(field, "How does a drawbridge stay up?");
field.dispatchEvent(new Event("input", { bubbles: true }));
const send = [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === "Send");
setTimeout(() => send.click(), 300);
"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """A demo; yields its address."""
    free = free_port()
    with suppress(OSError), socket.create_server(("127.0.0.1", PORT)):
        free = PORT
    port = str(free)
    options = ("--demo", "--port", port, "--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", *options, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@contextmanager
def working() -> Iterator[Path]:
    """A folder for projects, whose name can be read in a picture."""
    folder = Path(tempfile.gettempdir(), "work")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def checked(url: str) -> None:
    """Waits for the self-check, after which requests find a process at once."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        while not (await http.get(f"{url}/health")).json()["engine"]["checked"]:  # noqa: ASYNC110 # another process
            await asyncio.sleep(1)


async def make_keys_and_projects(url: str, work: Path) -> None:
    """Makes the keys of two apps, and projects of folders in `work`, as the page does."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        token = (await http.post("/control/open", json={}, headers={"origin": url})).json()["token"]
        http.headers["x-drawbridge-token"] = token
        for name in ("Cursor", "Open WebUI"):
            await http.post("/control/keys", json={"name": name})
        for project in PROJECTS:
            folder = work / str(project["name"])
            folder.mkdir(parents=True)
            (await http.post("/control/projects", json={**project, "folder": str(folder)})).raise_for_status()


async def ask(url: str, agent: str, model: str, *, words: int = 20, forever: bool = False) -> None:
    """Asks as an app, once or again and again; without words it is refused."""
    messages = [{"role": "user", "content": "Tell me of bridges. " * words}] if words else []
    body = {"model": model, "stream": True, "messages": messages}
    async with httpx.AsyncClient(timeout=120, trust_env=False) as http:
        while True:
            await http.post(f"{url}/v1/chat/completions", json=body, headers={"user-agent": agent})
            if not forever:
                return


async def take(browser: Browser, url: str, section: str) -> None:
    """Opens a section and writes its picture."""
    await browser.open("about:blank")
    await browser.open(f"{url}/#{ADDRESSES.get(section, section)}")
    await browser.until("return document.querySelector('h1') !== null")
    await asyncio.sleep(2)
    if section == "live":
        await browser.until(
            "const rows = [...document.querySelectorAll('[aria-label=\"Running requests\"] tbody tr')];"
            "return rows.length > 1 && rows.every((row) => !row.innerText.includes('waiting'))"
        )
    elif section == "inspector":
        await browser.script("document.querySelector('tbody a, tbody button').click()")
        await asyncio.sleep(2)
    elif section == "playground":
        await browser.script(_ASK)
        await asyncio.sleep(4)
    picture = Image.open(io.BytesIO(await browser.picture())).convert("RGB").quantize(192)
    picture.save(ROOT / "assets" / "pictures" / f"{PICTURES[section]}.png", optimize=True)


async def main(sections: list[str]) -> None:
    """Takes the pictures of these sections, or of all."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, working() as work:
        folder = Path(name)
        (folder / "data").mkdir()
        async with serving(folder) as url, browsing(folder) as browser:
            await browser.resize(WIDTH, HEIGHT)
            await browser.command("Emulation.setScrollbarsHidden", hidden=True)
            await checked(url)
            await make_keys_and_projects(url, work)
            for words in LENGTHS:
                await asyncio.gather(*(ask(url, agent, model, words=words) for agent, model in AGENTS.items()))
            # One that fails, as an app sends it that is set up wrongly.
            await ask(url, "python-requests/2.32", "sonnet", words=0)
            busy = [asyncio.create_task(ask(url, *each, forever=True)) for each in list(AGENTS.items())[:2]]
            for section in sections or PICTURES:
                await take(browser, url, section)
            for task in busy:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
