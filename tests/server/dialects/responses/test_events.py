"""The events of a streamed response, in their order, and the response object inside them."""

from typing import Any

import pytest

from server.conversation.events import Event, Failed, StopReason
from server.errors import WorkerDied
from tests.server.dialects.answers import answer, call, text, thinking
from tests.server.dialects.bodies import CUSTOM, FLAT
from tests.server.dialects.responses.kit import strict_event, strict_response
from tests.server.dialects.responses.scene import open_scene

WHOLE = answer(
    thinking(0, "A ", "sum."), text(1, "Wa", "it."), call(2, "look", "{}"), call(3, "patch", '{"input": "+a"}')
)
NAMESPACE = {
    "type": "namespace",
    "name": "agents",
    "description": "Other agents.",
    "tools": [{"type": "function", "name": "spawn", "description": "Starts one.", "parameters": {"type": "object"}}],
}


def kinds(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


async def test_the_whole_sequence() -> None:
    async with open_scene(WHOLE) as scene:
        events = await scene.stream("Hi", reasoning={"summary": "auto", "effort": "high"}, tools=[FLAT, CUSTOM])
    for number, event in enumerate(events):
        assert event["sequence_number"] == number
        strict_event(event)
    assert kinds(events) == [
        *("created", "in_progress"),
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done"),
        "output_item.done",
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
        *("output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"),
        "completed",
    ]
    output = events[-1]["response"]["output"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert [event["item"] for event in done] == output
    assert [event["output_index"] for event in done] == [0, 1, 2, 3]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "custom_tool_call"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "A sum."}]
    assert output[2]["call_id"] == "toolu_2"
    assert (output[3]["name"], output[3]["input"]) == ("patch", "+a")
    items = {event["item_id"] for event in events if "item_id" in event}
    assert items == {item["id"] for item in output}
    opened = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [item["id"] for item in opened] == [item["id"] for item in output]
    assert (opened[1]["content"], opened[2]["arguments"], opened[3]["input"]) == ([], "", "")
    assert all(item.get("status", "in_progress") == "in_progress" for item in opened)


async def test_the_response_repeats_the_request() -> None:
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}
    fields = {
        "instructions": "Be brief.",
        "max_output_tokens": 64,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low", "summary": "concise"},
        "text": {"format": form, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "look"},
        "tools": [FLAT, CUSTOM, NAMESPACE, {"type": "web_search"}],
        "user": "u",
    }
    async with open_scene(answer(call(0, "look", "{}"))) as scene:
        body = await scene.ask("Hi", **fields)
        strict_response(body)
        expected_tools = [{**FLAT, "strict": False}, CUSTOM, NAMESPACE, {"type": "web_search"}]
        assert {name: body[name] for name in fields} == {**fields, "tools": expected_tools}
        assert (body["status"], body["model"], body["store"]) == ("completed", "sonnet", True)
        assert body["usage"] == {
            "input_tokens": 15,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 22,
        }
        odd = {
            "instructions": [{"type": "text", "text": "Be brief."}],
            "metadata": [],
            "reasoning": "high",
            "text": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            "tool_choice": "default",
        }
        strict_response(await scene.ask("Hi", **odd))


async def test_reasoning_is_an_item_only_for_clients_that_know_it() -> None:
    answered = answer(thinking(0, "Hm."), text(1, "Hello."))
    async with open_scene(answered) as scene:
        plain = await scene.ask("Hi")
        assert [item["type"] for item in plain["output"]] == ["message"]
        for fields in ({"reasoning": {"effort": "low"}}, {"include": ["reasoning.encrypted_content"]}):
            body = await scene.ask("Hi", **fields)
            assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
            assert body["output"][0]["encrypted_content"].startswith("db1.")


async def test_sealed_reasoning_returns_as_claudes_own_thinking() -> None:
    async with open_scene(WHOLE) as scene:
        fields: dict[str, Any] = {"tools": [FLAT, CUSTOM], "store": False, "include": ["reasoning.encrypted_content"]}
        output = (await scene.stream("Hi", **fields))[-1]["response"]["output"]
        results = [
            {"type": "function_call_output", "call_id": "toolu_2", "output": "a"},
            {"type": "custom_tool_call_output", "call_id": "toolu_3", "output": "b"},
        ]
        # As Codex sends it back.
        returned = [{**output[0], "content": None}, *output[1:]]
        await scene.ask([{"role": "user", "content": "Hi"}, *returned, *results], **fields)
        first, *others = scene.last.messages[1].parts
        assert (first.text, first.signature, first.model) == ("A sum.", "seal", "claude-sonnet-5")  # type: ignore[union-attr]
        assert [type(part).__name__ for part in others] == ["Text", "ToolCall", "ToolCall"]
        assert not scene.last.ignored
        foreign = {**output[0], "encrypted_content": "gAAAAABexample"}
        await scene.ask([{"role": "user", "content": "Hi"}, foreign, *output[1:], *results], **fields)
        assert [type(part).__name__ for part in scene.last.messages[1].parts] == ["Text", "ToolCall", "ToolCall"]
        assert scene.last.ignored == ("input[1] (reasoning)",)


@pytest.mark.parametrize("reason", [StopReason.LENGTH, StopReason.REFUSAL])
async def test_an_answer_that_was_cut_is_incomplete(reason: StopReason) -> None:
    cut = answer(text(0, "Once."), call(1, "patch", '{"input": "rm -r'), reason=reason)
    async with open_scene(cut) as scene:
        events = await scene.stream("Hi", tools=[CUSTOM])
    response = events[-1]["response"]
    strict_event(events[-1])
    why = "max_output_tokens" if reason is StopReason.LENGTH else "content_filter"
    assert (events[-1]["type"], response["incomplete_details"]) == ("response.incomplete", {"reason": why})
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    # Clients run a call when it is done.
    done = [event["item"]["type"] for event in events if event["type"] == "response.output_item.done"]
    assert done == ["message"]
    async with open_scene(answer(text(0, "Once"), reason=reason)) as scene:
        (item,) = ((await scene.stream("Hi"))[-2]["item"],)
    assert (item["type"], item["status"]) == ("message", "incomplete")


async def test_a_message_that_did_not_finish_is_not_done() -> None:
    failed: list[Event] = [*answer(call(0, "look", "{}"), text(1, "Hel"))[:-2], Failed(WorkerDied("It died."))]
    async with open_scene(failed) as scene:
        events = await scene.stream("Hi", tools=[FLAT])
    done = [event["item"]["type"] for event in events if event["type"] == "response.output_item.done"]
    assert done == ["function_call"]
    assert events[-1]["type"] == "response.failed"
    strict_event(events[-1])
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["function_call"]
    assert events[-1]["response"]["error"]["code"] == "server_error"
