"""What only Ollama's requests have: the format, options, images, results without names, and thinking."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from server.config import Config
from server.conversation.parts import Image, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest
from server.dialects.base import Dialect, Exchange, ParseOptions
from server.dialects.ollama.dialect import OllamaChat, OllamaGenerate
from server.errors import InvalidRequest
from tests.pictures import PNG
from tests.server.dialects.ollama.kit import in_ollamas_form, place_in_ollama
from tests.server.dialects.ugly_requests import MIXTURES, UglyRequest, ugly_request
from tests.tiers import sized

IMAGE = base64.b64encode(PNG).decode()
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def exchange(body: object, dialect: Dialect | None = None, **settings: Any) -> Exchange:
    return (dialect or OllamaChat()).parse(body, "local", ParseOptions(Config(**settings), "t", 0))


def parsed(body: object, **settings: Any) -> ModelRequest:
    return exchange(body, **settings).request


def generated(body: object) -> ModelRequest:
    return exchange(body, OllamaGenerate()).request


def test_a_stream_is_the_default() -> None:
    assert exchange({"messages": [HI]}).is_streamed
    assert not exchange({"messages": [HI], "stream": False}).is_streamed
    assert exchange({"prompt": "Hi"}, OllamaGenerate()).is_streamed


@pytest.mark.parametrize(
    "form", [SCHEMA, json.dumps(SCHEMA), {"type": "json_schema", "json_schema": {"schema": SCHEMA}}]
)
def test_a_schema_is_the_format_of_the_answer(form: object) -> None:
    request = parsed({"messages": [HI], "format": form})
    assert request.answer is not None
    assert json.loads(request.answer.schema or "") == SCHEMA
    assert request.settings.schema is not None
    assert request.answer == generated({"prompt": "Hi", "format": form}).answer


@pytest.mark.parametrize("form", ["json", " JSON ", {"type": "json_object"}])
def test_json_is_any_object(form: object) -> None:
    request = parsed({"messages": [HI], "format": form})
    assert request.answer is not None
    assert request.answer.schema is None


@pytest.mark.parametrize("form", ["", None, {}, "text", [], False])
def test_no_format_is_text(form: object) -> None:
    assert parsed({"messages": [HI], "format": form}) == parsed({"messages": [HI]})


@pytest.mark.parametrize("form", ["xml", 5, [SCHEMA]])
def test_another_format_is_refused_by_name(form: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed({"messages": [HI], "format": form})
    assert caught.value.param == "format"


def test_options_that_claude_has_are_honoured_and_the_others_named() -> None:
    options = {"num_predict": 50, "stop": ["END"], "temperature": 0.5, "num_ctx": 8192, "seed": 7, "top_k": None}
    request = parsed({"messages": [HI], "options": options, "keep_alive": -1, "think": None})
    assert (request.settings.max_tokens, request.settings.stop_sequences) == (50, ("END",))
    assert request.settings.temperature is None
    assert request.ignored == ("options.temperature", "options.num_ctx", "options.seed")
    forwarded = parsed({"messages": [HI], "options": options}, forward_sampling=True)
    assert forwarded.settings.temperature == 0.5
    assert "options.temperature" not in forwarded.ignored


@pytest.mark.parametrize("number", [-1, -2, 0, None, "-1"])
def test_no_limit(number: object) -> None:
    assert parsed({"messages": [HI], "options": {"num_predict": number}}) == parsed({"messages": [HI]})


@pytest.mark.parametrize(("field", "value"), [("num_predict", "many"), ("stop", 5)])
def test_a_wrong_option_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed({"messages": [HI], "options": {field: value}})
    assert caught.value.param == f"options.{field}"


@pytest.mark.parametrize(
    ("think", "thinks", "shows", "effort"),
    [
        (None, True, False, None),
        (True, True, True, None),
        ("high", True, True, "high"),
        (False, False, False, "low"),
        ("none", False, False, "low"),
        ("", True, False, None),
    ],
)
def test_think(think: object, thinks: bool, shows: bool, effort: str | None) -> None:
    for settings in (
        parsed({"messages": [HI], "think": think}).settings,
        generated({"prompt": "Hi", "think": think}).settings,
    ):
        assert (settings.thinks, settings.shows_thinking, settings.effort) == (thinks, shows, effort)
    assert not parsed({"messages": [HI], "think": think}, reasoning="hidden").settings.shows_thinking


def test_images_are_plain_base64_beside_the_text() -> None:
    body = {"messages": [{**HI, "images": [IMAGE]}]}
    assert parsed(body).messages[0].parts == (Text("Hi"), Image("image/png", IMAGE))
    assert generated({"prompt": "Hi", "images": [IMAGE]}).messages[0].parts == (Text("Hi"), Image("image/png", IMAGE))
    assert generated({"prompt": "", "images": [IMAGE]}).messages[0].parts == (Image("image/png", IMAGE),)
    with pytest.raises(InvalidRequest) as caught:
        generated({"prompt": "Hi", "images": ["no image"]})
    assert str(caught.value.param).startswith("images[0]")


@pytest.mark.parametrize("names", [{"tool_name": "{}"}, {"name": "{}"}, {}])
def test_results_are_matched_by_name_or_by_order(names: dict[str, str]) -> None:
    calls = [{"function": {"name": name, "arguments": {"at": name}}} for name in ("sky", "sea")]
    results = [
        {"role": "tool", "content": name, **{field: form.format(name) for field, form in names.items()}}
        for name in ("sky", "sea")
    ]
    request = parsed({"messages": [HI, {"role": "assistant", "content": "", "tool_calls": calls}, *results]})
    calls_made = [part for part in request.messages[1].parts if isinstance(part, ToolCall)]
    given = [part for part in request.messages[2].parts if isinstance(part, ToolResult)]
    assert [json.loads(call.arguments) for call in calls_made] == [{"at": "sky"}, {"at": "sea"}]
    assert [result.id for result in given] == [call.id for call in calls_made]
    assert [result.parts for result in given] == [(Text("sky"),), (Text("sea"),)]


def test_an_empty_array_of_tools_is_none() -> None:
    assert parsed({"messages": [HI], "tools": []}) == parsed({"messages": [HI]})
    request = parsed({"messages": [HI], "tools": [LOOK], "tool_choice": "required"})
    assert [tool.name for tool in request.profile.tools] == ["look"]
    assert request.settings.tool_choice.mode == "any"


def test_a_prompt_with_a_suffix_asks_for_the_gap_and_keeps_the_system_prompt() -> None:
    request = generated({"prompt": "def add(a, b):\n    ", "suffix": "\n\nadd(1, 2)", "system": "Python."})
    assert request.messages[0].parts == (Text("def add(a, b):\n    <gap/>\n\nadd(1, 2)"),)
    assert request.profile.system.startswith("Python.\n")
    assert "nothing else" in request.profile.system


def test_what_a_prompt_cannot_say_is_named() -> None:
    request = generated({"prompt": "Hi", "raw": True, "context": [1, 2], "template": "{{ .Prompt }}", "width": 64})
    assert request.ignored == ("template", "context", "width")


def _in_ollamas_form(ugly: UglyRequest) -> tuple[dict[str, Any], dict[str, Any]] | None:
    body, plain = in_ollamas_form(ugly.body), in_ollamas_form(ugly.plain)
    return None if body is None or plain is None or ugly.refused else (body, plain)


@sized("count", MIXTURES, small=30)
def test_a_mixture_of_oddities_means_what_the_plain_request_means(count: int) -> None:
    tried = 0
    for seed in range(count * 3):
        ugly = ugly_request(seed)
        bodies = _in_ollamas_form(ugly) if ugly.shape == "chat" else None
        if bodies is None:
            continue
        tried += 1
        request, plain = parsed(bodies[0]), parsed(bodies[1])
        assert replace(request, ignored=()) == replace(plain, ignored=()), (seed, ugly.kinds)
        missing = [
            name for name in ugly.named if not any(place.endswith(place_in_ollama(name)) for place in request.ignored)
        ]
        assert not missing, (seed, ugly.kinds, request.ignored)
    assert tried > count / 10


@pytest.mark.parametrize("value", [False, 0, "no"])
def test_one_call_at_a_time_can_be_asked_for_as_in_openais_apis(value: object) -> None:
    request = parsed({"messages": [HI], "tools": [LOOK], "parallel_tool_calls": value})
    assert not request.settings.tool_choice.parallel
    assert request.ignored == ()
    assert parsed({"messages": [HI], "tools": [LOOK]}).settings.tool_choice.parallel
