"""Conversations of messages without calls."""

from server.dialects.common.history.message_rules import CONTINUE, FIRST_TURN, system_note
from tests.server.dialects.bodies import (
    ASKED,
    HI,
    assistant,
    expected_request,
    message,
    text_part,
    user,
    with_input,
    with_messages,
)
from tests.server.dialects.conversations.conversation import Conversation

_ANSWERED_AND_ASKED = (message("assistant", "Ho"), message("user", "And?"))

_WITH_BLANK = (
    HI,
    message("assistant", "Ho"),
    message("user", " "),
    message("assistant", "Well?"),
    message("user", "And?"),
)

_SPEAKERS = ({**message("user", "a"), "name": "Ann"}, {**message("user", "b"), "name": "Bo"})

_THOUGHT = message(
    "assistant",
    [
        {"type": "reasoning", "reasoning": "A sum."},
        {"type": "think", "think": "hm"},
        {"type": "thinking", "thinking": [text_part("hm")]},
        text_part("Ho"),
    ],
)

TURNS: dict[str, Conversation] = {
    "a question": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI),
            "responses": with_input(HI),
            "messages": with_messages(HI),
        },
    ),
    "a question in text parts": Conversation(
        expected_request(user("a", "b")),
        {
            "chat_completions": with_messages(message("user", [text_part("a"), text_part("b", "input_text")])),
            "responses": with_input(message("user", [text_part("a", "input_text"), text_part("b")])),
            "messages": with_messages(message("user", [text_part("a"), text_part("b")])),
        },
    ),
    "a system prompt and an answered question": Conversation(
        expected_request(ASKED, assistant("Ho"), user("And?"), system="one\ntwo"),
        {
            "chat_completions": with_messages(
                message("system", "one"),
                message("developer", "two"),
                HI,
                message("assistant", "Ho"),
                message("user", "And?"),
            ),
            "responses": with_input(
                message("developer", "two"),
                HI,
                message("assistant", [text_part("Ho", "output_text")]),
                message("user", "And?"),
                instructions="one",
            ),
            "messages": with_messages(
                message("system", "two"), HI, message("assistant", "Ho"), message("user", "And?"), system="one"
            ),
        },
    ),
    "a system message inside the conversation": Conversation(
        expected_request(user("Hi", system_note("It is ten.")), assistant("Ho"), user("And?"), system="one"),
        {
            "chat_completions": with_messages(
                message("system", "one"), HI, message("system", "It is ten."), *_ANSWERED_AND_ASKED
            ),
            "responses": with_input(HI, message("developer", "It is ten."), *_ANSWERED_AND_ASKED, instructions="one"),
            "messages": with_messages(HI, message("system", "It is ten."), *_ANSWERED_AND_ASKED, system="one"),
        },
    ),
    "only a system message": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(message("system", "Hi")),
            "responses": with_input(message("developer", "Hi")),
            "messages": with_messages(message("system", "Hi")),
        },
    ),
    "a system message after an answer": Conversation(
        expected_request(ASKED, assistant("Ho"), user("And?")),
        {
            "chat_completions": with_messages(HI, message("assistant", "Ho"), message("system", "And?")),
            "responses": with_input(HI, message("assistant", "Ho"), message("developer", "And?")),
            "messages": with_messages(HI, message("assistant", "Ho"), message("system", "And?")),
        },
    ),
    "a blank user message in the history": Conversation(
        expected_request(ASKED, assistant("Ho", "Well?"), user("And?")),
        {
            "chat_completions": with_messages(*_WITH_BLANK),
            "responses": with_input(*_WITH_BLANK),
            "messages": with_messages(*_WITH_BLANK),
        },
        {
            "chat_completions": ("messages[2] (blank)",),
            "responses": ("input[2] (blank)",),
            "messages": ("messages[2] (blank)",),
        },
    ),
    "an assistant message last": Conversation(
        expected_request(ASKED, assistant("Ho"), user(CONTINUE)),
        {
            "chat_completions": with_messages(HI, message("assistant", "Ho")),
            "responses": with_input(HI, message("assistant", "Ho")),
            "messages": with_messages(HI, message("assistant", "Ho")),
        },
        {
            "chat_completions": ("messages[1] (a request to continue was added)",),
            "responses": ("input[1] (a request to continue was added)",),
            "messages": ("messages[1] (a request to continue was added)",),
        },
    ),
    "half of a surrogate pair": Conversation(
        expected_request(user("a\ufffd")),
        {
            "chat_completions": with_messages(message("user", "a\ud83d")),
            "responses": with_input(message("user", "a\ud83d")),
            "messages": with_messages(message("user", "a\ud83d")),
        },
        {
            "chat_completions": ("messages[0].content (half of a surrogate pair)",),
            "responses": ("input[0].content (half of a surrogate pair)",),
            "messages": ("messages[0].content (half of a surrogate pair)",),
        },
    ),
    "several speakers": Conversation(
        expected_request(user("Ann: a", "Bo: b")),
        {
            "chat_completions": with_messages(*_SPEAKERS),
            "responses": with_input(*_SPEAKERS),
            "messages": with_messages(*_SPEAKERS),
        },
    ),
    "reasoning of other models": Conversation(
        expected_request(ASKED, assistant("Ho"), ASKED),
        {
            "chat_completions": with_messages(HI, _THOUGHT, HI),
            "responses": with_input(HI, _THOUGHT, HI),
            "messages": with_messages(HI, _THOUGHT, HI),
        },
        {
            dialect: tuple(
                f"{field}[1].content[{number}] ({kind})"
                for number, kind in enumerate(("reasoning", "think", "thinking"))
            )
            for dialect, field in (("chat_completions", "messages"), ("responses", "input"), ("messages", "messages"))
        },
    ),
    "an assistant that starts, one that is blank, and messages of one role in a row": Conversation(
        expected_request(user(FIRST_TURN), assistant("Welcome."), user("a", "b")),
        {
            "chat_completions": with_messages(
                message("assistant", "Welcome."),
                message("user", "a"),
                message("assistant", " \n"),
                message("user", "b"),
            ),
            "responses": with_input(
                message("assistant", "Welcome."), message("user", "a"), message("assistant", ""), message("user", "b")
            ),
            "messages": with_messages(
                message("assistant", "Welcome."),
                message("user", "a"),
                message("assistant", "(no content)"),
                message("user", "b"),
            ),
        },
        {
            "chat_completions": ("messages[2] (blank)",),
            "responses": ("input[2] (blank)",),
            "messages": ("messages[2] (blank)",),
        },
    ),
}
