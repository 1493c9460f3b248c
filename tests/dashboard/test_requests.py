"""The section Requests and its inspector, in a real browser over a real journal."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from server.conversation.events import Event
from server.conversation.request import ModelRequest
from server.errors import UpstreamDown
from tests.dashboard.journaled import ANSWERED, made, serving
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module")]

ROWS = "document.querySelectorAll('.requests tbody tr, .request-cards li').length"
MARKUP = '<img src=x onerror="document.title=1">'
LIMIT = {"outcome": "failed", "status": 429, "error": "UsageLimit", "trouble": "Claude's usage limit is reached"}


def texts(selector: str) -> str:
    return f"[...document.querySelectorAll('{selector}')].map((one) => one.textContent.trim())"


async def test_an_empty_list_says_what_to_do_and_the_first_request_appears_by_itself(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        await page.open("#requests")
        await page.see("No requests yet")
        assert await page.value("document.querySelector('.empty a').getAttribute('href')") == "#connect"
        await scene.ask()
        await page.until(f"{ROWS} === 1")
        assert await page.value(texts(".requests .app")) == ["Talon"]


async def test_ten_thousand_requests_are_filtered_by_each_filter_and_the_address_keeps_them(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        few = [replace(one, app="Codex", model="claude-opus-5", way="cold") for one in made(3)]
        scene.put([*few, *made(3, **LIMIT), *made(10_000)])
        await page.open("#requests")
        await page.until(f"{ROWS} === 100")
        for label, chosen, rows, address in (
            ("App", "Codex", 3, "app=Codex"),
            ("Outcome", "failed", 3, "status=failed"),
            ("Answered by", "claude-opus-5", 3, "model=claude-opus-5"),
            ("Way", "cold", 3, "way=cold"),
            ("Outcome", "429", 3, "status=429"),
            ("Search", "limit is REACHED", 3, "text=limit+is+REACHED"),
            ("Search", "req_9999", 1, "text=req_9999"),
            ("Search", "100%_", 0, "text=100%25_"),
        ):
            await page.fill(label, chosen)
            await page.until(f"{ROWS} === {rows}")
            assert await page.value("location.hash") == f"#requests?{address}"
            # A reload has the same filter.
            await page.open(f"#requests?{address}")
            await page.until(f"{ROWS} === {rows} && document.querySelector('.filters')")
            await page.click("Clear filters")
            await page.until(f"{ROWS} === 100")
            assert await page.value("location.hash") == "#requests"
        await page.fill("Search", "nothing like it")
        await page.see("No request matches")
        await page.click("Show all requests")
        await page.until(f"{ROWS} === 100")


async def test_older_requests_follow_without_a_gap_while_others_arrive(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        scene.put([replace(one, app=f"App {number}") for number, one in enumerate(made(250))])
        await page.open("#requests")
        await page.until(f"{ROWS} === 100")
        await scene.ask("New 1")
        await page.until(f"{ROWS} === 101")
        for rows in (201, 251):
            await page.click("Show older")
            await page.until(f"{ROWS} === {rows}")
        await page.until("!document.querySelector('.older')")
        apps = await page.value(texts(".requests .app"))
        assert apps == ["New 1", *(f"App {number}" for number in range(249, -1, -1))]
        # What arrives while one reads further down waits for a click.
        await page.value("scrollTo(0, 4000)")
        place = await page.value("document.querySelectorAll('.requests tbody tr')[100].getBoundingClientRect().top")
        await scene.ask("New 2")
        await scene.ask("New 3")
        await page.see("Show 2 new requests")
        assert place == await page.value(
            "document.querySelectorAll('.requests tbody tr')[100].getBoundingClientRect().top"
        )
        await page.click("Show 2 new requests")
        await page.until(f"{ROWS} === 253")
        assert (await page.value(texts(".requests .app")))[:3] == ["New 3", "New 2", "New 1"]


async def test_the_inspector_shows_all_that_is_known_and_is_used_with_the_keyboard(
    browser: Browser, tmp_path: Path
) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        scene.put(made(3, ignored="seed, tools[3]", key="laptop"))
        await page.open("#requests?app=Cline")
        await page.until(f"{ROWS} === 3")
        await page.value("document.querySelector('.row-button').focus()")
        await browser.press("ArrowDown")
        await browser.press("Enter")
        await page.until("document.querySelector('dialog[open] .waterfall')")
        assert await page.value("location.hash") == "#requests/2?app=Cline"
        assert await page.value(texts(".waterfall b")) == ["1 ms", "2 ms", "22 ms", "675 ms", "1.8 s"]
        shown = await page.text()
        for known in (
            "req_1",
            "/v1/chat/completions",
            "laptop",
            "Cline",
            "gpt-4o",
            "claude-sonnet-5",
            "seed",
            "tools[3]",
        ):
            assert known in shown
        assert "2,130, 94 % from the cache" in shown
        assert "400, 50 of them thinking" in shown
        assert "$0.25 with an API key; your plan covers it" in shown
        assert "billed to" not in shown
        # The keyboard stays in the panel, and Escape leads back to the row.
        for _ in range(8):
            await browser.press("Tab")
            assert await page.value(
                "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
            )
        await browser.press("Escape")
        await page.until("!document.querySelector('dialog')")
        assert await page.value("location.hash") == "#requests?app=Cline"
        await page.until("nameOf(document.activeElement).includes('Request of laptop')")


async def test_a_request_that_is_not_there_says_so(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        page.allow("status of 404")
        for number in ("99", "%3Cimg%3E", "..%2F..%2Fstatus"):
            await page.open(f"#requests/{number}")
            await page.see("This request is not in the list")
            await page.click("Close")
            await page.until("!document.querySelector('dialog')")


async def test_the_command_for_curl_is_inert_and_works(browser: Browser, tmp_path: Path) -> None:
    asked = 'it\'s $(touch gone) `x` "y" \\'
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        scene.put(made(1, asked=asked))
        await page.open("#requests/1")
        await page.see("Copy as curl")
        await browser.script("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        await page.click("Copy as curl")
        copied = await page.until("window.copied")
        answer = await _run(copied, tmp_path)
        assert "Bonjour" in answer
        assert scene.engine.requests[-1].model == asked
        assert list(tmp_path.glob("gone")) == []


async def test_texts_of_strangers_are_only_texts(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        scene.put(
            made(
                2,
                app=MARKUP,
                asked=MARKUP,
                model=MARKUP,
                trouble=MARKUP,
                path=f"/v1/{MARKUP}",
                outcome="failed",
                way=MARKUP,
            )
        )
        await page.open("#requests")
        await page.until(f"{ROWS} === 2")
        await page.open(f"#requests/1?app={MARKUP}&status={MARKUP.replace('&', '')[:3]}")
        await page.see("Details")
        await page.open("#usage")
        await page.see(MARKUP)
        assert await page.value("document.querySelectorAll('img[onerror]').length") == 0
        assert "Drawbridge" in await page.value("document.title")
        page.allow("status of 400")


async def test_it_says_that_nothing_is_kept_and_that_it_cannot_be_kept(browser: Browser, tmp_path: Path) -> None:
    async with serving(tmp_path / "off", days=0) as scene, paging(browser, scene.origin) as page:
        for section in ("#requests", "#usage"):
            await page.open(section)
            await page.see("Requests are not kept.")
            await page.see("journal_days")
    (tmp_path / "broken" / "journal.sqlite3").mkdir(parents=True)
    async with serving(tmp_path / "broken") as scene, paging(browser, scene.origin) as page:
        for section in ("#requests", "#usage"):
            await page.open(section)
            await page.see("Requests are answered but not listed.")


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_list_and_inspector_have_no_fault_and_fit(
    browser: Browser, tmp_path: Path, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    async with serving(tmp_path) as scene, paging(browser, scene.origin, scheme=scheme, size=size) as page:
        long = {"app": "An app with a name of forty characters.", "asked": "vendor/" + "m" * 190}
        scene.put([*made(4), *made(2, **LIMIT, **long), *made(1, outcome="cancelled", usage=ANSWERED.usage)])
        for address in ("#requests", "#requests?text=nothing", "#requests/1", "#requests/5"):
            await page.open(address)
            ready = "dialog .waterfall" if "/" in address else ".row-button, .empty"
            await page.until(f"document.querySelector('{ready}') !== null")
            assert await page.faults(axe) == [], address
            assert await page.overflow() <= 0, address
            dialog = "(document.querySelector('dialog') ?? document.body)"
            assert await page.value(f"{dialog}.scrollWidth - {dialog}.clientWidth") <= 0, address


async def test_an_error_is_found_and_explained(browser: Browser, tmp_path: Path) -> None:
    async def down(_: ModelRequest) -> AsyncGenerator[Event, None]:
        nothing: tuple[Event, ...] = ()
        for event in nothing:
            yield event
        raise UpstreamDown("Overloaded")

    async with serving(tmp_path) as scene, paging(browser, scene.origin) as page:
        await scene.ask()
        scene.engine.answer = down
        assert (await scene.ask("Zed")).status_code == 503
        await page.open("#requests")
        await page.until(f"{ROWS} === 2")
        await page.fill("Outcome", "failed")
        await page.until(f"{ROWS} === 1")
        await _open_first(page)
        await page.see("Claude's API failed.")
        await page.see("Send the request again in a moment.")
        await page.see("Until the error")


async def _open_first(page: Page) -> None:
    await page.value("document.querySelector('.row-button').click()")
    await page.until("document.querySelector('dialog[open] .waterfall')")


async def _run(command: str, folder: Path) -> str:
    assert re.match(r"curl 'http://127\.0\.0\.1:\d+/v1/chat/completions'", command)
    shell = await asyncio.create_subprocess_shell(
        command.replace("curl ", "curl --noproxy '*' -s ", 1),
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    out, _ = await shell.communicate()
    return out.decode()
