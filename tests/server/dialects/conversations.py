"""Conversations as each dialect's body, and the neutral request that every dialect must parse them into.

A dialect is run with each conversation and refusal that has a body for it; what it cannot express it leaves out.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from server.conversation.parts import Document, Image, RedactedThinking, Text, Thinking, ToolCall, ToolResult
from server.conversation.request import AnswerFormat, ModelRequest, Tool, ToolChoice
from server.dialects.common.message_rules import CONTINUE, FIRST_TURN, system_note
from server.dialects.common.tools.raw_text_tools import text_schema
from server.dialects.common.tools.tool_pairing import LOST_RESULT, NO_RESULT
from tests.pictures import PNG as PICTURE
from tests.server.dialects.bodies import (
    ASKED,
    CUSTOM,
    FLAT,
    HI,
    LOOK,
    NESTED,
    NESTED_GRAMMAR,
    OWN,
    PATCH,
    Body,
    assistant,
    chat_call,
    chat_calls,
    chat_result,
    expected_request,
    function_call,
    message,
    output,
    text_part,
    tool_result,
    tool_use,
    user,
    with_input,
    with_messages,
)
from tests.server.web import cursor_bodies as cursor


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. `bodies` and `ignored` (the fields reported as without effect) are keyed by dialect."""

    expected: ModelRequest
    bodies: Mapping[str, Body]
    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expected_in(self, dialect: str) -> ModelRequest:
        """The request that `dialect` must parse its body into."""
        return replace(self.expected, ignored=self.ignored.get(dialect, ()))


PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
_PNG_URL = f"data:image/;base64,{PNG}"
_IMAGE = Image("image/png", PNG)
_LINKED = Image(url="https://example.org/x.png")
_FILE = Document("application/pdf", PDF, title="x.pdf")

_ANSWER = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}},
    "required": ["age"],
    "additionalProperties": False,
}
_FORMAT = AnswerFormat(json.dumps(_ANSWER))
_TAKEN = {
    "type": "object",
    "properties": {"age": {"type": "integer", "description": "minimum: 0"}},
    "required": ["age"],
    "additionalProperties": False,
}


def _with_tools(choice: ToolChoice = ToolChoice(), tools: tuple[Tool, ...] = (LOOK, PATCH)) -> ModelRequest:  # noqa: B008
    return expected_request(ASKED, tools=tools, tool_choice=choice)


def _choosing(chat: object, responses: object, messages: object) -> dict[str, Body]:
    """The same tools and question in each dialect, with its own `tool_choice`; None leaves the dialect out."""
    bodies = {
        "chat_completions": (chat, with_messages(HI, tools=[NESTED, CUSTOM], tool_choice=chat)),
        "responses": (responses, with_input(HI, tools=[FLAT, CUSTOM], tool_choice=responses)),
        "messages": (messages, with_messages(HI, tools=[OWN, CUSTOM], tool_choice=messages)),
    }
    return {dialect: body for dialect, (choice, body) in bodies.items() if choice is not None}


