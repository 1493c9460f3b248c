"""Reply options: raw text tools, legacy calls, the answer tool, reasoning, several choices."""

from collections.abc import Iterable
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason, Usage
from server.conversation.parts import Text, Thinking, ToolCall
from server.conversation.request import AnswerFormat
from server.dialects.chat_completions.reply_options import ReplyOptions
from server.dialects.chat_completions.response import ChatCollector
from server.dialects.chat_completions.stream import ChatEncoder
from tests.server.dialects.chat_completions.chunks import chunks_of

HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "m"}
START = Started("m")


def call_part(index: int, name: str, *deltas: str) -> list[Event]:
    more = [PartDelta(index, delta) for delta in deltas]
    return [PartStarted(index, ToolCall(f"toolu_{index}", name)), *more, PartEnded(index)]


def text_part(index: int, *deltas: str, choice: int = 0) -> list[Event]:
    more = [PartDelta(index, delta, choice) for delta in deltas]
    return [PartStarted(index, Text(""), choice), *more, PartEnded(index, choice=choice)]


def thinking_part(index: int, *deltas: str) -> list[Event]:
    return [PartStarted(index, Thinking("")), *(PartDelta(index, delta) for delta in deltas), PartEnded(index, "seal")]


def streamed(options: ReplyOptions, *events: Event) -> list[dict[str, Any]]:
    """The choices of all chunks."""
    chunks = chunks_of(ChatEncoder(**HEAD, options=options), events)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return [chunk["choices"][0] for chunk in chunks]


def collected(options: ReplyOptions, *events: Event) -> list[dict[str, Any]]:
    collector = ChatCollector(**HEAD, options=options)
    for event in events:
        collector.add(event)
    whole = collector.body()
    ChatCompletion.model_validate(whole, strict=True)
    choices: list[dict[str, Any]] = whole["choices"]  # type: ignore[assignment]
    return choices


def contents(choices: Iterable[dict[str, Any]], index: int = 0) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in choices if choice["index"] == index)


END = Finished(StopReason.END)
CALL_END = Finished(StopReason.TOOL_CALLS)


def test_the_arguments_of_a_text_tool_are_its_raw_text() -> None:
    options = ReplyOptions(raw_text_tools=frozenset({"ApplyPatch"}))
    events = [START, *call_part(0, "ApplyPatch", '{"inp', 'ut": "*** Begin\\', "nPatch \\ud83d", '\\ude00"}'), CALL_END]
    call = collected(options, *events)[0]["message"]["tool_calls"][0]
    assert call["function"] == {"name": "ApplyPatch", "arguments": "*** Begin\nPatch 😀"}
    deltas = [choice["delta"]["tool_calls"][0] for choice in streamed(options, *events)[1:-1]]
    assert deltas[0]["function"] == {"name": "ApplyPatch", "arguments": ""}
    assert [delta["function"]["arguments"] for delta in deltas[1:]] == ["*** Begin", "\nPatch ", "😀"]


def test_a_legacy_call_is_a_function_call() -> None:
    options = ReplyOptions(is_legacy=True)
    events = [START, *call_part(0, "look", '{"at":', ' "it"}'), *call_part(1, "again", "{}"), CALL_END]
    whole = collected(options, *events)[0]
    assert whole["finish_reason"] == "function_call"
    assert whole["message"]["function_call"] == {"name": "look", "arguments": '{"at": "it"}'}
    assert whole["message"]["content"] is None
    deltas = [choice["delta"] for choice in streamed(options, *events)]
    assert deltas[1:-1] == [
        {"function_call": {"name": "look", "arguments": ""}},
        {"function_call": {"arguments": '{"at":'}},
        {"function_call": {"arguments": ' "it"}'}},
    ]


