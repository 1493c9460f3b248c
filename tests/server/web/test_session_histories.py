"""In every dialect with sessions: what a client sends again counts once, an edit forks, and the order is kept."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.parts import Text, Thinking
from tests.server.web.scene import client
from tests.server.web.test_sessions import PATHS, Scene, keeping, text_of

Said = tuple[str, str]

# A step: only what is new; all of it; cut after so many pairs; or another text at that place.
steps = st.lists(
    st.tuples(st.sampled_from(("new", "resent", "cut", "edited")), st.integers(0, 100), st.booleans()),
    min_size=2,
    max_size=7,
)


def body_of(path: str, said: Sequence[Said], *, stream: bool) -> dict[str, object]:
    messages = [{"role": role, "content": text} for role, text in said]
    if path == "/v1/responses":
        return {"input": messages, "stream": stream, "store": False}
    body = {"model": "sonnet", "messages": messages, "stream": stream}
    return {**body, "max_tokens": 100} if path == "/v1/messages" else body


async def post(scene: Scene, path: str, said: Sequence[Said], *, stream: bool = False) -> httpx.Response:
    async with client(scene.app) as http:
        reply = await http.post(path, json={**body_of(path, said, stream=stream), "session_id": "s"})
    assert reply.status_code == 200, reply.text
    assert "x-drawbridge-ignored" not in reply.headers
    return reply


def next_request(known: list[Said], kind: str, place: int, question: Said) -> tuple[list[Said], list[Said], str]:
    """What the client sends, the conversation that Claude must get, and what the header must say."""
    pairs = len(known) // 2
    if not known:
        return [question], [question], "new"
    if kind == "new":
        return [question], [*known, question], "continued"
    if kind == "cut" and pairs > 1:
        known = known[: 2 * (1 + place % (pairs - 1))]
        return [*known, question], [*known, question], "changed"
    if kind == "edited":
        at = place % len(known)
        known = [*known[:at], (known[at][0], f"edited for {question[1]}"), *known[at + 1 :]]
        return [*known, question], [*known, question], "changed"
    return [*known, question], [*known, question], "resent"


async def said_in(scene: Scene, name: str) -> list[Said]:
    stored = await scene.store.load(scene.engine.requests[-1].profile.owner, name)
    return [(message.role, text_of(message)) for message in stored.messages]


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_a_history_is_never_doubled_and_an_edited_one_forks(path: str, plan: list[tuple[str, int, bool]]) -> None:
    async def play() -> None:
        async with keeping() as scene:
            known: list[Said] = []
            for number, (kind, place, stream) in enumerate(plan, 1):
                sent, expected, how = next_request(known, kind, place, ("user", f"question {number}"))
                reply = await post(scene, path, sent, stream=stream)
                assert scene.last == expected
                if not stream:
                    assert reply.headers["x-drawbridge-session"] == how
                # Of what an edit left out no answer is lost.
                fork = reply.headers.get("x-drawbridge-session-fork", "")
                left_out = await said_in(scene, fork) if fork else []
                assert left_out == (known if {one for one in known if one[0] == "assistant"} - {*expected} else [])
                known = [*expected, ("assistant", f"answer {number}")]
            assert await said_in(scene, "s") == known

    asyncio.run(play())


@pytest.mark.parametrize("path", PATHS)
async def test_requests_of_one_session_at_once_are_answered_in_order(path: str) -> None:
    async with keeping() as scene:
        scene.hold = asyncio.Event()
        asking = []
        for number in range(3):
            asking.append(asyncio.create_task(post(scene, path, [("user", f"q{number}")], stream=number == 1)))
            # The first one is with Claude, the others wait in the line.
            while not scene.engine.requests:
                await asyncio.sleep(0)
            await asyncio.sleep(0.05)
        assert len(scene.engine.requests) == 1
        scene.hold.set()
        await asyncio.gather(*asking)
        assert scene.last == [
            *(("user", "q0"), ("assistant", "answer 1"), ("user", "q1"), ("assistant", "answer 2")),
            ("user", "q2"),
        ]


def parts_of(*texts: str, reason: StopReason = StopReason.END) -> list[Event]:
    events: list[Event] = [Started("claude-sonnet-5")]
    for number, text in enumerate(texts):
        events += [PartStarted(number, Text("")), PartDelta(number, text), PartEnded(number)]
    return [*events, Finished(reason)]


THOUGHT: list[Event] = [
    Started("claude-sonnet-5"),
    PartStarted(0, Thinking("", None, "claude-sonnet-5")),
    PartDelta(0, "hm"),
    PartEnded(0, "c2lnbmVk"),
    Finished(StopReason.END),
]
NOTHING = {
    "no text": parts_of(),
    "a refusal without text": parts_of(reason=StopReason.REFUSAL),
    "blank": parts_of("\n"),
    "what Claude Code takes for nothing": parts_of("(no content)"),
    "only thinking": THOUGHT,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("answer", NOTHING)
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_question_without_an_answer_counts_once(path: str, answer: str, *, is_first: bool) -> None:
    async with keeping() as scene:
        history: list[Said] = []
        if not is_first:
            await post(scene, path, [("user", "zero")])
            history = [("user", "zero"), ("assistant", "answer 1")]
        scene.answers = [list(NOTHING[answer])]
        await post(scene, path, [*history, ("user", "one")])
        # The client shows an empty answer, and sends it back with its next question; or it leaves it out.
        async with client(scene.app) as http:
            said = [*history, ("user", "one"), ("assistant", ""), ("user", "two")]
            reply = await http.post(path, json={**body_of(path, said, stream=False), "session_id": "s"})
        assert reply.status_code == 200, reply.text
        assert scene.last == [*history, ("user", "onetwo")]
        scene.answers = [list(NOTHING[answer])]
        await post(scene, path, [("user", "three")])
        await post(scene, path, [("user", "three")])
        assert scene.last[-1] == ("user", "three")
        await post(scene, path, [("user", "four")])
        assert [text for role, text in scene.last if role == "user"][-2:] == ["three", "four"]


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_with_blank_parts_is_recognised_and_kept_whole(path: str) -> None:
    async with keeping() as scene:
        scene.answers = [parts_of("\n", "a", "\n\n", "b", " ")]
        await post(scene, path, [("user", "one")])
        reply = await post(scene, path, [("user", "one"), ("assistant", "a\n\nb"), ("user", "two")])
        assert reply.headers["x-drawbridge-session"] == "resent"
        assert [text for _, text in scene.last] == ["one", "\na\n\nb ", "two"]
