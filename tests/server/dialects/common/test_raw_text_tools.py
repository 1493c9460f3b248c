"""Raw text goes into a call's arguments and comes out as it was, in whatever pieces."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dialects.common.raw_text_tools import Unwrapper, text_schema, wrapped


def unwrapped(*pieces: str) -> str:
    unwrapper = Unwrapper()
    return "".join([*map(unwrapper.feed, pieces), unwrapper.end()])


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@given(text=st.text(), places=st.lists(st.integers(0, 10_000)), is_ascii=st.booleans())
def test_any_text_in_any_pieces_comes_out_as_it_was(text: str, places: list[int], is_ascii: bool) -> None:
    spelled = json.dumps({"input": text}, ensure_ascii=is_ascii)
    assert unwrapped(*cut(spelled, places)) == text
    assert unwrapped(wrapped(text)) == text


def test_every_escape_and_every_letter_by_letter() -> None:
    spelled = r'{ "input" : "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 end" }'
    assert unwrapped(*spelled) == '"\\/\b\f\n\r\té😀 end'


def test_text_comes_as_soon_as_it_is_written() -> None:
    unwrapper = Unwrapper()
    assert [unwrapper.feed(piece) for piece in ('{"in', 'put": "*** Begin', " Patch\\", "nline", '"}')] == [
        *("", "*** Begin", " Patch", "\nline", "")
    ]


@pytest.mark.parametrize(
    ("spelled", "text"),
    [
        (r'{"input": "a\ud83d"}', "a\ufffd"),
        (r'{"input": "\ud83db"}', "\ufffdb"),
        (r'{"input": "\ude00"}', "\ufffd"),
        (r'{"input": "\ud83d\ud83d\ude00"}', "\ufffd😀"),
        (r'{"input": "\ud83d', "\ufffd"),
    ],
)
def test_half_a_pair_becomes_a_mark(spelled: str, text: str) -> None:
    assert unwrapped(spelled) == unwrapped(*spelled) == text


@pytest.mark.parametrize(
    ("spelled", "text"),
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
def test_arguments_of_another_form_are_given_at_the_end(spelled: str, text: str) -> None:
    assert unwrapped(spelled) == unwrapped(*spelled) == text


def test_the_schema_asks_for_the_one_text() -> None:
    schema = json.loads(text_schema("A patch."))
    assert schema["required"] == ["input"]
    assert schema["properties"] == {"input": {"type": "string", "description": "A patch."}}
