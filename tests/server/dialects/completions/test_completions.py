"""Prompts, gaps, echoes and choices of completions."""

import json
from typing import Any

import pytest
from openai.types import Completion

from server.config import Config
from server.conversation.parts import Text
from server.dialects.base import Exchange, ParseOptions
from server.dialects.completions.dialect import Completions
from server.errors import InvalidRequest
from tests.server.dialects.conformance import sse_frames
from tests.server.web.scene import FakeEngine, client, served


def exchange(body: object) -> Exchange:
    return Completions().parse(body, "local", ParseOptions(Config(), "t", 0))


def refused(body: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        exchange(body)
    return caught.value


def test_each_prompt_is_a_request_of_its_own() -> None:
    parsed = exchange({"prompt": ["a", "b", "c"], "model": "opus", "max_tokens": 5, "stop": "END"})
    requests = (parsed.request, *parsed.others)
    assert [request.messages[0].parts for request in requests] == [(Text("a"),), (Text("b"),), (Text("c"),)]
    assert {request.model for request in requests} == {"opus"}
    assert {(request.settings.max_tokens, request.settings.stop_sequences) for request in requests} == {(5, ("END",))}


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2], [3]], [5]])
def test_tokens_are_refused_clearly(prompt: object) -> None:
    error = refused({"prompt": prompt})
    assert error.param == "prompt"
    assert "token" in str(error)
    assert "text" in str(error)


@pytest.mark.parametrize("prompt", [None, 5, {}, [], [None], ""])
def test_a_prompt_without_text_is_refused(prompt: object) -> None:
    assert str(refused({"prompt": prompt}).param).startswith("prompt")


def test_a_blank_one_of_several_prompts_is_named() -> None:
    assert refused({"prompt": ["a", " "]}).param == "prompt[1]"
    assert refused({"prompt": ["a"] * 33, "n": 2}).param == "prompt"


def test_a_suffix_asks_for_the_text_of_the_gap() -> None:
    request = exchange({"prompt": "one ", "suffix": " three"}).request
    assert request.messages[0].parts == (Text("one <gap/> three"),)
    assert "nothing else" in request.profile.system
    assert exchange({"prompt": "", "suffix": "x"}).request.messages[0].parts == (Text("<gap/>x"),)


def test_what_has_no_effect_is_named() -> None:
    body = {"prompt": "Hi", "best_of": 3, "logprobs": 5, "user": "u", "top_a": 1, "frequency_penalty": 0, "best": None}
    assert exchange(body).request.ignored == ("best_of", "logprobs", "user", "top_a")


async def test_choices_come_in_the_order_of_the_prompts() -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        body = {"prompt": ["a", "b"], "n": 2, "echo": True}
        reply = await c.post("/v1/completions", json=body)
        streamed = await c.post(
            "/v1/completions", json={**body, "stream": True, "stream_options": {"include_usage": True}}
        )
    answer = Completion.model_validate(reply.json(), strict=True)
    assert [(choice.index, choice.text) for choice in answer.choices] == list(
        enumerate(["aBonjour", "aBonjour", "bBonjour", "bBonjour"])
    )
    assert answer.usage is not None
    assert answer.usage.total_tokens == 4 * 5
    *chunks, end = sse_frames(streamed.content)
    assert end.data == "[DONE]"
    texts: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk.json["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
    assert texts == {choice.index: choice.text for choice in answer.choices}
    assert chunks[-1].json["choices"] == []
    assert len(engine.requests) == 8


async def test_a_stream_of_one_prompt_validates_as_openais_own() -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.post("/completions", json={"prompt": "Hi", "stream": True})
    data: list[Any] = [frame.data for frame in sse_frames(reply.content)]
    chunks = [Completion.construct(**json.loads(line)) for line in data[:-1]]
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert chunks[-1].choices[0].finish_reason == "stop"
