"""Parameters of a chat request through the whole product: their effect upstream, for that request only."""

import json
from dataclasses import replace
from typing import Any

import pytest

from server.dialects.common.answers.answer_format import ANSWER_TOOL
from server.standin.script import Gate, Hold, Reply, Script, Text, Thinking, Usage, call, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, data_of, messages, text_of
from tests.whole.calling import form_of, offered

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer", "minimum": -100}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}
ANSWERED = '{"city": "Oslo", "degrees": 9}'


def of(standin: Standin) -> dict[str, Any]:
    return dict(standin.requests[-1].body)


async def test_an_answer_of_a_schema_is_bare_json(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda recorded: say(ANSWERED[:9], ANSWERED[9:]))
    reply = await bridge.chat("Weather?", response_format=FORM, reasoning_effort="low")
    assert reply.json()["choices"][0]["message"]["content"] == ANSWERED
    assert reply.headers["x-drawbridge-ignored"] == "response_format.json_schema.schema.properties.degrees.minimum"
    asked = form_of(of(standin))
    assert asked["properties"]["degrees"] == {"type": "integer", "description": "minimum: -100"}
    assert of(standin)["output_config"]["effort"] == "low"
    assert text_of(await bridge.stream("Weather?", response_format=FORM)) == ANSWERED
    await bridge.chat("hi")
    assert form_of(of(standin)) is None


@pytest.mark.parametrize("stream", [False, True])
async def test_any_json_object_comes_bare_and_the_conversation_continues(
    bridge: Bridge, standin: Standin, stream: bool
) -> None:
    def answer(recorded: Recorded) -> Script:
        (name,) = offered(dict(recorded.body))
        assert recorded.body["tool_choice"] == {"type": "tool", "name": name, "disable_parallel_tool_use": True}
        return Reply((call(name, json.loads(ANSWERED)),), stop_reason="tool_use")

    standin.script(answer)
    conversation = ["Weather as JSON?"]
    for _ in range(3):
        if stream:
            lines = await bridge.stream(*conversation, response_format={"type": "json_object"})
            content, finish = text_of(lines), data_of(lines)[-1]["choices"][0]["finish_reason"]
        else:
            reply = await bridge.chat(*conversation, response_format={"type": "json_object"})
            choice = reply.json()["choices"][0]
            assert "tool_calls" not in choice["message"]
            content, finish = choice["message"]["content"], choice["finish_reason"]
        assert (json.loads(content), finish) == (json.loads(ANSWERED), "stop")
        conversation += [content, "Again."]
    assert "Weather as JSON?" in json.dumps(of(standin)["messages"])
    standin.script(say("Plain."))
    assert (await bridge.chat("hi")).json()["choices"][0]["message"]["content"] == "Plain."
    assert ANSWER_TOOL not in offered(of(standin))


PARAMETERS: list[tuple[dict[str, Any], str, Any]] = [
    ({"max_tokens": 77}, "max_tokens", 77),
    ({"max_completion_tokens": 78, "max_tokens": 5}, "max_tokens", 78),
    ({"stop": "END"}, "stop_sequences", ["END"]),
    ({"stop": ["a", "b"]}, "stop_sequences", ["a", "b"]),
    *(({"reasoning_effort": e}, "output_config", {"effort": e}) for e in ("low", "medium", "high", "xhigh", "max")),
    ({"reasoning_effort": "none"}, "output_config", {"effort": "low"}),
    ({"reasoning_effort": "minimal"}, "output_config", {"effort": "low"}),
    ({"reasoning": {"effort": "low"}}, "output_config", {"effort": "low"}),
]


