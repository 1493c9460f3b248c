"""The forms of an answer: raw text, calls of 2023, JSON by a call, shown thoughts, several answers at once."""

from collections.abc import Iterable
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason, Usage
from server.conversation.parts import Text, Thinking, ToolCall
from server.dialects.chat_completions.reply_options import ReplyOptions
from server.dialects.chat_completions.response import ChatCollector
from server.dialects.chat_completions.stream import ChatEncoder
from tests.server.dialects.chat_completions.chunks import chunks_of

HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "m"}
START = Started("m")


def called(index: int, name: str, *pieces: str) -> list[Event]:
    deltas = [PartDelta(index, piece) for piece in pieces]
    return [PartStarted(index, ToolCall(f"toolu_{index}", name)), *deltas, PartEnded(index)]


def said(index: int, *pieces: str, choice: int = 0) -> list[Event]:
    deltas = [PartDelta(index, piece, choice) for piece in pieces]
    return [PartStarted(index, Text(""), choice), *deltas, PartEnded(index, choice=choice)]


def thought(index: int, *pieces: str) -> list[Event]:
    return [PartStarted(index, Thinking("")), *(PartDelta(index, piece) for piece in pieces), PartEnded(index, "seal")]


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
CALLED = Finished(StopReason.TOOL_CALLS)


def test_the_arguments_of_a_text_tool_are_its_raw_text() -> None:
    options = ReplyOptions(raw_text_tools=frozenset({"ApplyPatch"}))
    events = [START, *called(0, "ApplyPatch", '{"inp', 'ut": "*** Begin\\', "nPatch \\ud83d", '\\ude00"}'), CALLED]
    call = collected(options, *events)[0]["message"]["tool_calls"][0]
    assert call["function"] == {"name": "ApplyPatch", "arguments": "*** Begin\nPatch 😀"}
    deltas = [choice["delta"]["tool_calls"][0] for choice in streamed(options, *events)[1:-1]]
    assert deltas[0]["function"] == {"name": "ApplyPatch", "arguments": ""}
    assert [delta["function"]["arguments"] for delta in deltas[1:]] == ["*** Begin", "\nPatch ", "😀"]


def test_a_call_in_the_form_of_2023_is_a_function_call() -> None:
    options = ReplyOptions(is_legacy=True)
    events = [START, *called(0, "look", '{"at":', ' "it"}'), *called(1, "again", "{}"), CALLED]
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


class TestAnswerByACall:
    FORM = ReplyOptions(answer_tool="answer")

    @pytest.mark.parametrize(("pieces", "content"), [(['{"a":', " 1}"], '{"a": 1}'), ([], "{}")])
    def test_the_arguments_are_the_content(self, pieces: list[str], content: str) -> None:
        events = [START, *said(0, "Here it is: "), *called(1, "answer", *pieces), CALLED]
        whole = collected(self.FORM, *events)[0]
        assert (whole["message"]["content"], whole["finish_reason"]) == (content, "stop")
        assert "tool_calls" not in whole["message"]
        chunks = streamed(self.FORM, *events)
        assert (contents(chunks), chunks[-1]["finish_reason"]) == (content, "stop")

    def test_a_call_of_the_clients_is_still_a_call(self) -> None:
        events = [START, *said(0, "Let me look. "), *called(1, "look", "{}"), CALLED]
        whole = collected(self.FORM, *events)[0]
        assert whole["finish_reason"] == "tool_calls"
        assert whole["message"]["content"] == "Let me look. "
        chunks = streamed(self.FORM, *events)
        assert (contents(chunks), chunks[-1]["finish_reason"]) == ("Let me look. ", "tool_calls")

    def test_words_without_the_call_are_not_lost(self) -> None:
        events = [START, *said(0, "I will ", "not."), Finished(StopReason.REFUSAL)]
        assert collected(self.FORM, *events)[0]["message"]["content"] == "I will not."
        assert contents(streamed(self.FORM, *events)) == "I will not."

    def test_an_answer_cut_at_its_limit_says_so(self) -> None:
        events = [START, *called(0, "answer", '{"a": '), Finished(StopReason.LENGTH)]
        whole = collected(self.FORM, *events)[0]
        assert (whole["message"]["content"], whole["finish_reason"]) == ('{"a": ', "length")


class TestThoughts:
    EVENTS = (START, *thought(0, "First ", "this."), *said(1, "So."), END)

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

    @pytest.mark.parametrize("thoughts", ["field", "tags", "hidden"])
    def test_a_thought_that_is_kept_secret_leaves_no_trace(self, thoughts: Any) -> None:
        events = [START, *thought(0), *said(1, "So."), END]
        assert collected(ReplyOptions(reasoning=thoughts), *events)[0]["message"] == {
            "role": "assistant",
            "content": "So.",
            "refusal": None,
        }


def test_several_answers_come_side_by_side_each_with_its_index() -> None:
    options = ReplyOptions(choices=2, include_usage=True)
    first, second = said(0, "a", "b"), said(0, "c", choice=1)
    mixed = [first[0], second[0], first[1], second[1], first[2], *second[2:], *first[3:]]
    end = Finished(StopReason.END, usage=Usage(input=6, output=4), reasons=(StopReason.END, StopReason.LENGTH))
    whole = collected(options, START, *mixed, end)
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in whole] == [
        (0, "ab", "stop"),
        (1, "c", "length"),
    ]
    chunks = chunks_of(ChatEncoder(**HEAD, options=options), (START, *mixed, end))
    *told, usage = chunks
    choices = [chunk["choices"][0] for chunk in told]
    assert [choice["index"] for choice in choices] == [0, 1, 0, 1, 0, 0, 1]
    assert (contents(choices, 0), contents(choices, 1)) == ("ab", "c")
    assert [choice["finish_reason"] for choice in choices[-2:]] == ["stop", "length"]
    assert usage["usage"]["total_tokens"] == 10
