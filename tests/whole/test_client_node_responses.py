"""References to stored items by the AI SDK's default provider, and the official Node client, unmodified."""

import json
from pathlib import Path

import pytest

from server.standin.script import Reply, Text, Thinking
from server.standin.server import Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import blocks_of, spoken
from tests.whole.programs import printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def test_responses(bridge: Bridge, standin: Standin, node_clients: Path) -> None:
    standin.script(lambda _: Reply((Thinking(("A greeting.",)), Text(("Hello.",)))))
    found = json.loads(await printed(bridge, "node", node_clients / "responses.mjs", bridge.url))
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
