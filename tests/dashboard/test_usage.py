"""The section Usage, in a real browser over a real journal."""

import csv
import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.status import UsageWindow
from tests.dashboard.journaled import ANSWERED, made, serving
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.browser import Browser

# On how many lines the app's name is, in the first table that has it.
LINES = """
(() => {
  const range = document.createRange();
  range.selectNodeContents([...document.querySelectorAll("td span")].find((name) => name.textContent === "Cline"));
  return new Set([...range.getClientRects()].map((line) => Math.round(line.bottom))).size;
})()
"""
pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]

DAY = 86_400.0
PLAN = (
    UsageWindow("5 hours", 0.42, time.time() + 9000),
    UsageWindow("Week", 0.9, time.time() + 3 * DAY),
)


async def tiles(page: Page) -> dict[str, str]:
    found = await page.value(
        "Object.fromEntries([...document.querySelectorAll('.tiles > div')].map((one) => "
        "[one.querySelector('dt').textContent, one.querySelector('dd').firstChild.textContent]))"
    )
    return dict(found)


async def table(page: Page, caption: str) -> list[list[str]]:
    found = await page.value(
        f"[...document.querySelectorAll('.scroller[aria-label=\"{caption}\"] tbody tr')].map((row) => "
        "[...row.children].map((cell) => cell.textContent))"
    )
    return [list(row) for row in found]


async def test_sums_follow_the_time_and_what_a_plan_covers_is_no_cost(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        now = time.time()
        scene.put(
            [
                *(replace(ANSWERED, ended_at=now, payer=payer) for payer in ("plan", "api key", "plan")),
                replace(ANSWERED, ended_at=now - 3 * DAY, app="Talon", outcome="failed", model="", key="desk"),
                replace(ANSWERED, ended_at=now - 20 * DAY, app="Talon"),
            ]
        )
        await page.open("#usage?days=1")
        await page.see("Requests by hour")
        assert await tiles(page) == {
            "Requests": "3",
            "Tokens in": "6.4k",
            "Tokens out": "1.2k",
            "Cost": "$0.25",
            "Would have cost": "$0.50",
        }
        await page.see("You do not pay it")
        assert await table(page, "Sums by app") == [["Cline", "3", "0", "6.4k", "94 %", "1.2k", "$0.25", "$0.50"]]
        assert len(await table(page, "Requests by hour")) == 24
        await page.click("7 days")
        await page.until("document.querySelectorAll('.tiles')[0].textContent.includes('1 failed')")
        assert [row[0] for row in await table(page, "Sums by app")] == ["Cline", "Talon"]
        assert [row[0] for row in await table(page, "Sums by model")] == ["claude-sonnet-5", "No answer"]
        assert [row[0] for row in await table(page, "Sums by key")] == ["Without a key of its own", "desk"]
        assert len(await table(page, "Requests by day")) == 7
        await page.click("30 days")
        await page.until("document.querySelectorAll('.tiles')[0].textContent.startsWith('Requests5')")
        assert await page.value("location.hash") == "#usage?days=30"
        assert await page.value("document.querySelector('[aria-pressed=true]').textContent") == "30 days"


async def test_totals_follow_new_requests_and_the_plan_is_shown_over_time(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        await page.open("#usage")
        await page.see("No requests in this time")
        assert await page.value("document.querySelector('.empty a').getAttribute('href')") == "#connect"
        scene.engine.state = replace(scene.engine.state, usage=PLAN)
        await scene.ask()
        await page.see("By app")
        await page.see("Plan limits")
        assert await table(page, "Week") != []
        assert await page.value("document.querySelectorAll('.limit figcaption b')[1].textContent") == "90 %"


async def test_the_csv_is_saved_and_clearing_asks_first(browser: Browser, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        scene.put(made(3, app="=1+1"))
        await browser.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(saved))
        await page.open("#usage")
        await page.click("Export CSV")
        while not (files := list(saved.glob("*.csv"))):
            await page.see("By app")
        # On two days, if it is just after midnight.
        rows = list(csv.DictReader(files[0].read_text().splitlines()))
        assert {row["app"] for row in rows} == {"'=1+1"}
        assert sum(int(row["requests"]) for row in rows) == 3
        await page.click("Clear the list of requests and all totals")
        await browser.press("Escape")
        await page.until("!find('Delete all requests and totals')")
        assert await table(page, "Sums by app") != []
        await page.click("Clear the list of requests and all totals")
        await page.click("Delete all requests and totals")
        await page.see("No requests in this time")
        await page.open("#requests")
        await page.see("No requests yet")


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_usage_has_no_fault_and_fits(
    browser: Browser, tmp_path: Path, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin, scheme=scheme, size=size) as page:
        scene.engine.state = replace(scene.engine.state, usage=PLAN)
        await page.open("#usage")
        await page.see("No requests in this time")
        assert await page.faults(axe) == []
        scene.put([*made(5), *made(2, app="a" * 40, outcome="failed", payer="api key")])
        await scene.ask()
        for days in ("1", "7", "30"):
            await page.open(f"#usage?days={days}")
            await page.see("Plan limits")
            await page.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert await page.faults(axe) == []
            assert await page.overflow() <= 0
            # Words stay whole.
            assert await page.value(LINES) == 1
