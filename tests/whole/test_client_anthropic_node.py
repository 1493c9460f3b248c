"""Anthropic's client for Node and the AI SDK's Anthropic provider, unmodified, against the real server."""

import json
from pathlib import Path

import pytest

from server.standin.script import Script, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import VERDICT, Forecaster, offered, spoken
from tests.whole.programs import printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def test_anthropic_node_and_the_ai_sdk(bridge: Bridge, standin: Standin, node_clients: Path) -> None:
    claude = Forecaster()

    def answer(recorded: Recorded) -> Script:
        if offered(recorded.body):
            return claude(recorded)
        return refuse(400, "the client asked for it") if "fail" in str(spoken(recorded.body)) else say("Hel", "lo", "!")

    standin.script(answer)
    address = bridge.url.removesuffix("/v1")
    found = json.loads(await printed(bridge, "node", node_clients / "messages.mjs", address))
    assert (found["deltas"], found["streamed"], found["whole"], found["reason"]) == (3, "Hello!", "Hello!", "end_turn")
    assert found["usage"]["output_tokens"] == 5
    assert found["refused"]["status"] == 400
    assert "the client asked for it" in found["refused"]["message"]
    assert found["refused"]["id"].startswith("req_")
    assert (found["loop"], found["sdk"], found["sdkStreamed"]) == (VERDICT, VERDICT, f"Let me look.{VERDICT}")
    assert found["steps"] == ["tool-calls", "tool-calls", "stop"]
    assert found["models"]
    assert all(name.startswith("claude-") for name in found["models"])