class TestAnswerTool:
    FORM = ReplyOptions(answer=AnswerFormat(None, "answer"))

    @pytest.mark.parametrize(("deltas", "content"), [(['{"a":', " 1}"], '{"a": 1}'), ([], "{}")])
    def test_the_arguments_are_the_content(self, deltas: list[str], content: str) -> None:
        events = [START, *text_part(0, "Here it is: "), *call_part(1, "answer", *deltas), CALL_END]
        whole = collected(self.FORM, *events)[0]
        assert (whole["message"]["content"], whole["finish_reason"]) == (content, "stop")
        assert "tool_calls" not in whole["message"]
        chunks = streamed(self.FORM, *events)
        assert (contents(chunks), chunks[-1]["finish_reason"]) == (content, "stop")

    def test_a_call_of_a_client_tool_is_still_a_call(self) -> None:
        events = [START, *text_part(0, "Let me look. "), *call_part(1, "look", "{}"), CALL_END]
        whole = collected(self.FORM, *events)[0]
        assert whole["finish_reason"] == "tool_calls"
        assert whole["message"]["content"] == "Let me look. "
        chunks = streamed(self.FORM, *events)
        assert (contents(chunks), chunks[-1]["finish_reason"]) == ("Let me look. ", "tool_calls")

    def test_text_without_the_answer_call_is_kept(self) -> None:
        events = [START, *text_part(0, "I will ", "not."), Finished(StopReason.REFUSAL)]
        assert collected(self.FORM, *events)[0]["message"]["content"] == "I will not."
        assert contents(streamed(self.FORM, *events)) == "I will not."

    def test_an_answer_at_its_limit_has_finish_reason_length(self) -> None:
        events = [START, *call_part(0, "answer", '{"a": '), Finished(StopReason.LENGTH)]
        whole = collected(self.FORM, *events)[0]
        assert (whole["message"]["content"], whole["finish_reason"]) == ('{"a": ', "length")


class TestReasoning:
    EVENTS = (START, *thinking_part(0, "First ", "this."), *text_part(1, "So."), END)

    def test_in_a_field(self) -> None:
        message = collected(ReplyOptions(reasoning="field"), *self.EVENTS)[0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("So.", "First this.")
        deltas = [choice["delta"] for choice in streamed(ReplyOptions(reasoning="field"), *self.EVENTS)]
        assert [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta] == ["First ", "this."]

    def test_between_tags(self) -> None:
        options = ReplyOptions(reasoning="tags")
        message = collected(options, *self.EVENTS)[0]["message"]
        assert message["content"] == "<think>First this.</think>\n\nSo." == contents(streamed(options, *self.EVENTS))
        assert "reasoning_content" not in message

    def test_hidden(self) -> None:
        options = ReplyOptions(reasoning="hidden")
        assert "First" not in repr([collected(options, *self.EVENTS), streamed(options, *self.EVENTS)])

    @pytest.mark.parametrize("reasoning", ["field", "tags", "hidden"])
    def test_empty_thinking_leaves_no_trace(self, reasoning: Any) -> None:
        events = [START, *thinking_part(0), *text_part(1, "So."), END]
        assert collected(ReplyOptions(reasoning=reasoning), *events)[0]["message"] == {
            "role": "assistant",
            "content": "So.",
            "refusal": None,
        }


def test_several_choices_are_interleaved_each_with_its_index() -> None:
    options = ReplyOptions(choices=2, include_usage=True)
    first, second = text_part(0, "a", "b"), text_part(0, "c", choice=1)
    mixed = [first[0], second[0], first[1], second[1], first[2], *second[2:], *first[3:]]
    end = Finished(StopReason.END, usage=Usage(input=6, output=4), reasons=(StopReason.END, StopReason.LENGTH))
    whole = collected(options, START, *mixed, end)
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in whole] == [
        (0, "ab", "stop"),
        (1, "c", "length"),
    ]
    chunks = chunks_of(ChatEncoder(**HEAD, options=options), (START, *mixed, end))
    *text_chunks, usage = chunks
    choices = [chunk["choices"][0] for chunk in text_chunks]
    assert [choice["index"] for choice in choices] == [0, 1, 0, 1, 0, 0, 1]
    assert (contents(choices, 0), contents(choices, 1)) == ("ab", "c")
    assert [choice["finish_reason"] for choice in choices[-2:]] == ["stop", "length"]
    assert usage["usage"]["total_tokens"] == 10
