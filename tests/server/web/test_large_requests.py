"""The whole work on a large request, from its bytes to the frame for Claude Code: others run meanwhile."""

import base64
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from server.answering.conversation_keys import ConversationKeys
from server.claude.protocol.request import assistant_frame, user_frame
from server.claude.worker.process import _lines
from server.config import Config
from server.dialects.base import ParseOptions
from server.dialects.chat_path import ChatCompletions
from server.offload import is_large
from server.web.json_body import parse_json

pytestmark = pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="the clock of a thread")

SIZE = 12_000_000


def question(content: object) -> list[object]:
    return [{"role": "user", "content": content}]


def called(arguments: str) -> list[object]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "c", "content": "done"}
    return [*question("hi"), {"role": "assistant", "tool_calls": [call]}, result]


def pdf() -> str:
    return base64.b64encode(b"%PDF-1.4\n" + random.Random(1).randbytes(SIZE * 3 // 4)).decode()


BODIES: dict[str, Callable[[], dict[str, object]]] = {
    "text": lambda: {"messages": question("word " * (SIZE // 5))},
    "file": lambda: {
        "messages": question([{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{pdf()}"}}])
    },
    "arguments": lambda: {"messages": called(json.dumps({"a": 'a "b"\n' * (SIZE // 10)}))},
}


def work(raw: bytes) -> None:
    options = ParseOptions(Config(), token="t", now=0.0, path_params={}, headers={}, request_id="r")
    messages = ChatCompletions().parse(parse_json(raw), "owner", options).request.messages
    ConversationKeys().wanted(messages, model="m")
    frames = [user_frame(m, ask=True) if m.role == "user" else assistant_frame(m, model="m") for m in messages]
    assert len(_lines(frames)) > SIZE // 2


def share_of_the_longest_hold(task: Callable[[], None]) -> float:
    """The longest part of `task` in which no other thread ran, in processor time of this thread, as a share of all."""
    clock = time.pthread_getcpuclockid(threading.get_ident())
    longest, is_over = 0.0, False

    def watch() -> None:
        nonlocal longest
        last = began
        while not is_over:
            time.sleep(0)
            now = time.clock_gettime(clock)
            longest, last = max(longest, now - last), now

    watching = threading.Thread(target=watch)
    began = time.clock_gettime(clock)
    watching.start()
    try:
        task()
    finally:
        is_over = True
        watching.join()
    return longest / (time.clock_gettime(clock) - began)


@pytest.fixture(autouse=True)
def _large() -> Iterator[None]:
    token, interval = is_large.set(True), sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(interval)
    is_large.reset(token)


@pytest.mark.parametrize("shape", BODIES)
def test_no_step_takes_a_large_part_of_the_work(shape: str) -> None:
    raw = json.dumps(BODIES[shape]()).encode()
    # On a busy computer the watching thread may not run; hardly in each of the runs.
    assert min(share_of_the_longest_hold(lambda: work(raw)) for _ in range(4)) < 0.15
