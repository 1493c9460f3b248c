"""What becomes of a worker after its answer, and which conversation it is leased and kept for."""

from dataclasses import replace

from server.config import Config
from server.conversation.events import Finished, PartDelta, PartStarted, Started, StopReason
from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, Text
from server.conversation.request import Profile
from server.pool.lease import LeaseResult
from tests.server.answering.scene import REQUEST, TITLE, WHOLE, ScriptedPool, answering, events_of


async def test_closing_the_stream_closes_the_answer_and_returns_the_worker() -> None:
    pool = ScriptedPool(WHOLE)
    events = answering(pool).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert (pool.leased, pool.closed) == (0, 1)


async def test_a_whole_answer_parks_the_worker_with_the_conversation_that_the_client_will_send_back() -> None:
    pool = ScriptedPool(
        [Started("m"), PartStarted(0, Text("")), PartDelta(0, "Hel"), PartDelta(0, "lo"), Finished(StopReason.END)]
    )
    await events_of(pool)
    messages = (*REQUEST.messages, Message("assistant", (Text("Hello"),)))
    assert pool.results == [LeaseResult(is_kept=True, conversation_key=conversation_key(messages, model="sonnet"))]
    assert pool.keys == [None]


async def test_a_continued_conversation_is_leased_by_its_key_and_sends_only_the_new_message() -> None:
    pool = ScriptedPool(WHOLE)
    pool.way = "continued"
    history = (*REQUEST.messages, Message("assistant", (Text(" Hello "),)))
    await events_of(pool, replace(REQUEST, messages=(*history, *REQUEST.messages)))
    assert pool.keys == [conversation_key(history, model="sonnet")]
    assert pool.held == [2]


async def test_closing_the_stream_stops_the_worker_and_keeps_it_without_a_conversation() -> None:
    pool = ScriptedPool(WHOLE)
    events = answering(pool).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert pool.results == [LeaseResult(is_kept=True, conversation_key=None)]


async def test_a_worker_that_does_not_stop_retires() -> None:
    pool = ScriptedPool(WHOLE)
    pool.stops = False
    events = answering(pool).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert not pool.results[0].is_kept


async def test_a_worker_that_ends_after_its_answer_is_not_parked() -> None:
    """The pool may not have noticed the death yet, and would lease it to the next waiter."""
    pool = ScriptedPool(WHOLE)
    events = answering(pool).stream(REQUEST)
    while not isinstance(await anext(events), Finished):
        pass
    pool.is_alive = False
    await events.aclose()
    assert not pool.results[0].is_kept


async def test_a_worker_that_has_served_long_enough_retires_after_its_answer() -> None:
    pool = ScriptedPool(WHOLE)
    pool.needs_replacement = True
    await events_of(pool)
    assert not pool.results[0].is_kept


async def test_where_each_conversation_has_its_own_process_no_worker_is_kept() -> None:
    pool = ScriptedPool(WHOLE)
    pool.stops = False
    events = answering(pool, Config(isolation="process")).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert not pool.results[0].is_kept


async def test_a_background_request_continues_no_conversation_and_leaves_none() -> None:
    pool = ScriptedPool(WHOLE, WHOLE)
    pool.is_at_rest = True
    service = answering(pool, Config(isolation="warm"))
    title = replace(REQUEST, messages=(Message("user", (Text(TITLE),)),))
    for request in (title, REQUEST):
        async for _ in service.stream(request):
            pass
    assert pool.background == [True, False]
    assert pool.keys[0] is None
    assert [(result.is_kept, result.conversation_key is None) for result in pool.results] == [
        (True, True),
        (True, False),
    ]


async def test_a_live_worker_takes_every_prompt_of_its_owner() -> None:
    pool = ScriptedPool(*[WHOLE] * 6)
    terse, kind, others = (
        Profile("Be terse.", owner="me"),
        Profile("Be kind.\n", owner="me"),
        Profile("Be terse.", owner="another"),
    )
    for is_live in (True, False):
        service = answering(pool, Config(isolation="warm"), is_live=is_live)
        for profile in (terse, kind, others):
            async for _ in service.stream(replace(REQUEST, profile=profile)):
                pass
    assert pool.kinds == ["me", "me", "another", terse, kind, others]


async def test_a_conversation_is_not_continued_under_another_prompt() -> None:
    pool = ScriptedPool(WHOLE, WHOLE)
    messages = (*REQUEST.messages, Message("assistant", (Text("so"),)), *REQUEST.messages)
    for system in ("Be terse.", "Be kind."):
        async for _ in answering(pool, is_live=True).stream(
            replace(REQUEST, messages=messages, profile=Profile(system))
        ):
            pass
    one, other = pool.keys
    assert one is not None
    assert other not in {None, one}


async def test_the_next_worker_is_not_prepared_for_a_background_request() -> None:
    pool = ScriptedPool(WHOLE)
    service = answering(pool, Config(housekeeping_model="opus"))
    async for _ in service.stream(replace(REQUEST, messages=(Message("user", (Text(TITLE),)),))):
        pass
    assert pool.settings[0].model == "opus"
    assert service.likely.model == "sonnet"
