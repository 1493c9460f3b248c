"""Anthropic's own Python client, unmodified, against the real server."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from anthropic.types import Message

from server.standin.script import Cut, Gate, Hold, RedactedThinking, Reply, Text, Thinking, refuse, say
from server.standin.server import Standin
from tests.pictures import PNG
from tests.whole.bridge import Bridge
from tests.whole.calling import QUESTION, VERDICT, WHOLE_STORY, Forecaster, blocks_of, offered, spoken

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

DEGREES = {"Paris": "21", "Oslo": "9"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PAIR = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
TOOLS: list[Any] = [
    {"name": "get_weather", "description": "In degrees.", "input_schema": CITY},
    {"name": "difference", "input_schema": PAIR, "type": "custom", "cache_control": {"type": "ephemeral"}},
]
ASKED: dict[str, Any] = {"model": "sonnet", "max_tokens": 900, "messages": [{"role": "user", "content": "hi"}]}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(running: Bridge) -> AsyncIterator[anthropic.AsyncAnthropic]:
    url = running.url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=url, api_key="anything", max_retries=0) as made:
        yield made


async def answered(client: anthropic.AsyncAnthropic, *, is_streamed: bool, **fields: Any) -> Message:
    """One answer, whole or put together by the client from its stream."""
    asked = {**ASKED, **fields}
    if not is_streamed:
        return await client.messages.create(**asked)  # type: ignore[no-any-return] # of untyped arguments
    async with client.messages.stream(**asked) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
async def test_text_and_usage(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin, is_streamed: bool
) -> None:
    standin.script(say("Hel", "lo", "!"))
    system = [{"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral"}}]
    message = await answered(client, is_streamed=is_streamed, system=system)
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello!"}]
    assert (message.stop_reason, message.role, message.type) == ("end_turn", "assistant", "message")
    assert message.model.startswith("claude-sonnet")
    assert message.id.startswith("msg_")
    usage = message.usage
    counts = usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens, usage.output_tokens
    assert counts == (10, 2, 3, 5)
    (request,) = standin.requests
    body: Any = request.body
    assert "Be terse." in [block["text"] for block in body["system"]]


async def test_a_stream_arrives_in_its_deltas(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    standin.script(say("Hel", "lo", "!"))
    async with client.messages.stream(**ASKED) as stream:
        assert [text async for text in stream.text_stream] == ["Hel", "lo", "!"]
    raw = await client.messages.with_raw_response.create(**ASKED)
    assert raw.headers["request-id"] == raw.headers["x-request-id"]


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
async def test_a_tool_loop_ends_in_text_made_of_the_results(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin, is_streamed: bool
) -> None:
    claude = Forecaster()
    standin.script(claude)
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    while True:
        message = await answered(client, is_streamed=is_streamed, messages=messages, tools=TOOLS)
        if message.stop_reason != "tool_use":
            break
        messages.append(message.to_param())
        calls = [block for block in message.content if block.type == "tool_use"]
        messages.append({"role": "user", "content": [_result(call.id, call.name, call.input) for call in calls]})
    assert message.content[0].to_dict() == {"type": "text", "text": VERDICT}
    assert len(standin.requests) == 3
    assert claude.steps(standin.requests[-1].body) == WHOLE_STORY
    for request in standin.requests:
        schemas = {name: tool["input_schema"] for name, tool in offered(request.body).items()}
        assert schemas == {"get_weather": CITY, "difference": PAIR}


def _result(id_: str, name: str, arguments: Any) -> dict[str, Any]:
    text = DEGREES[arguments["city"]] if name == "get_weather" else str(arguments["a"] - arguments["b"])
    return {"type": "tool_result", "tool_use_id": id_, "content": [{"type": "text", "text": text}]}


async def test_thinking_comes_with_its_signature_and_goes_back(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    standin.script(Reply((Thinking(("Hm", ".")), RedactedThinking(), Text(("Hello.",)))))
    asked = {"model": "opus", "thinking": {"type": "adaptive"}}
    message = await answered(client, is_streamed=True, **asked)
    thinking, redacted, text = (block.to_dict() for block in message.content)
    assert (thinking["thinking"], thinking["signature"]) == ("Hm.", Thinking(()).signature)
    assert redacted == {"type": "redacted_thinking", "data": RedactedThinking().data}
    assert text == {"type": "text", "text": "Hello."}
    history: list[Any] = [*ASKED["messages"], message.to_param(), {"role": "user", "content": "And?"}]
    await answered(client, is_streamed=False, **{**asked, "messages": history})
    shown = [block["type"] for block in spoken(standin.requests[-1].body)[1]["content"]]
    assert shown == ["thinking", "redacted_thinking", "text"]
    hidden = await answered(client, is_streamed=True, model="opus")
    assert [block.type for block in hidden.content] == ["text"]


async def test_pictures_and_documents_arrive(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    standin.script(say("Seen."))
    data = base64.b64encode(PNG).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    document = {
        "type": "document",
        "title": "Notes",
        "source": {"type": "text", "media_type": "text/plain", "data": "Paris is warm."},
    }
    question = {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "user", "content": [image, document, question]}]
    await answered(client, is_streamed=True, messages=messages)
    (message,) = spoken(standin.requests[0].body)
    sent = [
        {name: value for name, value in b.items() if name != "cache_control"} for b in blocks_of(message["content"])
    ]
    assert sent[:2] == [image, document]
    assert sent[2]["text"] == "What is this?"


async def test_an_answer_ends_at_a_stop_sequence_which_is_named(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    standin.script(lambda _: say("One", stop_reason="stop_sequence", stop_sequence=", two"))
    for is_streamed in (True, False):
        message = await answered(client, is_streamed=is_streamed, stop_sequences=[", two"])
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", ", two")
    assert standin.requests[0].body["stop_sequences"] == [", two"]
    assert standin.requests[0].body["max_tokens"] == 900


@pytest.mark.parametrize(
    ("status", "raised", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_an_error_of_the_api_is_the_clients_own(
    client: anthropic.AsyncAnthropic,
    bridge: Bridge,
    standin: Standin,
    status: int,
    raised: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    standin.script(lambda _: refuse(status, "the test wants it"))
    # Claude Code has its own text for a model that the API does not know.
    text = "the selected model" if status == 404 else "the test wants it"
    with pytest.raises(raised, match=text) as caught:
        await client.messages.create(**ASKED)
    assert (caught.value.status_code, caught.value.type) == (status, kind)
    assert caught.value.request_id


async def test_a_stream_that_breaks_off_raises(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    gate = Gate()
    standin.script(lambda _: say("Hel", Hold(gate), Cut()))
    async with client.messages.stream(**ASKED) as stream:
        texts = aiter(stream.text_stream)
        assert await anext(texts) == "Hel"
        gate.open()
        with pytest.raises(anthropic.APIStatusError, match="ended early"):
            await anext(texts)


async def test_a_client_that_closes_its_stream_cancels_the_answer(
    client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin
) -> None:
    standin.script(say("Hel", Hold(Gate())))
    async with client.messages.stream(**ASKED) as stream:
        async for text in stream.text_stream:
            assert text == "Hel"
            break
    await standin.requests[0].client_disconnected()


async def test_a_wrong_field_is_named(client: anthropic.AsyncAnthropic, bridge: Bridge, standin: Standin) -> None:
    content: Any = [{"type": "hologram"}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[0\]\.type"):
        await client.messages.create(**{**ASKED, "messages": [{"role": "user", "content": content}]})
    assert standin.requests == []


async def test_the_key_in_either_header(bridge: Bridge, standin: Standin) -> None:
    """Without a required key any key is accepted, as `x-api-key` and as a bearer token."""
    for path in ("/messages", "/v1/messages", "/v1/v1/messages?beta=true"):
        url = bridge.url.removesuffix("/v1") + path
        for headers in ({"x-api-key": "x"}, {"authorization": "Bearer x"}):
            reply = await bridge.client.post(url, json=ASKED, headers={**headers, "anthropic-version": "2023-06-01"})
            assert (reply.status_code, json.loads(reply.content)["type"]) == (200, "message")
