"""Settings of Chat Completions requests."""

import pytest

from server.dialects.chat_completions.request import parse_chat, request_from_chat
from tests.server.dialects.chat_completions.request_builders import (
    HELLO,
    message_of,
    request,
    system,
    text_part,
    user,
)


class TestSettings:
    def test_owner_and_model_are_unchanged(self) -> None:
        parsed = request_from_chat(parse_chat({"messages": [HELLO], "model": " GPT-4o mini "}), owner="key 1")
        assert (parsed.model, parsed.profile.owner, parsed.settings.model) == (" GPT-4o mini ", "key 1", None)
        assert request(HELLO).model == request(HELLO, model=None).model == ""

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, None),
            ({"max_tokens": 1}, 1),
            ({"max_tokens": 100.0}, 100),
            ({"max_completion_tokens": 7}, 7),
            ({"max_tokens": 1, "max_completion_tokens": 7}, 7),
            ({"max_tokens": 1, "max_completion_tokens": None}, 1),
        ],
    )
    def test_the_newer_limit_wins(self, fields: dict[str, object], expected: int | None) -> None:
        assert request(HELLO, **fields).settings.max_tokens == expected

    @pytest.mark.parametrize(
        ("stop", "expected", "cut"),
        [
            (None, (), ()),
            ("END", ("END",), ()),
            ([], (), ()),
            (["a", " b ", "\nc"], ("a", " b ", "\nc"), ()),
            (["s", "t", "s"], ("s", "t"), ()),
            ("", (), ()),
            (["", None, "###"], ("###",), ()),
            ([f"\nName{n}:" for n in range(100)], tuple(f"\nName{n}:" for n in range(100)), ()),
            ("\n\n", (), ("\n\n",)),
            (["\n", "a"], ("a",), ("\n",)),
        ],
    )
    def test_blank_stop_sequences_are_cut_here(self, stop: object, expected: object, cut: object) -> None:
        """Claude's API refuses them, and a newline as stop sequence is common."""
        parsed = request(HELLO, stop=stop)
        assert (parsed.settings.stop_sequences, parsed.cut_at, parsed.ignored) == (expected, cut, ())

    def test_more_blank_stop_sequences_than_are_searched_for_are_named(self) -> None:
        parsed = request(HELLO, stop=["\n" * n for n in range(1, 300)])
        assert (len(parsed.cut_at), parsed.ignored) == (256, ("stop",))

    @pytest.mark.parametrize(
        ("effort", "expected"),
        [
            (None, None),
            ("none", "low"),
            ("minimal", "low"),
            ("low", "low"),
            ("medium", "medium"),
            ("high", "high"),
            ("xhigh", "xhigh"),
            ("max", "max"),
        ],
    )
    def test_effort_is_mapped_to_claudes(self, effort: str | None, expected: str | None) -> None:
        assert request(HELLO, reasoning_effort=effort).settings.effort == expected

    @pytest.mark.parametrize(
        ("field", "neutral", "value"),
        [
            ("temperature", 1, 0),
            ("top_p", 1.0, 0.5),
            ("presence_penalty", 0, 1),
            ("frequency_penalty", 0.0, -1),
            ("seed", None, 0),
            ("logit_bias", {}, {"50256": -100}),
            ("logprobs", False, True),
            ("top_logprobs", 0, 2),
            ("store", False, True),
            ("service_tier", "auto", "flex"),
            ("verbosity", "medium", "low"),
            ("prediction", None, {"type": "content", "content": "x"}),
            ("web_search_options", None, {}),
            ("user", None, "u-1"),
            ("metadata", {}, {"cursorConversationId": "c"}),
            ("safety_identifier", None, "s"),
            ("prompt_cache_key", None, "k"),
        ],
    )
    def test_a_field_without_effect_is_reported_unless_neutral(
        self, field: str, neutral: object, value: object
    ) -> None:
        assert request(HELLO, **{field: neutral}).ignored == ()
        assert request(HELLO, **{field: None}).ignored == ()
        assert request(HELLO, **{field: value}).ignored == (field,)

    def test_the_name_of_a_speaker_is_reported_as_without_effect(self) -> None:
        assert request({**HELLO, "name": "Ann"}).ignored == ("messages[].name",)

    @pytest.mark.parametrize(
        "fields",
        [
            {"user": "", "metadata": {}},
            {"stream_options": {"include_usage": True}, "n": 1, "parallel_tool_calls": False},
            {"tools": [], "tool_choice": "auto"},
            {"tool_choice": "none", "functions": [], "function_call": "auto"},
            {"response_format": {"type": "text"}, "modalities": ["text"], "system": ""},
            {"foo": {"bar": [1]}, "options": None, "\ud800": "\ud800"},
        ],
    )
    def test_fields_that_change_nothing_are_not_reported(self, fields: dict[str, object]) -> None:
        assert request(HELLO, **fields) == request(HELLO)

    @pytest.mark.parametrize(
        "body",
        [
            # Talon (C-Loftus), its active fork, Cursor's Verify button, Roo.
            {
                "messages": [
                    {"role": "system", "content": [text_part("s")]},
                    {"role": "user", "content": [text_part("u")]},
                ],
                "max_tokens": 2024,
                "n": 1,
                "model": "gpt-4o-mini",
            },
            {
                "messages": [system("s"), user("u")],
                "max_completion_tokens": 5000,
                "reasoning_effort": "minimal",
                "tools": [],
                "tool_choice": "auto",
                "n": 1,
                "verbosity": "low",
                "stream": True,
            },
            {
                "model": "please-enable-some-models",
                "messages": [system("s"), user("u")],
                "temperature": 1,
                "max_tokens": 10,
                "stream": False,
            },
            {
                "messages": [
                    {"role": "developer", "content": "s"},
                    user([{**text_part("u"), "cache_control": {"type": "ephemeral"}}]),
                ],
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        ],
    )
    def test_requests_of_real_clients(self, body: dict[str, object]) -> None:
        parsed = request_from_chat(parse_chat(body), owner="")
        assert (parsed.profile.system, parsed.messages) == ("s", (message_of("user", "u"),))
