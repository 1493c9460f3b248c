"""The AI SDK's default provider and the official Node client on the Responses API, unmodified."""

import json
from pathlib import Path

import pytest

from server.standin.script import Reply, Script, Text, Thinking
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import FORM, VERDICT, WHOLE_STORY, Forecaster, blocks_of, offered, spoken
from tests.whole.programs import printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def test_responses(bridge: Bridge, standin: Standin, node_clients: Path) -> None:
    forecaster = Forecaster()

    def claude(recorded: Recorded) -> Script:
        if "Greet me" in str(spoken(recorded.body)[0]["content"]):
            return Reply((Thinking(("A greeting.",)), Text(("Hello.",))))
        return forecaster(recorded)

    standin.script(claude)
    found = json.loads(await printed(bridge, "node", node_clients / "responses.mjs", bridge.url))
    sdk = found["sdk"]
    assert (sdk["whole"], sdk["streamed"], sdk["form"]) == (VERDICT, f"Let me look.{VERDICT}", FORM)
    assert sdk["steps"] == ["tool-calls", "tool-calls", "stop"]
    loops = [request.body for request in standin.requests if "get_weather" in offered(request.body)]
    assert len(loops) == 6
    for last in loops[2::3]:
        assert forecaster.steps(last) == WHOLE_STORY
    assert found["again"] == ["Hello.", "Hello."]
    assert found["client"] == {
        "kinds": ["response.created", "response.completed"],
        "whole": "Hello.",
        "last": "Hello.",
        "refused": "previous_response_not_found",
    }
    greetings = [spoken(request.body) for request in standin.requests]
    again = [messages for messages in greetings if "Greet me again." in str(messages[-1]["content"])]
    assert len(again) == 2
    for messages in again:
        assert [message["role"] for message in messages] == ["user", "assistant", "user"]
        assert "Hello." in [block.get("text") for block in blocks_of(messages[1]["content"])]
