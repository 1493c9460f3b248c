"""The playground asks the public API: streamed answers, thoughts, pictures, stop, errors, and with a required key."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Gate, Hold, Reply, StreamError, Text, Thinking, refuse, say
from server.standin.server import Standin
from tests.dashboard.kit import DESK, PHONE, Page, both_schemes, needs_browser, paging
from tests.dashboard.test_connect import KEY, origin_of, ticket
from tests.whole.bridge import Bridge, conversation_of, open_bridge
from tests.whole.browser import Browser

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
PASTE = f"""
const file = new File([Uint8Array.from(atob("{PNG}"), (c) => c.charCodeAt(0))], "dot.png", {{ type: "image/png" }});
const data = new DataTransfer();
data.items.add(file);
labelled("Your message").dispatchEvent(new ClipboardEvent("paste", {{ clipboardData: data, bubbles: true }}))
"""


async def opened(page: Page) -> None:
    await page.open("#playground")
    await page.see("Ask the model something.")


def pictures_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = [
        block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]
    return [block["source"] for block in blocks if block["type"] == "image"]


async def test_a_conversation_with_a_picture_arrives_upstream(
    bridge: Bridge, standin: Standin, browser: Browser
) -> None:
    async with paging(browser, origin_of(bridge)) as page:
        await opened(page)
        await page.fill("System prompt", "Answer like a lighthouse keeper.")
        await page.fill("Model", "opus")
        await page.fill("Effort", "high")
        await page.until(f"(() => {{ {PASTE}; return true; }})()")
        await page.until("document.querySelector('.pictures img')?.naturalWidth === 1")
        standin.script(Reply((Thinking(("I see ", "a dot.")), Text(("It is <b>", "one pixel</b>.")))))
        await page.fill("Your message", "What is this?")
        await page.browser.press("Enter")
        # As text, not as HTML.
        await page.see("It is <b>one pixel</b>.")
        await page.see("complete after ")
        assert await page.value("document.querySelector('.thoughts p').textContent") == "I see a dot."
        body: Any = standin.requests[-1].body
        assert body["model"].startswith("claude-opus")
        assert body["output_config"]["effort"] == "high"
        assert "Answer like a lighthouse keeper." in json.dumps(body["system"])
        (picture,) = pictures_in(body)
        assert (picture["media_type"], picture["data"]) == ("image/png", PNG)
        assert "tokens in" in await page.text()
        # The conversation goes on.
        standin.script(say("Yes."))
        await page.fill("Your message", "Sure?")
        await page.click("Send")
        await page.see("Yes.")
        asked = [text for role, text in conversation_of(_without_pictures(standin.requests[-1].body)) if role == "user"]
        assert asked[-1] == "Sure?"
        assert "What is this?" in asked[0]
        await page.click("Start over")
        await page.see("Ask the model something.")


def _without_pictures(body: Any) -> dict[str, Any]:
    return {
        **body,
        "messages": [
            {**message, "content": [block for block in message["content"] if block["type"] == "text"]}
            if isinstance(message["content"], list)
            else message
            for message in body["messages"]
        ],
    }


async def test_stop_ends_the_request_upstream_and_keeps_what_came(
    bridge: Bridge, standin: Standin, browser: Browser
) -> None:
    gate = Gate()
    standin.script(say("Half an answer", Hold(gate), " and the rest"))
    async with paging(browser, origin_of(bridge)) as page:
        await opened(page)
        await page.fill("Your message", "Tell me a long story.")
        await page.click("Send")
        await page.see("Half an answer")
        recorded = standin.requests[-1]
        await page.click("Stop")
        await page.until("find('Send')")
        await recorded.client_disconnected()
        gate.open()
        text = await page.text()
        assert "an error" not in text
        assert "Half an answer" in text
        assert "stopped" in text
        assert "and the rest" not in text


async def test_an_error_is_told_and_the_question_can_be_sent_again(
    bridge: Bridge, standin: Standin, browser: Browser
) -> None:
    standin.script(lambda _: refuse(400, "The picture is broken."))
    async with paging(browser, origin_of(bridge)) as page:
        page.allow("status of 400")
        await opened(page)
        await page.fill("Your message", "Again?")
        await page.click("Send")
        await page.see("The picture is broken.")
        assert await page.value("labelled('Your message').value") == "Again?"
        standin.script(lambda _: say("Well."))
        await page.click("Send")
        await page.see("Well.")
        await page.lose("The picture is broken.")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(()), "The answer has no text."),
        (Reply((), stop_reason="max_tokens"), "The answer has no text: it reached its longest length."),
        (Reply((Text(("Half", StreamError("overloaded_error", "<b>Busy</b>"))),)), "an error ended it"),
    ],
    ids=["empty", "too long", "error in the middle"],
)
async def test_an_answer_that_ends_early_is_explained(
    bridge: Bridge, standin: Standin, browser: Browser, reply: Reply, words: str
) -> None:
    standin.script(lambda _: reply)
    async with paging(browser, origin_of(bridge)) as page:
        await opened(page)
        await page.fill("Your message", "Why?")
        await page.click("Send")
        await page.see(words)
        is_kept = "Half" in await page.text()
        assert await page.value("labelled('Your message').value") == ("" if is_kept else "Why?")
        # Not the user.
        assert "stopped" not in await page.text()


async def test_what_is_typed_during_an_answer_is_kept_when_it_is_stopped(
    bridge: Bridge, standin: Standin, browser: Browser
) -> None:
    gate = Gate()
    standin.script(say("late", before_headers=(Hold(gate),)))
    async with paging(browser, origin_of(bridge)) as page:
        await opened(page)
        await page.fill("Your message", "First")
        await page.click("Send")
        await page.see("Waiting for the answer...")
        await page.fill("Your message", "Second")
        await page.click("Stop")
        await page.until("labelled('Your message').value === 'First\\nSecond'")
        gate.open()


async def test_where_a_key_is_required_the_page_asks_without_it(
    upstream: Standin, standin: Standin, tmp_path: Path, browser: Browser
) -> None:
    async with (
        open_bridge(upstream, tmp_path, environment={"DRAWBRIDGE_API_KEY": KEY}) as bridge,
        paging(browser, origin_of(bridge)) as page,
    ):
        await page.open(f"#open={ticket(bridge)}&section=playground")
        await page.see("Ask the model something.")
        standin.script(say("Without the key."))
        await page.fill("Your message", "Hello")
        await page.click("Send")
        await page.see("Without the key.")
        assert (await bridge.chat("hi")).status_code == 401
        # Copied commands have a placeholder for it.
        await browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        await page.click("Copy as curl")
        copied = await browser.run_async("navigator.clipboard.readText().then(done)")
        assert "Authorization: Bearer YOUR-ACCESS-KEY" in copied
        assert KEY not in copied


@both_schemes
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_an_answer_has_no_fault_and_fits(
    bridge: Bridge, standin: Standin, browser: Browser, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    standin.script(Reply((Thinking(("Hm.",)), Text(("word " * 50 + "x" * 300,)))))
    async with paging(browser, origin_of(bridge), scheme=scheme, size=size) as page:
        await opened(page)
        await page.fill("Your message", "y" * 200)
        await page.click("Send")
        await page.see("complete after ")
        assert await page.faults(axe) == []
        assert await page.overflow() <= 0
