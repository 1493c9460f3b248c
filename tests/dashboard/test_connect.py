"""From the first run to "seen", with real clients; and what the page says of requests that are wrong."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.machine.instance import read_instance
from server.machine.page_ticket import make_ticket
from server.standin.server import Standin
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.account import Account, sign_in
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]
KEY = "gate-key-of-the-test"
FIRST_SNIPPET = "document.querySelector('.blocks pre')?.textContent"
OPENAI = """
import sys
from openai import OpenAI
client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
print(client.chat.completions.create(model="sonnet", messages=[{"role": "user", "content": "Hello?"}]).choices[0])
"""


async def run(*command: str) -> str:
    """What a client's process prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    return out.decode()


def origin_of(bridge: Bridge) -> str:
    return bridge.url.removesuffix("/v1")


def ticket(bridge: Bridge) -> str:
    instance = read_instance(bridge.folder / "data")
    assert instance is not None
    return make_ticket(instance.token)


async def test_a_first_run_signs_in_from_the_page(standin: Standin, tmp_path: Path, browser: Browser) -> None:
    account = Account(tmp_path / "cli", "signed out")
    sign_in(tmp_path / "home")
    variables = {"ANTHROPIC_BASE_URL": standin.url, "DRAWBRIDGE_CLI_PATH": str(account.cli)}
    async with (
        open_bridge(None, tmp_path, environment=variables) as bridge,
        paging(browser, origin_of(bridge)) as page,
    ):
        await page.open()
        await page.see("Three steps to the first answer")
        await page.click("Sign in with your Claude plan")
        await page.see("ada@example.org, on the Claude Max plan")
        await page.click("Pick your app")
        await page.click("curl One request, from a terminal")
        assert "choices" in await run("sh", "-c", str(await page.until(FIRST_SNIPPET)))
        await page.see("curl is connected")
        assert standin.requests[-1].headers["authorization"] == "Bearer dummy"


