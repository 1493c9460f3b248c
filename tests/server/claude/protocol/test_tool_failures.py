"""Disconnects, cuts and deaths around tool calls, with the real CLI."""

import asyncio

import pytest

from server.conversation.events import Finished, PartDelta
from server.conversation.parts import Message, Text
from server.errors import AnswerCut, DrawbridgeError, UpstreamDown, WorkerDied
from server.standin.script import Cut, Drop, Pause, Refusal, Reply, StreamError, ToolUse, call, refuse
from server.standin.script import Text as ScriptText
from server.standin.server import Standin, default_answer
from tests.server.claude.conftest import SONNET
from tests.server.claude.tool_loop import CALLS, PROFILE, QUESTION, Loop, messages_upstream, parts_of, results_of
from tests.server.claude.worker.test_history import MARK, _headers
from tests.server.claude.worker.test_session import masked


async def test_a_worker_with_open_calls_leaks_nothing_into_another_conversation(
    fresh_loop: Loop, standin: Standin
) -> None:
    loop = fresh_loop
    await loop.ask()
    fresh = masked(loop.body), _headers(standin.requests[-1])
    for _ in range(3):
        standin.script(Reply((ScriptText((MARK,)), call("look", {"a": MARK}), call("Bash", {"a": MARK})), "tool_use"))
        loop.messages = (Message("user", (Text(MARK),)),)
        events = await loop.ask(held=0)
        assert len(parts_of(events)) == 3
        standin.script(default_answer)
        loop.messages = (QUESTION,)
        await loop.ask(held=0)
        assert (masked(loop.body), _headers(standin.requests[-1])) == fresh
    assert len(standin.requests) == 7


async def test_a_client_that_disconnects_within_calls_leaves_nothing_behind(fresh_loop: Loop, standin: Standin) -> None:
    loop = fresh_loop
    await loop.ask()
    fresh = masked(loop.body)
    assert loop.worker is not None
    for _ in range(3):
        standin.script(Reply((call("look", {"a": MARK}), Pause(0.05), call("look", {"a": MARK})), "tool_use"))
        answer = loop.worker.ask(PROFILE, SONNET, (Message("user", (Text(MARK),)),))
        async for event in answer:
            if isinstance(event, PartDelta):
                break
        await answer.aclose()
        assert await loop.worker.settle()
        standin.script(default_answer)
        loop.messages = (QUESTION,)
        await loop.ask(held=0)
        assert masked(loop.body) == fresh


async def test_a_death_between_call_and_result_is_an_error_before_the_first_event(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    loop.result(*results_of(parts_of(events)))
    assert loop.worker is not None
    await loop.worker._process.kill()
    with pytest.raises(WorkerDied):
        await loop.ask()
    loop.worker = None
    await loop.ask()
    assert len(messages_upstream(loop.body)) == 3


async def test_a_connection_that_breaks_after_the_calls_does_not_lose_them(loop: Loop, standin: Standin) -> None:
    standin.script(Reply((call("look", {"a": "x"}),), "tool_use", before_stop=(Pause(0.2), Cut())), default_answer)
    events = await loop.ask()
    assert isinstance(events[-1], Finished)
    # Claude Code does not report the break; it needs some time to notice it.
    await asyncio.wait_for(standin.requests[-1].ended(), 10)
    await asyncio.sleep(1)
    loop.result(*results_of(parts_of(events)))
    try:
        await loop.ask()
    except WorkerDied:
        loop.worker = None
        await loop.ask()
    assert len(messages_upstream(loop.body)) == 3


# The pauses give Claude Code time to start a call while the answer continues.
CUTS_IN_CALLS = {
    "in its arguments": Reply((ToolUse("look", ('{"a": ', Cut())),), "tool_use"),
    "in its arguments, later": Reply((ToolUse("look", ('{"a": ', Pause(0.5), Cut())),), "tool_use"),
    "behind it": Reply((call("look", {"a": "x"}), Cut()), "tool_use"),
    "behind it, later": Reply((call("look", {"a": "x"}), Pause(0.5), Cut()), "tool_use"),
    "in the second": Reply((call("look", {"a": "x"}), ToolUse("look", ('{"a"', Pause(0.5), Cut()))), "tool_use"),
    "before a reason": Reply((call("look", {"a": "x"}),), stop_reason=None),
    "before a reason, later": Reply((call("look", {"a": "x"}), Pause(0.5)), stop_reason=None),
    "an error behind it": Reply((call("look", {"a": "x"}), Pause(0.5), StreamError()), "tool_use"),
}


@pytest.mark.parametrize("reply", CUTS_IN_CALLS.values(), ids=CUTS_IN_CALLS)
async def test_a_cut_within_a_call_is_an_error_without_a_second_request(
    loop: Loop, standin: Standin, reply: Reply
) -> None:
    standin.script(lambda _: reply)
    with pytest.raises((AnswerCut, UpstreamDown)):
        await loop.ask()
    await loop.close()
    assert len(standin.requests) == 1


@pytest.mark.parametrize("failure", [refuse(529), refuse(400, "no"), Drop(reset=True)], ids=["529", "400", "dropped"])
async def test_a_failure_after_the_results_leaves_nothing_behind(
    fresh_loop: Loop, standin: Standin, failure: Refusal | Drop
) -> None:
    loop = fresh_loop
    await loop.ask()
    fresh = masked(loop.body)
    standin.script(CALLS, lambda _: failure)
    loop.messages = (Message("user", (Text(MARK),)),)
    events = await loop.ask(held=0)
    loop.result(*results_of(parts_of(events), MARK))
    with pytest.raises(DrawbridgeError):
        await loop.ask()
    assert loop.worker is not None
    assert loop.worker.is_at_rest
    failed = loop.messages
    standin.script(default_answer)
    loop.messages = (QUESTION,)
    await loop.ask(held=0)
    assert masked(loop.body) == fresh
    # A repeated request is answered.
    loop.messages = failed
    await loop.ask(held=0)
    assert [role for role, _ in messages_upstream(loop.body)] == ["user", "assistant", "user"]
