"""Histories with odd roles, ids, arguments, results and items: what reaches Claude's API, in every request format."""

import base64
from typing import Any

import pytest

from server.dialects.common.content.reader import LEFT_OUT
from server.standin.server import Standin
from tests.pictures import PNG as PICTURE
from tests.whole.bridge import Bridge, messages
from tests.whole.calling import blocks_of, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

HI = {"role": "user", "content": "Hi"}
PNG = base64.b64encode(PICTURE).decode()


def chat(arguments: object, result: object, *, call_id: object = "c1", result_id: object = "c1") -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}
    answer = {"role": "tool", "tool_call_id": result_id, "content": result}
    return {"messages": [HI, {"role": "assistant", "content": None, "tool_calls": [call]}, answer]}


def responses(arguments: object, result: object, *, call_id: object = "c1", result_id: object = "c1") -> dict[str, Any]:
    call = {"type": "function_call", "call_id": call_id, "name": "look", "arguments": arguments}
    return {"input": [HI, call, {"type": "function_call_output", "call_id": result_id, "output": result}]}


def blocks(arguments: object, result: object, *, call_id: object = "c1", result_id: object = "c1") -> dict[str, Any]:
    call = {"type": "tool_use", "id": call_id, "name": "look", "input": arguments}
    answer = {"type": "tool_result", "tool_use_id": result_id, "content": result}
    return {"messages": [HI, {"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


SHAPES = {"chat": chat, "responses": responses, "messages": blocks}


async def upstream(bridge: Bridge, standin: Standin, body: dict[str, Any]) -> tuple[list[tuple[Any, ...]], str]:
    """Sends `body`; returns the conversation that arrived, and what the reply names as ignored."""
    reply = await bridge.post(body)
    assert reply.status_code == 200, reply.text
    found: list[tuple[Any, ...]] = []
    for sent in spoken(standin.requests[-1].body):
        for block in blocks_of(sent["content"]):
            match block["type"]:
                case "tool_use":
                    found.append(("call", block["id"], block["name"], block["input"]))
                case "tool_result":
                    parts = [part.get("text", part["type"]) for part in blocks_of(block["content"] or [])]
                    found.append(("result", block["tool_use_id"], *parts))
                case _:
                    found.append((sent["role"], block["text"]))
    return found, reply.headers.get("x-drawbridge-ignored", "")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("arguments", "result", "kept", "text"),
    [
        ("None", {"temp": 5}, {}, '{"temp": 5}'),
        ("{'a': True}", [1, None], {"a": True}, "[1, null]"),
        ([{"a": 1}], 5, {"a": 1}, "5"),
        ("undefined", True, {}, "true"),
        ([1, 2], [{"type": "file", "name": "x"}], {"INVALID_JSON": "[1, 2]"}, '[{"type": "file", "name": "x"}]'),
        ('{"a": "b', {}, {"INVALID_JSON": '{"a": "b'}, "{}"),
    ],
)
async def test_arguments_and_results_of_any_json(
    bridge: Bridge, standin: Standin, shape: str, arguments: object, result: object, kept: object, text: str
) -> None:
    found, ignored = await upstream(bridge, standin, SHAPES[shape](arguments, result))
    assert found == [("user", "Hi"), ("call", "c1", "look", kept), ("result", "c1", text)]
    assert ignored == ""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("call_id", "result_id", "kept"), [(7, "7", "7"), (7, 7, "7"), ("c1", None, "c1")])
async def test_ids_of_calls_that_are_numbers_or_missing(
    bridge: Bridge, standin: Standin, shape: str, call_id: object, result_id: object, kept: str
) -> None:
    found, ignored = await upstream(bridge, standin, SHAPES[shape]({}, "x", call_id=call_id, result_id=result_id))
    assert found == [("user", "Hi"), ("call", kept, "look", {}), ("result", kept, "x")]
    assert ignored == ""


@pytest.mark.parametrize("field", ["messages", "input"])
async def test_roles_of_other_apis(bridge: Bridge, standin: Standin, field: str) -> None:
    turns = [{"role": "Human", "content": "a"}, {"role": "model", "content": "b"}, {"role": "USER ", "content": "c"}]
    found, ignored = await upstream(bridge, standin, {field: turns})
    assert found == [("user", "a"), ("assistant", "b"), ("user", "c")]
    assert ignored == f"{field}[0].role (Human), {field}[1].role (model), {field}[2].role (USER)"


async def test_audio_in_the_history_does_not_end_the_conversation(bridge: Bridge, standin: Standin) -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    question = {"role": "user", "content": [audio]}
    reply = await bridge.post({"messages": [question]})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[0].content[0]")
    found, ignored = await upstream(bridge, standin, {"messages": [question, *messages("As text, then.")]})
    assert found == [("user", LEFT_OUT.format(kind="input_audio")), ("user", "As text, then.")]
    assert ignored == "messages[0].content[0] (input_audio)"


async def test_items_of_openais_own_tools(bridge: Bridge, standin: Standin) -> None:
    items = [
        HI,
        {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": []},
        {
            "type": "mcp_call",
            "id": "m1",
            "server_label": "s",
            "name": "roll",
            "arguments": '{"dice": 2}',
            "output": "7",
        },
        {"type": "item_reference", "id": "r"},
        {"type": "code_interpreter_call", "id": "i1", "code": "1", "outputs": [{"type": "logs", "logs": "1"}]},
        {"type": "image_generation_call", "id": "g1", "status": "completed", "result": PNG},
        {"type": "local_shell_call", "id": "x", "call_id": "s1", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "local_shell_call_output", "id": "s1", "output": "a.txt"},
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Done.", "annotations": []}]},
        {"role": "user", "content": "And?"},
    ]
    found, ignored = await upstream(bridge, standin, {"input": items})
    assert found == [
        ("user", "Hi"),
        ("call", "m1", "roll", {"dice": 2}),
        ("result", "m1", "7"),
        ("call", "i1", "code_interpreter", {"code": "1"}),
        ("result", "i1", '[{"type": "logs", "logs": "1"}]'),
        ("call", "g1", "image_generation", {}),
        ("result", "g1", "image"),
        ("call", "s1", "local_shell", {"type": "exec", "command": ["ls"]}),
        ("result", "s1", "a.txt"),
        ("assistant", "Done."),
        ("user", "And?"),
    ]
    assert ignored == "input[1] (mcp_list_tools), input[3] (item_reference), input[8] (web_search_call)"


async def test_fields_that_no_api_has_are_named(bridge: Bridge, standin: Standin) -> None:
    _, ignored = await upstream(bridge, standin, {"messages": [HI], "guided_json": {"type": "object"}, "top_a": 0.5})
    assert ignored == "guided_json, top_a"


async def test_the_first_ten_fields_that_no_api_has_are_named(bridge: Bridge, standin: Standin) -> None:
    odd = {f"odd_{number}": number + 1 for number in range(12)}
    _, ignored = await upstream(bridge, standin, {"messages": [HI], **odd})
    assert ignored == ", ".join(list(odd)[:10])


async def test_the_header_of_what_was_ignored_is_cut_after_1000_characters(bridge: Bridge, standin: Standin) -> None:
    turns = [{"role": "model" if number % 2 else "human", "content": "a"} for number in range(61)]
    _, ignored = await upstream(bridge, standin, {"messages": turns})
    assert ignored == ", ".join(f"messages[{number}].role ({turn['role']})" for number, turn in enumerate(turns))[:1000]
    assert len(ignored) == 1000


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("messages", {"messages": messages(*["w"] * 10_001)}),
        ("input", {"input": messages(*["w"] * 10_001)}),
        ("tools", {"messages": [HI], "tools": [tool(f"t{number}") for number in range(2_001)]}),
        ("tools", {"input": [HI], "tools": [{"type": "function", "name": f"t{number}"} for number in range(2_001)]}),
    ],
)
async def test_more_entries_than_the_limit_are_refused(
    bridge: Bridge, standin: Standin, field: str, body: dict[str, Any]
) -> None:
    reply = await bridge.post(body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, field), reply.text
    assert standin.requests == []


