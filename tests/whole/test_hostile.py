"""Hostile text passes through the whole product, there and back, without a changed character."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.standin.script import Reply, ToolUse, say
from server.standin.server import Standin
from tests.whole.bridge import Bridge
from tests.whole.calling import blocks_of, offered, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAGMENTS = [
    *(
        "<system-reminder>",
        "</system>",
        "<think>",
        "&amp;",
        "@/etc/passwd",
        "@README.md ",
        "/clear\n",
        "/compact",
        "!ls",
    ),
    *(
        "!ls",
        "#",
        "\x00",
        "\x01\x1b[31m",
        "\x07",
        "\x7f",
        "\u200f",
        "\u202e",
        "\u2066",
        "e\u0301",
        "\u1e9b\u0323",
        "\u0130",
    ),
    *(
        "\r\n",
        "\r",
        "\n\n",
        "\t",
        "\u2028",
        "\u2029",
        "\x85",
        "\ufeff",
        "\ufffd",
        "\ufffe",
        "\U0001f469\u200d\U0001f4bb",
    ),
    *(
        "{{x}}",
        "${HOME}",
        "`id`",
        "\\u0041",
        "\\",
        '"',
        "'",
        "[DONE]",
        "data: ",
        "Human:",
        "\n\nAssistant:",
        "None",
        " ",
    ),
]


hostile = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.characters(codec="utf-8")), max_size=60).map(
    # Blank texts have rules of their own.
    lambda fragments: "".join(fragments) + "x"
)
# Each example starts a conversation of several turns on a real process.
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=25)
TEXTS = st.lists(hostile, min_size=8, max_size=8)


def text_in(content: Any) -> str:
    return "".join(block["text"] for block in blocks_of(content))


@FEW
@given(texts=TEXTS)
async def test_hostile_text_arrives_and_comes_back_character_for_character(
    bridge: Bridge, standin: Standin, texts: list[str]
) -> None:
    await check_texts(bridge, standin, texts)


@pytest.mark.soak
@MANY
@given(texts=TEXTS)
async def test_many_hostile_texts_arrive_and_come_back(bridge: Bridge, standin: Standin, texts: list[str]) -> None:
    await check_texts(bridge, standin, texts)


async def check_texts(bridge: Bridge, standin: Standin, texts: list[str]) -> None:
    prompt, first, said, question, result, back, told, value = texts
    standin.script(lambda recorded: say(*(back[at : at + 5] for at in range(0, len(back), 5))))
    tool = {"type": "function", "function": {"name": "a_tool", "description": told, "parameters": {"x": value}}}
    function = {"name": "a_tool", "arguments": json.dumps({"value": value})}
    made = {"id": "c1", "type": "function", "function": function}
    body: dict[str, Any] = {
        "tools": [tool],
        "messages": [
            {"role": "system", "content": prompt},
            {"role": "user", "content": first},
            {"role": "assistant", "content": said, "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "c1", "content": result},
            {"role": "user", "content": question},
        ],
    }
    reply = await bridge.post(body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["choices"][0]["message"]["content"] == back
    arrived: Any = standin.requests[-1].body
    assert arrived["system"][-1]["text"] == prompt
    assert offered(arrived)["a_tool"]["description"] == told
    assert offered(arrived)["a_tool"]["input_schema"]["x"] == value
    opening, spoke, asked = spoken(arrived)
    assert text_in(opening["content"]) == first
    assert spoke["content"][0]["text"] == said
    assert spoke["content"][1]["input"] == {"value": value}
    assert text_in(asked["content"][0]["content"]) == result
    assert asked["content"][1]["text"] == question


@FEW
@given(value=hostile, is_ascii=st.booleans())
async def test_arguments_come_back_character_for_character(
    bridge: Bridge, standin: Standin, value: str, is_ascii: bool
) -> None:
    await check_arguments(bridge, standin, value, is_ascii=is_ascii)


@pytest.mark.soak
@MANY
@given(value=hostile, is_ascii=st.booleans())
async def test_many_arguments_come_back(bridge: Bridge, standin: Standin, value: str, is_ascii: bool) -> None:
    await check_arguments(bridge, standin, value, is_ascii=is_ascii)


async def check_arguments(bridge: Bridge, standin: Standin, value: str, *, is_ascii: bool) -> None:
    spelled = json.dumps({"value": value}, ensure_ascii=is_ascii)
    block = ToolUse("a_tool", tuple(spelled[at : at + 7] for at in range(0, len(spelled), 7)))
    standin.script(lambda recorded: Reply((block,), stop_reason="tool_use"))
    tool = {"type": "function", "function": {"name": "a_tool"}}
    reply = await bridge.post({"tools": [tool], "messages": [{"role": "user", "content": "Call."}]})
    (made,) = reply.json()["choices"][0]["message"]["tool_calls"]
    assert made["function"]["arguments"] == spelled


async def test_a_line_of_a_megabyte_arrives_whole_in_every_place(bridge: Bridge, standin: Standin) -> None:
    line = "é<tag>😀 " * 130_000
    standin.script(lambda recorded: say(line[:200_000]))
    made = {"id": "c1", "type": "function", "function": {"name": "a_tool", "arguments": "{}"}}
    body = {
        "tools": [{"type": "function", "function": {"name": "a_tool"}}],
        "messages": [
            {"role": "system", "content": line},
            {"role": "user", "content": line},
            {"role": "assistant", "content": line + "a", "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "c1", "content": line},
        ],
    }
    reply = await bridge.post(body)
    assert reply.status_code == 200, reply.text[:500]
    assert reply.json()["choices"][0]["message"]["content"] == line[:200_000]
    arrived: Any = standin.requests[-1].body
    assert arrived["system"][-1]["text"] == line
    opening, spoke, asked = spoken(arrived)
    assert text_in(opening["content"]) == line
    assert spoke["content"][0]["text"] == line + "a"
    assert text_in(asked["content"][0]["content"]) == line


async def test_half_a_character_is_replaced_and_named(bridge: Bridge, standin: Standin) -> None:
    made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\ud800"}'}}
    for message, place in (
        ({"role": "system", "content": "\ud800"}, "messages[1].content"),
        ({"role": "user", "content": [{"type": "text", "text": "a\udfffb"}]}, "messages[1].content[0].text"),
        ({"role": "assistant", "tool_calls": [made]}, "messages[1].tool_calls[0].function.arguments"),
        ({"role": "tool", "tool_call_id": "c1", "content": "\ud83d"}, "messages[1].content"),
    ):
        body = json.dumps({"messages": [{"role": "user", "content": "hi"}, message]})
        headers = {"content-type": "application/json"}
        reply = await bridge.client.post("/chat/completions", content=body, headers=headers)
        assert (reply.status_code, place in reply.headers["x-drawbridge-ignored"]) == (200, True), reply.headers
        assert "\ufffd" in json.dumps(standin.requests[-1].body["messages"], ensure_ascii=False)
