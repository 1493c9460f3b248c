"""The official Python client on the Responses API: tools, forms, pictures, stored responses, thoughts that return."""

import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai.types.responses import CompactedResponse, Response
from PIL import Image
from pydantic import BaseModel

from server.standin.script import Pause, Reply, Script, Text, Thinking, Usage, call, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, conversation_of, open_bridge
from tests.whole.calling import FORM, QUESTION, VERDICT, WHOLE_STORY, Forecaster, blocks_of, form_of, offered, spoken

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

DEGREES = {"Paris": "21", "Oslo": "9"}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PAIR = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
TOOLS: list[Any] = [
    {"type": "function", "name": "get_weather", "description": "In degrees.", "parameters": CITY, "strict": False},
    {"type": "function", "name": "difference", "description": "a less b", "parameters": PAIR, "strict": False},
]
LOOK: list[Any] = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]


class Report(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(running: Bridge) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=running.url, api_key="anything", max_retries=0) as made:
        yield made


def strict(response: Response) -> Response:
    """The response, checked against its own type: the client itself builds it without a check."""
    Response.model_validate(response.to_dict(), strict=True)
    return response


def results_of(response: Response) -> list[Any]:
    """The results of the response's calls."""
    results: list[Any] = []
    for item in response.output:
        if item.type == "function_call":
            given = json.loads(item.arguments)
            result = DEGREES[given["city"]] if item.name == "get_weather" else str(given["a"] - given["b"])
            results.append({"type": "function_call_output", "call_id": item.call_id, "output": result})
    return results


async def answered(client: openai.AsyncOpenAI, *, is_streamed: bool, **asked: Any) -> Response:
    """One response, whole or put together by the client from its stream."""
    if not is_streamed:
        return strict(await client.responses.create(model="sonnet", **asked))
    async with client.responses.stream(model="sonnet", **asked) as stream:
        return strict(await stream.get_final_response())


async def test_text_streamed_and_whole(client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say("Hel", "lo", "!", usage=Usage(10, 2, 3, 5, 0)))
    asked: dict[str, Any] = {"model": "sonnet", "instructions": "Be terse.", "input": "hi"}
    async with client.responses.stream(**asked) as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = strict(await stream.get_final_response())
    assert deltas == ["Hel", "lo", "!"]
    whole = strict(await client.responses.create(**asked))
    for response in (final, whole):
        assert (response.output_text, response.status) == ("Hello!", "completed")
        assert response.usage
        assert (response.usage.input_tokens, response.usage.output_tokens) == (15, 5)
        assert response.usage.input_tokens_details.cached_tokens == 3
    for request in standin.requests:
        assert conversation_of(request.body) == [("user", "hi")]
        assert request.body["system"][-1]["text"] == "Be terse."  # type: ignore[index]


@pytest.mark.parametrize("is_stored", [True, False], ids=["continued by id", "sent whole"])
@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
async def test_a_tool_loop_ends_in_words_made_of_the_results(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin, is_streamed: bool, is_stored: bool
) -> None:
    claude = Forecaster()
    standin.script(claude)
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    response = await answered(client, is_streamed=is_streamed, input=items, tools=TOOLS, store=is_stored)
    while results := results_of(response):
        if is_stored:
            more: dict[str, Any] = {"input": results, "previous_response_id": response.id}
        else:
            items += [*(item.to_dict() for item in response.output), *results]
            more = {"input": items}
        response = await answered(client, is_streamed=is_streamed, tools=TOOLS, store=is_stored, **more)
    assert response.output_text == VERDICT
    assert len(standin.requests) == 3
    for request in standin.requests:
        assert list(offered(request.body)) == ["get_weather", "difference"]
    assert claude.steps(standin.requests[-1].body) == WHOLE_STORY


