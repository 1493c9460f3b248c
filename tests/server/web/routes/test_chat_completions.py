import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from server.conversation.events import Event, Failed, Finished, PartDelta, Started, StopReason
from server.conversation.request import ModelRequest
from server.errors import DrawbridgeError, PromptTooLong, QueueTimeout, SignInNeeded, UsageLimit, WorkerSilent
from tests.server.web.scene import ASK, NOW, FakeEngine, client, served

STREAM = {**ASK, "stream": True}


def failing(error: Exception) -> FakeEngine:
    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        for _number in range(1):
            raise error
        yield Started("never")

    return FakeEngine(answer)


def frames(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/chat/completions/",
        "/api/v1/chat/completions",
        "/chat/completions",
        "/v1/v1/chat/completions",
        "/api/v1/v1/chat/completions",
        "/v1//chat/completions",
    ],
)
async def test_an_answer_under_every_spelling_of_the_path(path: str) -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        reply = await c.post(path, json=ASK)
    assert reply.status_code == 200
    answer = reply.json()
    assert answer["choices"][0]["message"]["content"] == "Bonjour"
    assert answer["created"] == int(NOW)
    assert answer["id"].startswith("chatcmpl-")
    assert answer["model"] == "sonnet"
    assert reply.headers["x-drawbridge-cost-usd"] == "0.012500"
    assert reply.headers["x-drawbridge-way"] == "process"
    assert engine.closed == engine.opened == 1


async def test_a_streamed_answer_has_the_same_content() -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        reply = await c.post("/v1/chat/completions", json={**STREAM, "stream_options": {"include_usage": True}})
    *given, done = frames(reply.text)
    assert done == "[DONE]"
    assert reply.text.startswith("data: ")
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in given if c["choices"]) == "Bonjour"
    assert given[-1]["usage"]["total_tokens"] == 5
    assert len({chunk["id"] for chunk in given}) == 1
    assert engine.closed == 1


async def test_two_answers_have_two_ids() -> None:
    async with client(served(FakeEngine())) as c:
        first, second = [(await c.post("/v1/chat/completions", json=ASK)).json()["id"] for _ in range(2)]
    assert first != second


async def test_the_requested_model_is_echoed_or_else_the_default() -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        requested = await c.post("/v1/chat/completions", json={**ASK, "model": "gpt-4o-mini"})
        silent = await c.post("/v1/chat/completions", json={"messages": ASK["messages"]})
    assert [reply.json()["model"] for reply in (requested, silent)] == ["gpt-4o-mini", "sonnet"]
    assert requested.headers["x-drawbridge-model"] == "claude-sonnet-5"
    assert engine.requests[0].model == "gpt-4o-mini"


async def test_fields_without_effect_are_named() -> None:
    async with client(served(FakeEngine())) as c:
        some = await c.post("/v1/chat/completions", json={**ASK, "temperature": 0.3, "seed": 7})
        none = await c.post("/v1/chat/completions", json=ASK)
    assert {"temperature", "seed"} <= set(some.headers["x-drawbridge-ignored"].split(", "))
    assert "x-drawbridge-ignored" not in none.headers


@pytest.mark.parametrize("body", [ASK, STREAM])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PromptTooLong(), 400, "context_length_exceeded"),
        (SignInNeeded(), 401, None),
        (UsageLimit(retry_after_s=7200), 429, "insufficient_quota"),
        (QueueTimeout(retry_after_s=4), 503, None),
        (WorkerSilent(), 504, None),
    ],
)
async def test_a_failure_has_its_true_status_streamed_or_not(
    body: dict[str, object], error: DrawbridgeError, status: int, code: str | None
) -> None:
    engine = failing(error)
    async with client(served(engine)) as c:
        reply = await c.post("/v1/chat/completions", json=body)
    assert reply.status_code == status
    assert error.message in reply.json()["error"]["message"]
    assert code is None or reply.json()["error"]["code"] == code
    assert ("retry-after" in reply.headers) == (getattr(error, "retry_after_s", None) is not None)
    assert engine.closed == 1


@pytest.mark.parametrize("body", [ASK, STREAM])
async def test_a_bug_is_a_500_without_details_and_a_log_line_without_the_request(
    body: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "server")
    async with client(served(failing(LookupError("Hello? and more of the prompt")))) as c:
        reply = await c.post("/v1/chat/completions", json=body)
    assert reply.status_code == 500
    assert "x-request-id" in reply.json()["error"]["message"]
    assert "prompt" not in reply.text + caplog.text
    assert "Hello" not in reply.text + caplog.text
    assert "LookupError" in caplog.text
    assert Path(__file__).name in caplog.text


async def test_a_failure_in_a_stream_is_one_error_without_an_end_mark() -> None:
    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("m")
        yield PartDelta(0, "half")
        yield Failed(WorkerSilent())

    async with client(served(FakeEngine(answer))) as c:
        reply = await c.post("/v1/chat/completions", json=STREAM)
    assert reply.status_code == 200
    assert frames(reply.text)[-1]["error"]["message"].startswith("Claude sent nothing")
    assert "[DONE]" not in reply.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON"),
        (b'{"messages": [', "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b'{"x": "\xc3\x28"}', "not valid JSON"),
        (b'{"temperature": NaN}', "NaN"),
        (b"[" * 100_000, "nested"),
        (b"9" * 5000, "too many digits"),
        (b'{"temperature": 1e999}', "too large"),
        (b"[]", "JSON object"),
        (b"{}", "messages"),
        (b'{"messages": "hush-hush"}', "messages"),
    ],
)
async def test_an_invalid_body_is_a_400_with_a_message(content: bytes, words: str) -> None:
    engine = FakeEngine()
    async with client(served(engine), **{"content-type": "application/json"}) as c:
        reply = await c.post("/v1/chat/completions", content=content)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert "hush" not in reply.text
    assert not engine.requests


async def test_the_current_settings_decide_the_heartbeat() -> None:
    go = asyncio.Event()

    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        await go.wait()
        yield Started("m", way="process")
        yield Finished(StopReason.END)

    engine = FakeEngine(answer)
    app = served(engine)
    engine.change(head_timeout_s=0.001, heartbeat_s=0.001)
    async with client(app) as c:
        asking = asyncio.create_task(c.post("/v1/chat/completions", json=STREAM))
        while not engine.opened:
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(1, go.set)
        reply = await asking
    # The headers did not wait for the first event, so they lack the way, and heartbeats filled the silence.
    assert "x-drawbridge-way" not in reply.headers
    assert reply.text.count(": drawbridge\n\n") > 1
    assert reply.text.endswith("[DONE]\n\n")
