"""A Claude plan on the real Claude Code, which caches for an hour there: conversations from elsewhere are answered."""

from pathlib import Path

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.whole.account import sign_in
from tests.whole.agents import working
from tests.whole.bridge import conversation_of, messages, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORCED = {"ENABLE_PROMPT_CACHING_1H": "1"}


@pytest.mark.parametrize("variables", [{}, FORCED], ids=["plan", "an hour for all"])
async def test_conversations_are_replayed(standin: Standin, folder: Path, variables: dict[str, str]) -> None:
    standin.script(lambda _: say("Hello"))
    sign_in(folder / "home")
    async with open_bridge(None, folder, environment={"ANTHROPIC_BASE_URL": standin.url, **variables}) as bridge:
        for history in (("one", "Two", "three"), ("one", "Two", "three", "Hello", "four"), ("a", "B", "c")):
            answer = await bridge.chat(*history, model="sonnet")
            assert answer.status_code == 200, answer.text
            asked = [(turn["role"], turn["content"]) for turn in messages(*history)]
            upstream = [(role, text) for role, text in conversation_of(standin.requests[-1].body) if text]
            assert upstream == asked
    # What Claude's API requires: no mark of an hour after one of five minutes. The stand-in refuses others, too.
    assert "1h" in str(standin.requests[0].body["system"])
    assert all("1h" not in str(request.body["messages"]) for request in standin.requests)


async def test_an_agent_gets_the_turns_before_its_question(standin: Standin, short_folder: Path) -> None:
    standin.script(lambda _: say("Hello"))
    async with working(standin, short_folder, "read-only", environment=FORCED) as (bridge, _):
        answer = await bridge.chat("one", "Two", "three", model="sonnet@shop")
        assert answer.status_code == 200, answer.text
    assert "1h" in str(standin.requests[-1].body["system"])
