import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dialects.framing import SSE_COMMENT, json_bytes, ndjson_line, sse_frame

ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@given(ANY_TEXT)
def test_any_text_is_one_event_with_one_line_of_data(text: str) -> None:
    frame = sse_frame({"text": text}).decode()
    assert frame.startswith("data: ")
    assert frame.endswith("\n\n")
    assert len(frame.splitlines()) == 2
    assert json.loads(frame.removeprefix("data: ")) == {"text": text}


def test_a_named_event_has_its_name_before_its_data() -> None:
    assert sse_frame({"a": 1}, "ping") == b'event: ping\ndata: {"a":1}\n\n'


@given(ANY_TEXT)
def test_any_text_is_one_line_of_ndjson(text: str) -> None:
    line = ndjson_line({"text": text}).decode()
    assert line.endswith("}\n")
    assert len(line.splitlines()) == 1
    assert json.loads(line) == {"text": text}


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


def test_a_number_that_json_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_bytes(float("nan"))


def test_a_comment_is_no_event() -> None:
    assert SSE_COMMENT.startswith(b":")
    assert SSE_COMMENT.endswith(b"\n\n")
