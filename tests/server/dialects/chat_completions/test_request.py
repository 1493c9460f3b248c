"""Messages, settings and errors of Chat Completions requests."""

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest
from server.conversation.text import is_blank
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.message_rules import CONTINUE, system_note
from server.dialects.common.message_types import WireMessage
from server.errors import InvalidRequest, RequestError

HELLO = {"role": "user", "content": "Hello"}
# A busy machine must not fail the test.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def request(*messages: object, **fields: object) -> ModelRequest:
    return request_from_chat(parse_chat({"messages": list(messages), **fields}), owner="local")


def refusal(*messages: object, **fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        request(*messages, **fields)
    return caught.value


def message_of(role: str, *texts: str) -> Message:
    assert role in {"user", "assistant"}
    return Message("user" if role == "user" else "assistant", tuple(map(Text, texts)))


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content: object) -> dict[str, object]:
    return {"role": "assistant", "content": content}


def system(content: object) -> dict[str, object]:
    return {"role": "system", "content": content}


def text_part(text: object, kind: str = "text") -> dict[str, object]:
    return {"type": kind, "text": text}


class TestConversation:
    @pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
    def test_text_parts_of_every_type_stay_parts(self, kind: str) -> None:
        assert request(user([text_part("a", kind), text_part("b", kind)])).messages == (message_of("user", "a", "b"),)

    def test_a_list_may_contain_plain_strings(self) -> None:
        assert request(user(["a", text_part("b")])).messages == (message_of("user", "a", "b"),)

    @pytest.mark.parametrize("role", ["system", "developer"])
    @pytest.mark.parametrize("content", ["Be brief.", [text_part("Be brief.")]])
    def test_a_system_prompt_has_two_roles_and_two_forms(self, role: str, content: object) -> None:
        parsed = request({"role": role, "content": content}, HELLO)
        assert parsed.profile.system == "Be brief."
        assert parsed.messages == (message_of("user", "Hello"),)

    def test_system_messages_are_joined_by_newlines(self) -> None:
        parsed = request(
            system(" a "), {"role": "developer", "content": ["b", "c"]}, system(""), system("d\n"), user("1")
        )
        assert parsed.profile.system == " a \nb\nc\nd\n"
        assert parsed.messages == (message_of("user", "1"),)

    def test_a_later_system_message_stands_in_its_place_and_is_marked(self) -> None:
        parsed = request(system("a"), user("1"), {"role": "developer", "content": ["b", "c"]}, user("2"), system("d\n"))
        assert parsed.profile.system == "a"
        assert parsed.messages == (message_of("user", "1", system_note("b\nc"), "2", system_note("d\n")),)

    @pytest.mark.parametrize("content", ["", " \n", None, []])
    def test_a_blank_system_message_is_left_out(self, content: object) -> None:
        assert request(system(content), HELLO).profile.system == ""

    def test_consecutive_messages_of_one_role_are_merged(self) -> None:
        assert request(user("a"), user(" b "), assistant("c"), assistant("d "), user("e")).messages == (
            message_of("user", "a", " b "),
            message_of("assistant", "c", "d "),
            message_of("user", "e"),
        )

    @pytest.mark.parametrize(
        "content", [None, "", " \n\t", [], [text_part("")], "(no content)", " (no content)\n", "\ufeff"]
    )
    def test_a_blank_assistant_message_is_left_out(self, content: object) -> None:
        """Claude Code drops these itself; our messages would then differ from those upstream."""
        assert request(user("a"), assistant(content), user("b")).messages == (message_of("user", "a", "b"),)
        assert request(assistant(content), user("b")).messages == (message_of("user", "b"),)
        assert request(user("a"), assistant(content)).messages == (message_of("user", "a"),)

    def test_a_refusal_is_kept_in_both_forms(self) -> None:
        parsed = request(user("a"), {"role": "assistant", "content": None, "refusal": "No."}, user("b"))
        assert parsed.messages[1] == message_of("assistant", "No.")
        parsed = request(user("a"), assistant([{"type": "refusal", "refusal": "No."}]), user("b"))
        assert parsed.messages[1] == message_of("assistant", "No.")

    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            (["a", " ", "b"], ["a ", "b"]),
            ([" ", "\n", "b"], [" \nb"]),
            (["a", "", "b", "\ufeff"], ["a", "b\ufeff"]),
            (["", "a"], ["a"]),
        ],
    )
    def test_a_blank_part_joins_its_neighbour(self, parts: list[str], expected: list[str]) -> None:
        """Claude's API refuses blank text blocks."""
        assert request(user(parts)).messages == (message_of("user", *expected),)

    def test_text_that_claude_code_drops_joins_its_neighbour(self) -> None:
        assert request(user("a"), assistant(["b", "(no content)"]), user("c")).messages[1] == message_of(
            "assistant", "b(no content)"
        )
        assert request(user("(no content)")).messages == (message_of("user", "(no content)"),)

    @pytest.mark.parametrize(
        "content", [None, "", " \t\r\n", "\u00a0\u3000", "\ufeff", "\x1c\x85", [], [""], [text_part(" ")]]
    )
    def test_only_the_last_user_message_must_not_be_blank(self, content: object) -> None:
        """Claude Code would answer it by itself with "Blank prompt"."""
        for messages in [[user(content)], [user("a"), assistant("b"), user(content)], [assistant("b"), user(content)]]:
            error = refusal(system("s"), *messages)
            assert error.param == f"messages[{len(messages)}].content"
            assert f"messages[{len(messages)}]" in str(error)

    @pytest.mark.parametrize("content", [None, "", " \t\r\n", "\ufeff", [], [""], [text_part(" ")]])
    def test_another_blank_user_message_is_left_out_and_named(self, content: object) -> None:
        parsed = request(user("a"), assistant("b"), user(content), assistant("c"), user("d"))
        assert parsed.messages == (message_of("user", "a"), message_of("assistant", "b", "c"), message_of("user", "d"))
        assert parsed.ignored == ("messages[2] (blank)",)
        for messages in ([user(content), user("a")], [user("a"), user(content)]):
            assert request(*messages).messages == (message_of("user", "a"),)

    @pytest.mark.parametrize(
        ("messages", "prompt", "question"),
        [
            ([system("s")], "", "s"),
            ([system("s"), {"role": "developer", "content": ["d", "e"]}], "s", "d\ne"),
            ([user(""), system("s")], "", "s"),
            ([system("s"), assistant("")], "", "s"),
        ],
    )
    def test_a_system_message_without_a_user_message_is_the_question(
        self, messages: list[object], prompt: str, question: str
    ) -> None:
        parsed = request(*messages)
        assert (parsed.profile.system, parsed.messages) == (prompt, (message_of("user", question),))

    def test_a_system_message_after_an_answer_is_the_question(self) -> None:
        parsed = request(system("a"), user("b"), assistant("c"), system("d"), system("e"))
        assert parsed.profile.system == "a"
        assert parsed.messages[2:] == (message_of("user", system_note("d"), "e"),)

    @pytest.mark.parametrize("blank", [user(" "), assistant(None), assistant("(no content)"), system(" ")])
    def test_a_blank_message_of_any_role_is_left_out_and_named(self, blank: dict[str, object]) -> None:
        parsed = request(user("a"), assistant("b"), blank, user("c"))
        assert parsed.messages == request(user("a"), assistant("b"), user("c")).messages
        assert parsed.ignored == ("messages[2] (blank)",)

    def test_a_blank_system_prompt_is_not_named(self) -> None:
        assert request(system(""), user("a")) == request(user("a"))

    @pytest.mark.parametrize(
        ("messages", "place"),
        [
            ([user("a"), assistant("b")], 1),
            ([assistant("b")], 0),
            ([user("a"), assistant("b"), assistant("c"), assistant("")], 2),
        ],
    )
    def test_a_conversation_that_ends_with_the_assistant_is_continued(self, messages: list[object], place: int) -> None:
        parsed = request(*messages)
        assert parsed.messages[-1] == message_of("user", CONTINUE)
        assert parsed.messages[-2].role == "assistant"
        assert parsed.ignored[-1] == f"messages[{place}] (a request to continue was added)"
        assert [name for name in parsed.ignored[:-1] if not name.endswith("(blank)")] == []

    @pytest.mark.parametrize(
        ("messages", "text"),
        [([], "is empty"), ([assistant("")], "contains no user message"), ([system(" ")], "contains no user message")],
    )
    def test_a_conversation_without_a_question_is_refused(self, messages: list[object], text: str) -> None:
        error = refusal(*messages)
        assert error.param == "messages"
        assert text in error.message
        assert "role 'user'" in error.hint

    def test_speakers_are_named_where_there_are_several(self) -> None:
        def named(role: str, name: str, content: object = "x") -> dict[str, object]:
            return {"role": role, "name": name, "content": content}

        several = request(named("user", "Ann"), named("user", "Bo", ["y", "z"]), named("assistant", "bot"), user("d"))
        assert several.messages == (
            message_of("user", "Ann: x", "Bo: y", "z"),
            message_of("assistant", "x"),
            message_of("user", "d"),
        )
        assert several.ignored == ("messages[].name",)
        one = request(named("user", "Ann"), assistant("a"), named("user", "Ann"))
        assert one.messages == (message_of("user", "x"), message_of("assistant", "a"), message_of("user", "x"))
        assert one.ignored == ("messages[].name",)
        examples = request(named("system", "example_user"), named("system", "example_assistant"), HELLO)
        assert examples.profile.system == "example_user: x\nexample_assistant: x"
        assert examples.ignored == ()


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
