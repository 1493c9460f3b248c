import json
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.events import Event, Finished, PartDelta, Started, StopReason
from server.conversation.request import ModelRequest
from server.dialects.chat_path import ChatCompletions
from server.errors import InvalidRequest
from server.large_json import MOST_VALUES, has_more_values
from server.offload import LARGE, is_large, offload
from server.web.json_body import MOST_MESSAGES, MOST_TOOLS, parse_json
from tests.server.web.scene import FakeEngine, client, served

texts = st.text(st.sampled_from('a",[{\\]}é'), max_size=8)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=30,
)


def count(value: object) -> int:
    """The values of a JSON text, an empty array or object counting as two."""
    if isinstance(value, dict):
        return 1 + max(1, sum(map(count, value.values())))
    return 1 + max(1, sum(map(count, value))) if isinstance(value, list) else 1


@given(value=values, is_ascii=st.booleans())
def test_values_are_counted_without_parsing(value: object, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    # The last one of each array and object is not counted, as it has no comma; its bracket is.
    exact = count(value) - 1
    assert not has_more_values(text, exact)
    assert exact == 0 or has_more_values(text, exact - 1)


@given(text=st.text(st.sampled_from('",[{\\ ]}'), max_size=30), most=st.integers(0, 5))
def test_counting_ends_for_any_text(text: str, most: int) -> None:
    has_more_values(text, most)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" + b"{}," * MOST_VALUES + b"{}]",
        b"[" + b"1," * MOST_VALUES + b"1]",
        b"[" + b'"",' * MOST_VALUES + b'""]',
        b"[" * (MOST_VALUES + 1),
        b'{"a": ' * (MOST_VALUES + 1),
    ],
    ids=["objects", "numbers", "strings", "arrays", "nested"],
)
def test_too_many_values_are_refused_before_they_are_parsed(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="250,000 JSON values"):
        parse_json(raw)


def test_commas_in_a_text_are_no_values() -> None:
    table = '1,2;[{\\"' * MOST_VALUES
    assert parse_json(json.dumps({"content": table}).encode()) == {"content": table}


@pytest.mark.parametrize(
    ("name", "most"),
    [("messages", MOST_MESSAGES), ("input", MOST_MESSAGES), ("tools", MOST_TOOLS), ("functions", MOST_TOOLS)],
)
def test_too_many_entries_are_refused_by_their_field(name: str, most: int) -> None:
    parse_json(json.dumps({name: [{}] * most}).encode())
    with pytest.raises(InvalidRequest, match=f"at most {most:,}") as refused:
        parse_json(json.dumps({name: [{}] * (most + 1)}).encode())
    assert refused.value.param == name


async def test_a_large_body_is_worked_on_outside_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    parse = ChatCompletions.parse

    def watched(*args: object) -> object:
        threads.append(threading.current_thread().name)
        return parse(*args)  # type: ignore[arg-type] # as they came

    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        threads.append(await offload(lambda: threading.current_thread().name))
        yield Started("m")
        yield PartDelta(0, "Hi")
        yield Finished(StopReason.END)

    monkeypatch.setattr(ChatCompletions, "parse", watched)
    own = threading.current_thread().name
    async with client(served(FakeEngine(answer))) as c:
        for size, is_offloaded in ((10, False), (LARGE, True)):
            threads.clear()
            body = {"messages": [{"role": "user", "content": "x" * size}]}
            assert (await c.post("/v1/chat/completions", json=body)).status_code == 200
            assert [name != own for name in threads] == [is_offloaded] * 2


def test_threads_hand_over_soon_once_there_is_large_work() -> None:
    program = (
        "import asyncio, sys; from server.offload import is_large, offload; before = sys.getswitchinterval();"
        "is_large.set(True); asyncio.run(offload(int)); print(before / sys.getswitchinterval())"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert float(shown.stdout) >= 5


async def test_offloading_keeps_the_context_and_the_error() -> None:
    def fail() -> None:
        assert is_large.get()
        raise LookupError

    is_large.set(True)
    with pytest.raises(LookupError):
        await offload(fail)
