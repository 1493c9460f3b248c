"""The leash and the verdict, frame by frame, without a process."""

from typing import Any

import pytest
from claude_agent_sdk import AssistantMessage, RateLimitEvent, RateLimitInfo, ResultMessage, StreamEvent, TextBlock

from server.claude.protocol.response import Answer, Leash
from server.conversation.events import Failed, Finished, PartDelta, StopReason
from server.errors import AnswerCut, UnexpectedOutput, UpstreamDown, UsageLimit, WorkerDied

START: dict[str, Any] = {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 3}}}
TEXT: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP: dict[str, Any] = {"type": "content_block_stop", "index": 0}


def delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def ended(reason: str | None) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}


def frame(event: dict[str, Any]) -> dict[str, Any]:
    return {"type": "stream_event", "event": event}


def stream(event: dict[str, Any]) -> StreamEvent:
    return StreamEvent(uuid="u", session_id="s", event=event)


def result(*, is_error: bool = False, status: int | None = None, text: str | None = None) -> ResultMessage:
    return ResultMessage(
        subtype="success",
        duration_ms=1,
        duration_api_ms=1,
        is_error=is_error,
        num_turns=1,
        session_id="s",
        total_cost_usd=0.5,
        usage={"output_tokens_details": {"thinking_tokens": 1}},
        result=text,
        api_error_status=status,
    )


CALL = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "look"}}


def written(arguments: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"partial_json": arguments}}


def results(*ids: str) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": call, "content": "x"} for call in ids]
    return {"type": "user", "message": {"role": "user", "content": blocks}}


LEASH = [
    ([TEXT, delta("a"), STOP, ended("end_turn")], False),
    ([TEXT, delta("a"), STOP, ended("stop_sequence")], False),
    ([TEXT, delta("a"), STOP, ended("tool_use")], True),
    ([TEXT, delta(" "), STOP, ended("end_turn")], True),
    ([ended("end_turn")], True),
    ([TEXT, delta("a"), STOP, ended("max_tokens")], True),
    ([TEXT, delta("a"), STOP, ended("refusal")], True),
    ([TEXT, delta("a"), STOP, ended("model_context_window_exceeded")], True),
    ([TEXT, delta("a"), STOP, ended("a reason of tomorrow")], True),
    ([TEXT, delta("a"), STOP, ended(None)], False),
    ([CALL, written('{"a": '), written("1}"), STOP, ended("tool_use")], False),
    ([CALL, STOP, ended("tool_use")], False),
    ([CALL, STOP, ended("end_turn")], True),
    ([CALL, written("[1]"), STOP, ended("tool_use")], True),
    ([CALL, written('{"a": NaN}'), STOP, ended("tool_use")], True),
    ([CALL, written('{"a": ' + "[" * 9999 + "]" * 9999 + "}"), STOP, ended("tool_use")], True),
    ([CALL, written('{"a'), STOP, ended("tool_use")], True),
    ([{**CALL, "content_block": {"type": "tool_use", "name": "ghost"}}, STOP, ended("tool_use")], True),
]


@pytest.mark.parametrize(("events", "dies"), LEASH, ids=range(len(LEASH)))
def test_the_leash_pulls_before_a_second_request(events: list[dict[str, Any]], dies: bool) -> None:
    leash = Leash({"look"})
    assert [leash(frame(event)) for event in [START, *events]] == [False] * len(events) + [dies]


def test_the_leash_pulls_at_results_that_nobody_gave_but_not_before_the_answers_end() -> None:
    leash = Leash({"look"}, answered={"old"})
    events = [START, CALL, written("{}"), STOP]
    assert not any(leash(frame(event)) for event in events)
    assert not leash(results("old"))
    assert not leash(results("old", "new"))
    assert leash(frame(ended("tool_use")))
    leash = Leash({"look"})
    assert not any(leash(frame(event)) for event in [*events, ended("tool_use")])
    assert leash(results("new"))


def test_the_leash_pulls_at_a_user_message_of_the_engines_own() -> None:
    assert Leash()({"type": "user", "isSynthetic": True})
    assert not Leash()({"type": "user"})
    assert not Leash()({"type": "system", "subtype": "status"})


def test_a_whole_answer_is_finished_by_its_result_with_usage_and_cost() -> None:
    answer = Answer()
    said = (START, TEXT, delta("a"), STOP, ended("end_turn"))
    events = [event for part in said for event in answer.add(stream(part))]
    assert PartDelta(0, "a") in events
    (finished,) = answer.add(result())
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.cost_usd) == (StopReason.END, 0.5)
    assert (finished.usage.input, finished.usage.output, finished.usage.thinking) == (3, 2, 1)
    assert answer.is_done


INCOMPLETE = [
    [START],
    [START, TEXT, delta("a")],
    [START, TEXT, delta("a"), STOP],
    [START, TEXT, delta("a"), ended("end_turn")],
    [],
]


@pytest.mark.parametrize("events", INCOMPLETE, ids=range(len(INCOMPLETE)))
def test_a_success_without_a_whole_stream_is_a_cut_answer(events: list[dict[str, Any]]) -> None:
    answer = Answer()
    for event in events:
        answer.add(stream(event))
    with pytest.raises(AnswerCut):
        answer.add(result())


def test_a_second_start_is_never_passed_on() -> None:
    answer = Answer()
    answer.add(stream(START))
    with pytest.raises(AnswerCut):
        answer.add(stream(START))


def test_a_block_of_a_kind_that_nobody_asked_for_is_a_surprise() -> None:
    with pytest.raises(UnexpectedOutput, match="server_tool_use"):
        Answer().add(stream({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}}))


def complaint(kind: Any, text: str) -> AssistantMessage:
    return AssistantMessage(content=[TextBlock(text)], model="<synthetic>", error=kind)


def test_a_limit_tells_when_it_ends() -> None:
    answer = Answer(now=lambda: 1000.0)
    info = RateLimitInfo(status="rejected", resets_at=1060)
    answer.add(RateLimitEvent(rate_limit_info=info, uuid="u", session_id="s"))
    answer.add(complaint("rate_limit", "You've hit your 5-hour limit"))
    with pytest.raises(UsageLimit, match="5-hour limit") as caught:
        answer.add(result(is_error=True, status=429))
    assert caught.value.retry_after_s == 60.0


def test_a_failure_that_the_result_hides_is_still_a_failure() -> None:
    answer = Answer()
    answer.add(complaint("server_error", "API Error: 529 Overloaded"))
    with pytest.raises(UpstreamDown):
        answer.add(result())


def test_the_end_of_the_process_is_a_death_or_a_cut() -> None:
    assert isinstance(Answer().end(cut_short=False), WorkerDied)
    assert isinstance(Answer().end(cut_short=True), AnswerCut)
    answer = Answer()
    answer.add(complaint("rate_limit", "no"))
    assert isinstance(answer.end(cut_short=False), UsageLimit)


def test_a_failure_event_carries_its_error() -> None:
    assert Failed(AnswerCut()).error.title