async def test_an_answer_is_parsed_into_the_callers_own_class(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    standin.script(Forecaster())
    asked: dict[str, Any] = {"model": "sonnet", "input": "Oslo, as JSON", "text_format": Report}
    assert (await client.responses.parse(**asked)).output_parsed == Report(**FORM)
    async with client.responses.stream(**asked) as stream:
        assert (await stream.get_final_response()).output_parsed == Report(**FORM)
    for request in standin.requests:
        assert form_of(request.body)["properties"].keys() == {"city", "degrees"}


async def test_a_picture_arrives_as_a_picture_also_in_a_result(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "high"}
    words = {"type": "input_text", "text": "What is this?"}
    items: list[Any] = [
        {"role": "user", "content": [words, picture]},
        {"type": "function_call", "call_id": "toolu_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "toolu_1", "output": [picture]},
    ]
    await client.responses.create(model="sonnet", input=items, tools=LOOK)
    first, _, last = spoken(standin.requests[0].body)
    expected = {"type": "base64", "media_type": "image/png", "data": data}
    assert blocks_of(first["content"])[1]["source"] == expected
    (result,) = [block for block in blocks_of(last["content"]) if block["type"] == "tool_result"]
    assert result["content"][0]["source"] == expected


def thoughtful(recorded: Recorded) -> Script:
    """Thinks and calls, then answers."""
    if len(spoken(recorded.body)) > 1:
        return say("Seen.")
    return Reply((Thinking(("The user ", "wants it.")), Text(("Wait.",)), call("look", {})), stop_reason="tool_use")


async def test_sealed_thoughts_return_to_claude_signed_also_after_a_restart(
    client: openai.AsyncOpenAI, standin: Standin, folder: Path
) -> None:
    standin.script(thoughtful)
    asked: dict[str, Any] = {
        "model": "sonnet",
        "tools": LOOK,
        "store": False,
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    items: list[Any] = [{"role": "user", "content": "Look."}]
    async with open_bridge(standin, folder) as bridge:
        first = strict(await client.with_options(base_url=bridge.url).responses.create(input=items, **asked))
    reasoning, _, called = first.output
    assert reasoning.type == "reasoning"
    assert [part.text for part in reasoning.summary] == ["The user wants it."]
    assert called.type == "function_call"
    items += [item.to_dict() for item in first.output]
    items.append({"type": "function_call_output", "call_id": called.call_id, "output": "a bridge"})
    async with open_bridge(standin, folder) as bridge:
        second = await client.with_options(base_url=bridge.url).responses.create(input=items, **asked)
    assert second.output_text == "Seen."
    assert len(standin.requests) == 2
    thought, text, use = blocks_of(spoken(standin.requests[-1].body)[1]["content"])
    assert (thought["type"], thought["thinking"]) == ("thinking", "The user wants it.")
    assert thought["signature"] == Thinking(()).signature
    assert (text["type"], use["type"]) == ("text", "tool_use")


async def test_items_are_found_by_reference_and_the_worker_continues(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    standin.script(say("Hel", "lo."))
    first = await client.responses.create(model="sonnet", input="hi")
    hi: Any = {"role": "user", "content": "hi"}
    reference: Any = {"type": "item_reference", "id": first.output[0].id}
    asked: dict[str, Any] = {"model": "sonnet", "input": [hi, reference, {"role": "user", "content": "again"}]}
    raw = await client.responses.with_raw_response.create(**asked)
    assert raw.headers["x-drawbridge-way"] == "continued"
    assert conversation_of(standin.requests[-1].body) == [("user", "hi"), ("assistant", "Hello."), ("user", "again")]
    listed = [item async for item in client.responses.input_items.list(raw.parse().id, order="asc")]
    assert [item.type for item in listed] == ["message", "message", "message"]
    assert (await client.responses.retrieve(first.id)).output_text == "Hello."
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="sonnet", input="and?", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"
    with pytest.raises(openai.BadRequestError, match="background"):
        await client.responses.cancel(raw.parse().id)


def ending(recorded: Recorded) -> Script:
    """Ends as the question says: at the limit, refused, or with a summary."""
    text = conversation_of(recorded.body)[-1][1]
    if "Count." in text:
        # Time to end Claude Code, which would otherwise continue by itself.
        return say("One, two", stop_reason="max_tokens", before_stop=(Pause(5),))
    return refuse(400, "the client asked for it") if "fail" in text else say("They greeted.")


async def test_a_limit_a_refusal_and_a_compaction(client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin) -> None:
    standin.script(ending)
    short = strict(await client.responses.create(model="sonnet", input="Count.", max_output_tokens=16))
    assert (short.status, short.output_text) == ("incomplete", "One, two")
    assert short.incomplete_details
    assert short.incomplete_details.reason == "max_output_tokens"
    assert standin.requests[-1].body["max_tokens"] == 16
    with pytest.raises(openai.BadRequestError, match="the client asked for it"):
        await client.responses.create(model="sonnet", input="fail")
    items: list[Any] = [{"role": "user", "content": "hi"}, {"type": "compaction_trigger"}]
    (item,) = strict(await client.responses.create(model="sonnet", input=items)).output
    assert item.type == "compaction"
    again: list[Any] = [item.to_dict(), {"role": "user", "content": "Go on."}]
    await client.responses.create(model="sonnet", input=again)
    ((role, told),) = conversation_of(standin.requests[-1].body)
    assert role == "user"
    assert told.endswith("\n\nThey greeted.|Go on.")


async def test_a_compacted_window_and_a_token_count(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    standin.script(ending)
    counted = await client.responses.input_tokens.with_raw_response.count(model="sonnet", input="hi " * 70)
    assert counted.headers["x-drawbridge-count"] == "estimate"
    assert 50 < counted.parse().input_tokens < 100
    assert not standin.requests
    history: list[Any] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello."}]
    window = await client.responses.compact(model="sonnet", input=history)
    CompactedResponse.model_validate(window.to_dict(), strict=True)
    assert [role for role, _ in conversation_of(standin.requests[-1].body)] == ["user", "assistant", "user"]
    again: list[Any] = [*(item.to_dict() for item in window.output), {"role": "user", "content": "Go on."}]
    await client.responses.create(model="sonnet", input=again)
    ((_, told),) = conversation_of(standin.requests[-1].body)
    assert told.endswith("\n\nThey greeted.|Go on.")
