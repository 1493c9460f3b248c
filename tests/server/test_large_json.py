"""Parsing and writing in steps: the results and errors of `json`, and no long hold of Python's global lock."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server import large_json
from server.large_json import Parser, dumps, loads
from server.offload import LARGE, is_large

texts = st.text(st.one_of(st.characters(), st.sampled_from('"\\/\n\x00{}[],:u\ud83d\ude00')), max_size=80)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=20,
)
fragments = st.sampled_from(
    (
        *("[", "]", "{", "}", ",", ":", " ", "\n", '"', '"a"', '"k":', "\\", "\\u", "\\ud83d", "\\ude00", "\\n", "\\x"),
        *("1", "-", "1.5e3", "01", "null", "tru", "NaN", "-Infinity", "\x00", "é", "d83d", "\ufeff", "x" * 30),
    )
)


@pytest.fixture(autouse=True)
def large() -> Iterator[None]:
    token = is_large.set(True)
    yield
    is_large.reset(token)


@pytest.fixture(scope="module", autouse=True)
def _small_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_json, "STEP", 24)
        yield


def outcome(parse: Callable[[str], object], text: str) -> object:
    """The value as text (NaN differs from itself), or the error."""
    try:
        return repr(parse(text))
    except json.JSONDecodeError as error:
        return error.msg, error.pos, error.lineno, error.colno
    except ValueError as error:
        return str(error)


def in_steps(text: str) -> object:
    return Parser(text, None, None).parse()


@given(value=values, indent=st.sampled_from([None, 1]), is_ascii=st.booleans())
def test_any_json_has_the_same_value(value: object, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    assert outcome(in_steps, text) == outcome(json.loads, text)


@given(parts=st.lists(fragments, max_size=14))
@example(["[", "1", ",", " ", "]"])
@example(["{", '"k":', "1", " ", ",", " ", "}"])
@example(['"', *["x" * 30] * 2, "\\ud83d"])
def test_any_text_has_the_same_outcome(parts: list[str]) -> None:
    text = "".join(parts)
    assert outcome(in_steps, text) == outcome(json.loads, text)


@given(value=values, start=st.integers(0, 200), length=st.integers(0, 3), insert=fragments)
def test_damaged_json_has_the_same_error(value: object, start: int, length: int, insert: str) -> None:
    text = json.dumps(value)
    text = text[:start] + insert + text[start + length :]
    assert outcome(in_steps, text) == outcome(json.loads, text)


@given(
    value=values,
    ensure_ascii=st.booleans(),
    allow_nan=st.booleans(),
    sort_keys=st.booleans(),
    separators=st.sampled_from([(", ", ": "), (",", ":")]),
)
def test_any_value_is_written_alike(value: object, **options: object) -> None:
    expected = outcome(lambda _: json.dumps(value, **options), "")  # type: ignore[arg-type] # any mixture
    assert outcome(lambda _: dumps(value, **options), "") == expected  # type: ignore[arg-type]


def test_deep_nesting_is_a_recursion_error() -> None:
    for mark in ("[", '{"a":'):
        with pytest.raises(RecursionError):
            loads(mark * LARGE)


def test_hooks_are_called_in_a_large_text() -> None:
    text = '{"a": [1.5, NaN], "b": "' + "x" * LARGE + '"}'
    parsed = loads(text, parse_float=lambda digits: f"<{digits}>", parse_constant=lambda name: f"<{name}>")
    assert parsed["a"] == ["<1.5>", "<NaN>"]


LONG = 8_000_000
SHAPES: dict[str, object] = {
    "text": "word " * (LONG // 5),
    "escapes": '\n"\\' * (LONG // 6),
    "surrogate pairs": "😀" * (LONG // 6),
    "numbers": list(range(200_000)),
    "keys": {f"key {number}": number for number in range(200_000)},
    "objects": [{"role": "user", "content": "w"}] * 80_000,
}


def hand_overs(work: Callable[[], object]) -> int:
    """How often another thread that always wants Python's lock gets it while `work` is done."""
    turns, is_over = 0, threading.Event()

    def want() -> None:
        nonlocal turns
        while not is_over.is_set():
            turns += 1
            # Gives up the lock and wants it back at once.
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=want)
    thread.start()
    try:
        while turns == 0:
            time.sleep(0.001)
        before = turns
        work()
        return turns - before
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("shape", SHAPES)
def test_other_threads_run_while_a_large_text_is_parsed_and_written(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_json, "STEP", 2**16)
    text = json.dumps(SHAPES[shape])
    assert hand_overs(lambda: loads(text)) >= 5
    assert hand_overs(lambda: dumps(SHAPES[shape])) >= 5
