import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.web.encoding import COMMENT, DONE, data_frame, json_bytes


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_is_one_frame_of_one_line_and_comes_back_as_it_was(text: str) -> None:
    frame = data_frame({"text": text})
    words = frame.decode()
    assert words.startswith("data: ")
    assert words.endswith("\n\n")
    assert len(words.splitlines()) == 2
    assert json.loads(words.removeprefix("data: ")) == {"text": text}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, None, True]}, b'{"a":[1,null,true]}'),
        ({"w": "Grüße 你好 🌉"}, '{"w":"Grüße 你好 🌉"}'.encode()),
        ({"w": "a\u2028b\u2029c\u0085d"}, b'{"w":"a\\u2028b\\u2029c\\u0085d"}'),
        ({"w": "\ud83d"}, b'{"w":"\\ud83d"}'),
    ],
)
def test_json_is_compact_utf_8(value: object, expected: bytes) -> None:
    assert json_bytes(value) == expected


def test_what_is_no_json_number_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_bytes(float("nan"))


def test_a_comment_is_no_event_and_the_end_is_openais() -> None:
    assert COMMENT.startswith(b":")
    assert COMMENT.endswith(b"\n\n")
    assert DONE == b"data: [DONE]\n\n"
