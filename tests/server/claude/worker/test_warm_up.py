"""A warm-up of an unused process leaves nothing in its first request, costs nothing and sends no sign-in."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from server.claude.worker.warm_up import MODEL, QUESTIONS, Detour, detour_for
from server.claude.worker.warm_ups import WarmUps
from server.claude.worker.worker import Worker
from server.conversation.events import Finished
from server.conversation.request import Profile
from server.errors import WorkerDied
from server.machine.processes.guards import guard_for
from server.standin.server import Recorded, Standin
from tests.server.claude.conftest import SONNET, Bench, conversation
from tests.server.claude.worker.test_live_profile import TOOLS, sent

URL, KEY, ADDRESS = "http://127.0.0.1:1", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
TOKEN = "a-made-up-sign-in"
PROFILES = (Profile("Be terse.", TOOLS), Profile(), Profile(" \ufeffBe odd.\r\n"))


@pytest.mark.parametrize(
    ("environment", "back"),
    [
        ({KEY: "k"}, ""),
        ({KEY: "k", ADDRESS: "https://a"}, "https://a"),
        ({KEY: "k", "ANTHROPIC_MODEL": "m", "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9"}, ""),
        ({KEY: "k", "HTTPS_PROXY": "p", "no_proxy": "a,127.0.0.1"}, ""),
    ],
)
def test_a_detour_ends_where_it_began(environment: Mapping[str, str], back: str) -> None:
    assert detour_for(environment, url=URL, answer="a") == Detour(URL, back, "a")


@pytest.mark.parametrize(
    "name",
    [
        *("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_UNIX_SOCKET", "ANTHROPIC_BEDROCK_BASE_URL"),
        *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_OAUTH_TOKEN", "https_proxy", "ALL_PROXY"),
        *("CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR", "CLAUDE_CODE_API_BASE_URL"),
    ],
)
def test_no_process_is_warmed_up_where_questions_might_go_elsewhere(name: str) -> None:
    assert detour_for({KEY: "k", name: "x"}, url=URL, answer="a") is None


@pytest.mark.parametrize("environment", [{}, {ADDRESS: "https://a"}, {KEY: ""}])
def test_no_process_is_warmed_up_with_a_sign_in(environment: Mapping[str, str]) -> None:
    assert detour_for(environment, url=URL, answer="a") is None


class Warmer:
    """Warm-ups that record their questions."""

    def __init__(self) -> None:
        self.questions: list[Recorded] = []
        self.has_begun = asyncio.Event()
        self.warm_ups = WarmUps(self._note)

    def _note(self, question: Recorded) -> None:
        self.questions.append(question)
        self.has_begun.set()

    async def worker(self, bench: Bench) -> Worker:
        launch = bench.launch()
        worker = Worker(
            lambda: launch,
            scratch=bench.scratch,
            guard=guard_for(),
            bounds=lambda: bench.bounds,
            on_limits=bench.limits.append,
            likely=lambda: SONNET,
            warm_ups=self.warm_ups,
        )
        await worker.boot()
        return worker


async def ask(worker: Worker, profile: Profile) -> float | None:
    """Asks, and returns the cost."""
    async with aclosing(worker.ask(profile, SONNET, conversation("one"))) as events:
        (finished,) = [event async for event in events if isinstance(event, Finished)]
    return finished.cost_usd


@pytest.mark.parametrize("profile", PROFILES, ids=["tools", "bare", "odd"])
async def test_the_first_request_after_a_warm_up_is_that_of_a_new_process(
    bench: Bench, standin: Standin, profile: Profile
) -> None:
    warmer, fresh = Warmer(), await bench.fresh()
    cost = await ask(fresh, profile)
    expected = [sent(standin)]
    await ask(fresh, profile)
    expected.append(sent(standin))
    standin.requests.clear()
    worker = await warmer.worker(bench)
    assert await worker.warm_up()
    assert [question.body["model"] for question in warmer.questions] == [MODEL] * QUESTIONS
    assert not standin.requests
    for number in range(2):
        assert await ask(worker, profile) == pytest.approx(cost)
        assert sent(standin) == expected[number]
    assert MODEL not in {limits.model for limits in bench.limits}
    assert (len(warmer.questions), len(standin.requests), standin.others) == (QUESTIONS, 2, [])
    await worker.close()
    await warmer.warm_ups.close()


async def test_a_request_ends_the_warm_up_and_is_sent_as_by_a_new_process(bench: Bench, standin: Standin) -> None:
    warmer, fresh = Warmer(), await bench.fresh()
    await ask(fresh, PROFILES[0])
    expected = sent(standin)
    standin.requests.clear()
    worker = await warmer.worker(bench)
    warming = asyncio.create_task(worker.warm_up())
    await warmer.has_begun.wait()
    await ask(worker, PROFILES[0])
    assert await warming
    assert len(warmer.questions) < QUESTIONS
    assert len(standin.requests) == 1
    assert sent(standin) == expected
    await worker.close()
    await warmer.warm_ups.close()


async def test_a_warm_up_that_another_server_answers_is_the_last_one(bench: Bench, standin: Standin) -> None:
    class Astray(WarmUps):
        async def detour(self, environment: Mapping[str, str]) -> Detour | None:
            found = await super().detour(environment)
            return None if found is None else Detour(standin.url, found.back, found.answer)

    warmer = Warmer()
    warmer.warm_ups = Astray(warmer.questions.append)
    worker = await warmer.worker(bench)
    assert not await worker.warm_up()
    assert len(standin.requests) == 1
    with pytest.raises(WorkerDied):
        await ask(worker, PROFILES[0])
    assert await warmer.warm_ups.detour(bench.environment) is None
    await worker.close()
    await warmer.warm_ups.close()


async def test_closing_a_worker_in_its_warm_up_does_not_end_all_warm_ups(bench: Bench) -> None:
    warmer = Warmer()
    worker = await warmer.worker(bench)
    warming = asyncio.create_task(worker.warm_up())
    await warmer.has_begun.wait()
    await worker.close()
    assert not await warming
    assert await warmer.warm_ups.detour(bench.environment) is not None
    await warmer.warm_ups.close()


async def test_a_process_with_a_sign_in_is_used_without_a_warm_up(
    bench: Bench, standin: Standin, tmp_path: Path
) -> None:
    plan = {"accessToken": TOKEN, "refreshToken": TOKEN, "expiresAt": 4_102_444_800_000, "scopes": ["user:inference"]}
    file = tmp_path / ".claude" / ".credentials.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"claudeAiOauth": plan}))
    users, bench.environment = bench.environment, {**bench.environment, "HOME": str(tmp_path)}
    del bench.environment[KEY]
    warmer = Warmer()
    try:
        worker = await warmer.worker(bench)
    finally:
        bench.environment = users
    assert await worker.warm_up()
    assert not warmer.questions
    await ask(worker, PROFILES[0])
    assert standin.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert "oauth" in standin.requests[-1].headers["anthropic-beta"]
    await worker.close()
    await warmer.warm_ups.close()
