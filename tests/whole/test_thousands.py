"""Thousands of requests over real processes: whatever happens to the others, each body upstream is its request's own.

As soak tests 4 runs of 250 requests on live workers, one of 250 on fixed ones, and one of 150 also with a process for
each conversation. With the variable STORIES=2500 these six have 2,500 requests each (3,000 conversations in the first
four), which takes an hour or more.
"""

import asyncio
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from server.keys.key_file import KeyFile
from server.machine.keychain import Keychain
from server.standin.script import Script, refuse
from server.standin.server import Recorded, Standin, open_standin
from tests.tiers import sized
from tests.whole.bridge import Bridge, data_of, open_bridge
from tests.whole.stories import BROKEN, CANCELLED, KEY, OWNERS, Request, marks_in, named_keys, stories, turns_in

STORIES = int(os.environ.get("STORIES", "0"))
MANY, IN_PROCESSES = STORIES or 250, STORIES or 150
MOST_TRIES = 6
BOUND_S = 60.0
CROWDS = (1, 4, 2, 3)


@dataclass
class Run:
    """Sends the requests of stories to a running server, and checks what arrives upstream."""

    bridge: Bridge
    standin: Standin
    stories: list[list[list[Request]]]
    chance: random.Random
    tries: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    dying: int = 0
    extra: int = 0
    failures: int = 0
    resumed: int = 0
    burials: list[asyncio.Task[None]] = field(default_factory=list)
    seen: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def __post_init__(self) -> None:
        self.requests = {request.id: request for chapter in self.stories for story in chapter for request in story}
        self.standin.script(self.answer)

    def answer(self, recorded: Recorded) -> Script:
        """Chooses the stand-in's answer by the mark of the question."""
        request = self.requests[question_in(recorded)]
        if is_resumed(recorded):
            return refuse(400, "not a request of the test")
        self.tries[request.id] += 1
        self.seen[request.id].set()
        return request.script(self.tries[request.id])

    async def send(self) -> None:
        """Sends chapter by chapter, each with another number of concurrent people."""
        for number, chapter in enumerate(self.stories):
            room = asyncio.Semaphore(CROWDS[number % len(CROWDS)])
            async with asyncio.TaskGroup() as group:
                for story in chapter:
                    group.create_task(self._send_story(story, room))
        await self.bridge.until_pool(answering=0, waiting=0)

    async def _send_story(self, story: list[Request], room: asyncio.Semaphore) -> None:
        async with room:
            for request in story:
                if request.kills:
                    self._kill_one()
                try:
                    async with asyncio.timeout(BOUND_S):
                        await (self._leave(request) if request.fate in CANCELLED else self._ask(request))
                except TimeoutError as error:
                    raise AssertionError(f"no answer within the timeout to {request}") from error

    def _kill_one(self) -> None:
        """Kills a random worker, whatever it does."""
        workers = self.bridge.workers()
        if workers:
            self.kills += 1
            self.dying += 1
            victim = self.chance.choice(workers)
            with suppress(psutil.NoSuchProcess):
                victim.kill()
            self.burials.append(asyncio.create_task(self._bury(victim)))

    async def _bury(self, victim: psutil.Process) -> None:
        """Counts it as dying until it has ended and the server has had time to react."""
        while victim.is_running():
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
        self.dying -= 1

    async def _ask(self, request: Request) -> None:
        """Sends the request until it is answered, with its own answer. Fails for failures that the test did not cause.

        The server retries once, which covers one undetected dead worker but not two.
        """
        for number in range(1, MOST_TRIES):
            kills, dying = self.kills, self.dying
            got = await (self._stream(request) if request.is_streamed else self._post(request))
            if not isinstance(got, Failure):
                end = "length" if self._was_cut_off(request) else "tool_calls" if request.answer.call else "stop"
                assert got == (request.answer.text, end, request.answer.calls)
                return
            self.failures += 1
            assert (number == 1 and request.fate in BROKEN) or self.kills > kills or dying > 1, (request, got)
            self.extra += not (number == 1 and request.fate in BROKEN)
        raise AssertionError(f"no answer to {request}")

    def _was_cut_off(self, request: Request) -> bool:
        return request.fate == "limit" and self.tries[request.id] == 1

    async def _post(self, request: Request) -> "Answer | Failure":
        reply = await self.bridge.post(request.body, headers=request.headers)
        if reply.status_code != 200:
            return Failure(reply.text)
        self.ways[reply.headers["x-drawbridge-way"]] += 1
        choice = reply.json()["choices"][0]
        calls = [call["function"] for call in choice["message"].get("tool_calls") or []]
        named = [(call["name"], call["arguments"]) for call in calls]
        return choice["message"]["content"], choice["finish_reason"], named

    async def _stream(self, request: Request) -> "Answer | Failure":
        async with self._streamed(request) as reply:
            if reply.status_code != 200:
                return Failure((await reply.aread()).decode())
            lines = [line async for line in reply.aiter_lines() if line]
        chunks = data_of(lines)
        if any("error" in chunk for chunk in chunks):
            return Failure(lines[-1])
        # On a very busy machine the head is sent before a worker is found.
        self.ways.update(filter(None, [reply.headers.get("x-drawbridge-way")]))
        assert lines[-1] == "data: [DONE]", lines[-1]
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        deltas = [delta["function"] for choice in choices for delta in choice["delta"].get("tool_calls") or []]
        names = [delta["name"] for delta in deltas if delta.get("name")]
        arguments = "".join(delta.get("arguments") or "" for delta in deltas)
        return text, choices[-1]["finish_reason"], [(name, arguments) for name in names]

    def _streamed(self, request: Request) -> AbstractAsyncContextManager[httpx.Response]:
        return self.bridge.client.stream("POST", "/chat/completions", json=request.body, headers=request.headers)

    async def _leave(self, request: Request) -> None:
        """Sends the request, and disconnects."""
        asking = asyncio.create_task(self._read_some(request))
        if request.fate == "cancelled before the headers":
            await asyncio.wait(
                {asking, asyncio.create_task(self.seen[request.id].wait())}, return_when="FIRST_COMPLETED"
            )
        elif request.fate == "cancelled at a random time":
            await asyncio.wait({asking}, timeout=request.chance * 0.2)
        else:
            await asyncio.wait({asking})
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    async def _read_some(self, request: Request) -> None:
        async with self._streamed(request) as reply:
            async for line in reply.aiter_lines():
                if f"[{request.id}]" in line and request.fate == "cancelled mid-stream":
                    return

    async def check(self) -> None:
        """Every body that arrived has the turns of its request, its system prompt, and no mark of another one."""
        owners: dict[str, set[str]] = defaultdict(set)
        for recorded in self.standin.requests:
            assert recorded.refusal is None, recorded.refusal
            request = self.requests[question_in(recorded)]
            if is_resumed(recorded):
                # On a busy computer Claude Code may send this one request before it is killed.
                assert request.fate == "limit"
                assert not request.has_moment
                assert turns_in(recorded.body)[:-2] == request.expected
                self.resumed += 1
                continue
            assert turns_in(recorded.body) == request.expected
            assert marks_in(json.dumps(recorded.body)) == request.marks
            system = [block["text"] for block in recorded.body["system"]]  # type: ignore[attr-defined] # its JSON
            assert (system[-1] == request.system) if request.system else not marks_in("".join(system))
            assert "local-command" not in json.dumps(recorded.body)
            tools: Any = recorded.body.get("tools") or []
            assert [tool["description"] for tool in tools] == [f"What {name} does." for name in request.tools]
            owners[str(json.loads(recorded.body["metadata"]["user_id"])["device_id"])].add(request.owner)  # type: ignore[index] # its JSON
            await asyncio.wait_for(recorded.ended(), BOUND_S)
        # A process has one owner, also one that was reset.
        assert all(len(kinds) == 1 for kinds in owners.values())
        assert {kind for kinds in owners.values() for kind in kinds} == set(OWNERS)
        for request in self.requests.values():
            least = 0 if request.fate == "cancelled at a random time" else 2 if request.fate in BROKEN else 1
            assert self.tries[request.id] >= least, request
            self.extra += self.tries[request.id] > max(least, 1)

    @property
    def arrived(self) -> dict[str, set[str]]:
        """The bodies that arrived for each request, without what differs between two processes or layouts."""
        found: dict[str, set[str]] = defaultdict(set)
        for recorded in self.standin.requests:
            if not is_resumed(recorded):
                found[question_in(recorded)].add(json.dumps(plain(recorded.body), sort_keys=True))
        return found


