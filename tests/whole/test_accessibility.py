"""The server's pages in a real browser, checked by axe-core in both colour schemes: no serious or critical fault."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from server.config import Config
from tests.server.web.scene import FakeControl, FakeEngine, listening, served
from tests.whole.browser import Browser, browsing, needs_browser

pytestmark = [*needs_browser, pytest.mark.timeout(900)]

CHAT = "Chat/create_chat_completion_v1_chat_completions_post"
# An operation of each kind: bodies, parameters, deletion, streams of lines, headers of replies.
OPERATIONS = (
    CHAT,
    "Models/retrieve_model_v1_models__model__get",
    "Responses/delete_v1_responses__response_id__delete",
    "Ollama/pull_api_pull_post",
    "Azure/azure_create_embeddings_v1_embeddings_post",
)
IS_DARK = "return document.documentElement.classList.contains('dark-mode')"


def click(selector: str) -> str:
    return f"const found = document.querySelector({json.dumps(selector)}); if (found) found.click(); return !!found"


async def open_docs(browser: Browser, port: int, operation: str = "") -> None:
    await browser.open("about:blank")
    await browser.open(f"http://127.0.0.1:{port}/docs" + (f"#/{operation}" if operation else ""))
    await browser.until("return document.querySelectorAll('.opblock').length > 30")
    if operation:
        await browser.until("return document.querySelector('.is-open .responses-table') !== null")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_documentation_has_no_serious_fault(tmp_path: Path, axe: str, scheme: str) -> None:
    engine = FakeEngine()
    async with (
        listening(served(engine, control=FakeControl(), clock=time.time)) as port,
        browsing(tmp_path) as browser,
    ):
        await browser.prefer(scheme)
        await open_docs(browser, port)
        assert await browser.script(IS_DARK) is (scheme == "dark")
        assert await faults(browser, axe) == []
        for operation in OPERATIONS:
            await open_docs(browser, port, operation)
            assert await faults(browser, axe) == [], operation
        # A request that is sent from the page, and the schema of its body.
        await open_docs(browser, port, CHAT)
        for selector in (".model-example .tablinks:not(.active) , [data-name=model]", ".try-out__btn", ".execute"):
            await browser.until(click(selector))
            assert await faults(browser, axe) == [], selector
        await browser.until("return document.querySelector('.live-responses-table') !== null")
        assert await faults(browser, axe) == []
        assert len(engine.requests) == 1
        # The dialog for the key.
        engine.change(api_key="gate-key")
        await open_docs(browser, port)
        await browser.until(click(".btn.authorize"))
        await browser.until("return document.querySelector('.dialog-ux') !== null")
        assert await faults(browser, axe) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_other_pages_have_no_serious_fault(tmp_path: Path, axe: str, scheme: str) -> None:
    locked = FakeEngine(config=Config(api_key="gate-key"))
    async with browsing(tmp_path) as browser:
        await browser.prefer(scheme)
        for engine, paths in ((FakeEngine(), ("", "manual", "manual/api", "manual/clients/codex")), (locked, ("",))):
            async with listening(served(engine, control=FakeControl(), clock=time.time)) as port:
                for path in paths:
                    await browser.open(f"http://127.0.0.1:{port}/{path}")
                    assert await faults(browser, axe) == [], path


async def faults(browser: Browser, axe: str) -> list[dict[str, Any]]:
    """The serious and critical faults of the page, each with the elements that have it."""
    await browser.script(axe)
    found = await browser.run_async(
        'axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations.map('
        "each => ({id: each.id, impact: each.impact, nodes: each.nodes.map(node =>"
        " [node.target.join(' '), node.html.slice(0, 120), node.failureSummary])}))));"
    )
    return [each for each in found if each["impact"] in {"serious", "critical"}]
