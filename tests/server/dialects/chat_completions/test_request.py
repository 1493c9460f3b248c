"""Errors of Chat Completions requests, and requests with any text."""

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.conversation.parts import Text
from server.conversation.request import ModelRequest
from server.conversation.text import is_blank
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.history.message_types import WireMessage
from server.errors import InvalidRequest, RequestError
from tests.server.dialects.chat_completions.request_builders import (
    HELLO,
    assistant,
    refusal,
    request,
    system,
    text_part,
    user,
)

# A busy machine must not fail the test.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
            ({"function_call": {"name": "f"}}, "function_call"),
            ({"response_format": {"type": "xml"}}, "response_format.type"),
            ({"modalities": ["text", "audio"]}, "modalities"),
            ({"n": 9}, "n"),
        ],
    )
    def test_an_unsupported_field_is_refused(self, fields: dict[str, object], param: str) -> None:
        error = refusal(HELLO, **fields)
        assert error.param == param
        assert param in error.message

    @pytest.mark.parametrize(
        ("message", "param"),
        [
            (user([{"type": "input_audio", "input_audio": {}}]), "messages[1].content[0]"),
            (user([{"type": "tool_use", "id": "c", "name": "t"}]), "messages[1].content[0]"),
            (assistant([{"type": "tool_result", "tool_use_id": "c"}]), "messages[1].content[0]"),
            ({"role": "assistant", "audio": {"id": "a"}}, "messages[1].audio"),
            ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[1].tool_calls[0].function"),
        ],
    )
    def test_unsupported_content_is_refused(self, message: object, param: str) -> None:
        error = refusal(HELLO, message)
        assert error.param == param
        assert param in error.message
        # The conversation continues with the next question.
        assert any(place.startswith(param) for place in request(HELLO, message, HELLO).ignored)


hostile = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(list("@/!#<>&\\\"'`{}[]\0\r\n\t \ufeff\u200b\u200f\u202e\u2028\u0085")),
    ),
    max_size=40,
)
contents = st.one_of(hostile, st.lists(st.one_of(hostile, hostile.map(text_part)), max_size=4))
messages_of_any_kind = st.lists(
    st.builds(lambda r, c: {"role": r, "content": c}, st.sampled_from(["system", "user", "assistant"]), contents),
    max_size=8,
)


def texts_of(message: dict[str, object]) -> list[str]:
    content = message["content"]
    if isinstance(content, str):
        return [content]
    assert isinstance(content, list)
    return [part if isinstance(part, str) else part["text"] for part in content]


def text_in(parsed: ModelRequest, role: str) -> str:
    parts = (part for message in parsed.messages if message.role == role for part in message.parts)
    return "".join(part.text for part in parts if isinstance(part, Text))


class TestAnyText:
    @settings(PATIENT)
    @given(first=contents, reply=contents, prompt=hostile, question=contents)
    def test_text_is_unchanged(self, first: object, reply: object, prompt: str, question: object) -> None:
        marked = [m if isinstance(m, list) else [m] for m in (first, reply, question)]
        sent_messages = [user([*marked[0], "1"]), assistant([*marked[1], "2"]), user([*marked[2], "3"])]
        parsed = request(system(f"{prompt}0"), *sent_messages)
        assert parsed.profile.system == f"{prompt}0"
        for sent, message in zip(sent_messages, parsed.messages, strict=True):
            assert message.role == sent["role"]
            assert "".join(texts_of(sent)) == "".join(p.text for p in message.parts if isinstance(p, Text))

    @settings(PATIENT)
    @given(messages=messages_of_any_kind)
    def test_every_request_is_valid_for_claudes_api(self, messages: list[dict[str, object]]) -> None:
        try:
            parsed = request(*messages)
        except InvalidRequest:
            return
        roles = [message.role for message in parsed.messages]
        assert roles[0] == roles[-1] == "user"
        assert all(a != b for a, b in pairwise(roles))
        for message in parsed.messages:
            assert message.parts
            assert all(isinstance(part, Text) and part.text.strip() for part in message.parts)
        kept = f"{parsed.profile.system}\n{text_in(parsed, 'user')}"
        for sent in messages:
            if sent["role"] == "user" and not is_blank("".join(texts_of(sent))):
                assert "".join(texts_of(sent)) in kept
            elif sent["role"] == "system":
                assert "\n".join(filter(None, texts_of(sent))).strip() in kept

    @settings(PATIENT, max_examples=300)
    @given(data=st.data())
    def test_no_body_breaks_the_parser(self, data: st.DataObject) -> None:
        scraps = st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=5),
            st.sampled_from(["user", "assistant", "system", "text", "refusal", "image_url", "\ud800", "auto"]),
        )
        junk = st.recursive(
            scraps, lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(KEYS, x, max_size=4)), max_leaves=12
        )
        body = data.draw(st.one_of(junk, st.dictionaries(KEYS, junk, max_size=6), half_right(junk)))
        outcome = request_or_error(body)
        if isinstance(outcome, ModelRequest):
            assert outcome.messages[-1].role == "user"
        else:
            assert str(outcome).encode()
            assert not re.search(r"pydantic|Input should|validation error", str(outcome))
            assert "<" not in (outcome.param or "")


KEYS = st.sampled_from(
    [*ChatRequest.model_fields, *WireMessage.model_fields, "type", "text", "include_usage", "\ud800"]
)


def request_or_error(body: object) -> ModelRequest | RequestError:
    try:
        return request_from_chat(parse_chat(body), owner="o")
    except RequestError as error:
        return error


def half_right(junk: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Bodies that pass the first checks."""
    message = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": junk})
    return st.builds(
        lambda messages, extra: {**extra, "messages": messages},
        st.lists(st.one_of(message, st.just(HELLO), junk), max_size=4),
        st.dictionaries(KEYS, junk, max_size=3),
    )
