"""A chat request becomes a turn: nothing lost, nothing added, and what cannot be done is said."""

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.chat_completions.request_types import ChatMessage, ChatRequest
from server.dialects.common.message_rules import FIRST_TURN
from server.errors import InvalidRequest, RequestError

HELLO = {"role": "user", "content": "Hello"}
# A busy machine is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def turn(*messages: object, **fields: object) -> ModelRequest:
    return request_from_chat(parse_chat({"messages": list(messages), **fields}), owner="local")


def refusal(*messages: object, **fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        turn(*messages, **fields)
    return caught.value


def said(role: str, *texts: str) -> Message:
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
    def test_a_conversation_keeps_its_roles_and_order(self) -> None:
        assert turn(user("a"), assistant("b"), user("c")).messages == (
            said("user", "a"),
            said("assistant", "b"),
            said("user", "c"),
        )

    @pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
    def test_parts_of_every_spelling_stay_parts(self, kind: str) -> None:
        assert turn(user([text_part("a", kind), text_part("b", kind)])).messages == (said("user", "a", "b"),)

    def test_a_list_may_hold_plain_texts(self) -> None:
        assert turn(user(["a", text_part("b")])).messages == (said("user", "a", "b"),)

    @pytest.mark.parametrize("role", ["system", "developer"])
    @pytest.mark.parametrize("content", ["Be brief.", [text_part("Be brief.")]])
    def test_a_system_prompt_may_come_under_two_names_and_in_two_forms(self, role: str, content: object) -> None:
        answer = turn({"role": role, "content": content}, HELLO)
        assert answer.profile.system == "Be brief."
        assert answer.messages == (said("user", "Hello"),)

    def test_system_messages_are_joined_by_a_newline_wherever_they_stand(self) -> None:
        answer = turn(
            system(" a "), user("1"), {"role": "developer", "content": ["b", "c"]}, user("2"), system(""), system("d\n")
        )
        assert answer.profile.system == " a \nb\nc\nd\n"
        assert answer.messages == (said("user", "1", "2"),)

    @pytest.mark.parametrize("content", ["", " \n", None, []])
    def test_a_blank_system_message_is_no_system_prompt(self, content: object) -> None:
        assert turn(system(content), HELLO).profile.system == ""

    def test_messages_of_one_role_in_a_row_are_one_turn_of_several_parts(self) -> None:
        assert turn(user("a"), user(" b "), assistant("c"), assistant("d "), user("e")).messages == (
            said("user", "a", " b "),
            said("assistant", "c", "d "),
            said("user", "e"),
        )

    def test_an_assistant_who_speaks_first_gets_a_neutral_turn_before_it(self) -> None:
        assert turn(assistant("Welcome."), HELLO).messages == (
            said("user", FIRST_TURN),
            said("assistant", "Welcome."),
            said("user", "Hello"),
        )

    @pytest.mark.parametrize(
        "content", [None, "", " \n\t", [], [text_part("")], "(no content)", " (no content)\n", "\ufeff"]
    )
    def test_a_blank_message_of_the_assistants_is_left_out(self, content: object) -> None:
        """Claude Code drops these by itself; then the turns here would not be those upstream."""
        assert turn(user("a"), assistant(content), user("b")).messages == (said("user", "a", "b"),)
        assert turn(assistant(content), user("b")).messages == (said("user", "b"),)
        assert turn(user("a"), assistant(content)).messages == (said("user", "a"),)

    def test_a_refusal_of_the_assistants_is_kept_in_both_spellings(self) -> None:
        answer = turn(user("a"), {"role": "assistant", "content": None, "refusal": "No."}, user("b"))
        assert answer.messages[1] == said("assistant", "No.")
        answer = turn(user("a"), assistant([{"type": "refusal", "refusal": "No."}]), user("b"))
        assert answer.messages[1] == said("assistant", "No.")

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
        assert turn(user(parts)).messages == (said("user", *expected),)

    def test_a_part_that_claude_code_would_drop_joins_its_neighbour(self) -> None:
        assert turn(user("a"), assistant(["b", "(no content)"]), user("c")).messages[1] == said(
            "assistant", "b(no content)"
        )
        assert turn(user("(no content)")).messages == (said("user", "(no content)"),)

    @pytest.mark.parametrize(
        "content", [None, "", " \t\r\n", "\u00a0\u3000", "\ufeff", "\x1c\x85", [], [""], [text_part(" ")]]
    )
    def test_a_blank_message_of_the_users_is_refused_by_its_name(self, content: object) -> None:
        """Claude Code would answer it by itself with "Blank prompt"."""
        for messages, place in [([user(content)], 0), ([user("a"), user(content)], 1), ([user(content), user("b")], 0)]:
            error = refusal(system("s"), *messages)
            assert error.param == f"messages[{place + 1}].content"
            assert f"messages[{place + 1}]" in str(error)

    @pytest.mark.parametrize(
        ("messages", "param", "words"),
        [
            ([], "messages", "is empty"),
            ([system("s"), {"role": "developer", "content": "d"}], "messages", "no message of the user's"),
            ([assistant("")], "messages", "no message of the user's"),
            ([user("a"), assistant("b")], "messages[1]", "ends with the assistant's"),
            ([assistant("b")], "messages[0]", "ends with the assistant's"),
            ([user("a"), assistant("b"), system("s")], "messages[1]", "ends with the assistant's"),
            ([user("a"), assistant("b"), assistant("c"), assistant("")], "messages[2]", "ends with the assistant's"),
        ],
    )
    def test_a_conversation_without_a_question_is_refused_and_says_what_to_send(
        self, messages: list[object], param: str, words: str
    ) -> None:
        error = refusal(*messages)
        assert error.param == param
        assert words in error.message
        assert "role 'user'" in error.hint


class TestSettings:
    def test_owner_and_model_pass_untouched(self) -> None:
        answer = request_from_chat(parse_chat({"messages": [HELLO], "model": " GPT-4o mini "}), owner="key 1")
        assert (answer.model, answer.profile.owner, answer.settings.model) == (" GPT-4o mini ", "key 1", None)
        assert turn(HELLO).model == turn(HELLO, model=None).model == ""

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
        assert turn(HELLO, **fields).settings.max_tokens == expected

    @pytest.mark.parametrize(
        ("stop", "expected", "ignored"),
        [
            (None, (), ()),
            ("END", ("END",), ()),
            ([], (), ()),
            (["a", " b ", "\nc"], ("a", " b ", "\nc"), ()),
            (["s"] * 16, ("s",) * 16, ()),
            ("\n\n", (), ("stop",)),
            (["\n", "a"], ("a",), ("stop",)),
        ],
    )
    def test_stop_sequences_pass_but_for_white_space(self, stop: object, expected: object, ignored: object) -> None:
        """Claude's API refuses those of white space, and a newline as stop sequence is common."""
        answer = turn(HELLO, stop=stop)
        assert (answer.settings.stop_sequences, answer.ignored) == (expected, ignored)

    @pytest.mark.parametrize(
        ("asked", "given"),
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
    def test_effort_is_what_claude_has_of_it(self, asked: str | None, given: str | None) -> None:
        assert turn(HELLO, reasoning_effort=asked).settings.effort == given

    @pytest.mark.parametrize(
        ("field", "idle", "busy"),
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
    def test_a_field_without_effect_is_named_when_it_asks_for_something(
        self, field: str, idle: object, busy: object
    ) -> None:
        assert turn(HELLO, **{field: idle}).ignored == ()
        assert turn(HELLO, **{field: None}).ignored == ()
        assert turn(HELLO, **{field: busy}).ignored == (field,)

    def test_the_name_of_a_speaker_is_named_as_without_effect(self) -> None:
        assert turn({**HELLO, "name": "Ann"}).ignored == ("messages[].name",)

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
    def test_fields_that_change_no_answer_are_accepted_in_silence(self, fields: dict[str, object]) -> None:
        assert turn(HELLO, **fields) == turn(HELLO)

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
    def test_what_real_clients_send_is_a_turn(self, body: dict[str, object]) -> None:
        answer = request_from_chat(parse_chat(body), owner="")
        assert (answer.profile.system, answer.messages) == ("s", (said("user", "u"),))


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"tool_choice": "required"}, "tool_choice"),
            ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
            ({"function_call": {"name": "f"}}, "function_call"),
            ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.schema"),
            ({"response_format": {"type": "xml"}}, "response_format.type"),
            ({"modalities": ["text", "audio"]}, "modalities"),
            ({"system": "You are a pirate."}, "system"),
            ({"n": 9}, "n"),
            ({"reasoning_effort": "ultra"}, "reasoning_effort"),
            ({"reasoning": {"effort": "ultra"}}, "reasoning.effort"),
        ],
    )
    def test_what_cannot_be_done_is_refused_and_not_dropped(self, fields: dict[str, object], param: str) -> None:
        error = refusal(HELLO, **fields)
        assert error.param == param
        assert param in error.message

    @pytest.mark.parametrize(
        ("message", "param"),
        [
            (user([{"type": "hologram"}]), "messages[1].content[0].type"),
            (user([{"type": "input_audio", "input_audio": {}}]), "messages[1].content[0]"),
            (user([{"type": "tool_result", "tool_use_id": "c"}]), "messages[1].content[0]"),
            ({"role": "assistant", "audio": {"id": "a"}}, "messages[1].audio"),
            ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[1].tool_calls[0].function"),
            ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, "messages[1].tool_calls[0].id"),
            ({"role": "tool", "content": "x"}, "messages[1].tool_call_id"),
        ],
    )
    def test_what_a_message_cannot_hold_is_refused_and_not_dropped(self, message: object, param: str) -> None:
        error = refusal(HELLO, message, HELLO)
        assert error.param == param
        assert param in error.message


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


