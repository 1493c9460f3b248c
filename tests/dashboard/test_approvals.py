"""The cards of agents' questions, over the real store of questions in a running server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.server.asking import BASH, EDIT, AskingServer, asking_server
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
CARDS = "[...document.querySelectorAll('.approval')]"
SETTLED = f"{CARDS}.length && !document.querySelector('.approval [aria-disabled]')"
NASTY = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskingServer]:
    with asking_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, asking: AskingServer) -> AsyncIterator[Page]:
    async with paging(browser, asking.origin) as found:
        await found.open()
        await found.see("Base URL")
        yield found
        for question in asking.engine.approvals.open_questions():
            asking.engine.approvals.decide(question.id, "refuse")
        await found.until(f"{CARDS}.length === 0")


def question(id_: str, **fields: Any) -> Any:
    return replace(BASH, id=id_, **fields)


async def decided(future: "Future[Any]") -> Any:
    return await asyncio.wait_for(asyncio.wrap_future(future), 30)


@pytest.mark.parametrize(
    ("button", "decision"),
    [("Allow once", "once"), ("Allow for this conversation", "conversation"), ("Refuse", "refuse"), ("Stop", "stop")],
)
async def test_the_card_shows_the_whole_question_and_its_buttons_decide_it(
    page: Page, asking: AskingServer, button: str, decision: str
) -> None:
    future = asking.ask(question(f"one-{decision}"))
    await page.see("An agent asks: Bash in site")
    for text in ("Run the tests", "make test", "/home/someone/site", "This command requires approval", "left"):
        await page.see(text)
    await page.until("document.title.startsWith('(1) ')")
    await page.until(SETTLED)
    await page.click(f"{button}: Bash in site")
    assert await decided(future) == decision
    await page.until(f"{CARDS}.length === 0")
    await page.until("!document.title.startsWith('(')")


async def test_what_is_not_offered_has_no_button(page: Page, asking: AskingServer) -> None:
    asking.ask(replace(EDIT, id="not-offered"))
    await page.see("An agent asks: Edit in site")
    names = await page.value(f"{CARDS}[0] && [...{CARDS}[0].querySelectorAll('button')].map((one) => one.textContent)")
    assert names == ["Allow once", "Refuse", "Stop"]


async def test_the_card_is_on_every_section_and_above_all_else(page: Page, asking: AskingServer) -> None:
    asking.ask(question("every"))
    for section in ("Requests", "Settings", "Playground", "Live"):
        await page.go(section)
        await page.see("An agent asks: Bash in site")
        assert await page.value(
            f"{CARDS}[0].getBoundingClientRect().bottom <= document.querySelector('h1').getBoundingClientRect().top"
        )


async def test_a_card_closes_when_it_is_decided_elsewhere_or_its_request_ends(page: Page, asking: AskingServer) -> None:
    first, second = asking.ask(question("elsewhere")), asking.ask(question("gone", project="shop"))
    await page.until(f"{CARDS}.length === 2")
    asking.engine.approvals.decide("elsewhere", "once")
    assert await decided(first) == "once"
    await page.until(f"{CARDS}.length === 1")
    await page.see("An agent asks: Bash in shop")
    second.cancel()
    await page.until(f"{CARDS}.length === 0")
    await page.until("document.getElementById('approvals-news').textContent === 'Its request has ended.'")
    with pytest.raises(CancelledError):
        second.result()


async def test_a_card_closes_at_its_time_limit(page: Page, asking: AskingServer) -> None:
    future = asking.ask(question("limit", expires_at=time.time() + 4))
    await page.see("An agent asks: Bash in site")
    assert await decided(future) is None
    await page.until(f"{CARDS}.length === 0")
    await page.until("document.getElementById('approvals-news').textContent.startsWith('There was no answer in time')")


async def test_a_page_that_was_hidden_or_is_opened_later_shows_what_waits(page: Page, asking: AskingServer) -> None:
    await page.hide()
    future = asking.ask(question("hidden"))
    await page.show()
    await page.see("An agent asks: Bash in site")
    await page.open("#logs")
    await page.see("An agent asks: Bash in site")
    await page.hide()
    asking.engine.approvals.decide("hidden", "refuse")
    assert await decided(future) == "refuse"
    await page.show()
    await page.until(f"{CARDS}.length === 0")


async def test_the_agents_texts_are_only_text_and_hide_nothing(page: Page, asking: AskingServer) -> None:
    sly = f"echo {NASTY} \u202ehs.nur\u202c\u200b\x1b[8m; rm\u00a0-rf x\r\nnext\ttab \U000e0041"
    asking.ask(
        question("sly", detail=sly, description=NASTY, reason=NASTY, path=f"/{NASTY}", project=NASTY, tool=NASTY)
    )
    await page.until(f"{CARDS}.length === 1")
    shown = await page.value("document.querySelector('.approval pre').textContent")
    assert shown == (f"echo {NASTY} U+202Ehs.nurU+202CU+200BU+001B[8m; rmU+00A0-rf xU+000D\nnext\ttab U+E0041")
    assert await page.value("document.querySelectorAll('.approval img, .approval script').length") == 0
    assert await page.value(f"{CARDS}[0].innerText.split('<img').length") == 7
    # Letters of a script that is written from right to left stay where they are in the command.
    assert await page.value("getComputedStyle(document.querySelector('.approval pre')).unicodeBidi") == "bidi-override"


async def test_a_change_is_shown_as_a_diff_without_relying_on_colour(page: Page, asking: AskingServer) -> None:
    asking.ask(replace(EDIT, id="diff"))
    await page.until(f"{CARDS}.length === 1")
    assert await page.value("document.querySelector('.approval ins').textContent") == "+version = 2"
    assert await page.value("document.querySelector('.approval del').textContent") == "-version = 1"
    styles = "['ins', 'del'].map((one) => getComputedStyle(document.querySelector(`.approval ${one}`)).borderLeftStyle)"
    assert await page.value(styles) == ["solid", "dashed"]


async def test_a_command_that_looks_like_a_diff_is_shown_as_a_command(page: Page, asking: AskingServer) -> None:
    command = "--- before\n+++ after\n+ls"
    asking.ask(question("fake-diff", detail=command))
    await page.until(f"{CARDS}.length === 1")
    assert await page.value("document.querySelector('.approval pre').textContent") == command
    assert await page.value("document.querySelector('.approval ins')") is None


async def test_nothing_of_a_long_change_is_cut(page: Page, asking: AskingServer) -> None:
    lines = [f"+line {number} of the new file" for number in range(9000)]
    detail = "\n".join(["--- before", "+++ after", "@@ -0,0 +1,9000 @@", *lines])
    asking.ask(replace(EDIT, id="long", detail=detail))
    await page.until(f"{CARDS}.length === 1")
    assert await page.value("document.querySelector('.approval ins').textContent") == "\n".join(lines)
    await page.see("9003 lines, ")
    assert await page.value("document.querySelector('.approval pre').clientHeight") < 500
    await page.browser.script("document.querySelector('.approval pre').focus()")
    await page.browser.press("End")
    await page.until("document.querySelector('.approval pre').scrollTop > 1000")


async def test_a_card_does_not_take_the_keyboard_and_can_be_used_with_it(page: Page, asking: AskingServer) -> None:
    await page.go("Playground")
    await page.browser.script("document.querySelector('textarea').focus()")
    await page.browser.press("a", "b")
    asking.ask(question("typing"))
    await page.until(SETTLED)
    await page.browser.press("c")
    assert await page.value("document.querySelector('textarea').value") == "abc"
    assert await page.value("document.activeElement === document.querySelector('textarea')")
    assert await page.value("document.getElementById('approvals-news').getAttribute('role')") == "status"
    await page.until("document.getElementById('approvals-news').textContent === 'An agent asks: Bash in site.'")
    future = asking.ask(question("keyboard", project="shop"))
    await page.until(f"{CARDS}.length === 2")
    await page.until(SETTLED)
    await page.focus("Allow once: Bash in site")
    await page.browser.press("Enter")
    # The card is gone, and the keyboard is at the next one.
    await page.until(f"{CARDS}.length === 1")
    await page.until("document.activeElement.id === 'approval-keyboard'")
    await page.until(SETTLED)
    await page.browser.press("Tab", "Tab", "Tab", "Tab", "Enter")
    assert await decided(future) == "refuse"
    await page.until("document.activeElement === document.querySelector('h1')")


async def test_a_click_meant_for_what_stood_there_before_decides_nothing(page: Page, asking: AskingServer) -> None:
    future = asking.ask(question("early"))
    # As soon as the button exists.
    await page.until("(find('Allow once: Bash in site')?.click(), document.querySelector('.approval button')) !== null")
    await asyncio.sleep(0.3)
    assert not future.done()
    await page.until(SETTLED)
    await page.click("Allow once: Bash in site")
    assert await decided(future) == "once"


async def test_a_decision_that_comes_too_late_says_so(page: Page, asking: AskingServer) -> None:
    asking.ask(question("late"))
    await page.until(SETTLED)
    await page.browser.script(
        "const real = fetch;"
        "window.fetch = (path, options) => real(options.method === 'POST' ? path + '-other' : path, options);"
    )
    page.allow("404")
    await page.click("Allow once: Bash in site")
    await page.see("There is no question 'late-other'.")


async def test_the_link_of_a_notification_puts_the_keyboard_on_the_card(page: Page, asking: AskingServer) -> None:
    asking.ask(question("first-one"))
    asking.ask(question("wanted-one", project="shop"))
    await page.open("#live?question=wanted-one")
    await page.until("document.activeElement.id === 'approval-wanted-one'")


@both_schemes
@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_cards_have_no_fault(
    browser: Browser, asking: AskingServer, axe: str, scheme: str, size: tuple[int, int], tmp_path: Path
) -> None:
    name = f"fault-{scheme}-{size[0]}"
    asking.ask(question(f"{name}-1", detail="git push --force origin main\n" * 20 + "echo \u202edone"))
    asking.ask(replace(EDIT, id=f"{name}-2"))
    try:
        async with paging(browser, asking.origin, scheme=scheme, size=size) as page:
            await page.open()
            await page.until(SETTLED)
            assert await page.overflow() == 0
            assert await page.faults(axe) == []
            (tmp_path / "cards.png").write_bytes(await page.browser.picture())
    finally:
        for waiting in asking.engine.approvals.open_questions():
            asking.engine.approvals.decide(waiting.id, "refuse")
