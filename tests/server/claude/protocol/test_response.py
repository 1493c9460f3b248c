"""The events of an answer, and when its process must be killed, frame by frame and without a process."""

from typing import Any

import pytest

from server.claude.protocol.response import ResponseReader
from server.conversation.events import Event, Failed, Finished, PartDelta, PartStarted, Started, StopReason
from server.conversation.parts import RedactedThinking
from server.errors import AnswerCut, DrawbridgeError, UnexpectedOutput, UpstreamDown, UsageLimit, WorkerDied

START: dict[str, Any] = {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 3}}}
TEXT: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP: dict[str, Any] = {"type": "content_block_stop", "index": 0}
MESSAGE_STOP: dict[str, Any] = {"type": "message_stop"}
CALL: dict[str, Any] = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "tool_use", "id": "new", "name": "look"},
}
TOOLS = {"look": "look"}


def delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def arguments(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}


def ended(reason: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}


def frame(event: dict[str, Any]) -> dict[str, Any]:
    return {"type": "stream_event", "event": event}


def result(*, is_error: bool = False, status: int | None = None, text: str | None = None) -> dict[str, Any]:
    return {
        "type": "result",
        "subtype": "success",
        "is_error": is_error,
        "total_cost_usd": 0.5,
        "usage": {"output_tokens_details": {"thinking_tokens": 1}},
        "result": text,
        "api_error_status": status,
    }


def results(*ids: str) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": call, "content": "x"} for call in ids]
    return {"type": "user", "message": {"role": "user", "content": blocks}}


def complaint(kind: Any, text: str) -> dict[str, Any]:
    message = {"model": "<synthetic>", "content": [{"type": "text", "text": text}]}
    return {"type": "assistant", "message": message, "error": kind}


def read(reader: ResponseReader, *frames: dict[str, Any]) -> list[Event]:
    return [event for one in frames for event in reader.feed(one)[0]]


def kills(reader: ResponseReader, *frames: dict[str, Any]) -> list[bool]:
    return [reader.feed(one)[1] for one in frames]


def error_in(events: list[Event]) -> DrawbridgeError:
    assert isinstance(events[-1], Failed)
    return events[-1].error


KILLS = [
    ([TEXT, delta("a"), STOP, ended("end_turn")], False),
    ([TEXT, delta("a"), STOP, ended("stop_sequence")], False),
    ([TEXT, delta("a"), STOP, ended("tool_use")], True),
    ([TEXT, delta(" "), STOP, ended("end_turn")], True),
    ([ended("end_turn")], True),
    ([TEXT, delta("a"), STOP, ended("max_tokens")], True),
    ([TEXT, delta("a"), STOP, ended("refusal")], True),
    ([TEXT, delta("a"), STOP, ended("model_context_window_exceeded")], True),
    ([TEXT, delta("a"), STOP, ended("a future reason")], True),
    ([TEXT, delta("a"), STOP, ended(None)], False),
    ([CALL, arguments('{"a": '), arguments("1}"), STOP, ended("tool_use")], False),
    ([CALL, STOP, ended("tool_use")], False),
    ([CALL, STOP, ended("end_turn")], True),
    ([CALL, arguments("[1]"), STOP, ended("tool_use")], True),
    ([CALL, arguments('{"a": NaN}'), STOP, ended("tool_use")], True),
    ([CALL, arguments('{"a": ' + "[" * 9999 + "]" * 9999 + "}"), STOP, ended("tool_use")], True),
    ([CALL, arguments('{"a'), STOP, ended("tool_use")], True),
    ([{**CALL, "content_block": {"type": "tool_use", "id": "new", "name": "ghost"}}, STOP, ended("tool_use")], True),
    ([CALL, STOP, MESSAGE_STOP], True),
    ([TEXT, delta("a"), STOP, MESSAGE_STOP], False),
]


@pytest.mark.parametrize(("events", "dies"), KILLS, ids=range(len(KILLS)))
def test_the_process_is_killed_before_a_second_request(events: list[dict[str, Any]], dies: bool) -> None:
    reader = ResponseReader(TOOLS)
    assert kills(reader, *map(frame, [START, *events])) == [False] * len(events) + [dies]


def test_results_that_we_did_not_give_kill_only_after_the_answers_end() -> None:
    reader = ResponseReader(TOOLS, answered={"old"})
    events = [frame(event) for event in (START, CALL, arguments("{}"), STOP)]
    assert not any(kills(reader, *events))
    assert kills(reader, results("old"), results("old", "new"), frame(ended("tool_use"))) == [False, False, True]
    reader = ResponseReader(TOOLS)
    assert not any(kills(reader, *events, frame(ended("tool_use"))))
    assert kills(reader, results("new")) == [True]


def test_a_synthetic_user_message_kills_and_cuts_the_answer() -> None:
    reader = ResponseReader()
    events, kill = reader.feed({"type": "user", "isSynthetic": True})
    assert kill
    assert isinstance(error_in(list(events)), AnswerCut)
    assert kills(ResponseReader(), {"type": "user"}, {"type": "system", "subtype": "status"}) == [False, False]


def test_an_interrupted_answer_gives_no_events_and_its_end_kills_nothing() -> None:
    reader = ResponseReader(TOOLS)
    read(reader, frame(START), frame(CALL), frame(STOP))
    reader.interrupt()
    interrupted = [frame(MESSAGE_STOP), results("new"), result(is_error=True)]
    assert not any(kills(reader, *interrupted))
    assert not read(reader, *interrupted)
    assert kills(reader, frame(ended("max_tokens"))) == [True]


