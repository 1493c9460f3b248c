"""Other clients of Ollama's API: the official one for Node, and LangChain's."""

import json
from pathlib import Path

import pytest

from server.standin.script import Reply, Script, call, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import blocks_of, offered, spoken
from tests.whole.programs import CLIENTS, printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


def answer(recorded: Recorded) -> Script:
    """Answers "weather" with a call, its result with the result, and JSON where a schema is asked for."""
    last = blocks_of(spoken(recorded.body)[-1]["content"])
    if "fail" in str(last):
        return refuse(400, "the client asked for it")
    results = [block["content"] for block in last if block["type"] == "tool_result"]
    if results:
        return say("It is ", str(blocks_of(results[0])[0]["text"]))
    if "as JSON" in str(last):
        return say('{"city": "Oslo"}')
    if "weather" in str(last):
        (name,) = offered(recorded.body)
        return Reply((call(name, {"city": "Oslo"}),), stop_reason="tool_use")
    return say("Hel", "lo", "!")


async def test_ollama_node(bridge: Bridge, standin: Standin, node_clients: Path) -> None:
    standin.script(answer)
    found = json.loads(await printed(bridge, "node", node_clients / "ollama.mjs", bridge.url))
    assert (found["parts"], found["reason"]) == (["Hel", "lo", "!"], "stop")
    assert (found["whole"], found["generated"]) == ("Hello!", "Hello!")
    assert found["answer"] == "It is Oslo: 21"
    assert found["refused"]["status"] == 400
    assert "the client asked for it" in found["refused"]["message"]
    assert "sonnet" in found["models"]
    assert {"tools", "vision"} <= set(found["capabilities"])


async def test_langchain_ollama(bridge: Bridge, standin: Standin, python_clients: Path) -> None:
    standin.script(answer)
    program = CLIENTS / "langchain_ollama_chat.py"
    found = json.loads(await printed(bridge, python_clients / "python", program, bridge.url))
    assert found["streamed"] == ["Hel", "lo", "!"]
    assert (found["whole"], found["generated"]) == ("Hello!", "Hello!")
    assert found["usage"]["total_tokens"] == 20
    assert found["calls"] == [["Weather", {"city": "Oslo"}]]
    assert found["answer"] == "It is 21"
    assert found["form"] == {"city": "Oslo"}
    assert "the client asked for it" in found["refused"]
    assert {request.body["max_tokens"] for request in standin.requests} >= {50}
