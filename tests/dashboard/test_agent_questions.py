"""Questions of real agents on the dashboard: Claude Code asks, a person clicks, and Claude is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from server.app import create_app
from server.config import Config
from server.machine.files.paths import Folders
from server.projects.project import Project
from server.runtime.engine import Engine, open_engine
from server.runtime.services import agents
from server.standin.script import Block
from server.standin.server import Standin, open_standin
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.dashboard.kit import Page, needs_browser, paging, until
from tests.server.agents.scene import KnownProjects, acts, results_in, run, says, words
from tests.server.web.scene import FakeControl, listening
from tests.whole.bridge import account
from tests.whole.browser import Browser
from tests.whole.checked import keep_verdict

pytestmark = [*needs_browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
CARDS = "[...document.querySelectorAll('.approval')]"
SETTLED = f"{CARDS}.length && !document.querySelector('.approval [aria-disabled]')"
MAKE = "python3 -c \"open('made.txt', 'a').write('x')\""


@dataclass
class Scene:
    """A server with the project `demo`, whose commands have no sandbox."""

    standin: Standin
    engine: Engine
    origin: str
    folder: Path

    @property
    def made(self) -> Path:
        return self.folder / "made.txt"

    def does(self, *calls: Block, say: str = "Done.") -> "asyncio.Task[httpx.Response]":
        """Has Claude make these calls for a client that waits for the answer."""
        self.made.unlink(missing_ok=True)
        self.standin.requests.clear()
        self.standin.script(*(acts(one) for one in calls), says(say))

        async def ask() -> httpx.Response:
            body = {"model": "sonnet@demo", "messages": [{"role": "user", "content": "Go."}]}
            async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
                return await client.post(
                    f"{self.origin}/v1/chat/completions", json=body, headers={"user-agent": "some-editor/1.0"}
                )

        return asyncio.create_task(ask())

    def told(self) -> list[dict[str, Any]]:
        """The tool results that Claude got last."""
        return results_in(self.standin.requests[-1].body)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("agents")
    work = folder / "work"
    work.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agents, "find_sandbox", lambda _: None)
        async with open_standin() as standin:
            for name, value in account(standin).items():
                patch.setenv(name, value)
            await keep_verdict(folder / "d")
            config = Config(agent_mode=True, pool_size=1, retries=0, without_breaker=True)
            async with open_engine(config, Folders(folder / "c", folder / "d", folder / "l")) as engine:
                parts = Parts(projects=KnownProjects(Project("p1", "demo", work.resolve(), "full")))
                app = create_app(config, engine, FakeControl(), parts=parts)
                async with listening(AccessMiddleware(app, lambda: policy_for(engine.config))) as port:
                    yield Scene(standin, engine, f"http://127.0.0.1:{port}", work)


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, scene: Scene) -> AsyncIterator[Page]:
    async with paging(browser, scene.origin) as found:
        await found.open()
        await found.see("Base URL")
        yield found
        await found.until(f"{CARDS}.length === 0")


async def click(page: Page, button: str) -> None:
    await page.see("An agent asks: Bash in demo")
    await page.until(SETTLED)
    await page.click(f"{button}: Bash in demo")


async def test_a_command_runs_only_after_the_click(page: Page, scene: Scene) -> None:
    answer = scene.does(run(MAKE))
    await page.see("An agent asks: Bash in demo")
    await page.see(MAKE)
    await page.see("some-editor")
    assert not scene.made.exists()
    await click(page, "Allow once")
    assert (await answer).json()["choices"][0]["message"]["content"] == "Done."
    assert scene.made.read_text() == "x"
    assert not scene.told()[-1].get("is_error")


async def test_for_the_conversation_the_same_command_is_asked_once(page: Page, scene: Scene) -> None:
    answer = scene.does(run(MAKE), run(MAKE))
    await click(page, "Allow for this conversation")
    assert (await answer).status_code == 200
    assert scene.made.read_text() == "xx"


async def test_once_is_once(page: Page, scene: Scene) -> None:
    answer = scene.does(run(MAKE), run(MAKE))
    await click(page, "Allow once")
    await until(scene.made.exists)
    await page.until(f"{CARDS}.length === 0")
    await click(page, "Refuse")
    assert (await answer).status_code == 200
    assert scene.made.read_text() == "x"


async def test_a_refusal_is_told_to_claude_which_goes_on(page: Page, scene: Scene) -> None:
    answer = scene.does(run(MAKE), say="Then not.")
    await click(page, "Refuse")
    assert (await answer).json()["choices"][0]["message"]["content"] == "Then not."
    assert not scene.made.exists()
    assert scene.told()[-1]["is_error"] is True
    assert "The user does not allow this" in words(scene.told()[-1])


async def test_stop_ends_the_answer(page: Page, scene: Scene) -> None:
    answer = scene.does(run(MAKE))
    await click(page, "Stop")
    reply = await answer
    assert reply.status_code == 409
    assert "stopped" in reply.json()["error"]["message"]
    assert not scene.made.exists()
    assert len(scene.standin.requests) == 1


async def test_a_client_that_disconnects_closes_the_card(page: Page, scene: Scene) -> None:
    answer = scene.does(run(MAKE))
    await page.see("An agent asks: Bash in demo")
    answer.cancel()
    with suppress(asyncio.CancelledError):
        await answer
    await page.until(f"{CARDS}.length === 0")
    await page.until("document.getElementById('approvals-news').textContent === 'Its request has ended.'")
    assert scene.engine.approvals.open_questions() == ()
    assert not scene.made.exists()
