import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.dialects.detect import detect_format, fields_of_other_formats
from tests.server.answering.test_canned_replies import AZURE, DIAGNOSTIC, VERIFY
from tests.server.web.cursor_bodies import (
    CHAT,
    CHAT_HISTORY,
    MESSAGES,
    MESSAGES_HISTORY,
    NESTED_TOOLS,
    RESPONSES,
    RESPONSES_HISTORY,
)

HI = [{"role": "user", "content": "Hi"}]
RESULT = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}]
BODIES: list[tuple[object, str]] = [
    (CHAT, "chat"),
    ({**CHAT, "messages": CHAT_HISTORY}, "chat"),
    (VERIFY, "chat"),
    (AZURE, "chat"),
    (DIAGNOSTIC, "chat"),
    (RESPONSES, "responses"),
    ({**RESPONSES, "input": RESPONSES_HISTORY}, "responses"),
    ({**RESPONSES, "messages": []}, "responses"),
    ({"input": "Hi"}, "responses"),
    ({"input": []}, "responses"),
    ({"instructions": "Be brief."}, "responses"),
    (MESSAGES, "messages"),
    ({**MESSAGES, "messages": MESSAGES_HISTORY}, "messages"),
    ({"messages": HI, "system": "Be brief."}, "messages"),
    ({"messages": HI, "tools": MESSAGES["tools"]}, "messages"),
    ({"messages": RESULT}, "messages"),
    ({"messages": [*RESULT, {"role": "Tool ", "content": "x"}]}, "chat"),
    ({"messages": HI, "system": "Be brief.", "stream_options": {}, "user": "u", "temperature": 0}, "messages"),
    # What only a chat request has speaks for chat, whatever else there is.
    *(
        ({**MESSAGES, "messages": MESSAGES_HISTORY, name: value}, "chat")
        for name, value in (
            ("response_format", {"type": "text"}),
            ("stop", ["END"]),
            ("max_completion_tokens", 50),
            ("reasoning_effort", "low"),
            ("n", 1),
            ("functions", []),
            ("parallel_tool_calls", True),
            ("seed", 1),
            ("tools", NESTED_TOOLS),
            ("tool_choice", {"type": "function", "function": {"name": "ReadFile"}}),
        )
    ),
    # Bodies that a chat request may have, or that it refuses with its own errors.
    ({"messages": HI}, "chat"),
    ({"messages": HI, "input": "Hi", "instructions": "Be brief."}, "chat"),
    ({"messages": HI, "system": None, "tools": None}, "chat"),
    ({"messages": HI, "tools": NESTED_TOOLS}, "chat"),
    ({"messages": CHAT_HISTORY, "system": "Be brief."}, "chat"),
    ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "chat"),
    ({"messages": "Hi", "input": "Hi"}, "chat"),
    ({"messages": [1, None, {"content": {"type": "tool_use"}}], "tools": [3], "input": None}, "chat"),
    ({}, "chat"),
    ([], "chat"),
    ("Hi", "chat"),
    (None, "chat"),
]


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_the_format_of_a_body_is_detected(body: object, expected: str) -> None:
    assert detect_format(body) == expected


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        (
            {**RESPONSES, "n": 2, "seed": 1, "response_format": {"type": "json_object"}},
            {"n", "seed"},
        ),
        ({**RESPONSES, "n": 1, "seed": None, "logprobs": False, "modalities": [], "tools": []}, set()),
        ({**RESPONSES, "max_tokens": 7, "system": "Be brief.", "stop": "END"}, set()),
        ({**MESSAGES, "top_k": 1}, set()),
        ({**CHAT, "input": "Hi", "top_k": 5, "previous_response_id": "r"}, {"input", "top_k", "previous_response_id"}),
        ({**CHAT, "max_output_tokens": 7, "stop_sequences": ["END"], "instructions": "Be brief."}, set()),
        ([], set()),
    ],
)
def test_fields_of_other_formats_are_named(body: object, lost: set[str]) -> None:
    assert set(fields_of_other_formats(body, detect_format(body))) == lost


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["tool_use", "tool", "user", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "input", "role", "content", "type", "tools", "system", "tool_calls"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_body_has_one_format(body: object) -> None:
    assert detect_format(body) in {"chat", "responses", "messages"}
