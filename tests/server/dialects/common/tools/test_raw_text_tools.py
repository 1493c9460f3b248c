"""Raw text is wrapped in a call's arguments and unwrapped unchanged, in any chunks."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dialects.common.tools.raw_text_tools import Unwrapper, text_schema, wrapped


def unwrapped(*chunks: str) -> str:
    unwrapper = Unwrapper()
    return "".join([*map(unwrapper.feed, chunks), unwrapper.end()])


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@given(text=st.text(), places=st.lists(st.integers(0, 10_000)), is_ascii=st.booleans())
def test_any_text_in_any_chunks_is_unchanged(text: str, places: list[int], is_ascii: bool) -> None:
    json_text = json.dumps({"input": text}, ensure_ascii=is_ascii)
    assert unwrapped(*cut(json_text, places)) == text
    assert unwrapped(wrapped(text)) == text


def test_every_escape_letter_by_letter() -> None:
    json_text = r'{ "input" : "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 end" }'
    assert unwrapped(*json_text) == '"\\/\b\f\n\r\té😀 end'


def test_text_is_returned_at_once() -> None:
    unwrapper = Unwrapper()
    assert [unwrapper.feed(chunk) for chunk in ('{"in', 'put": "*** Begin', " Patch\\", "nline", '"}')] == [
        *("", "*** Begin", " Patch", "\nline", "")
    ]


@pytest.mark.parametrize(
    ("json_text", "text"),
    [
        (r'{"input": "a\ud83d"}', "a\ufffd"),
        (r'{"input": "\ud83db"}', "\ufffdb"),
        (r'{"input": "\ude00"}', "\ufffd"),
        (r'{"input": "\ud83d\ud83d\ude00"}', "\ufffd😀"),
        (r'{"input": "\ud83d', "\ufffd"),
    ],
)
def test_an_unpaired_surrogate_is_replaced(json_text: str, text: str) -> None:
    assert unwrapped(json_text) == unwrapped(*json_text) == text


@pytest.mark.parametrize(
    ("json_text", "text"),
    [
        ('{"note": 1, "input": "patch"}', "patch"),
        ('{"\\u0069nput": "patch"}', "patch"),
        ('{"input": 7}', '{"input": 7}'),
        ('{"other": "x"}', '{"other": "x"}'),
        ("{}", "{}"),
        ("", ""),
        ('{"inp', '{"inp'),
    ],
)
def test_arguments_of_another_form_are_returned_at_the_end(json_text: str, text: str) -> None:
    assert unwrapped(json_text) == unwrapped(*json_text) == text


def test_the_schema_requires_one_string() -> None:
    schema = json.loads(text_schema("A patch."))
    assert schema["required"] == ["input"]
    assert schema["properties"] == {"input": {"type": "string", "description": "A patch."}}
