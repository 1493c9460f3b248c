import asyncio
import concurrent.futures
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.agents.asking.approvals import LONGEST_DETAIL, MOST_OPEN, Change, OpenQuestions, QuestionClosed
from server.agents.asking.questions import Decision, Question, QuestionRefused
from server.errors import InvalidRequest, NotFound
from server.status import ApprovalsStatus
from server.web.control.approvals import DECISIONS

BASH = Question("q1", "local:0", "req-1", "site", "Bash", detail="make test", may_remember=True)


def question(id_: str, **fields: object) -> Question:
    return Question(id_, "local:0", "req-1", "site", "Bash", **fields)  # type: ignore[arg-type]


@asynccontextmanager
async def asked(approvals: OpenQuestions, *questions: Question) -> AsyncIterator[list[asyncio.Task[Decision | None]]]:
    """The questions, open; those that are still open at the end are withdrawn."""
    tasks = [asyncio.create_task(approvals.ask(one)) for one in questions]
    await asyncio.sleep(0)
    assert len(approvals.open_questions()) == len(questions)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("decision", DECISIONS)
async def test_the_one_who_asks_gets_the_decision(decision: Decision) -> None:
    approvals = OpenQuestions()
    changes: list[Change] = []
    approvals.watch(changes.append)
    async with asked(approvals, BASH) as (task,):
        assert approvals.status == ApprovalsStatus(1, "q1", "Bash", "site")
        approvals.decide("q1", decision)
        assert await task == decision
    assert approvals.open_questions() == ()
    assert approvals.status == ApprovalsStatus()
    assert [change.outcome for change in changes] == [None, decision]


async def test_a_question_is_decided_once() -> None:
    approvals = OpenQuestions()
    async with asked(approvals, BASH) as (task,):
        approvals.decide("q1", "refuse")
        with pytest.raises(QuestionClosed, match="it was refused"):
            approvals.decide("q1", "once")
        assert await task == "refuse"


async def test_a_question_that_was_never_asked_is_not_found() -> None:
    with pytest.raises(NotFound):
        OpenQuestions().decide("q9", "once")


async def test_only_a_question_that_offers_it_is_allowed_for_the_conversation() -> None:
    approvals = OpenQuestions()
    async with asked(approvals, question("q1")) as (task,):
        with pytest.raises(InvalidRequest, match="whole conversation"):
            approvals.decide("q1", "conversation")
        assert not task.done()
        approvals.decide("q1", "once")
        assert await task == "once"


async def test_no_answer_in_time_is_none_and_a_later_one_is_refused() -> None:
    approvals = OpenQuestions(limit_s=0.02)
    changes: list[Change] = []
    approvals.watch(changes.append)
    assert await approvals.ask(BASH) is None
    with pytest.raises(QuestionClosed, match="there was no decision in time"):
        approvals.decide("q1", "once")
    assert [change.outcome for change in changes] == [None, "expired"]


async def test_a_cancelled_wait_withdraws_the_question() -> None:
    approvals = OpenQuestions()
    changes: list[Change] = []
    approvals.watch(changes.append)
    async with asked(approvals, BASH) as (task,):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert approvals.open_questions() == ()
    assert [change.outcome for change in changes] == [None, "withdrawn"]
    with pytest.raises(QuestionClosed, match="the request that asked has ended"):
        approvals.decide("q1", "once")


async def test_the_times_are_the_stores_and_an_earlier_end_is_kept() -> None:
    approvals = OpenQuestions(clock=lambda: 1000.0)
    questions = question("q1"), question("q2", expires_at=1060.0), question("q3", expires_at=9999.0), question("")
    async with asked(approvals, *questions):
        waiting = approvals.open_questions()
        assert [one.asked_at for one in waiting] == [1000.0] * 4
        assert [one.expires_at for one in waiting] == [1300.0, 1060.0, 1300.0, 1300.0]
        assert len({one.id for one in waiting} - {""}) == 4


async def test_what_cannot_be_shown_whole_is_refused_with_a_sentence() -> None:
    approvals = OpenQuestions()
    with pytest.raises(QuestionRefused, match="smaller steps"):
        await approvals.ask(question("q1", detail="x" * (LONGEST_DETAIL + 1)))
    async with asked(approvals, question("q2", detail="x" * LONGEST_DETAIL)):
        pass


async def test_more_questions_than_a_person_reads_are_refused() -> None:
    approvals = OpenQuestions()
    async with asked(approvals, *(question(f"q{number}") for number in range(MOST_OPEN))):
        with pytest.raises(QuestionRefused, match="wait for the person"):
            await approvals.ask(question("one more"))
        approvals.decide("q0", "refuse")
        again = asyncio.create_task(approvals.ask(question("one more")))
        await asyncio.sleep(0)
        approvals.decide("one more", "once")
        assert await again == "once"


async def test_an_id_is_used_once() -> None:
    approvals = OpenQuestions()
    async with asked(approvals, BASH):
        with pytest.raises(ValueError, match="asked before"):
            await approvals.ask(BASH)
        approvals.decide("q1", "once")
        with pytest.raises(ValueError, match="asked before"):
            await approvals.ask(BASH)


async def test_of_many_threads_that_decide_at_once_one_wins_and_its_decision_counts() -> None:
    approvals = OpenQuestions()
    threads = 8
    for round_ in range(30):
        id_ = f"q{round_}"
        start = threading.Barrier(threads)

        def decide(decision: Decision, id_: str = id_, start: threading.Barrier = start) -> Decision | None:
            start.wait()
            try:
                approvals.decide(id_, decision)
            except QuestionClosed:
                return None
            return decision

        async with asked(approvals, question(id_, may_remember=True)) as (task,):
            with concurrent.futures.ThreadPoolExecutor(threads) as pool:
                loop = asyncio.get_running_loop()
                wishes = [random.choice(DECISIONS) for _ in range(threads)]
                won = await asyncio.gather(*(loop.run_in_executor(pool, decide, wish) for wish in wishes))
                assert [one for one in won if one] == [await task]
    assert approvals.open_questions() == ()


async def test_changes_are_told_in_the_loop_of_the_one_who_asks() -> None:
    approvals = OpenQuestions()
    told: list[threading.Thread] = []
    approvals.watch(lambda _: told.append(threading.current_thread()))
    async with asked(approvals, BASH) as (task,):
        await asyncio.to_thread(approvals.decide, "q1", "once")
        assert await task == "once"
    assert told == [threading.current_thread()] * 2
