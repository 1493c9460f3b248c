"""Official and popular clients, unmodified, through whole tool loops and into forms."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import FORM, QUESTION, VERDICT, WHOLE_STORY, Forecaster, form_of, offered, offers
from tests.whole.programs import CLIENTS, llm_folder, printed
from tests.whole.tap import Tap

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

DESCRIPTIONS = {
    "get_weather": "The temperature in a city, in degrees.",
    "difference": "What is left of a when b is taken away.",
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def forecaster(standin: Standin) -> Forecaster:
    claude = Forecaster()
    standin.script(claude)
    return claude


def assert_story(
    claude: Forecaster, requests: Iterable[Recorded], *, loops: int, kinds: Sequence[str] = ("string", "integer")
) -> None:
    """Three requests for each loop, the tools in each, and in the third all that was called and came back."""
    asked: list[dict[str, Any]] = [dict(request.body) for request in requests if "get_weather" in offered(request.body)]
    assert len(asked) == 3 * loops
    for body in asked:
        tools = offered(body)
        assert {name: tool["description"] for name, tool in tools.items()} == DESCRIPTIONS
        found = [tool["input_schema"]["properties"] for tool in tools.values()]
        types = [{name: about["type"] for name, about in properties.items()} for properties in found]
        assert types == [{"city": kinds[0]}, {"a": kinds[1], "b": kinds[1]}]
    for last in asked[2::3]:
        assert claude.steps(last) == WHOLE_STORY


def assert_form(schema: Any) -> None:
    """It is the form of the weather report, closed as strict clients close it."""
    assert {name: about["type"] for name, about in schema["properties"].items()} == {
        "city": "string",
        "degrees": "integer",
    }
    assert schema["required"] == ["city", "degrees"]
    assert schema["additionalProperties"] is False


async def test_openai_node(
    bridge: Bridge, tap: Tap, standin: Standin, forecaster: Forecaster, node_clients: Path
) -> None:
    found = json.loads(await printed(bridge, "node", node_clients / "tools.mjs", tap.url))
    assert (found["whole"], found["streamed"], found["form"]) == (VERDICT, VERDICT, FORM)
    assert found["called"] == ["get_weather", "get_weather", "difference"]
    assert_story(forecaster, standin.requests, loops=2)
    assert offers(standin.requests) == tap.offers()
    assert offered(standin.requests[0].body)["get_weather"]["input_schema"] == CITY
    assert_form(form_of(standin.requests[-1].body))


async def test_ai_sdk(bridge: Bridge, tap: Tap, standin: Standin, forecaster: Forecaster, node_clients: Path) -> None:
    found = json.loads(await printed(bridge, "node", node_clients / "sdk.mjs", tap.url))
    assert found.keys() == {"compatible", "structured", "openai"}
    for name, told in found.items():
        assert (told["whole"], told["streamed"], told["form"]) == (VERDICT, f"Let me look.{VERDICT}", FORM), name
        assert told["steps"] == ["tool-calls", "tool-calls", "stop"]
    assert found["openai"]["tokens"] == found["compatible"]["tokens"] == 60
    assert_story(forecaster, standin.requests, loops=6)
    assert offers(standin.requests) == tap.offers()


async def test_langchain(
    bridge: Bridge, tap: Tap, standin: Standin, forecaster: Forecaster, python_clients: Path
) -> None:
    found = json.loads(await printed(bridge, python_clients / "python", CLIENTS / "langchain_agent.py", tap.url))
    assert (found["whole"], "".join(found["streamed"])) == (VERDICT, f"Let me look.{VERDICT}")
    assert found["forms"] == {"json_schema": FORM, "function_calling": FORM, "json_mode": FORM}
    assert_story(forecaster, standin.requests, loops=2)
    assert offers(standin.requests) == tap.offers()
    strict, called, _ = standin.requests[-3:]
    assert_form(form_of(strict.body))
    assert called.body["tool_choice"] == {"type": "tool", "name": "Report", "disable_parallel_tool_use": True}


async def test_openai_agents(
    bridge: Bridge, tap: Tap, standin: Standin, forecaster: Forecaster, python_clients: Path
) -> None:
    found = json.loads(await printed(bridge, python_clients / "python", CLIENTS / "agents_loop.py", tap.url))
    assert (found["whole"], found["streamed"], found["form"]) == (VERDICT, VERDICT, FORM)
    assert found["called"].count("tool_output") == 3
    assert_story(forecaster, standin.requests, loops=2)
    assert offers(standin.requests) == tap.offers()
    assert_form(form_of(standin.requests[-1].body))


@pytest.mark.parametrize("options", [[], ["--no-stream"]], ids=["streamed", "whole"])
async def test_llm(
    bridge: Bridge, tap: Tap, standin: Standin, forecaster: Forecaster, python_clients: Path, options: list[str]
) -> None:
    llm = [str(python_clients / "llm"), "-m", "bridge", *options]
    folder = llm_folder(bridge, tap.url)
    functions = str(CLIENTS / "llm_tools.py")
    told = await printed(bridge, *llm, "--functions", functions, QUESTION, LLM_USER_PATH=folder)
    assert told.endswith(VERDICT)
    assert_story(forecaster, standin.requests, loops=1)
    assert offers(standin.requests) == tap.offers()
    form = await printed(bridge, *llm, "--schema", "city, degrees int", "Oslo's weather, as JSON", LLM_USER_PATH=folder)
    assert json.loads(form) == FORM
    assert form_of(standin.requests[-1].body)["required"] == ["city", "degrees"]


async def test_clients_at_the_same_time_keep_their_calls_apart(
    bridge: Bridge,
    tap: Tap,
    standin: Standin,
    forecaster: Forecaster,
    node_clients: Path,
    python_clients: Path,
) -> None:
    """Four are more than the pool has workers: a call that waits may lose its own."""
    programs = (["node", node_clients / "tools.mjs"], [python_clients / "python", CLIENTS / "langchain_agent.py"])
    runs = (printed(bridge, *map(str, program), tap.url) for program in programs * 2)
    for found in map(json.loads, await asyncio.gather(*runs)):
        assert (found["whole"], "".join(found["streamed"])[-len(VERDICT) :]) == (VERDICT, VERDICT)
    assert offers(standin.requests) == tap.offers()
    told = [forecaster.steps(request.body) for request in standin.requests if "get_weather" in offered(request.body)]
    assert [len(story) for story in told].count(len(WHOLE_STORY)) == 8
    assert all(story == WHOLE_STORY[: len(story)] for story in told)