Answer = tuple[str, str, list[tuple[str, str]]]
"""The text of an answer, why it ended, and its calls with their arguments."""


@dataclass(frozen=True)
class Failure:
    """An error instead of an answer."""

    text: str


def question_in(recorded: Recorded) -> str:
    """Returns the mark of the last question in a body."""
    questions = [text for role, text in turns_in(recorded.body) if role == "user" and text.startswith("[r")]
    return questions[-1].partition("]")[0].removeprefix("[")


def is_resumed(recorded: Recorded) -> bool:
    """Whether Claude Code continues by itself after an answer that reached its limit."""
    return turns_in(recorded.body)[-1][1].startswith("Output token limit hit.")


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a body with its turns, without session id, environment note, thinking and cache marks."""
    return {**unmarked({**body, "metadata": None}), "messages": turns_in(body)}


def unmarked(value: Any) -> Any:
    """Returns a JSON value without its cache marks."""
    if isinstance(value, dict):
        return {name: unmarked(inner) for name, inner in value.items() if name != "cache_control"}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


async def completed_run(folder: Path, seed: int, count: int, isolation: str, *, is_live: bool = True) -> Run:
    """Runs a server, sends all requests, and checks what arrived."""
    begun = time.monotonic()
    key_file = Keychain(folder / "home" / ".config" / "drawbridge").file
    key_file.parent.mkdir(parents=True)
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    KeyFile(key_file.parent).change(lambda _: named_keys())
    environment = {"DRAWBRIDGE_ISOLATION": isolation, "DRAWBRIDGE_LOG_LEVEL": "warning", "DRAWBRIDGE_RETRIES": "0"}
    program = "tests.whole.wearing"
    async with (
        open_standin() as standin,
        open_bridge(
            standin, folder, "--reach", "lan", environment=environment, program=program, is_live=is_live
        ) as bridge,
    ):
        found = Run(bridge, standin, stories(seed, count), random.Random(seed))
        await found.send()
        await found.check()
    print(f"seed {seed}, {isolation}, {count} requests in {time.monotonic() - begun:.0f} s: {dict(found.ways)},")
    print(f"  {found.kills} kills, {found.failures} failures, {found.extra} sent again, {found.resumed} resumed")
    return found


@pytest.mark.parametrize(
    ("is_live", "seed", "count"),
    [
        # A mark of the function would also apply to the long runs, and win.
        pytest.param(True, 0, 200, marks=pytest.mark.timeout(900)),
        pytest.param(False, 0, 60, marks=pytest.mark.timeout(900)),
        *(pytest.param(True, seed, MANY, marks=(pytest.mark.soak, pytest.mark.timeout(7200))) for seed in range(4)),
        pytest.param(False, 4, MANY, marks=(pytest.mark.soak, pytest.mark.timeout(7200))),
    ],
)
async def test_each_body_upstream_is_its_requests_own_and_each_answer_its_callers(
    folder: Path, is_live: bool, seed: int, count: int
) -> None:
    found = await completed_run(folder, seed, count, "warm", is_live=is_live)
    assert found.ways["continued"] >= count // 10
    assert found.ways["reset"] >= count // (4 if is_live else 20)
    # A short run may have no moment at which a process is unused.
    assert found.ways["spare"] >= (count >= 200)
    assert found.ways["cold"] >= 1
    assert found.kills >= count // 150


@pytest.mark.timeout(7200)
@sized("count", IN_PROCESSES, small=20)
async def test_a_process_for_each_conversation_sends_the_same_turns(folder: Path, count: int) -> None:
    warm = await completed_run(folder / "warm", 99, count, "warm")
    alone = await completed_run(folder / "process", 99, count, "process")
    assert set(alone.ways) == {"process"}
    timed = {request.id for request in warm.requests.values() if request.fate == "cancelled at a random time"}
    one, other = warm.arrived, alone.arrived
    assert one.keys() - timed == other.keys() - timed
    assert all(one[name] == other[name] for name in one.keys() & other.keys())
