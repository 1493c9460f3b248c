"""Whatever is sent, what is kept has bounds, and pictures, files and keys are not in it."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.contents.keeper import MOST_EACH, Budget, Keeper
from server.contents.memory import MOST, MOST_TOGETHER, KeptInMemory
from server.contents.redaction import clean, rendered
from server.contents.transcript import MOST_PARTS, Transcript
from server.conversation.events import Event, PartDelta, PartStarted
from server.conversation.parts import Text, ToolCall
from tests.server.contents.kit import record

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20).decode()
TINY = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"tiny").decode()
KEY = "sk-ant-api03-0123456789abcdef"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=400) | st.just(PNG) | st.just(KEY),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=40,
)


@given(JSON, st.integers(10, 3000))
@settings(max_examples=200, deadline=None)
def test_a_rendered_body_has_bounds_and_no_encoded_bytes(body: object, most: int) -> None:
    text, is_cut = rendered(json.dumps(body).encode(), most)
    # A value that is begun is finished: its note, its escapes and the brackets that are open.
    assert len(text) <= most + 1000
    assert PNG[:600] not in text
    assert KEY not in text
    if not is_cut:
        json.loads(text)


@given(st.binary(max_size=3000))
@settings(max_examples=100, deadline=None)
def test_a_body_that_is_no_json_is_kept_as_text(raw: bytes) -> None:
    text, _ = rendered(raw, 1000)
    assert len(text) <= 6000


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 700), st.text(max_size=60)), max_size=60), st.integers(1, 500)
)
@settings(max_examples=100, deadline=None)
def test_an_answer_has_bounds_whatever_comes(events: list[tuple[int, int, str]], most: int) -> None:
    transcript = Transcript(most)
    for choice, index, text in events:
        event: Event = PartStarted(index, Text(text), choice) if len(text) % 2 else PartDelta(index, text, choice)
        transcript.add(event)
    assert transcript.size <= most
    assert len(transcript.parts()) <= MOST_PARTS


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3_000_000)), max_size=200))
@settings(max_examples=100, deadline=None)
def test_memory_has_bounds_for_any_sequence(adds: list[tuple[int, int]]) -> None:
    memory = KeptInMemory()
    for number, size in adds:
        memory.add(f"req_{number}", {"id": number}, size)
        assert len(memory) <= MOST
        assert memory.size <= max(MOST_TOGETHER, 0)
        assert memory.size == sum(size for _, size in memory._kept.values())


def test_large_requests_make_room_for_each_other() -> None:
    memory = KeptInMemory()
    for number in range(30):
        memory.add(f"req_{number}", {"id": number}, 1_000_000)
    assert (len(memory), memory.size) == (20, 20_000_000)
    assert memory.get("req_29") is not None
    assert memory.was_kept("req_9")


@given(st.lists(st.integers(0, 50), max_size=30))
def test_waiting_bodies_have_a_budget(sizes: list[int]) -> None:
    budget = Budget(100)
    keepers = [Keeper("POST", "/v1/messages", budget) for _ in range(4)]
    for number, size in enumerate(sizes):
        keepers[number % 4].received(b"x" * size)
    assert 0 <= budget._left <= 100
    for keeper in keepers:
        keeper.release()
    assert budget._left == 100


def test_a_body_beyond_the_budget_is_not_kept_but_counted() -> None:
    keeper = Keeper("POST", "/v1/messages", Budget(10))
    keeper.received(b"x" * 5)
    keeper.received(b"x" * 50)
    kept = keeper.kept(record("one"))
    assert (kept.request.text, kept.request.size, kept.request.is_cut) == ("", 55, True)


def test_a_huge_text_and_a_huge_answer_share_the_room() -> None:
    keeper = Keeper("POST", "/v1/messages", Budget(10**9))
    keeper.received(json.dumps({"text": "word " * 1_000_000}).encode())
    keeper.saw(PartStarted(0, ToolCall("1", "write")))
    keeper.saw(PartDelta(0, "y" * 3_000_000))
    kept = keeper.kept(record("one"))
    assert kept.size <= MOST_EACH + 250_000
    assert kept.request.is_cut
    assert kept.parts_cut


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ({"image_url": {"url": f"data:image/png;base64,{PNG}"}}, "(image/png, 5.1 kB)"),
        ({"image_url": f"data:image/png;base64,{TINY}"}, "(image/png, 12 bytes)"),
        ({"source": {"type": "base64", "media_type": "image/png", "data": TINY}}, "(image/png, 12 bytes)"),
        ({"images": [TINY]}, "(image/png, 12 bytes)"),
        (
            {"file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}},
            "(application/pdf, 5.1 kB)",
        ),
        ({"input_audio": {"data": TINY, "format": "wav"}}, "(wav, 12 bytes)"),
        (
            {"source": {"type": "text", "media_type": "text/plain", "data": "A secret letter."}},
            "(text/plain, 16 bytes)",
        ),
        ({"content": f"![a](data:image/png;base64,{PNG}) is a picture"}, "![a]((image/png, 5.1 kB)) is a picture"),
        ({"arguments": f'{{"png": "{PNG}"}}'}, "(image/png, 5.1 kB)"),
        ({"input": [0.5] * 100}, "(100 numbers)"),
    ],
)
def test_pictures_and_files_are_kept_as_type_and_size(body: object, note: str) -> None:
    text, is_cut = rendered(json.dumps(body).encode(), 100_000)
    assert note in text
    assert not is_cut
    for part in (PNG[:50], TINY, "secret letter"):
        assert part not in text


@pytest.mark.parametrize(
    "body",
    [
        {"api_key": "whatever-it-is"},
        {"tools": [{"type": "mcp", "authorization": "whatever-it-is"}]},
        {"tools": [{"type": "mcp", "headers": {"X-Whatever": "whatever-it-is"}}]},
        {"metadata": {"access_token": "whatever-it-is", "Password": "whatever-it-is"}},
        {"content": "Authorization: Bearer whatever-it-is"},
    ],
)
def test_keys_are_never_kept(body: object) -> None:
    text, _ = rendered(json.dumps(body).encode(), 100_000)
    assert "whatever-it-is" not in text


def test_the_schema_of_a_tool_stays_readable() -> None:
    body = {"properties": {"password": {"type": "string"}, "max_tokens": 5, "key": "a word"}}
    assert json.loads(rendered(json.dumps(body).encode(), 100_000)[0]) == body


def test_ordinary_words_stay_as_they_are() -> None:
    text = "A long word: " + "Donaudampfschifffahrt" * 10 + " and data: none, really"
    assert clean(text) == text
