"""The code for a phone on the page: scanned from the picture of the page, it leads through the tunnel."""

import io
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import zxingcpp
from PIL import Image

from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.server.machine.tunnels.doubles import Doubles
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.browser import Browser
from tests.whole.public_edge import Internet, internet

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]

ASK = {"model": "haiku", "messages": [{"role": "user", "content": "Hi"}]}


@dataclass
class Public:
    bridge: Bridge
    internet: Internet

    @property
    def origin(self) -> str:
        return self.bridge.url.removesuffix("/v1")

    def files_with(self, text: str) -> list[Path]:
        """The server's files that contain `text`."""
        files = [path for path in self.bridge.folder.rglob("*") if path.is_file()]
        return [path for path in files if text.encode() in path.read_bytes()]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def public(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Public]:
    """A server without an account, which can open a tunnel."""
    folder = tmp_path_factory.mktemp("public")
    async with AsyncExitStack() as stack:
        net = await stack.enter_async_context(internet(folder, "*.trycloudflare.com"))
        programs = folder / "programs"
        programs.mkdir()
        Doubles(programs, net.edge.agents).install("cloudflared")
        given = {**net.environment, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        options = ("--demo", "--pool-size", "1", "--reach", "local")
        bridge = open_bridge(None, folder, *options, environment=given, is_checked=False)
        yield Public(await stack.enter_async_context(bridge), net)


async def call(page: Page, method: str, body: str = "undefined") -> None:
    """Opens or closes the tunnel with the page's own rights."""
    code = f"""(async () => {{
        const {{ api }} = await import("/assets/dashboard/common/api.js");
        await api("{method}", "/control/tunnel", {body});
    }})().then(() => done(""), (error) => done(error.message));"""
    assert await page.browser.run_async(code) == ""


async def opened(page: Page) -> str:
    """Opens the tunnel; returns its base URL when the page shows it."""
    await call(page, "POST", '{ provider: "cloudflared" }')
    return str(await page.until("document.querySelector('main code + .quiet')?.previousElementSibling.textContent"))


async def scanned(page: Page) -> str:
    """What a phone's camera reads on the screen."""
    await page.until("document.querySelector('.qr')?.getBoundingClientRect().width > 0")
    await page.value("document.querySelector('.qr').scrollIntoView({block: 'center'})")
    picture = await page.browser.picture()
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    return str(found.text)


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_phone_scans_the_address_and_a_key_of_its_own(
    browser: Browser, public: Public, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with paging(browser, public.origin, scheme=scheme, size=size) as page:
        await page.open("#connect")
        await page.see("Only this computer reaches Drawbridge now.")
        url = await opened(page)
        assert await page.value("document.querySelector('.qr') === null")
        assert await page.faults(axe) == []
        await page.click("Only the address")
        await page.see("The code contains the address only.")
        assert await scanned(page) == url
        await page.click("Hide the code")
        await page.click("Show a code with a new key")
        await page.see("This code contains an access key.")
        await page.until_focused("Hide the code")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
        base_url, key = (await scanned(page)).split("\n")
        assert base_url == url
        # The key is in the picture alone.
        assert key not in str(await page.value("document.documentElement.outerHTML"))
        async with public.internet.client(base_url, key) as phone:
            assert (await phone.post("/chat/completions", json=ASK)).status_code == 200
        local = await public.bridge.post(ASK, headers={"authorization": f"Bearer {key}"})
        assert local.status_code == 403
        # It does not stay on a screen that no one looks at.
        await page.hide()
        await page.until("document.querySelector('.qr') === null")
        await page.show()
        assert key not in public.bridge.log
        assert public.files_with(key) == []
        await page.click("Show a code with a new key")
        await page.until("document.querySelector('.qr') !== null")
        await call(page, "DELETE")
        # Nor does the code of an address that leads nowhere.
        await page.until("document.querySelector('.qr') === null")
        await page.see("Only this computer reaches Drawbridge now.")
        await page.check()
