"""Conversations that people's clients really send: the reply, and the body that reaches Claude's API."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from server.dialects.common.history.message_rules import CONTINUE, FIRST_TURN, system_note
from server.dialects.common.tools.tool_pairing import LOST_RESULT, NO_RESULT
from server.standin.script import say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, messages
from tests.whole.calling import blocks_of, form_of, offered, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_PARAMETERS = {"type": "object", "properties": {}}
CLOCK = {"type": "function", "function": {"name": "read_clock", "description": "d", "parameters": NO_PARAMETERS}}


def message(role: str, content: object, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(arguments: object = "{}", **more: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "read_clock", "arguments": arguments}, **more}


def upstream(standin: Standin) -> list[tuple[Any, ...]]:
    """The conversation of the last request: role and text, calls, and results."""
    found: list[tuple[Any, ...]] = []
    for sent in spoken(standin.requests[-1].body):
        for block in blocks_of(sent["content"]):
            match block["type"]:
                case "text":
                    found.append((sent["role"], block["text"]))
                case "tool_use":
                    found.append(("call", block["name"], block["input"]))
                case "tool_result":
                    text = "".join(part["text"] for part in blocks_of(block["content"]))
                    found.append(("error" if block.get("is_error") else "result", text))
                case kind:
                    found.append((sent["role"], kind))
    return found


def prompt_of(standin: Standin) -> list[str]:
    """The system prompt of the last request."""
    return [block["text"] for block in standin.requests[-1].body.get("system") or ()]  # type: ignore[attr-defined]


def ignored(reply: httpx.Response) -> list[str]:
    return [name for name in reply.headers.get("x-drawbridge-ignored", "").split(", ") if name]


async def answered(bridge: Bridge, body: Mapping[str, Any]) -> httpx.Response:
    reply = await bridge.post(body)
    assert reply.status_code == 200, reply.text
    return reply


THOUGHT = message("assistant", [{"type": "thinking", "thinking": "Two and two."}, {"type": "text", "text": "4"}])
ANSWER = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}


class TestDialect:
    async def test_a_thinking_block_loses_no_response_format(self, bridge: Bridge, standin: Standin) -> None:
        standin.script(say('{"answer": "4"}'))
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": ANSWER}}
        body = {"messages": [*messages("2+2?"), THOUGHT, *messages("Again, as JSON.")], "response_format": form}
        reply = await answered(bridge, body)
        assert reply.json()["choices"][0]["message"]["content"] == '{"answer": "4"}'
        assert form_of(standin.requests[-1].body) == ANSWER
        assert upstream(standin) == [("user", "2+2?"), ("assistant", "4"), ("user", "Again, as JSON.")]
        assert ignored(reply) == ["messages[1].content[0] (thinking)"]

    async def test_a_thinking_block_loses_no_choice_of_a_tool(self, bridge: Bridge, standin: Standin) -> None:
        chosen = {"type": "function", "function": {"name": "read_clock"}}
        body = {"messages": [*messages("2+2?"), THOUGHT, *messages("time?")], "tools": [CLOCK], "tool_choice": chosen}
        await answered(bridge, body)
        assert standin.requests[-1].body["tool_choice"] == {"type": "tool", "name": "read_clock"}

    async def test_a_system_field_loses_no_chat_fields(self, bridge: Bridge, standin: Standin) -> None:
        body = {"system": "Be brief.", "messages": messages("hi"), "stop": ["END"], "max_completion_tokens": 50}
        reply = await answered(bridge, body)
        sent = standin.requests[-1].body
        assert (sent["stop_sequences"], sent["max_tokens"], prompt_of(standin)[-1]) == (["END"], 50, "Be brief.")
        assert ignored(reply) == []

    async def test_a_messages_body_with_chat_fields_keeps_both(self, bridge: Bridge, standin: Standin) -> None:
        body = {
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                *messages("time?"),
                message("assistant", [{"type": "tool_use", "id": "toolu_1", "name": "read_clock", "input": {}}]),
                message("user", [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "12:00"}]),
            ],
            "tools": [{"name": "read_clock", "description": "d", "input_schema": NO_PARAMETERS}],
            "stop_sequences": ["END"],
            "max_tokens": 60,
            "top_k": 3,
            "seed": 1,
            "n": 1,
        }
        reply = await answered(bridge, body)
        sent = standin.requests[-1].body
        assert (sent["stop_sequences"], sent["max_tokens"], prompt_of(standin)[-1]) == (["END"], 60, "Be brief.")
        assert upstream(standin) == [("user", "time?"), ("call", "read_clock", {}), ("result", "12:00")]
        assert list(offered(sent)) == ["read_clock"]
        assert set(ignored(reply)) == {"seed", "top_k"}

    async def test_a_responses_body_with_chat_fields_names_what_is_lost(self, bridge: Bridge, standin: Standin) -> None:
        standin.script(say('{"answer": "4"}'))
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": ANSWER}}
        body = {"input": "2+2?", "max_tokens": 60, "stop": ["END"], "seed": 1, "n": 2, "response_format": form}
        reply = await answered(bridge, body)
        sent = standin.requests[-1].body
        assert (sent["stop_sequences"], sent["max_tokens"], form_of(sent)) == (["END"], 60, ANSWER)
        assert set(ignored(reply)) == {"seed", "n"}


class TestLeftOut:
    async def test_a_blank_user_turn_in_the_history(self, bridge: Bridge, standin: Standin) -> None:
        standin.script(say("still here"))
        turns = messages("hello", "hi", "", "You sent nothing.", "Still there?")
        reply = await answered(bridge, {"messages": turns})
        assert reply.json()["choices"][0]["message"]["content"] == "still here"
        assert upstream(standin) == [
            ("user", "hello"),
            ("assistant", "hi"),
            ("assistant", "You sent nothing."),
            ("user", "Still there?"),
        ]
        assert ignored(reply) == ["messages[2] (blank)"]
        again = await answered(bridge, {"messages": [*turns, *messages("x", "still here")[1:], *messages("And now?")]})
        assert again.headers["x-drawbridge-way"] == "continued"

    @pytest.mark.parametrize(
        "part",
        [
            {"type": "reasoning", "reasoning": "A sum."},
            {"type": "think", "think": "A sum."},
            {"type": "thinking", "thinking": "A sum."},
            {"type": "thinking", "thinking": [{"type": "text", "text": "A sum."}]},
        ],
    )
    async def test_reasoning_in_the_history(self, bridge: Bridge, standin: Standin, part: dict[str, Any]) -> None:
        answer = message("assistant", [part, {"type": "text", "text": "4"}])
        body = {"messages": [*messages("2+2?"), answer, *messages("Sure?")], "seed": 1}
        reply = await answered(bridge, body)
        assert upstream(standin) == [("user", "2+2?"), ("assistant", "4"), ("user", "Sure?")]
        assert ignored(reply) == ["seed", f"messages[1].content[0] ({part['type']})"]


class TestSystemMessages:
    async def test_a_system_message_alone_is_the_question(self, bridge: Bridge, standin: Standin) -> None:
        reply = await answered(bridge, {"messages": [message("system", "Translate to French: good morning.")]})
        assert reply.json()["choices"][0]["message"]["content"] == "Hello from the stand-in."
        assert upstream(standin) == [("user", "Translate to French: good morning.")]
        assert "French" not in str(prompt_of(standin))

    async def test_a_system_message_at_the_end_is_the_question(self, bridge: Bridge, standin: Standin) -> None:
        turns = [message("system", "You help."), *messages("hi", "hello"), message("system", "Now write a title.")]
        await answered(bridge, {"messages": turns})
        assert prompt_of(standin)[-1] == "You help."
        assert upstream(standin) == [("user", "hi"), ("assistant", "hello"), ("user", "Now write a title.")]

    async def test_a_late_system_message_stands_in_its_place_and_stays_warm(
        self, bridge: Bridge, standin: Standin
    ) -> None:
        standin.script(say("one"))
        start = [message("system", "You help with clocks."), *messages("Say one.")]
        at_ten = [*start, message("system", "It is 10:00.")]
        await answered(bridge, {"messages": at_ten})
        assert prompt_of(standin)[-1] == "You help with clocks."
        assert upstream(standin) == [("user", "Say one."), ("user", system_note("It is 10:00."))]
        standin.script(say("two"))
        kept = [*at_ten, message("assistant", "one"), *messages("Say two."), message("system", "It is 10:01.")]
        reply = await answered(bridge, {"messages": kept})
        assert reply.headers["x-drawbridge-way"] == "continued"
        assert prompt_of(standin)[-1] == "You help with clocks."
        assert upstream(standin) == [
            ("user", "Say one."),
            ("user", system_note("It is 10:00.")),
            ("assistant", "one"),
            ("user", "Say two."),
            ("user", system_note("It is 10:01.")),
        ]

    async def test_a_replaced_system_message_keeps_the_conversation_and_its_prefix(
        self, bridge: Bridge, standin: Standin
    ) -> None:
        """A client that puts the time behind the conversation, new in each request."""
        turns = [message("system", "You help with times."), *messages("Say one.")]
        ways, sent = [], []
        for number in range(3):
            reply = await answered(bridge, {"messages": [*turns, message("system", f"It is 10:0{number}.")]})
            ways.append(reply.headers["x-drawbridge-way"])
            sent.append(upstream(standin))
            assert prompt_of(standin)[-1] == "You help with times."
            assert sent[-1][-2:] == [turns_text(turns), ("user", system_note(f"It is 10:0{number}."))]
            said = reply.json()["choices"][0]["message"]["content"]
            turns += [message("assistant", said), *messages(f"Say {number + 2}.")]
        assert ways[1:] == ["continued", "continued"]
        assert sent[2][: len(sent[1])] == sent[1]
        assert sent[1][: len(sent[0])] == sent[0]
        # Without a new one, the old ones are gone.
        reply = await answered(bridge, {"messages": turns})
        assert reply.headers["x-drawbridge-way"] != "continued"
        assert "10:0" not in str(standin.requests[-1].body)

    @pytest.mark.parametrize(
        "fields", [{"instructions": "You help."}, {"system": "You help."}], ids=["responses", "messages"]
    )
    async def test_a_replaced_system_message_of_another_format_stays_warm(
        self, bridge: Bridge, standin: Standin, fields: dict[str, Any]
    ) -> None:
        turns = messages(f"Say one. {fields}")
        for number in range(2):
            sent = [*turns, message("system", f"It is 10:0{number}.")]
            reply = await answered(bridge, {**fields, ("input" if "instructions" in fields else "messages"): sent})
            assert prompt_of(standin)[-1] == "You help."
            assert upstream(standin)[-2:] == [turns_text(turns), ("user", system_note(f"It is 10:0{number}."))]
            turns += [message("assistant", reply.json()["choices"][0]["message"]["content"]), *messages("More.")]
        assert reply.headers["x-drawbridge-way"] == "continued"

    async def test_a_long_replaced_system_message_is_not_kept_but_the_prefix_is(
        self, bridge: Bridge, standin: Standin
    ) -> None:
        turns = [message("system", "You remember."), *messages("Say one.")]
        for number in range(2):
            note = f"Memory {number}. " * 50
            reply = await answered(bridge, {"messages": [*turns, message("system", note)]})
            assert upstream(standin)[-2:] == [turns_text(turns), ("user", system_note(note))]
            turns += [message("assistant", reply.json()["choices"][0]["message"]["content"]), *messages("More.")]
        assert reply.headers["x-drawbridge-way"] != "continued"
        assert "Memory 0" not in str(standin.requests[-1].body)
        question = blocks_of(spoken(standin.requests[-1].body)[-1]["content"])
        assert "cache_control" in question[0]


def turns_text(turns: list[dict[str, Any]]) -> tuple[str, str]:
    return turns[-1]["role"], turns[-1]["content"]


class TestSpeakers:
    async def test_two_speakers_are_named_in_words(self, bridge: Bridge, standin: Standin) -> None:
        turns = [message("user", "I like tea.", name="Ann"), message("user", "I like milk.", name="Bo")]
        reply = await answered(bridge, {"messages": turns})
        assert upstream(standin) == [("user", "Ann: I like tea."), ("user", "Bo: I like milk.")]
        assert ignored(reply) == []

    async def test_one_speaker_is_named_in_the_header(self, bridge: Bridge, standin: Standin) -> None:
        reply = await answered(bridge, {"messages": [message("user", "I like tea.", name="Ann")]})
        assert upstream(standin) == [("user", "I like tea.")]
        assert ignored(reply) == ["messages[].name"]


class TestContinued:
    @pytest.mark.parametrize("first", [(), messages("Write a poem.")], ids=["alone", "after a question"])
    async def test_the_assistant_is_last(self, bridge: Bridge, standin: Standin, first: list[dict[str, str]]) -> None:
        standin.script(say("are red"))
        reply = await answered(bridge, {"messages": [*first, message("assistant", "Roses ")]})
        assert reply.json()["choices"][0]["message"]["content"] == "are red"
        question = "Write a poem." if first else FIRST_TURN
        assert upstream(standin) == [("user", question), ("assistant", "Roses "), ("user", CONTINUE)]
        assert ignored(reply) == [f"messages[{len(first)}] (a request to continue was added)"]

    async def test_calls_are_last(self, bridge: Bridge, standin: Standin) -> None:
        body = {
            "messages": [*messages("time?"), message("assistant", "", tool_calls=[call(id="c1")])],
            "tools": [CLOCK],
        }
        reply = await answered(bridge, body)
        assert upstream(standin) == [("user", "time?"), ("call", "read_clock", {}), ("error", NO_RESULT)]
        assert ignored(reply) == ["messages (no result for c1)"]


class TestTools:
    @pytest.mark.parametrize("arguments", ["null", None, "", " ", {}, []])
    async def test_no_arguments_in_every_spelling(self, bridge: Bridge, standin: Standin, arguments: object) -> None:
        calling = message("assistant", None, tool_calls=[call(arguments, id="call_1")])
        body = {
            "messages": [*messages("time?"), calling, message("tool", "12:00", tool_call_id="call_1")],
            "tools": [CLOCK],
        }
        await answered(bridge, body)
        assert upstream(standin) == [("user", "time?"), ("call", "read_clock", {}), ("result", "12:00")]

    async def test_calls_without_ids(self, bridge: Bridge, standin: Standin) -> None:
        turns = [
            *messages("time?"),
            message("assistant", "", tool_calls=[call({})]),
            message("tool", "12:00", name="read_clock"),
        ]
        ways = set()
        # A process whose memory has grown is replaced after its answer, so one try may find another process.
        for _ in range(3):
            reply = await answered(bridge, {"messages": turns, "tools": [CLOCK]})
            assert upstream(standin) == [("user", "time?"), ("call", "read_clock", {}), ("result", "12:00")]
            assert ignored(reply) == []
            said = reply.json()["choices"][0]["message"]["content"]
            more = {"messages": [*turns, message("assistant", said), *messages("And now?")], "tools": [CLOCK]}
            ways.add((await answered(bridge, more)).headers["x-drawbridge-way"])
        assert "continued" in ways

    async def test_a_call_without_a_result_and_a_result_without_a_call(self, bridge: Bridge, standin: Standin) -> None:
        turns = [
            *messages("time?"),
            message("assistant", "", tool_calls=[call(id="c1")]),
            *messages("Never mind."),
            message("tool", "Oslo", tool_call_id="c9"),
        ]
        reply = await answered(bridge, {"messages": turns, "tools": [CLOCK]})
        assert upstream(standin) == [
            ("user", "time?"),
            ("call", "read_clock", {}),
            ("error", NO_RESULT),
            ("user", LOST_RESULT),
            ("user", "Oslo"),
            ("user", "Never mind."),
        ]
        assert ignored(reply) == ["messages (no result for c1)", "messages (a result without its call c9)"]
        said = reply.json()["choices"][0]["message"]["content"]
        more = {"messages": [*turns, message("assistant", said), *messages("And now?")], "tools": [CLOCK]}
        assert (await answered(bridge, more)).headers["x-drawbridge-way"] == "continued"


async def test_a_late_result_that_was_alone_leaves_no_empty_message(bridge: Bridge, standin: Standin) -> None:
    called = message("assistant", None, tool_calls=[call(id="a")])
    late = message("tool", "It is noon.", tool_call_id="a")
    head = [*messages("time?"), called, *messages("Hurry."), message("assistant", "Wait.")]
    start: list[tuple[Any, ...]]
    start = [("user", "time?"), ("call", "read_clock", {}), ("result", "It is noon."), ("user", "Hurry.")]
    reply = await answered(bridge, {"messages": [*head, late], "tools": [CLOCK]})
    assert upstream(standin) == [*start, ("assistant", "Wait."), ("user", CONTINUE)]
    moved = "messages (the result of a was moved to its call)"
    assert ignored(reply) == ["messages[4] (a request to continue was added)", moved]
    more = [late, message("assistant", "Noon."), *messages("Thanks.")]
    reply = await answered(bridge, {"messages": [*head, *more], "tools": [CLOCK]})
    assert upstream(standin) == [*start, ("assistant", "Wait."), ("assistant", "Noon."), ("user", "Thanks.")]
    assert ignored(reply) == [moved]


async def test_half_an_emoji_in_the_history(bridge: Bridge, standin: Standin) -> None:
    reply = await bridge.client.post(
        "/chat/completions",
        content=b'{"messages": [{"role": "user", "content": "read \\ud83d"}, {"role": "assistant", "content": "ok"},'
        b' {"role": "user", "content": "Go on."}]}',
        headers={"content-type": "application/json"},
    )
    assert reply.status_code == 200
    assert upstream(standin) == [("user", "read \ufffd"), ("assistant", "ok"), ("user", "Go on.")]
    assert ignored(reply) == ["messages[0].content (half of a surrogate pair)"]