async def test_the_first_run_leads_to_the_first_answer_of_a_real_client(
    standin: Standin, tmp_path: Path, browser: Browser
) -> None:
    async with open_bridge(standin, tmp_path) as bridge, paging(browser, origin_of(bridge)) as page:
        await page.open()
        await page.see("Three steps to the first answer")
        await page.click("Pick your app")
        await page.click("curl One request, from a terminal")
        await page.see("Waiting for the first request from curl...")
        # Exactly what the page shows.
        command = str(await page.until(FIRST_SNIPPET))
        assert bridge.url in command
        assert "choices" in await run("sh", "-c", command)
        await page.see("Seen at ")
        assert "answered in " in await page.text()
        assert "curl is connected" in await page.text()
        await page.click("Connect another app")
        await page.until("document.querySelector('.app .tag')?.textContent.startsWith('Seen ')")
        await page.click("More apps and libraries")
        await page.click("OpenAI's Python library For your own programs")
        await page.see("Waiting for the first request from OpenAI's Python library...")
        assert "finish_reason='stop'" in await run(sys.executable, "-c", OPENAI, bridge.url, "anything")
        await page.see("OpenAI's Python library is connected")
        await page.go("Live")
        await page.lose("Three steps to the first answer")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def keyed(upstream: Standin, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    variables = {"DRAWBRIDGE_API_KEY": KEY}
    async with open_bridge(upstream, tmp_path_factory.mktemp("keyed"), environment=variables) as bridge:
        yield bridge


@pytest_asyncio.fixture(loop_scope="module")
async def page(keyed: Bridge, browser: Browser) -> AsyncIterator[Page]:
    async with paging(browser, origin_of(keyed)) as page:
        # As the menu opens it: no key is typed.
        await page.open(f"#open={ticket(keyed)}&section=connect")
        await page.click("More apps and libraries")
        await page.click("OpenAI's Python library For your own programs")
        await page.see("Waiting for the first request")
        yield page


async def test_each_mistake_is_told_in_words_until_the_client_is_seen(keyed: Bridge, page: Page) -> None:
    root = origin_of(keyed)
    mistakes = {
        "sent a key that is not valid here": (keyed.url, "wrong"),
        "sent the placeholder from the instructions": (keyed.url, "YOUR-ACCESS-KEY"),
        "adds /chat/completions to the address itself": (f"{keyed.url}/chat/completions", KEY),
        "Its address has '/v2' before /chat/completions": (f"{root}/v2", KEY),
    }
    for words, (base_url, key) in mistakes.items():
        await run(sys.executable, "-c", OPENAI, base_url, key)
        await page.see(words)
    assert await page.value(f"[...document.querySelectorAll('.note code')].some(c => c.textContent === '{keyed.url}')")
    await run(sys.executable, "-c", OPENAI, keyed.url.replace("http:", "https:"), KEY)
    await page.see("tried to connect with https://")
    await run(sys.executable, "-c", OPENAI, keyed.url, KEY)
    await page.see("OpenAI's Python library is connected")
    await page.lose("https://, and this address")
    assert KEY not in await page.text()
    assert "wrong" not in await page.text()


async def test_a_key_of_its_own_is_made_filled_in_and_recognised(keyed: Bridge, page: Page) -> None:
    await page.go("Connect")
    await page.click("curl One request, from a terminal")
    await page.click("Make a key for curl")
    await page.see("This key is for curl alone")
    command = str(await page.until(f"{FIRST_SNIPPET}?.includes('Bearer db-') && {FIRST_SNIPPET}"))
    assert "choices" in await run("sh", "-c", command)
    await page.see("curl is connected")
    # It is shown this once.
    await page.go("Keys")
    await page.see("curl")
    assert "db-" not in await page.text()


async def test_a_host_name_can_be_allowed_where_it_was_refused(keyed: Bridge, page: Page) -> None:
    # Not by the card's name, which also tells when another test's request was seen.
    await page.open("#connect/curl")
    host, key = "Host: notes.example", f"Authorization: Bearer {KEY}"
    await page.see("Waiting for the first request")
    assert "not one of this server's" in await run("curl", "-s", "-H", host, "-H", key, f"{keyed.url}/models")
    await page.see("called this server notes.example, and that name is not allowed")
    await page.click("Allow notes.example")
    await page.see("notes.example is allowed now")
    await run("curl", "-s", "-H", host, "-H", key, f"{keyed.url}/models")
    await page.see("asked for a list at ")


@both_schemes
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_every_client_has_a_page_without_a_fault(
    bridge: Bridge, browser: Browser, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with paging(browser, origin_of(bridge), scheme=scheme, size=size) as page:
        await page.open("#connect")
        await page.see("Pick your app")
        names = await page.value("[...document.querySelectorAll('.app')].map(one => one.hash.split('/')[1])")
        assert len(names) == 24
        for name in names:
            await page.browser.script(f"location.hash = '#connect/{name}'")
            await page.until(f"location.hash === '#connect/{name}'")
            # Cursor's first request comes through a tunnel, which is not open.
            await page.see("When the tunnel is open" if name == "cursor" else "Waiting for the first request")
            assert await page.overflow() <= 0, name
            if name in {"cursor", "cline", "codex"}:
                assert await page.faults(axe) == [], name


async def test_an_app_is_chosen_and_its_text_copied_by_keyboard(bridge: Bridge, browser: Browser) -> None:
    async with paging(browser, origin_of(bridge)) as page:
        await browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        await page.open("#connect")
        await page.focus("Cline Agent in VS Code; also Roo Code")
        await browser.press("Enter")
        await page.until("find('Copy Base URL')")
        await page.focus("Copy Base URL")
        await browser.press("Enter")
        await page.see("Copied")
        await page.focus("All apps")
        await browser.press("Enter")
        await page.see("Pick your app")
