"""Events become chunks and completions that OpenAI's own models and published schema accept."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server.conversation.events import (
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StopReason,
    Usage,
)
from server.conversation.parts import Text, Thinking, ToolCall
from server.dialects.chat_completions.reply_options import ReplyOptions
from server.dialects.chat_completions.response import ChatCollector
from server.dialects.chat_completions.stream import ChatEncoder
from server.errors import AnswerCut, WorkerDied
from tests.server.dialects.chat_completions.chunks import chunks_of
from tests.server.dialects.openai_api import published

GOLDEN = Path(__file__).parent / "golden"
HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-4o-mini"}
USAGE = Usage(input=10, cache_creation=200, cache_read=3000, output=45, thinking=20)

TEXT: tuple[Event, ...] = (
    Started(model="claude-sonnet-4-5", usage=Usage(input=10), way="spare"),
    PartStarted(0, Thinking("")),
    PartDelta(0, "The user greets me."),
    PartEnded(0, "seal"),
    PartStarted(1, Text("")),
    PartDelta(1, "Good"),
    PartDelta(1, ""),
    PartDelta(1, " day.\n"),
    PartEnded(1),
    Finished(StopReason.END, usage=USAGE, cost_usd=0.01),
)
CALLS: tuple[Event, ...] = (
    Started(model="claude-sonnet-4-5"),
    PartStarted(0, Text("")),
    PartDelta(0, "Let me look."),
    PartEnded(0),
    PartStarted(1, ToolCall("toolu_1", "get_weather")),
    PartDelta(1, ""),
    PartDelta(1, '{"city": '),
    PartDelta(1, '"Oslo"}'),
    PartEnded(1),
    PartStarted(2, ToolCall("toolu_2", "get_time")),
    PartEnded(2),
    Finished(StopReason.TOOL_CALLS, usage=USAGE),
)


def streamed(events: Iterable[Event], *, include_usage: bool = True) -> list[dict[str, Any]]:
    return chunks_of(ChatEncoder(**HEAD, options=ReplyOptions(include_usage=include_usage)), events)


def collected(events: Iterable[Event]) -> dict[str, Any]:
    collector = ChatCollector(**HEAD, options=ReplyOptions())
    for event in events:
        collector.add(event)
    return collector.body()


def text_answer(*texts: str, reason: StopReason = StopReason.END) -> tuple[Event, ...]:
    deltas = (PartDelta(0, text) for text in texts)
    return (Started(model="m"), PartStarted(0, Text("")), *deltas, PartEnded(0), Finished(reason, usage=USAGE))


def accepted_chunks(chunks: Sequence[dict[str, Any]]) -> list[ChatCompletionChunk]:
    # Strict: a value that the client library would have to coerce is a bug of ours.
    return [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in chunks]


@pytest.mark.parametrize(("name", "events"), [("text", TEXT), ("calls", CALLS)])
class TestGolden:
    def test_a_streamed_reply_matches_the_golden_file(self, name: str, events: tuple[Event, ...]) -> None:
        expected = json.loads((GOLDEN / f"{name}_streamed.json").read_text(encoding="utf-8"))
        assert streamed(events) == expected

    def test_a_whole_reply_matches_the_golden_file(self, name: str, events: tuple[Event, ...]) -> None:
        assert collected(events) == json.loads((GOLDEN / f"{name}_whole.json").read_text(encoding="utf-8"))

    def test_openais_own_models_accept_the_replies(self, name: str, events: tuple[Event, ...]) -> None:
        assert len(accepted_chunks(streamed(events))) > 3
        assert ChatCompletion.model_validate(collected(events), strict=True).choices[0].message.role == "assistant"

    def test_openais_published_schema_accepts_the_replies(self, name: str, events: tuple[Event, ...]) -> None:
        check = published("CreateChatCompletionStreamResponse")
        for chunk in [*streamed(events), *streamed(events, include_usage=False)]:
            check(chunk)
        published("CreateChatCompletionResponse")(collected(events))

    def test_openais_client_assembles_the_stream_into_the_whole_reply(
        self, name: str, events: tuple[Event, ...]
    ) -> None:
        state = ChatCompletionStreamState()
        for chunk in accepted_chunks(streamed(events)):
            state.handle_chunk(chunk)
        put_together = state.get_final_completion().choices[0].message
        message = collected(events)["choices"][0]["message"]
        assert put_together.content == message["content"]
        calls = [
            {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
            for call in put_together.tool_calls or []
        ]
        assert calls == [{"id": call["id"], **call["function"]} for call in message.get("tool_calls", [])]


class TestStream:
    def test_every_chunk_names_the_answer_and_its_choice(self) -> None:
        for chunk in streamed(TEXT, include_usage=False):
            assert {key: chunk[key] for key in HEAD} == HEAD
            assert chunk["object"] == "chat.completion.chunk"
            assert [choice["index"] for choice in chunk["choices"]] == [0]
            assert "usage" not in chunk

    def test_usage_comes_last_without_a_choice_and_only_when_asked_for(self) -> None:
        *others, last = streamed(TEXT)
        assert last["choices"] == []
        assert last["usage"]["total_tokens"] == 3255
        assert all(chunk["usage"] is None for chunk in others)
        assert others[-1]["choices"][0]["finish_reason"] == "stop"

    def test_id_and_name_of_a_call_are_sent_once(self) -> None:
        deltas = [
            call
            for chunk in streamed(CALLS)
            for choice in chunk["choices"]
            for call in choice["delta"].get("tool_calls", [])
        ]
        assert [call["index"] for call in deltas] == [0, 0, 0, 1, 1]
        assert [call["id"] for call in deltas if "id" in call] == ["toolu_1", "toolu_2"]
        assert [call["function"]["name"] for call in deltas if "name" in call["function"]] == [
            "get_weather",
            "get_time",
        ]
        assert all(isinstance(call["function"]["arguments"], str) for call in deltas)

    def test_a_failure_in_an_open_stream_is_one_error_object(self) -> None:
        chunks = streamed([*TEXT[:6], Failed(AnswerCut())])
        assert chunks[-1] == {
            "error": {
                "message": "The answer ended early. Send the request again.",
                "type": "server_error",
                "param": None,
                "code": "answer_cut",
            }
        }
        assert chunks[-2]["choices"][0]["delta"] == {"content": "Good"}


@pytest.mark.parametrize(
    ("reason", "finish_reason"),
    [
        (StopReason.END, "stop"),
        (StopReason.STOP_SEQUENCE, "stop"),
        (StopReason.LENGTH, "length"),
        (StopReason.TOOL_CALLS, "tool_calls"),
        (StopReason.REFUSAL, "content_filter"),
    ],
)
def test_each_stop_reason_has_its_finish_reason(reason: StopReason, finish_reason: str) -> None:
    events = text_answer("a", reason=reason)
    assert collected(events)["choices"][0]["finish_reason"] == finish_reason
    assert streamed(events)[-2]["choices"][0]["finish_reason"] == finish_reason


class TestCollector:
    def test_content_is_a_string_even_if_the_answer_is_empty(self) -> None:
        """Talon strips it without checking its type."""
        message = collected([Started(model="m"), Finished(StopReason.END)])["choices"][0]["message"]
        assert message == {"role": "assistant", "content": "", "refusal": None}

    def test_content_is_null_only_beside_calls(self) -> None:
        silent = [event for event in CALLS if getattr(event, "index", None) != 0]
        message = collected(silent)["choices"][0]["message"]
        assert message["content"] is None
        assert [call["id"] for call in message["tool_calls"]] == ["toolu_1", "toolu_2"]

    def test_a_call_without_arguments_has_an_empty_object(self) -> None:
        """Clients parse the arguments, and "" is not JSON."""
        calls = collected(CALLS)["choices"][0]["message"]["tool_calls"]
        assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "Oslo"}, {}]

    def test_thinking_is_no_part_of_the_content(self) -> None:
        assert collected(TEXT)["choices"][0]["message"]["content"] == "Good day.\n"
        assert "greets" not in "".join(c["choices"][0]["delta"].get("content", "") for c in streamed(TEXT)[:-1])

    def test_usage_counts_cached_and_reasoning_tokens(self) -> None:
        assert collected(TEXT)["usage"] == {
            "prompt_tokens": 3210,
            "completion_tokens": 45,
            "total_tokens": 3255,
            "prompt_tokens_details": {"cached_tokens": 3000},
            "completion_tokens_details": {"reasoning_tokens": 20},
        }

    def test_a_failure_is_raised_and_never_an_answer(self) -> None:
        error = WorkerDied()
        with pytest.raises(WorkerDied) as caught:
            collected([*TEXT[:-1], Failed(error)])
        assert caught.value is error

    def test_an_answer_without_an_end_is_an_error(self) -> None:
        with pytest.raises(AnswerCut):
            collected(TEXT[:-1])

    @settings(deadline=None)
    @given(texts=st.lists(st.text(), max_size=6))
    def test_the_whole_reply_has_the_text_of_the_stream(self, texts: list[str]) -> None:
        events = text_answer(*texts)
        text = "".join(choice["delta"].get("content", "") for chunk in streamed(events) for choice in chunk["choices"])
        assert text == collected(events)["choices"][0]["message"]["content"] == "".join(texts)
