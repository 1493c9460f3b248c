"""LangChain-Anthropic, LiteLLM and LlamaIndex, unmodified: each does everything that a library does with a chat."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Gate, Hold, Script, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import FORM, VERDICT, WHOLE_STORY, Forecaster, blocks_of, form_of, offered, spoken
from tests.whole.programs import CLIENTS, printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


class Claude(Forecaster):
    """Answers "hi", a picture, "fail" and "wait", and otherwise as the forecaster."""

    def __call__(self, recorded: Recorded) -> Script:
        last = blocks_of(spoken(recorded.body)[-1]["content"])
        if any(block["type"] == "image" for block in last):
            return say("Seen.")
        match next((block["text"] for block in last if block["type"] == "text"), ""):
            case "hi":
                return say("Hel", "lo", "!")
            case "fail":
                return refuse(400, "the client wanted it")
            case "wait":
                return say("Hel", Hold(Gate()))
        return super().__call__(recorded)


@pytest.fixture
def claude(standin: Standin) -> Claude:
    made = Claude()
    standin.script(made)
    return made


async def assert_all(found: Mapping[str, Any], claude: Claude, standin: Standin, *, forms: int = 1) -> None:
    """What the client has seen, and what arrived upstream: the tools and their results, the form, and the picture."""
    assert (found["whole"], found["tokens"], found["deltas"]) == ("Hello!", 20, ["Hel", "lo", "!"])
    assert found["loop"] == VERDICT
    assert found["streamed_loop"].removeprefix("Let me look.") == VERDICT
    assert found["forms"] == [FORM] * forms
    assert found["seen"] == "Seen."
    assert "the client wanted it" in found["refused"]
    assert found["before_cancel"] == "Hel"
    with_tools = [request.body for request in standin.requests if "get_weather" in offered(request.body)]
    assert len(with_tools) == 6
    for body in with_tools[2::3]:
        assert claude.steps(body) == WHOLE_STORY
    pictures = [block for request in standin.requests for block in _blocks(request) if block["type"] == "image"]
    assert [picture["source"]["media_type"] for picture in pictures] == ["image/png"]
    schemas = [schema for request in standin.requests if (schema := _schema(request.body))]
    assert [set(schema["properties"]) for schema in schemas] == [{"city", "degrees"}] * forms
    await standin.requests[-1].client_disconnected()


def _blocks(request: Recorded) -> list[dict[str, Any]]:
    return [block for message in spoken(request.body) for block in blocks_of(message["content"])]


def _schema(body: Mapping[str, Any]) -> Any:
    """The schema of the answer, or of the tool that takes it."""
    forced = (tool["input_schema"] for name, tool in offered(body).items() if name not in {"get_weather", "difference"})
    return form_of(body) or next(forced, None)


async def test_langchain_anthropic(bridge: Bridge, standin: Standin, claude: Claude, python_clients: Path) -> None:
    program = CLIENTS / "langchain_anthropic_agent.py"
    found = json.loads(await printed(bridge, python_clients / "python", program, bridge.url))
    await assert_all(found, claude, standin, forms=2)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama_chat"])
async def test_litellm(bridge: Bridge, standin: Standin, claude: Claude, litellm: Path, provider: str) -> None:
    program = CLIENTS / "litellm_modes.py"
    # Otherwise it downloads a list of models first.
    quiet = "True"
    found = json.loads(
        await printed(bridge, litellm, program, provider, bridge.url, LITELLM_LOCAL_MODEL_COST_MAP=quiet)
    )
    await assert_all(found, claude, standin)
    assert "400" in found["refused"]


async def test_llamaindex(bridge: Bridge, standin: Standin, claude: Claude, llamaindex: Path) -> None:
    found = json.loads(await printed(bridge, llamaindex, CLIENTS / "llamaindex_all.py", bridge.url))
    await assert_all(found, claude, standin)
    assert (found["completed"], "".join(found["completed_deltas"])) == ("Hello!", "Hello!")
    assert {*found["dimensions"], found["query"]} == {512}