def words_of(message: dict[str, object]) -> list[str]:
    content = message["content"]
    if isinstance(content, str):
        return [content]
    assert isinstance(content, list)
    return [part if isinstance(part, str) else part["text"] for part in content]


def words_in(answer: ModelRequest, role: str) -> str:
    parts = (part for message in answer.messages if message.role == role for part in message.parts)
    return "".join(part.text for part in parts if isinstance(part, Text))


class TestAnyText:
    @settings(PATIENT)
    @given(first=contents, reply=contents, prompt=hostile, question=contents)
    def test_words_arrive_as_they_were_written(
        self, first: object, reply: object, prompt: str, question: object
    ) -> None:
        marked = [m if isinstance(m, list) else [m] for m in (first, reply, question)]
        spoken = [user([*marked[0], "1"]), assistant([*marked[1], "2"]), user([*marked[2], "3"])]
        answer = turn(system(f"{prompt}0"), *spoken)
        assert answer.profile.system == f"{prompt}0"
        for sent, message in zip(spoken, answer.messages, strict=True):
            assert message.role == sent["role"]
            assert "".join(words_of(sent)) == "".join(p.text for p in message.parts if isinstance(p, Text))

    @settings(PATIENT)
    @given(messages=messages_of_any_kind)
    def test_every_turn_is_one_that_the_api_takes(self, messages: list[dict[str, object]]) -> None:
        try:
            answer = turn(*messages)
        except InvalidRequest:
            return
        roles = [message.role for message in answer.messages]
        assert roles[0] == roles[-1] == "user"
        assert all(a != b for a, b in pairwise(roles))
        for message in answer.messages:
            assert message.parts
            assert all(isinstance(part, Text) and part.text.strip() for part in message.parts)
        sent = "".join("".join(words_of(m)) for m in messages if m["role"] == "user")
        assert words_in(answer, "user").removeprefix(FIRST_TURN) == sent

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
        outcome = turn_or_refusal(body)
        if isinstance(outcome, ModelRequest):
            assert outcome.messages[-1].role == "user"
        else:
            assert str(outcome).encode()
            assert not re.search(r"pydantic|Input should|validation error", str(outcome))
            assert "<" not in (outcome.param or "")


KEYS = st.sampled_from(
    [*ChatRequest.model_fields, *ChatMessage.model_fields, "type", "text", "include_usage", "\ud800"]
)


def turn_or_refusal(body: object) -> ModelRequest | RequestError:
    try:
        return request_from_chat(parse_chat(body), owner="o")
    except RequestError as error:
        return error


def half_right(junk: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Bodies that get past the first checks."""
    message = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": junk})
    return st.builds(
        lambda messages, extra: {**extra, "messages": messages},
        st.lists(st.one_of(message, st.just(HELLO), junk), max_size=4),
        st.dictionaries(KEYS, junk, max_size=3),
    )
