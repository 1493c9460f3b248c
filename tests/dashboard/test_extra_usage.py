"""Paid extra usage on the page, over the real Claude Code: seen, stopped and gone on with."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.dashboard.kit import DESK, PHONE, both_schemes, needs_browser, paging
from tests.dashboard.test_contents import serious
from tests.whole.account import sign_in
from tests.whole.bridge import open_bridge
from tests.whole.browser import Browser
from tests.whole.limits import limits, with_extra_usage

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]


@both_schemes
async def test_the_page_says_who_pays_and_goes_on_only_when_asked(
    browser: Browser, standin: Standin, tmp_path: Path, axe: str, scheme: str
) -> None:
    soon = int(time.time()) + 3_600
    used_up = limits("1.0", "0.25", status="rejected", soon=soon, later=soon + 86_400)
    paid = with_extra_usage(used_up, "allowed", resets_at=soon + 86_400)
    standin.script(lambda _: replace(say("Hello"), headers=tuple(paid.items())))
    sign_in(tmp_path / "home")
    variables = {"ANTHROPIC_BASE_URL": standin.url}
    size = DESK if scheme == "light" else PHONE
    async with (
        open_bridge(None, tmp_path, "--on-extra-usage", "stop", environment=variables) as bridge,
        paging(browser, bridge.url.removesuffix("/v1"), scheme=scheme, size=size) as page,
    ):
        await page.open("#live")
        await page.see("The plan's usage is shown after the first answer")
        assert (await bridge.chat("hi", model="sonnet")).status_code == 200
        await page.see("The settings stop before paid extra usage.")
        assert (await bridge.chat("hi", model="sonnet")).status_code == 429
        assert serious(await page.faults(axe)) == []
        assert await page.overflow() == 0
        await page.click("Go on and pay for extra usage")
        await page.click("Go on and pay")
        await page.see("Paid extra usage is in use.")
        assert (await bridge.chat("hi", model="sonnet")).status_code == 200
        assert serious(await page.faults(axe)) == []
        # The settings stop already, so the page does not lead there.
        assert await page.value("find('Stop instead') === undefined")
        await page.click("Stop again")
        await page.see("The settings stop before paid extra usage.")
        assert (await bridge.chat("hi", model="sonnet")).status_code == 429