def sdk_call(id_: str) -> dict[str, Any]:
    return {"type": "tool-call", "toolCallId": id_, "toolName": "look", "args": {}}


def sdk_result(id_: str, value: object) -> dict[str, Any]:
    return {"type": "tool-result", "toolCallId": id_, "output": {"type": "json", "value": value}}


def item(id_: str, **more: str) -> dict[str, Any]:
    return {"type": "function_call", "role": "assistant", "call_id": id_, "name": "look", "arguments": "{}", **more}


def item_output(id_: str) -> dict[str, Any]:
    return {"type": "function_call_output", "role": "tool", "call_id": id_, "output": None, "result": [id_]}


@pytest.mark.parametrize(
    "body",
    [
        {
            "messages": [
                HI,
                {"role": "assistant", "content": [sdk_call("a"), sdk_call("b")]},
                {"role": "tool", "content": [sdk_result("b", ["b"]), sdk_result("a", ["a"])]},
            ]
        },
        {"input": [HI, item("a"), item("b"), item_output("b"), item_output("a")]},
    ],
)
async def test_parallel_results_in_other_forms_reach_their_calls(
    bridge: Bridge, standin: Standin, body: dict[str, Any]
) -> None:
    found, ignored = await upstream(bridge, standin, body)
    assert found[:3] == [("user", "Hi"), ("call", "a", "look", {}), ("call", "b", "look", {})]
    assert found[3:] == [("result", "a", "a"), ("result", "b", "b")]
    assert ignored == ""
