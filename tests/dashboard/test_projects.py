"""Projects on the page of a real server: added, changed, removed, and refused in words."""

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

NAMES = "[...document.querySelectorAll('.projects .key-list h3')].map((one) => one.textContent)"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A server with a folder for projects, without an account."""
    folder = tmp_path_factory.mktemp("demo")
    root = folder / "projects"
    root.mkdir()
    flags = ("--demo", "--pool-size", "1", "--projects-root", str(root))
    async with open_bridge(None, folder, *flags, is_checked=False) as bridge:
        yield bridge


def stored(bridge: Bridge) -> dict[str, dict[str, Any]]:
    """The projects in the server's file, by name."""
    (file,) = bridge.folder.rglob("projects-demo.sqlite3")
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    try:
        return {row["name"]: dict(row) for row in connection.execute("SELECT * FROM project")}
    finally:
        connection.close()


async def choose(page: Page, label: str) -> None:
    """Clicks the radio button with this label."""
    await page.value(f"(labelled({json.dumps(label)}).click(), true)")


async def remove(page: Page, name: str) -> None:
    await page.click(f"Remove the project {name}")
    await page.click("Remove it, keep the folder")
    await page.until(f"!({NAMES}).includes({json.dumps(name)})")


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_project_is_added_changed_and_removed(
    browser: Browser, demo: Bridge, axe: str, scheme: str, size: tuple[int, int], tmp_path: Path
) -> None:
    shop = tmp_path.resolve() / "shop"
    shop.mkdir()
    async with paging(browser, demo.url.removesuffix("/v1"), scheme=scheme, size=size) as page:
        await page.open("#projects")
        await page.see("There is no project yet.")
        await page.fill("Name", MARKUP)
        await page.fill("Folder", str(shop))
        await choose(page, "Edit")
        await page.fill("Follow the folder's CLAUDE.md", "yes")
        await page.click("Tools, MCP servers and more")
        await page.fill("Glob: finds files by name", "")
        await page.fill("Description", "The web shop")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
        await page.click("Add project")
        await page.see(f"{MARKUP} is added.")
        assert await page.value(NAMES) == [MARKUP]
        row = stored(demo)[MARKUP]
        assert (row["folder"], row["permission"], row["reads_claude_md"], row["web"]) == (str(shop), "edit", 1, 0)
        assert json.loads(row["allowed_tools"]) == ["Read", "Grep", "Write", "Edit"]
        await page.click(f"Edit the project {MARKUP}")
        await page.until("document.querySelectorAll('.key-list form').length === 1")
        await page.fill("Name", "shop")
        await choose(page, "Full")
        await page.fill("Also search the web and read pages", "yes")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
        await page.click("Save")
        await page.see("Runs commands")
        row = stored(demo)["shop"]
        assert (row["permission"], row["web"], row["allowed_tools"], row["description"]) == (
            "full",
            1,
            "[]",
            "The web shop",
        )
        await remove(page, "shop")
        assert stored(demo) == {}
        assert shop.is_dir()


async def test_a_folder_is_made_in_the_root_and_deleted_on_wish(browser: Browser, demo: Bridge) -> None:
    root = demo.folder / "projects"
    async with paging(browser, demo.url.removesuffix("/v1")) as page:
        await page.open("#projects")
        await page.fill("Name", "made")
        await page.fill(f"Make the folder in {root}", "yes")
        await page.click("Add project")
        await page.see("made is added.")
        assert (root / "made").is_dir()
        await page.click("Delete the folder of made")
        await page.click("Remove it, and delete all in the folder")
        await page.see("There is no project yet.")
        assert not (root / "made").exists()


async def test_what_the_server_says_against_a_folder_is_shown(browser: Browser, demo: Bridge) -> None:
    async with paging(browser, demo.url.removesuffix("/v1")) as page:
        page.allow("400")
        await page.open("#projects")
        await page.fill("Name", "all")
        await page.fill("Folder", "/")
        await page.click("Add project")
        await page.see("is a whole file system")
        assert await page.value(NAMES) == []


async def test_a_project_that_a_command_added_is_given_to_a_key_by_hand(
    browser: Browser, demo: Bridge, tmp_path: Path
) -> None:
    async with paging(browser, demo.url.removesuffix("/v1")) as page:
        await page.open("#projects")
        await page.fill("Name", "work")
        await page.fill("Folder", str(tmp_path))
        await page.click("Tools, MCP servers and more")
        await page.see("No key of an app may be used from other devices")
        await page.fill("MCP servers", "{")
        page.allow("400")
        await page.click("Add project")
        await page.see("mcp_servers is not JSON")
        await page.fill("MCP servers", '{"mcpServers": {"files": {"command": "mcp-files"}}}')
        await page.click("Add project")
        await page.see("MCP: files")
        await page.open("#keys")
        await page.fill("App", "Phone")
        await page.click("Limits and rights")
        await page.fill("May use agent mode", "yes")
        await page.click("Create key")
        await page.see("The key for Phone.")
        await page.see("agent mode")
        await page.open("#projects")
        await page.click("Edit the project work")
        await page.until("document.querySelectorAll('.key-list form').length === 1")
        await page.value("(document.querySelector('.key-list details').open = true)")
        await page.see("Give it only to keys that you trust")
        await page.fill("Phone", "yes")
        await page.click("Save")
        await page.see("also remote, for Phone")
        assert len(json.loads(stored(demo)["work"]["remote_keys"])) == 1
        await remove(page, "work")


async def test_agent_mode_is_switched_on_and_off(browser: Browser, demo: Bridge) -> None:
    body = {"model": "sonnet@nothing", "messages": [{"role": "user", "content": "Hi"}]}
    async with paging(browser, demo.url.removesuffix("/v1")) as page:
        await page.open("#projects")
        await page.see("Agent mode is off.")
        assert (await demo.post(body)).status_code == 403
        await page.click("Switch agent mode on")
        await page.click("Let Claude's tools work")
        await page.see("Agent mode is on.")
        assert (await demo.post(body)).status_code == 404
        await page.click("Switch agent mode off")
        await page.see("Agent mode is off.")
        assert (await demo.post(body)).status_code == 403
