"""Messages of Chat Completions requests."""

import pytest

from server.dialects.common.history.message_rules import CONTINUE, system_note
from tests.server.dialects.chat_completions.request_builders import (
    HELLO,
    assistant,
    message_of,
    refusal,
    request,
    system,
    text_part,
    user,
)


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
        blank = tuple(f"messages[{number}] (blank)" for number in range(place + 1, len(messages)))
        assert parsed.ignored == (*blank, f"messages[{place}] (a request to continue was added)")

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
