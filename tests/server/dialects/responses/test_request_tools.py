"""Tools in namespaces and among the items, and calls of them in both directions."""

from typing import Any

import pytest

from server.conversation.parts import ToolCall
from server.dialects.responses.request import parse_responses
from server.dialects.responses.request_tools import tools_from
from server.errors import InvalidRequest
from tests.server.dialects.answers import answer, call, text
from tests.server.dialects.bodies import HI
from tests.server.dialects.responses.scene import open_scene


def function(name: str, **more: object) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, **more}


def namespace(name: str, *tools: dict[str, Any], description: str = "") -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": description, "tools": list(tools)}


def names(scene: Any) -> list[str]:
    return [tool.name for tool in scene.last.profile.tools]


async def test_a_call_in_a_namespace_names_it() -> None:
    agents = namespace("agents", function("spawn", description="Starts one."), description="Other agents.")
    async with open_scene(answer(call(0, "spawn", "{}"))) as scene:
        body = await scene.ask([HI], tools=[function("run"), agents])
        assert names(scene) == ["run", "spawn"]
        assert scene.last.profile.tools[1].description == "Other agents.\n\nStarts one."
        (item,) = body["output"]
        assert (item["name"], item["namespace"]) == ("spawn", "agents")


async def test_equal_names_in_several_namespaces_stay_apart() -> None:
    tools = [function("run"), namespace("a", function("run")), namespace("b", function("run"), function("stop"))]
    async with open_scene(answer(call(0, "b__run", "{}"), call(1, "run", "{}"), call(2, "stop", "{}"))) as scene:
        body = await scene.ask([HI], tools=tools)
        assert names(scene) == ["run", "a__run", "b__run", "stop"]
        found = [(item["name"], item.get("namespace")) for item in body["output"]]
        assert found == [("run", "b"), ("run", None), ("stop", "b")]
        results = [{"type": "function_call_output", "call_id": f"toolu_{n}", "output": "ok"} for n in range(3)]
        await scene.ask([HI, *body["output"], *results], tools=tools)
        calls = [part.name for part in scene.last.messages[1].parts if isinstance(part, ToolCall)]
        assert calls == ["b__run", "run", "stop"]


async def test_tools_among_the_items_are_tools() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    inner = {"type": "custom", "name": "exec", "description": "Runs code.", "format": grammar}
    more = {"type": "additional_tools", "role": "developer", "tools": [namespace("functions", inner), function("run")]}
    async with open_scene(answer(call(0, "exec", '{"input": "1+1"}')), answer(text(0, "2"))) as scene:
        body = await scene.ask([more, {"role": "developer", "content": "Be brief."}, HI], reasoning={"effort": "low"})
        assert names(scene) == ["exec", "run"]
        assert scene.last.profile.system == "Be brief."
        (item,) = body["output"]
        assert (item["type"], item["name"], item["namespace"]) == ("custom_tool_call", "exec", "functions")
        assert item["input"] == "1+1"
        result = {"type": "custom_tool_call_output", "call_id": "toolu_0", "output": "2"}
        await scene.ask([more, HI, item, result])
        assert scene.last.messages[1].parts == (ToolCall("toolu_0", "exec", '{"input": "1+1"}'),)
        # The tools may also be the last item.
        await scene.ask([HI, more])
        assert scene.last.ignored == ()


async def test_the_choice_names_the_clients_tools() -> None:
    tools = [function("run"), namespace("a", function("run"), function("stop")), function("wait")]
    async with open_scene() as scene:
        await scene.ask([HI], tools=tools, tool_choice={"type": "function", "name": "stop"})
        assert (scene.last.settings.tool_choice.mode, scene.last.settings.tool_choice.name) == ("tool", "stop")
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "run"}]}
        await scene.ask([HI], tools=tools, tool_choice=allowed)
        assert names(scene) == ["run", "a__run"]
        space = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "a"}]}
        await scene.ask([HI], tools=tools, tool_choice=space)
        assert names(scene) == ["a__run", "stop"]


async def test_tools_of_the_provider_are_left_out_and_named() -> None:
    kinds = ["web_search", "image_generation", "file_search", "code_interpreter", "mcp", "computer", "local_shell"]
    tools = [function("run"), *({"type": kind} for kind in kinds), {"type": "tool_search", "execution": "client"}]
    async with open_scene() as scene:
        reply = await scene.post({"input": [HI], "tools": tools})
        assert names(scene) == ["run"]
        named = reply.headers["x-drawbridge-ignored"]
        assert named == ", ".join(f"tools[{n}] ({kind})" for n, kind in enumerate([*kinds, "tool_search"], 1))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [namespace("a", {"type": "function"})]}, "tools[0].tools[0].name"),
        ({"tools": [{"type": "namespace", "name": "a", "tools": 5}]}, "tools[0].tools"),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "function"}]}, HI]}, "input[0].tools[0].name"),
    ],
)
def test_a_wrong_tool_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tools_from(parse_responses({"input": [HI], **body}))
    assert caught.value.param == param
