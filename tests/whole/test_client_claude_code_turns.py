"""Claude Code as a client of the server, over several turns: resumed sessions, compaction, limits, an overload."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import refuse, say
from server.standin.server import Standin
from tests.whole.account import sign_in
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.calling import blocks_of, spoken
from tests.whole.claude_code import ClaudeCode, installed
from tests.whole.limits import limits
from tests.whole.tap import Tap

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

CLIENTS_NOTES = ("<system-reminder>", "<system-message>")


@pytest.fixture
async def client(bridge: Bridge, folder: Path) -> ClaudeCode:
    return installed(bridge, folder)


def exchanged(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The texts of a conversation by role, without the notes that the client adds to them."""
    blocks = [(message["role"], block) for message in spoken(body) for block in blocks_of(message["content"])]
    assert {block["type"] for _, block in blocks} == {"text"}
    return [(role, block["text"]) for role, block in blocks if not block["text"].startswith(CLIENTS_NOTES)]


@pytest.mark.parametrize("how", ["--resume", "--continue"])
async def test_a_later_run_goes_on_with_the_session(client: ClaudeCode, standin: Standin, how: str) -> None:
    standin.script(say("It is ", "blue."), say("Green."))
    first = await client.run("--", "What colour is the sky?")
    which = [how, first["session_id"]] if how == "--resume" else [how]
    second = await client.run(*which, "--", "And the grass?")
    assert [report["result"] for report in (first, second)] == ["It is blue.", "Green."]
    asked, resumed = [exchanged(request.body) for request in standin.requests]
    assert asked == [("user", "What colour is the sky?")]
    assert resumed == [*asked, ("assistant", "It is blue."), ("user", "And the grass?")]


async def test_compaction_is_asked_for_once_and_the_next_turn_begins_with_the_summary(
    client: ClaudeCode, standin: Standin
) -> None:
    summary = "<analysis>Short.</analysis>\n<summary>The sky was named.</summary>"
    standin.script(say("It is blue."), say(summary), say("Green."))
    await client.run("--", "What colour is the sky?")
    assert not (await client.run("--continue", "--", "/compact"))["is_error"]
    assert (await client.run("--continue", "--", "And the grass?"))["result"] == "Green."
    _, compaction, after = standin.requests
    history = [("user", "What colour is the sky?"), ("assistant", "It is blue.")]
    *before, (role, order) = exchanged(compaction.body)
    assert (before, role) == (history, "user")
    assert "followed by a <summary> block" in order
    (_, beginning), *_, last = exchanged(after.body)
    assert "Summary:\nThe sky was named." in beginning
    assert last == ("user", "And the grass?")
    assert "It is blue." not in str(spoken(after.body))


async def test_a_usage_limit_is_shown_and_sent_once(standin: Standin, folder: Path) -> None:
    soon = int(time.time()) + 3600
    rejected = limits("1.0", "0.25", status="rejected", soon=soon, later=soon + 86_400)
    sign_in(folder / "home")
    async with open_bridge(None, folder, environment={"ANTHROPIC_BASE_URL": standin.url}) as bridge:
        standin.script(lambda _: refuse(429, "You have hit your limit", headers=rejected))
        report = await installed(bridge, folder).run("--", "Hi", fails=True)
    assert (report["is_error"], report["api_error_status"], report["api_error_type"]) == (True, 429, "rate_limit_error")
    assert "You've hit your 5-hour limit · resets" in report["result"]
    assert len(standin.requests) == 1


async def test_an_overload_is_named_and_only_the_client_repeats_it(
    client: ClaudeCode, tap: Tap, standin: Standin
) -> None:
    standin.script(lambda _: refuse(529))
    through = {"ANTHROPIC_BASE_URL": tap.url.removesuffix("/v1"), "CLAUDE_CODE_MAX_RETRIES": "1"}
    report = await client.run("--", "Hi", fails=True, **through)
    assert (report["api_error_status"], report["api_error_type"]) == (529, "overloaded_error")
    assert "Overloaded" in report["result"]
    assert len(standin.requests) == len(tap.bodies()) == 2


async def test_an_overload_that_passes_is_not_shown(client: ClaudeCode, standin: Standin) -> None:
    standin.script(refuse(529), say("It is done."))
    assert (await client.run("--", "Hi"))["result"] == "It is done."
    assert len(standin.requests) == 2