def test_a_complete_answer_ends_with_its_result_with_usage_and_cost() -> None:
    reader = ResponseReader()
    events = read(reader, *map(frame, (START, TEXT, delta("a"), STOP, ended("end_turn"))))
    assert PartDelta(0, "a") in events
    was_over = reader.is_over
    (finished,) = read(reader, result())
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.cost_usd) == (StopReason.END, 0.5)
    assert (finished.usage.input, finished.usage.output, finished.usage.thinking) == (3, 2, 1)
    assert (was_over, reader.is_over) == (False, True)
    assert not reader.awaits_results


def test_the_cost_of_an_answer_is_without_that_of_the_answers_before() -> None:
    reader = ResponseReader(spent_usd=0.125)
    read(reader, *map(frame, (START, TEXT, delta("a"), STOP, ended("end_turn"))))
    (finished,) = read(reader, result())
    assert isinstance(finished, Finished)
    assert finished.cost_usd == 0.375


def test_an_answer_with_calls_ends_without_a_result() -> None:
    reader = ResponseReader({"look": "the client's name"})
    events = read(reader, *map(frame, (START, CALL, STOP, ended("tool_use"))))
    assert isinstance(events[-1], Finished)
    assert PartDelta(0, "{}") in events
    assert (reader.calls, reader.awaits_results) == (("new",), True)


def test_keys_of_arguments_have_the_clients_names() -> None:
    reader = ResponseReader({"look": "Look!"}, keys={"Look!": {"filter_id_": "filter[id]"}})
    sent = [frame(event) for event in (START, CALL, arguments('{"filt'), arguments('er_id_": {"filter_id_'), STOP)]
    text = "".join(event.text for event in read(reader, *sent) if isinstance(event, PartDelta))
    assert text == '{"filter[id]": {"filter_id_'


def test_a_call_that_breaks_off_within_a_key_keeps_its_text() -> None:
    reader = ResponseReader({"look": "look"}, keys={"look": {"a_": "a[]"}})
    events = read(reader, *map(frame, (START, CALL, arguments('{"a'), STOP)))
    assert [event.text for event in events if isinstance(event, PartDelta)] == ["{", '"a']


def test_redacted_thinking_is_a_part_of_its_own() -> None:
    block = {"type": "redacted_thinking", "data": "secret"}
    events = read(ResponseReader(), frame(START), frame({**TEXT, "content_block": block}))
    assert events[-1] == PartStarted(0, RedactedThinking("secret"))


INCOMPLETE = [
    [START],
    [START, TEXT, delta("a")],
    [START, TEXT, delta("a"), STOP],
    [START, TEXT, delta("a"), ended("end_turn")],
    [],
]


@pytest.mark.parametrize("events", INCOMPLETE, ids=range(len(INCOMPLETE)))
def test_a_success_without_a_complete_stream_is_a_cut_answer(events: list[dict[str, Any]]) -> None:
    reader = ResponseReader()
    read(reader, *map(frame, events))
    assert isinstance(error_in(read(reader, result())), AnswerCut)


def test_a_second_start_cuts_the_answer_and_nothing_follows() -> None:
    reader = ResponseReader()
    read(reader, frame(START))
    assert isinstance(error_in(read(reader, frame(START))), AnswerCut)
    assert not read(reader, *map(frame, (TEXT, delta("a"), STOP, ended("end_turn"))), result())


def test_a_block_of_an_unexpected_type_is_a_surprise() -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}}
    error = error_in(read(ResponseReader(), frame(block)))
    assert isinstance(error, UnexpectedOutput)
    assert "server_tool_use" in str(error)


ODD: list[dict[str, Any]] = [
    {"type": "stream_event"},
    {"type": "stream_event", "event": "text"},
    frame({**TEXT, "index": "0"}),
    frame({"type": "content_block_start", "content_block": {"type": "text"}}),
    frame({**CALL, "content_block": {"type": "tool_use", "id": "a"}}),
    frame({"type": "content_block_delta", "index": 0}),
    frame({**delta("a"), "delta": {"type": "signature_delta"}, "index": []}),
    frame(ended(["end_turn"])),
    frame({**START, "message": None}),
    {"type": "rate_limit_event"},
    {"type": "assistant"},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_frame_that_cannot_be_read_ends_the_answer_and_the_process(odd: dict[str, Any]) -> None:
    events, kill = ResponseReader().feed(odd)
    assert kill
    assert isinstance(error_in(list(events)), UnexpectedOutput)


def test_a_limit_has_the_time_of_its_end() -> None:
    reader = ResponseReader(now=lambda: 1000.0)
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1060}}
    events = read(
        reader, limit, complaint("rate_limit", "You've hit your 5-hour limit"), result(is_error=True, status=429)
    )
    error = error_in(events)
    assert isinstance(error, UsageLimit)
    assert "5-hour limit" in str(error)
    assert error.retry_after_s == 60.0


def test_a_failure_that_the_result_hides_is_still_a_failure() -> None:
    events = read(ResponseReader(), complaint("server_error", "API Error: 529 Overloaded"), result())
    assert isinstance(error_in(events), UpstreamDown)


def test_the_end_of_the_process_is_a_death_or_a_cut() -> None:
    assert isinstance(ResponseReader().end(is_killed=False), WorkerDied)
    assert isinstance(ResponseReader().end(is_killed=True), AnswerCut)
    reader = ResponseReader()
    assert isinstance(read(reader, frame(START))[0], Started)
    reader = ResponseReader()
    read(reader, complaint("rate_limit", "no"))
    assert isinstance(reader.end(is_killed=False), UsageLimit)
