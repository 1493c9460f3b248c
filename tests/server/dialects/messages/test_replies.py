"""Events become streams and messages that Anthropic's own library accepts and puts together."""

from collections.abc import Iterable, Sequence
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message

from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.events import Usage as Tokens
from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.conversation.request import AnswerFormat
from server.dialects.messages.reply_options import ReplyOptions
from server.dialects.messages.response import MessagesCollector
from server.dialects.messages.stream import MessagesEncoder
from server.errors import WorkerDied
from tests.server.dialects.answers import ANSWERS, answer, call, text
from tests.server.dialects.conformance import Frame
from tests.server.dialects.messages.kit import KIT

OPTIONS = ReplyOptions("msg_1", "opus", shows_thinking=True, request_id="req_1")
USAGE = Tokens(input=10, cache_creation=200, cache_read=3000, output=45, thinking=20)
WHOLE: tuple[Event, ...] = (
    Started("claude-opus-5-5", usage=Tokens(input=10, cache_creation=200, cache_read=3000, output=1)),
    PartStarted(0, Thinking("")),
    PartDelta(0, "The user "),
    PartDelta(0, "greets me."),
    PartEnded(0, "seal"),
    PartStarted(1, RedactedThinking("sealed")),
    PartEnded(1),
    PartStarted(2, Text("")),
    PartDelta(2, "Good"),
    PartDelta(2, " day."),
    PartEnded(2),
    PartStarted(3, ToolCall("toolu_1", "look")),
    PartDelta(3, '{"at": '),
    PartDelta(3, '"it"}'),
    PartEnded(3),
    Finished(StopReason.TOOL_CALLS, usage=USAGE),
)
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [
        {"type": "thinking", "thinking": "The user greets me.", "signature": "seal"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "text", "text": "Good day."},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "it"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "output_tokens": 45,
        "output_tokens_details": {"thinking_tokens": 20},
    },
}


def streamed(events: Iterable[Event], options: ReplyOptions = OPTIONS) -> bytes:
    encoder = MessagesEncoder(options)
    return encoder.start() + b"".join(map(encoder.event, events)) + encoder.end()


def frames(events: Iterable[Event], options: ReplyOptions = OPTIONS) -> list[Frame]:
    return KIT.frames(streamed(events, options))


def collected(events: Iterable[Event], options: ReplyOptions = OPTIONS) -> dict[str, Any]:
    collector = MessagesCollector(options)
    for event in events:
        collector.add(event)
    return collector.body()


def put_together(events: Iterable[Event], options: ReplyOptions = OPTIONS) -> dict[str, Any]:
    """The message that Anthropic's library makes of a stream."""
    body = streamed(events, options)
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})
    )
    with (
        httpx2.Client(transport=transport) as http,
        anthropic.Anthropic(api_key="x", http_client=http).messages.stream(
            model="opus", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
        ) as stream,
    ):
        made = stream.get_final_message().to_dict()
    # The library adds it.
    assert made.pop("stop_details") is None
    return made


def test_a_whole_message() -> None:
    assert collected(WHOLE) == MESSAGE


def test_the_events_of_a_stream_and_their_order() -> None:
    assert [(frame.event, frame.json.get("index")) for frame in frames(WHOLE)] == [
        ("message_start", None),
        ("ping", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("content_block_start", 3),
        ("content_block_delta", 3),
        ("content_block_delta", 3),
        ("content_block_stop", 3),
        ("message_delta", None),
        ("message_stop", None),
    ]


def test_a_stream_starts_and_ends_with_its_usage() -> None:
    first, *_, delta, _ = frames(WHOLE)
    assert first.json["message"]["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "output_tokens": 1,
    }
    assert delta.json["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert delta.json["usage"] == MESSAGE["usage"]


@pytest.mark.parametrize("events", [WHOLE, *ANSWERS.values()])
def test_anthropics_library_puts_a_stream_together_to_the_whole_message(events: Sequence[Event]) -> None:
    assert put_together(events) == Message.model_validate(collected(events)).to_dict()


def test_thinking_is_left_out_unless_it_was_asked_for() -> None:
    hidden = ReplyOptions("msg_1", "opus")
    whole: Any = MESSAGE["content"]
    assert collected(WHOLE, hidden)["content"] == whole[2:]
    assert put_together(WHOLE, hidden)["content"] == whole[2:]


def test_thinking_without_text_keeps_its_signature() -> None:
    events = answer([PartStarted(0, Thinking("")), PartEnded(0, "seal")], text(1, "Hi"))
    block = {"type": "thinking", "thinking": "", "signature": "seal"}
    assert collected(events)["content"][0] == block
    assert put_together(events)["content"][0] == block


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (StopReason.END, "end_turn"),
        (StopReason.LENGTH, "max_tokens"),
        (StopReason.TOOL_CALLS, "tool_use"),
        (StopReason.REFUSAL, "refusal"),
    ],
)
def test_every_reason_has_anthropics_word(reason: StopReason, expected: str) -> None:
    assert collected(answer(text(0, "x"), reason=reason))["stop_reason"] == expected


def test_the_stop_sequence_is_named() -> None:
    events = [*answer(text(0, "One"))[:-1], Finished(StopReason.STOP_SEQUENCE, ", two")]
    assert collected(events).items() >= {"stop_reason": "stop_sequence", "stop_sequence": ", two"}.items()
    assert frames(events)[-2].json["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": ", two"}


def test_the_answer_tool_is_text() -> None:
    form = ReplyOptions("msg_1", "opus", answer=AnswerFormat("{}", "form", is_wrapped=True))
    events = answer(text(0, "Here:"), call(1, "form", '{"answer": [1', ", 2]}"), reason=StopReason.TOOL_CALLS)
    expected = [{"type": "text", "text": "[1, 2]"}]
    assert collected(events, form).items() >= {"content": expected, "stop_reason": "end_turn"}.items()
    assert put_together(events, form)["content"] == expected


def test_an_answer_without_a_model_has_the_name_of_the_request() -> None:
    events = [Started(""), *answer(text(0, "Hi"))[1:]]
    assert collected(events)["model"] == "opus"


def test_an_error_in_a_stream_is_an_event_with_the_id_of_the_request() -> None:
    encoder = MessagesEncoder(OPTIONS)
    (frame,) = KIT.frames(encoder.event(Failed(WorkerDied("It died.", hint=""))))
    error = {"type": "api_error", "message": "It died."}
    assert (frame.event, frame.json) == ("error", {"type": "error", "error": error, "request_id": "req_1"})
