"""Ollama's lines where they differ from what the conformance suite reads."""

import json
from collections.abc import Sequence
from typing import Any

from server.conversation.events import Event, Failed, Finished, Started, StopReason, Timings, Usage
from server.conversation.request import AnswerFormat
from server.dialects.ollama.dialect import OllamaReply
from server.dialects.ollama.lines import ReplyForm, rfc3339
from server.errors import WorkerDied
from tests.server.dialects.answers import answer, call, text, thinking

FORM = ReplyForm("chat", "sonnet", rfc3339(1_800_000_000.25))


def lines(events: Sequence[Event], form: ReplyForm = FORM) -> list[Any]:
    encoder = OllamaReply(form).encoder()
    return [json.loads(line) for line in b"".join(map(encoder.event, events)).splitlines()]


def whole(events: Sequence[Event], form: ReplyForm = FORM) -> Any:
    collector = OllamaReply(form).collector()
    for event in events:
        collector.add(event)
    return collector.body()


def test_each_line_has_what_strict_clients_read() -> None:
    *pieces, last = lines(answer(thinking(0, "Hm."), text(1, "Good", " day.")))
    for line in pieces:
        assert {"model": "sonnet", "created_at": "2027-01-15T08:00:00.250000Z", "done": False}.items() <= line.items()
        assert line["message"]["role"] == "assistant"
        assert isinstance(line["message"]["content"], str)
    assert [line["message"].get("thinking") for line in pieces] == ["Hm.", None, None]
    assert (last["done"], last["done_reason"], last["message"]["content"]) == (True, "stop", "")


def test_a_call_is_one_line_with_its_arguments_as_an_object() -> None:
    events = answer(call(0, "look", '{"at": ', '"it"}'), call(1, "patch"), reason=StopReason.TOOL_CALLS)
    *calls, last = lines(events)
    assert [line["message"]["tool_calls"] for line in calls] == [
        [{"id": "toolu_0", "index": 0, "function": {"index": 0, "name": "look", "arguments": {"at": "it"}}}],
        [{"id": "toolu_1", "index": 1, "function": {"index": 1, "name": "patch", "arguments": {}}}],
    ]
    assert last["done_reason"] == "stop"
    assert len(whole(events)["message"]["tool_calls"]) == 2


def test_a_call_that_was_cut_off_is_left_out() -> None:
    events = answer(text(0, "Wait."), call(1, "look", '{"at": '), reason=StopReason.LENGTH)
    assert [line["message"]["content"] for line in lines(events)] == ["Wait.", ""]
    assert "tool_calls" not in whole(events)["message"]
    assert whole(events)["done_reason"] == "length"


def test_durations_are_nanoseconds_and_counts_include_the_cache() -> None:
    finished = Finished(StopReason.END, usage=Usage(3, 2, 5, 7), timings=Timings(10.0, 250.0, 1000.5))
    body = whole([Started("m"), finished])
    assert (body["prompt_eval_count"], body["eval_count"]) == (10, 7)
    assert body["load_duration"] == 10_000_000
    assert body["prompt_eval_duration"] == 240_000_000
    assert body["eval_duration"] == 750_500_000
    assert body["total_duration"] == 1_000_500_000


def test_an_answer_in_json_is_the_content() -> None:
    form = ReplyForm("generate", "sonnet", rfc3339(0), answer=AnswerFormat(None, "answer"))
    events = answer(call(0, "answer", '{"age": ', "36}"), reason=StopReason.TOOL_CALLS)
    assert whole(events, form)["response"] == '{"age": 36}'
    assert "".join(line["response"] for line in lines(events, form)) == '{"age": 36}'


def test_an_error_in_a_stream_is_a_string() -> None:
    assert lines([Started("m"), Failed(WorkerDied("It died."))])[-1]["error"].startswith("It died.")
