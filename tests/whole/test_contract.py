"""Validates what the whole product replies against OpenAI's published schema and the models of its own client."""

from collections.abc import Callable
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server.standin.script import Reply, Script, Text, Thinking, call, say
from server.standin.server import Standin
from server.web.openapi.chat_request import REQUEST_EXAMPLES
from tests.server.dialects.openai_api import published
from tests.whole.bridge import Bridge, data_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLING = Reply(
    (Thinking(("Look ", "first.")), Text(("I look.",)), call("get_weather", {"place": "Paris"})), stop_reason="tool_use"
)
ANSWERS: dict[str, Script] = {
    "short": say("Bonjour", "!"),
    "tools": CALLING,
    "json_schema": say('{"name": "Ada Lovelace",', ' "age": 36}'),
    "several": say("One."),
    "image": say("Red."),
}


def request_named(name: str) -> dict[str, Any]:
    return dict(REQUEST_EXAMPLES[name]["value"])


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_whole_reply_is_openais(bridge: Bridge, standin: Standin, name: str) -> None:
    standin.script(lambda _: ANSWERS[name])
    reply = await bridge.post(request_named(name))
    assert reply.status_code == 200, reply.text
    ChatCompletion.model_validate(reply.json(), strict=True)
    assert len(reply.json()["choices"]) == request_named(name).get("n", 1)
    published("CreateChatCompletionResponse")(reply.json())


@pytest.mark.parametrize("name", ANSWERS)
async def test_every_chunk_is_openais(bridge: Bridge, standin: Standin, name: str) -> None:
    standin.script(lambda _: ANSWERS[name])
    body = {**request_named(name), "stream": True, "stream_options": {"include_usage": True}}
    async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
        chunks = data_of([line async for line in response.aiter_lines() if line])
    assert chunks[-1]["usage"]["total_tokens"]
    check: Callable[[object], None] = published("CreateChatCompletionStreamResponse")
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        check(chunk)
