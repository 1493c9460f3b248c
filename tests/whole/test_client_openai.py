"""The official Python client with all that a chat request can say: tools, forms, pictures, several answers, limits."""

import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionMessage
from PIL import Image
from pydantic import BaseModel

from server.standin.script import Pause, Script, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.calling import FORM, QUESTION, VERDICT, WHOLE_STORY, Forecaster, blocks_of, form_of, offered, spoken

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

DEGREES = {"Paris": "21", "Oslo": "9"}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Its name, 都市名"}},
    "required": ["city"],
    "additionalProperties": False,
}
PAIR = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "get_weather", "description": "In degrees.", "parameters": CITY}},
    {"type": "function", "function": {"name": "difference", "description": "a less b", "parameters": PAIR}},
]


class Report(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(running: Bridge) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=running.url, api_key="anything", max_retries=0) as made:
        yield made


def used(name: str, arguments: str) -> str:
    """What the client's tools say."""
    given = json.loads(arguments)
    return DEGREES[given["city"]] if name == "get_weather" else str(given["a"] - given["b"])


def with_results(message: ChatCompletionMessage) -> list[Any]:
    """The answer, and the results of its calls."""
    turns: list[Any] = [message.to_dict()]
    for call in message.tool_calls or ():
        assert call.type == "function"
        result = used(call.function.name, call.function.arguments)
        turns.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return turns


async def answered(client: openai.AsyncOpenAI, messages: list[Any], *, is_streamed: bool) -> ChatCompletionMessage:
    """One answer, whole or put together by the client from its stream."""
    if not is_streamed:
        whole = await client.chat.completions.create(model="sonnet", messages=messages, tools=TOOLS)
        return whole.choices[0].message
    async with client.chat.completions.stream(model="sonnet", messages=messages, tools=TOOLS) as stream:
        return (await stream.get_final_completion()).choices[0].message


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
async def test_a_tool_loop_ends_in_words_made_of_the_results(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin, is_streamed: bool
) -> None:
    claude = Forecaster()
    standin.script(claude)
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    while (message := await answered(client, messages, is_streamed=is_streamed)).tool_calls:
        messages += with_results(message)
    assert message.content == VERDICT
    assert len(standin.requests) == 3
    for request in standin.requests:
        assert list(offered(request.body).values()) == [
            {"name": "get_weather", "description": "In degrees.", "input_schema": CITY},
            {"name": "difference", "description": "a less b", "input_schema": PAIR},
        ]
    assert claude.steps(standin.requests[-1].body) == WHOLE_STORY


async def test_a_tool_loop_survives_restarts_of_the_server(
    client: openai.AsyncOpenAI, standin: Standin, folder: Path
) -> None:
    claude = Forecaster()
    standin.script(claude)
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    for _ in range(3):
        async with open_bridge(standin, folder) as bridge:
            message = await answered(client.with_options(base_url=bridge.url), messages, is_streamed=True)
        messages += with_results(message)
    assert message.content == VERDICT
    assert len(standin.requests) == 3
    assert claude.steps(standin.requests[-1].body) == WHOLE_STORY


async def test_an_answer_is_parsed_into_the_callers_own_class(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    standin.script(Forecaster())
    asked: dict[str, Any] = {"model": "sonnet", "messages": [{"role": "user", "content": "Oslo, as JSON"}]}
    parsed = await client.chat.completions.parse(**asked, response_format=Report)
    assert parsed.choices[0].message.parsed == Report(**FORM)
    async with client.chat.completions.stream(**asked, response_format=Report) as stream:
        assert (await stream.get_final_completion()).choices[0].message.parsed == Report(**FORM)
    for request in standin.requests:
        assert form_of(request.body)["properties"].keys() == {"city", "degrees"}


async def test_a_picture_in_a_data_url_arrives_as_a_picture(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    parts: list[Any] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}", "detail": "low"}},
    ]
    await client.chat.completions.create(model="sonnet", messages=[{"role": "user", "content": parts}])
    (message,) = spoken(standin.requests[0].body)
    words, picture = blocks_of(message["content"])
    assert words["text"] == "What is this?"
    assert picture["type"] == "image"
    assert picture["source"] == {"type": "base64", "media_type": "image/png", "data": data}


async def test_two_answers_are_two_answers(client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin) -> None:
    standin.script(say("Heads."), say("Tails."))
    asked: dict[str, Any] = {"model": "sonnet", "messages": [{"role": "user", "content": "Toss a coin."}], "n": 2}
    both = await client.chat.completions.create(**asked)
    assert [choice.index for choice in both.choices] == [0, 1]
    assert {choice.message.content for choice in both.choices} == {"Heads.", "Tails."}
    assert both.usage
    assert both.usage.completion_tokens == 10
    standin.script(say("He", "ads."), say("Ta", "ils."))
    async with client.chat.completions.stream(**asked) as stream:
        streamed = await stream.get_final_completion()
    assert {choice.message.content for choice in streamed.choices} == {"Heads.", "Tails."}


def cut_short(recorded: Recorded) -> Script:
    """Ends at the stop sequence or at the token limit of the request."""
    if "stop_sequences" in recorded.body:
        return say("One, two", stop_reason="stop_sequence", stop_sequence=", three")
    # Time to end Claude Code, which would otherwise continue by itself.
    return say("One, two", stop_reason="max_tokens", before_stop=(Pause(5),))


async def test_an_answer_ends_where_its_caller_wants_it(
    client: openai.AsyncOpenAI, bridge: Bridge, standin: Standin
) -> None:
    standin.script(cut_short)
    messages: list[Any] = [{"role": "user", "content": "Count."}]
    stopped = await client.chat.completions.create(model="sonnet", messages=messages, stop=[", three", "!"])
    short = await client.chat.completions.create(model="sonnet", messages=messages, max_tokens=7)
    shorter = await client.chat.completions.create(model="sonnet", messages=messages, max_completion_tokens=5)
    reasons = [answer.choices[0].finish_reason for answer in (stopped, short, shorter)]
    assert reasons == ["stop", "length", "length"]
    first, second, third = (request.body for request in standin.requests)
    assert first["stop_sequences"] == [", three", "!"]
    assert (second["max_tokens"], third["max_tokens"]) == (7, 5)
    assert "stop_sequences" not in second