_CURSOR_TURNS = (
    user(cursor.QUESTION),
    assistant(
        ToolCall(cursor.READ_ID, "ReadFile", '{"path": "x.py"}'),
        ToolCall("call_patch", "ApplyPatch", json.dumps({"input": cursor.PATCH})),
    ),
    user(ToolResult(cursor.READ_ID, (Text("a = 1\n"),)), ToolResult("call_patch", (Text("Done!"),))),
    assistant(
        "Is that all?",
        ToolCall(cursor.ASK_ID, "AskUserQuestion", '{"path": "-"}'),
        ToolCall(cursor.READ_ID, "ReadFile", '{"path": "y.py"}'),
    ),
    user(ToolResult(cursor.ASK_ID, (Text("Yes"),)), ToolResult(cursor.READ_ID, ()), "Thanks. And now?"),
)
_CURSOR_TOOLS = (
    Tool("ReadFile", "Reads a file.", json.dumps(cursor.PARAMETERS)),
    Tool("AskUserQuestion", "Asks.", json.dumps(cursor.PARAMETERS)),
    Tool(
        "ApplyPatch",
        "Applies a patch.",
        text_schema(f"Text of this grammar (lark):\n{cursor.GRAMMAR}"),
        takes_text=True,
    ),
)

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
_MIXED = (
    message("user", [text_part("Hi"), {"type": "file", "file": {"file_data": PDF, "filename": "x.pdf"}}]),
    message("assistant", [{"type": "refusal", "refusal": "No."}]),
    message(
        "user",
        [
            {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
            text_part("And?", "input_text"),
        ],
    ),
)

CONVERSATIONS: dict[str, Conversation] = {
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
    "a call without a result": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("c1", "look", "{}")),
            user(ToolResult("c1", (Text(NO_RESULT),), is_error=True), "Hi"),
        ),
        {
            "chat_completions": with_messages(HI, chat_calls(chat_call("c1")), HI),
            "responses": with_input(HI, function_call("c1"), HI),
            "messages": with_messages(HI, message("assistant", [tool_use("c1")]), HI),
        },
        {
            "chat_completions": ("messages (no result for c1)",),
            "responses": ("input (no result for c1)",),
            "messages": ("messages (no result for c1)",),
        },
    ),
    "a result without a call": Conversation(
        expected_request(user(LOST_RESULT, "x", "Hi")),
        {
            "chat_completions": with_messages(HI, chat_result("c9", "x")),
            "responses": with_input(HI, output("c9", "x")),
            "messages": with_messages(message("user", [tool_result("c9", "x"), text_part("Hi")])),
        },
        {
            "chat_completions": ("messages (a result without its call c9)",),
            "responses": ("input (a result without its call c9)",),
            "messages": ("messages (a result without its call c9)",),
        },
    ),
    "a call and a result without an id": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("call_messages_1_tool_calls_0", "look", "{}")),
            user(ToolResult("call_messages_1_tool_calls_0", (Text("x"),))),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls({"function": {"name": "look", "arguments": None}}),
                {"role": "tool", "name": "look", "content": "x"},
            ),
        },
    ),
    "a call and a result without an id, as items": Conversation(
        expected_request(
            ASKED, assistant(ToolCall("call_input_1", "look", "{}")), user(ToolResult("call_input_1", (Text("x"),)))
        ),
        {
            "responses": with_input(
                HI,
                {"type": "function_call", "name": "look", "arguments": "null"},
                {"type": "function_call_output", "output": "x"},
            ),
        },
    ),
    "a call and a result without an id, as blocks": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("call_messages_1_content_0", "look", "{}")),
            user(ToolResult("call_messages_1_content_0", (Text("x"),))),
        ),
        {
            dialect: with_messages(
                HI,
                message("assistant", [{"type": "tool_use", "name": "look", "input": None}]),
                message("user", [{"type": "tool_result", "content": "x"}]),
            )
            for dialect in ("chat_completions", "messages")
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
    "parts of other dialects": Conversation(
        expected_request(
            user("Hi", Document("application/pdf", PDF, title="x.pdf")), assistant("No."), user(_LINKED, "And?")
        ),
        {
            "chat_completions": with_messages(*_MIXED),
            "responses": with_input(*_MIXED),
            "messages": with_messages(*_MIXED),
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
    "calls, their results in another order, and a question": Conversation(
        expected_request(
            ASKED,
            assistant("Wait.", ToolCall("c1", "look", '{"at": "it"}'), ToolCall("c2", "look", "{}")),
            user(ToolResult("c1", (Text("one"),)), ToolResult("c2", ()), "And?"),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("c1", '{"at": "it"}'), chat_call("c2"), content="Wait."),
                chat_result("c2", ""),
                chat_result("c1", [text_part("one")]),
                message("user", "And?"),
            ),
            "responses": with_input(
                HI,
                message("assistant", [text_part("Wait.", "output_text")]),
                function_call("c1", '{"at": "it"}'),
                function_call("c2"),
                output("c2", ""),
                output("c1", [text_part("one", "input_text")]),
                message("user", "And?"),
            ),
            "messages": with_messages(
                HI,
                message("assistant", [text_part("Wait."), tool_use("c1", {"at": "it"}), tool_use("c2")]),
                message("user", [text_part("And?"), tool_result("c2", ""), tool_result("c1", [text_part("one")])]),
            ),
        },
    ),
    "raw text that comes back as a function's arguments": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("p", "patch", '{"input": "*** Begin\\n"}')),
            user(ToolResult("p", (Text("Done!"),))),
            tools=(PATCH,),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("p", "*** Begin\n", name="patch")),
                chat_result("p", "Done!"),
                tools=[NESTED_GRAMMAR],
            ),
            "responses": with_input(
                HI, function_call("p", "*** Begin\n", name="patch"), output("p", "Done!"), tools=[NESTED_GRAMMAR]
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("p", "*** Begin\n", name="patch")]),
                message("user", [tool_result("p", "Done!")]),
                tools=[CUSTOM],
            ),
        },
    ),
    "raw text that comes back as a custom call": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("p", "patch", '{"input": "*** Begin\\n"}')),
            user(ToolResult("p", (Text("Done!"),))),
            tools=(PATCH,),
        ),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls({"id": "p", "type": "custom", "custom": {"name": "patch", "input": "*** Begin\n"}}),
                chat_result("p", "Done!"),
                tools=[CUSTOM],
            ),
            "responses": with_input(
                HI,
                {"type": "custom_tool_call", "call_id": "p", "name": "patch", "input": "*** Begin\n"},
                {"type": "custom_tool_call_output", "call_id": "p", "output": "Done!"},
                tools=[CUSTOM],
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("p", {"input": "*** Begin\n"}, name="patch")]),
                message("user", [tool_result("p", "Done!")]),
                tools=[CUSTOM],
            ),
        },
    ),
    "Cursor's history": Conversation(
        expected_request(*_CURSOR_TURNS, tools=_CURSOR_TOOLS, system=cursor.SYSTEM),
        {
            "chat_completions": with_messages(*cursor.CHAT_HISTORY, tools=cursor.CHAT["tools"]),
            "responses": with_input(*cursor.RESPONSES_HISTORY, tools=cursor.RESPONSES["tools"][:3]),
            "messages": with_messages(
                *cursor.MESSAGES_HISTORY, system=cursor.MESSAGES["system"], tools=cursor.MESSAGES["tools"]
            ),
        },
        {"responses": ("input[2] (reasoning)",)},
    ),
    "images and files": Conversation(
        expected_request(user(_IMAGE, _LINKED, _FILE, Document(url="https://example.org/x.pdf"), "What is it?")),
        {
            "chat_completions": with_messages(
                message(
                    "user",
                    [
                        {"type": "image_url", "image_url": {"url": _PNG_URL}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
                        {"type": "file", "file": {"file_data": PDF, "filename": "x.pdf"}},
                        {"type": "input_file", "file_url": "https://example.org/x.pdf"},
                        text_part("What is it?"),
                    ],
                )
            ),
            "responses": with_input(
                message(
                    "user",
                    [
                        {"type": "input_image", "image_url": _PNG_URL, "detail": "auto"},
                        {"type": "input_image", "image_url": "https://example.org/x.png"},
                        {"type": "input_file", "file_data": PDF, "filename": "x.pdf"},
                        {"type": "input_file", "file_url": "https://example.org/x.pdf"},
                        text_part("What is it?", "input_text"),
                    ],
                )
            ),
            "messages": with_messages(
                message(
                    "user",
                    [
                        {"type": "image_url", "image_url": {"url": _PNG_URL}},
                        {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
                        {
                            "type": "document",
                            "title": "x.pdf",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        },
                        {"type": "document", "source": {"type": "url", "url": "https://example.org/x.pdf"}},
                        text_part("What is it?"),
                    ],
                )
            ),
        },
    ),
    "an image in a result": Conversation(
        expected_request(ASKED, assistant(ToolCall("c1", "look", "{}")), user(ToolResult("c1", (_IMAGE,)))),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("c1")),
                chat_result("c1", [{"type": "image_url", "image_url": {"url": _PNG_URL}}]),
            ),
            "responses": with_input(
                HI, function_call("c1"), output("c1", [{"type": "input_image", "image_url": _PNG_URL}])
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("c1")]),
                message(
                    "user",
                    [
                        tool_result(
                            "c1",
                            [
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG},
                                }
                            ],
                        )
                    ],
                ),
            ),
        },
    ),
    "a result that is an error": Conversation(
        expected_request(
            ASKED,
            assistant(ToolCall("c1", "look", "{}")),
            user(ToolResult("c1", (Text("It is dark."),), is_error=True)),
        ),
        {
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("c1")]),
                message("user", [tool_result("c1", "It is dark.", is_error=True)]),
            ),
        },
    ),
    "thinking": Conversation(
        expected_request(
            ASKED,
            assistant(
                Thinking("hm", "seal"),
                RedactedThinking("secret"),
                "Ho",
            ),
            ASKED,
        ),
        {
            "messages": with_messages(
                HI,
                message(
                    "assistant",
                    [
                        {"type": "thinking", "thinking": "hm", "signature": "seal"},
                        {"type": "redacted_thinking", "data": "secret"},
                        {"type": "thinking", "thinking": "unsealed", "signature": ""},
                        text_part("Ho"),
                    ],
                ),
                HI,
            ),
        },
        {"messages": ("messages[1].content[2] (thinking)",)},
    ),
    "tools without a choice": Conversation(
        _with_tools(),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, CUSTOM]),
            "responses": with_input(HI, tools=[FLAT, CUSTOM]),
            "messages": with_messages(HI, tools=[OWN, CUSTOM]),
        },
    ),
    "tools in another dialect's form": Conversation(
        _with_tools(),
        {
            "chat_completions": with_messages(HI, tools=[FLAT, CUSTOM]),
            "responses": with_input(HI, tools=[NESTED, CUSTOM]),
            "messages": with_messages(HI, tools=[NESTED, CUSTOM]),
        },
    ),
    "choice: the model decides": Conversation(_with_tools(), _choosing("auto", "auto", {"type": "auto"})),
    "choice: the model decides, in an object": Conversation(
        _with_tools(), _choosing({"type": "auto"}, {"type": "auto"}, "auto")
    ),
    "choice: no call": Conversation(_with_tools(ToolChoice("none")), _choosing("none", "none", {"type": "none"})),
    "choice: any call": Conversation(
        _with_tools(ToolChoice("any")), _choosing("required", "required", {"type": "any"})
    ),
    "choice: any call, in another dialect's spelling": Conversation(
        _with_tools(ToolChoice("any")), _choosing("any", "any", "required")
    ),
    "choice: one function": Conversation(
        _with_tools(ToolChoice("tool", "look")),
        _choosing(
            {"type": "function", "function": {"name": "look"}},
            {"type": "function", "name": "look"},
            {"type": "tool", "name": "look"},
        ),
    ),
    "choice: one custom tool": Conversation(
        _with_tools(ToolChoice("tool", "patch")),
        _choosing(
            {"type": "custom", "custom": {"name": "patch"}},
            {"type": "custom", "name": "patch"},
            {"type": "tool", "name": "patch"},
        ),
    ),
    "choice: allowed tools": Conversation(
        _with_tools(ToolChoice("any"), (PATCH,)),
        _choosing(
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
            },
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
            None,
        ),
    ),
    "one call at a time": Conversation(
        _with_tools(ToolChoice(parallel=False)),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, CUSTOM], parallel_tool_calls=False),
            "responses": with_input(HI, tools=[FLAT, CUSTOM], parallel_tool_calls=False),
            "messages": with_messages(
                HI, tools=[OWN, CUSTOM], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
            ),
        },
    ),
    "a choice without tools": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, tools=[], tool_choice="auto", parallel_tool_calls=False),
            "responses": with_input(HI, tools=[], tool_choice="none"),
            "messages": with_messages(HI, tools=[], tool_choice={"type": "auto"}),
        },
    ),
    "a choice in OpenAI's form, and tools in Anthropic's": Conversation(
        _with_tools(ToolChoice("tool", "look"), (LOOK,)),
        {
            dialect: with_messages(HI, tools=[OWN], tool_choice={"type": "function", "function": {"name": "look"}})
            for dialect in ("chat_completions", "messages")
        },
    ),
    "one call at a time, in Anthropic's form": Conversation(
        _with_tools(ToolChoice("any", parallel=False), (LOOK,)),
        {
            dialect: with_messages(
                HI,
                tools=[{"type": "custom", **OWN}, {"type": "web_search_20250305", "name": "web_search"}],
                tool_choice={"type": "any", "disable_parallel_tool_use": True},
            )
            for dialect in ("chat_completions", "messages")
        },
        dict.fromkeys(("chat_completions", "messages"), ("tools[1] (web_search_20250305)",)),
    ),
    "Anthropic's fields": Conversation(
        replace(
            expected_request(
                ASKED, system="Be brief.", effort="high", schema=json.dumps(_TAKEN), stop_sequences=("END",)
            ),
            answer=AnswerFormat(json.dumps(_TAKEN)),
        ),
        {
            dialect: with_messages(
                HI,
                system=[{"type": "text", "text": "Be brief."}],
                stop_sequences=["END"],
                output_config={"effort": "high", "format": {"type": "json_schema", "schema": _TAKEN}},
            )
            for dialect in ("chat_completions", "messages")
        },
    ),
    "the fields of other APIs for the system prompt and the limit": Conversation(
        expected_request(ASKED, system="a\nb", max_tokens=7),
        {
            "chat_completions": with_messages(HI, instructions="a", system="b", max_output_tokens=7),
            "responses": with_input(HI, instructions="a", system="b", max_completion_tokens=7),
        },
    ),
    "Anthropic's thinking, signed": Conversation(
        expected_request(ASKED, assistant(Thinking("hm", "seal"), RedactedThinking("secret"), "Ho"), ASKED),
        {
            "chat_completions": with_messages(
                HI,
                message(
                    "assistant",
                    [
                        {"type": "thinking", "thinking": "hm", "signature": "seal"},
                        {"type": "redacted_thinking", "data": "secret"},
                        text_part("Ho"),
                    ],
                ),
                HI,
            ),
        },
    ),
    "a tool without a schema": Conversation(
        _with_tools(tools=(Tool("look", "", '{"type": "object", "properties": {}}'),)),
        {
            "chat_completions": with_messages(HI, tools=[{"type": "function", "function": {"name": "look"}}]),
            "responses": with_input(HI, tools=[{"type": "function", "name": "look"}]),
            "messages": with_messages(HI, tools=[{"type": "function", "name": "look"}]),
        },
    ),
    "the same tool twice": Conversation(
        _with_tools(tools=(LOOK,)),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, FLAT]),
            "responses": with_input(HI, tools=[FLAT, NESTED]),
            "messages": with_messages(HI, tools=[OWN, OWN]),
        },
    ),
    "two tools of one name": Conversation(
        _with_tools(tools=(LOOK,)),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, {**FLAT, "description": "Another."}]),
            "responses": with_input(HI, tools=[FLAT, {**FLAT, "parameters": {}}]),
            "messages": with_messages(HI, tools=[OWN, {**OWN, "input_schema": None}]),
        },
        dict.fromkeys(("chat_completions", "responses", "messages"), ("tools[1]",)),
    ),
    "a tool whose schema has no type": Conversation(
        _with_tools(tools=(Tool("look", "", '{"type": "object", "properties": {"a": {}}}'),)),
        {
            "chat_completions": with_messages(
                HI, tools=[{"type": "function", "function": {"name": "look", "parameters": {"properties": {"a": {}}}}}]
            ),
            "responses": with_input(
                HI, tools=[{"type": "function", "name": "look", "parameters": {"properties": {"a": {}}}}]
            ),
            "messages": with_messages(HI, tools=[{"name": "look", "input_schema": {"properties": {"a": {}}}}]),
        },
    ),
    "tools that only the provider runs": Conversation(
        _with_tools(tools=(LOOK,)),
        {
            "responses": with_input(HI, tools=[FLAT, {"type": "web_search"}]),
            "messages": with_messages(
                HI, tools=[{"type": "web_search_20250305", "name": "web_search"}, {"type": "custom", **OWN}]
            ),
        },
        {"responses": ("tools[1] (web_search)",), "messages": ("tools[0] (web_search_20250305)",)},
    ),
    "the schema of the answer": Conversation(
        replace(expected_request(ASKED, schema=json.dumps(_TAKEN)), answer=_FORMAT),
        {
            "chat_completions": with_messages(
                HI, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": _ANSWER}}
            ),
            "responses": with_input(
                HI, text={"format": {"type": "json_schema", "name": "x", "schema": _ANSWER, "strict": True}}
            ),
            "messages": with_messages(HI, output_config={"format": {"type": "json_schema", "schema": _ANSWER}}),
        },
        {
            "chat_completions": ("response_format.json_schema.schema.properties.age.minimum",),
            "responses": ("text.format.schema.properties.age.minimum",),
            "messages": ("output_config.format.schema.properties.age.minimum",),
        },
    ),
    "an answer of plain text": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, response_format={"type": "text"}),
            "responses": with_input(HI, text={"format": {"type": "text"}}),
            "messages": with_messages(HI, output_config={"format": {"type": "text"}}),
        },
    ),
    "the limit of the answer": Conversation(
        expected_request(ASKED, max_tokens=100),
        {
            "chat_completions": with_messages(HI, max_completion_tokens=100.0),
            "responses": with_input(HI, max_output_tokens=100),
            "messages": with_messages(HI, max_tokens=100),
        },
    ),
    "stop sequences": Conversation(
        replace(expected_request(ASKED, stop_sequences=("END",)), cut_at=("  ",)),
        {
            "chat_completions": with_messages(HI, stop=["END", "  "]),
            "responses": with_input(HI, stop=["END", "  "]),
            "messages": with_messages(HI, stop_sequences=["END", "  "]),
        },
    ),
    "high effort": Conversation(
        expected_request(ASKED, effort="xhigh"),
        {
            "chat_completions": with_messages(HI, reasoning_effort="xhigh"),
            "responses": with_input(HI, reasoning={"effort": "xhigh"}),
            "messages": with_messages(HI, output_config={"effort": "xhigh"}),
        },
    ),
    "no thinking": Conversation(
        expected_request(ASKED, effort="low", thinks=False),
        {
            "chat_completions": with_messages(HI, reasoning_effort="none"),
            "responses": with_input(HI, reasoning={"effort": "none"}),
            "messages": with_messages(HI, output_config={"effort": "low"}, thinking={"type": "disabled"}),
        },
    ),
    "thinking that is shown": Conversation(
        expected_request(ASKED, shows_thinking=True),
        {
            "chat_completions": with_messages(HI, reasoning={"summary": "auto"}),
            "responses": with_input(HI, reasoning={"summary": "auto"}),
            "messages": with_messages(HI, thinking={"type": "adaptive"}),
        },
    ),
    "sampling": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, temperature=0.5, top_p=0.5),
            "responses": with_input(HI, temperature=0.5, top_p=0.5),
            "messages": with_messages(HI, temperature=0.5, top_p=0.5),
        },
        dict.fromkeys(("chat_completions", "responses", "messages"), ("temperature", "top_p")),
    ),
    "fields without effect that ask for nothing": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, temperature=1, user="", metadata={}, store=False, logprobs=None),
            "responses": with_input(HI, temperature=1, user="", metadata={}, store=False, truncation="disabled"),
            "messages": with_messages(HI, temperature=1, user="", metadata={}, service_tier="auto", mcp_servers=[]),
        },
    ),
    "fields without effect that ask for something": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, user="u", metadata={"a": "b"}, service_tier="flex"),
            "responses": with_input(HI, user="u", metadata={"a": "b"}, service_tier="flex"),
            "messages": with_messages(HI, user="u", metadata={"a": "b"}, service_tier="flex"),
        },
        {
            "chat_completions": ("service_tier", "user", "metadata"),
            "responses": ("metadata", "service_tier", "user"),
            "messages": ("metadata", "service_tier", "user"),
        },
    ),
}
