"""Messages come back from their JSON as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.parts import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from server.sessions.encoding import decoded, encoded, size_of

PARTS: tuple[Part, ...] = (
    Text(""),
    Text(" as it is \n\u2028\x00", is_system=True),
    Thinking("hm", "c2lnbmVk", "claude-sonnet-5"),
    Thinking("", None),
    RedactedThinking("sealed", "claude-opus-5"),
    ToolCall("toolu_1", "read", '{"a":  1.50, "b": [ ]}'),
    ToolResult("toolu_1", (Text("x"), Image("image/png", "iVBO"), Document(blocks=("a", "b"))), is_error=True),
    ToolResult("toolu_2", ()),
    Image(url="https://example.org/a.png"),
    Document("application/pdf", "JVBE", title="t", context="c", cites=True),
    SearchResult("https://example.org", "A", ("x", "y"), cites=True),
)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_comes_back_as_it_was(part: Part) -> None:
    message = Message("user", (part,))
    # `repr` also compares what counts as equal but is sent to Claude.
    assert repr(decoded(encoded(message))) == repr(message)


def test_the_place_of_an_image_in_one_request_is_not_kept() -> None:
    message = Message("user", (Image("image/png", "iVBO", shrunk_at="messages[0]"),))
    assert repr(decoded(encoded(message))) == repr(Message("user", (Image("image/png", "iVBO"),)))


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_message_comes_back(parts: list[Part], text: str) -> None:
    message = Message("assistant", (*parts, Text(text)))
    assert repr(decoded(encoded(message))) == repr(message)
    assert size_of([message]) >= len(text.encode())