async def test_each_parameter_has_its_effect_and_does_not_stick(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    plain = of(standin)
    for fields, name, arrived in PARAMETERS:
        reply = await bridge.chat("hi", **fields)
        assert "x-drawbridge-ignored" not in reply.headers
        assert of(standin)[name] == arrived, fields
        await bridge.chat("hi")
        assert of(standin).get(name) == plain.get(name), fields


async def test_none_is_without_thinking_where_the_model_can_do_without(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi", model="claude-sonnet-4-5", reasoning_effort="none")
    assert of(standin)["thinking"] == {"type": "disabled"}
    await bridge.chat("hi", model="claude-sonnet-4-5")
    assert of(standin).get("thinking") != {"type": "disabled"}


async def test_the_finish_reason_is_reported_and_a_stop_sequence_is_not_part_of_the_answer(
    bridge: Bridge, standin: Standin
) -> None:
    standin.script(say("Before", stop_reason="stop_sequence", stop_sequence="END"))
    choice = (await bridge.chat("hi", stop="END")).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Before", "stop")


async def test_what_has_no_effect_is_named(bridge: Bridge, standin: Standin) -> None:
    fields: dict[str, Any] = {
        "user": "u",
        "metadata": {"a": "b"},
        "seed": 1,
        "store": True,
        "temperature": 0.5,
        "top_p": 0.5,
        "logit_bias": {"1": 2},
        "logprobs": True,
        "presence_penalty": 1,
        "unknown": {"x": "\r\ny: z"},
    }
    reply = await bridge.chat("hi", **fields)
    named = set(reply.headers["x-drawbridge-ignored"].split(", "))
    assert named == {*fields}
    assert not {*fields} & of(standin).keys() - {"metadata"}
    assert "u" not in json.dumps(of(standin).get("metadata", {}).get("user_id", "")).split('"')


THOUGHTFUL = Reply((Thinking(("First ", "this.")), Text(("So.",))), usage=Usage(output_tokens=9, thinking_tokens=4))


async def test_thoughts_come_in_a_field_of_their_own(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda recorded: THOUGHTFUL)
    answer = (await bridge.chat("hi", reasoning={"summary": "auto"})).json()
    message = answer["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("So.", "First this.")
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4
    assert of(standin)["thinking"]["display"] == "summarized"
    lines = await bridge.stream("hi")
    deltas = [chunk["choices"][0]["delta"] for chunk in data_of(lines)]
    assert [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta] == ["First ", "this."]
    assert of(standin).get("thinking", {}).get("display") != "summarized"


class TestSeveralAnswers:
    async def test_whole(self, bridge: Bridge, standin: Standin) -> None:
        standin.script(*(say(f"Answer {number}") for number in range(5)))
        reply = await bridge.chat("hi", n=5)
        answer = reply.json()
        assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3, 4]
        said = {choice["message"]["content"] for choice in answer["choices"]}
        assert said == {f"Answer {number}" for number in range(5)}
        assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (75, 25)
        assert len(standin.requests) == 5
        assert float(reply.headers["x-drawbridge-cost-usd"]) > 0

    async def test_streamed_side_by_side(self, bridge: Bridge, standin: Standin) -> None:
        gate, other = Gate(), Gate()
        standin.script(say("A", Hold(gate), "B"), say("C", Hold(other), "D"))
        body = {"messages": messages("hi"), "stream": True, "n": 2, "stream_options": {"include_usage": True}}
        lines: list[str] = []
        async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if '"A"' in "".join(lines) and '"C"' in "".join(lines):
                    gate.open()
                    other.open()
        *chunks, usage = data_of(lines)
        words = ["", ""]
        for chunk in chunks:
            choice = chunk["choices"][0]
            words[choice["index"]] += choice["delta"].get("content", "")
        assert sorted(words) == ["AB", "CD"]
        assert [c["choices"][0]["finish_reason"] for c in chunks][-2:] == ["stop", "stop"]
        assert usage["usage"]["prompt_tokens"] == 30
        assert lines[-2] == "data: [DONE]" or lines[-1] == "data: [DONE]"

    @pytest.mark.parametrize("stream", [False, True])
    async def test_the_first_failure_has_its_true_status(self, bridge: Bridge, standin: Standin, stream: bool) -> None:
        standin.script(lambda recorded: refuse(403))
        reply = await bridge.chat("hi", n=3, stream=stream)
        assert reply.status_code == 403
        await bridge.until_pool(answering=0)

    async def test_a_later_failure_is_one_error(self, bridge: Bridge, standin: Standin) -> None:
        gate, stall = Gate(), Gate()
        standin.script(say("A", Hold(stall)), replace(refuse(403), before_headers=(Hold(gate),)))
        lines: list[str] = []
        body = {"messages": messages("hi"), "stream": True, "n": 2}
        async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if '"A"' in line:
                    gate.open()
        assert [chunk for chunk in data_of(lines) if "error" in chunk] == data_of(lines)[-1:]
        assert "data: [DONE]" not in lines
        await bridge.until_pool(answering=0)

    async def test_more_than_eight_are_refused(self, bridge: Bridge, standin: Standin) -> None:
        reply = await bridge.chat("hi", n=9)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "n")
